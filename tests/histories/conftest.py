"""The town of a test session: its servers are started once, each history begins anew in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.histories.town import Town
from tests.support.postgres import PostgresServer


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[Town]:
    """Two peers, a store and a mapping."""
    folder: Path = tmp_path_factory.mktemp("town")
    name = postgres_server.create()
    with Town(folder, postgres_server.url(name)) as made:
        yield made
    postgres_server.drop(name)


@pytest.fixture(scope="module")
def deleting_town(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[Town]:
    """The same with a mapping that follows deletions in both directions."""
    folder: Path = tmp_path_factory.mktemp("deleting-town")
    name = postgres_server.create()
    with Town(folder, postgres_server.url(name), deletes=True) as made:
        yield made
    postgres_server.drop(name)
