"""A walk that does not reach its end moves no cursor: what it did not see is asked for again. Never a silent gap."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from syncd.connectors.sql.connector import SqlConnector
from syncd.core.model import Side
from syncd.errors import Later
from syncd.ports import Page
from tests.engine.world import World


@pytest.mark.parametrize("full", [False, True], ids=["incremental", "full"])
def test_a_walk_that_was_cut_leaves_the_cursor_where_it_was(
    approved: World, monkeypatch: pytest.MonkeyPatch, full: bool
) -> None:
    world = approved
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    world.settled()
    before = world.store.cursor("clients", Side.EXTERNAL)
    assert before is not None
    world.customer("C2", company_name="Bob ApS", vat_no="DK10000002")
    real = SqlConnector.pages

    def cut(self: SqlConnector, *arguments: Any) -> Iterator[Page]:
        yield from real(self, *arguments)
        raise Later("the line went dead before the end was certain")

    with monkeypatch.context() as patch:
        patch.setattr(SqlConnector, "pages", cut)
        world.run(full=full)
    assert world.store.cursor("clients", Side.EXTERNAL) == before
    world.settled()
    assert world.store.cursor("clients", Side.EXTERNAL) != before
    assert sorted(world.links()) == ["C1", "C2"]
