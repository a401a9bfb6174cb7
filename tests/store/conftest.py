"""The kit on a fresh store."""

from __future__ import annotations

import pytest

from syncd.store.postgres import PostgresStore
from tests.store.kit import Kit


@pytest.fixture
def kit(store: PostgresStore) -> Kit:
    """A store with a lease and a run."""
    return Kit.on(store)
