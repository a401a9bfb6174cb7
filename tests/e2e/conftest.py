"""Law 10 on everything that the daemons and commands of these tests said: searched for secrets when they are over."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.e2e import logbook
from tests.engine.world import PASSWORD

TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")


@pytest.fixture(scope="session", autouse=True)
def no_secret_was_said() -> Iterator[None]:
    """No password and no token is in any log or output, whichever worker ran the test."""
    yield
    said = logbook.everything()
    assert PASSWORD not in said
    assert TOKEN.search(said) is None
