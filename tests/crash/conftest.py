"""What the crash tests stand on: new databases, and one scenario at its moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.crash.harness import Ground, ground
from tests.crash.scenarios import Scenario
from tests.support.postgres import PostgresServer


@pytest.fixture
def prepared(
    tmp_path: Path, postgres_server: PostgresServer, _migrated_template: str
) -> Iterator[Callable[[Scenario], Ground]]:
    """Makes the ground of a scenario."""
    with ExitStack() as stack:

        def database(schema: bool) -> str:
            name = postgres_server.create(template=_migrated_template if schema else None)
            stack.callback(postgres_server.drop, name)
            return postgres_server.url(name)

        def make(scenario: Scenario) -> Ground:
            return stack.enter_context(ground(scenario, tmp_path, database))

        yield make
