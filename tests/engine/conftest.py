"""The world fixture of the engine tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.world import World, built


@pytest.fixture
def world(tmp_path: Path, pg_url: str, store_url: str) -> Iterator[World]:
    """An empty ERP, an empty Flowtly, a migrated store and a mapping that nobody approved yet."""
    with built(tmp_path, pg_url, store_url) as made:
        yield made


@pytest.fixture
def approved(world: World) -> World:
    """The same with an approved mapping."""
    world.run(person=True)
    return world
