"""A server that ignores what it was asked for: its rows are compared again before one of them is taken for ours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from syncd.connectors.flowtly.connector import FlowtlyConnector
from syncd.ports import Query, Record
from tests.engine.world import SETTINGS, World


def test_a_server_that_ignores_the_filter_does_not_make_its_rows_ours(
    approved: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = approved

    def everything(self: FlowtlyConnector, query: Query, _values: Mapping[str, Any]) -> Iterator[Record]:
        for page in self.pages(query, None):
            yield from page.records

    monkeypatch.setattr(FlowtlyConnector, "find", everything)
    world.flowtly.faults.add("status", method="POST", path="/clients", times=1, status=504)
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    # Somebody makes another one just after our lost create, so it is as new as our result would be.
    real = FlowtlyConnector.create

    def followed(self: FlowtlyConnector, *arguments: Any) -> Record:
        monkeypatch.setattr(FlowtlyConnector, "create", real)
        try:
            return real(self, *arguments)
        finally:
            world.client(name="Somebody else", tinCountry="DK", tin="10000009")

    monkeypatch.setattr(FlowtlyConnector, "create", followed)
    world.settled()
    assert world.links()["C1"] == world.named("Ada ApS")[0]
    assert len(world.named("Ada ApS")) == len(world.named("Somebody else")) == 1


def test_a_linked_record_that_takes_on_the_key_meanwhile_is_not_the_result(
    approved: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The create was not stored, and somebody gave its key to a client that was there long before."""
    world = approved
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    world.settled()
    first = world.links()["C1"]
    world.flowtly.faults.add("status", method="POST", path="/clients", times=1, status=504)
    world.customer("C2", company_name="Bob ApS", vat_no="DK10000002")
    real = FlowtlyConnector.create

    def followed(self: FlowtlyConnector, *arguments: Any) -> Record:
        monkeypatch.setattr(FlowtlyConnector, "create", real)
        try:
            return real(self, *arguments)
        finally:
            world.edit(first, tin="10000002")

    monkeypatch.setattr(FlowtlyConnector, "create", followed)
    for _ in range(3):
        world.run()
    assert world.store.open_operations("clients") == [], "the doubt ends: nothing new has that key"
    assert world.links()["C1"] == first
    assert world.links().get("C2") != first


def test_nothing_is_made_from_a_stranger_that_may_be_the_result_under_another_name(approved: World) -> None:
    """The answer was lost and the peer keeps the record under another name, so that no probe finds it as ours."""
    world = approved
    world.configure(settings=SETTINGS.replace("listing_grace: 0s", "listing_grace: 1h"))
    world.flowtly.faults.add("rewrite", method="POST", path="/clients", field="name", how="append", text=" of Odense")
    world.flowtly.faults.add("reset_after", method="POST", path="/clients", times=1)
    world.customer("C1", company_name="Ada")
    for _ in range(3):
        world.run(full=True)
    assert len(world.clients()) == 1
    assert world.customers().keys() == {"C1"}, "our own record would have come back as somebody else's"
    assert world.store.open_operations("clients")
