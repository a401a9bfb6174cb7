"""Law 10, on everything that the daemons and commands of this test run said. Runs after the other tests."""

from __future__ import annotations

import re

import pytest

from tests.e2e import logbook
from tests.engine.world import PASSWORD

TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}")


@pytest.mark.order_last
def test_no_password_and_no_token_is_in_any_log_or_output_of_this_run() -> None:
    said = logbook.everything()
    if "run.finished" not in said:
        pytest.skip("no daemon and no command ran in this session")
    assert len(said) > 2_000
    assert PASSWORD not in said
    assert TOKEN.search(said) is None
