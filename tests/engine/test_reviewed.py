"""Places where two parts meet: what one of them keeps, removes or raises must not undo what the other one stands on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from threading import Event
from typing import Any

import pytest

from syncd.connectors.flowtly.connector import FlowtlyConnector
from syncd.core.plan import Kind
from syncd.daemon.drift import Drift
from syncd.errors import Refused, StoreUnavailable
from syncd.ports import Query, Record, Retention
from syncd.store.postgres import PostgresStore
from syncd.telemetry import Masker
from tests.engine.world import MAPPING, World


def test_one_create_that_cannot_be_looked_for_holds_back_no_other(
    approved: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = approved
    world.flowtly.faults.add("status_after", method="POST", path="/clients", times=2, status=504)
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    world.customer("C2", company_name="Bob ApS", vat_no="DK10000002")
    real = FlowtlyConnector.find

    def picky(self: FlowtlyConnector, query: Query, values: Mapping[str, Any]) -> Iterator[Record]:
        if "10000001" in values.values():
            raise Refused("no such filter value")
        return real(self, query, values)

    monkeypatch.setattr(FlowtlyConnector, "find", picky)
    world.run()
    world.run()
    assert list(world.links()) == ["C2"]
    monkeypatch.setattr(FlowtlyConnector, "find", real)
    world.settled()
    assert list(world.links()) == ["C1", "C2"]
    assert len(world.clients()) == 2


def test_a_result_in_which_one_field_cannot_be_read_is_still_found(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The peer filled in a city that the mapping has no word for. Without a natural key nothing else would stop a twin."""
    mapped = MAPPING.replace("  addressCity: city\n", "  addressCity: {external: city, values: {Odense: Odense}}\n")
    world.configure(mapped.replace("match: [[vat], [name, country]]", "match: [[vat]]"))
    world.run(person=True)
    world.flowtly.faults.add("status_after", method="POST", path="/clients", times=1, status=504)
    world.customer("C1", company_name="Ada ApS")
    real = FlowtlyConnector.create

    def filled_in(self: FlowtlyConnector, *arguments: Any) -> Record:
        try:
            return real(self, *arguments)
        finally:
            world.edit(world.named("Ada ApS")[0], addressCity="Atlantis")

    monkeypatch.setattr(FlowtlyConnector, "create", filled_in)
    for _ in range(3):
        world.run()
    (iri,) = world.named("Ada ApS")
    assert world.links() == {"C1": iri}
    assert [fields["field"] for fields in world.said("record.parked")] == ["addressCity"], "and a person is told"


BOTH_WAYS = MAPPING.replace(
    "  status: {constant: {flowtly: active}}\n", "  status: {external: note, flowtly: status}\n"
)


@pytest.fixture
def marked(world: World) -> World:
    """A client that was archived since its customer is gone; gone clients archive their customers."""
    rules = "{set: {status: archived}}"
    world.configure(f"{BOTH_WAYS}deletes: {{in_external: {rules}, in_flowtly: {rules}, quarantine: 0}}\n")
    for number in range(1, 5):
        world.customer(f"C{number}", company_name=f"Firm {number}", vat_no=f"DK1000000{number}", note="active")
    world.run(person=True)
    world.settled()
    world.erp("DELETE FROM customers WHERE customer_no = 'C2'")
    for _ in range(3):
        world.run(full=True)
    assert world.clients()[world.links()["C2"]]["status"] == "archived"
    return world


def test_a_marked_record_that_goes_too_is_forgotten_and_not_tried_for_ever(marked: World) -> None:
    world = marked
    world.in_flowtly("DELETE", f"clients/{world.links()['C2'].rpartition('/')[2]}")
    for _ in range(4):
        world.run(full=True)
    assert "C2" not in world.links()
    known = len(world.store.operations("clients", open_only=False))
    world.run(full=True)
    assert len(world.store.operations("clients", open_only=False)) == known


DELETING = MAPPING + "deletes: {in_flowtly: delete, quarantine: 0}\n"


@pytest.fixture
def losing(world: World) -> World:
    """Four linked customers; the client of C2 is gone and one complete reading missed it."""
    world.configure(DELETING)
    for number in range(1, 5):
        world.customer(f"C{number}", company_name=f"Firm {number}", vat_no=f"DK1000000{number}")
    world.run(person=True)
    world.settled()
    world.in_flowtly("DELETE", f"clients/{world.links()['C2'].rpartition('/')[2]}")
    world.run(full=True)
    return world


def test_what_was_missed_under_the_mapping_before_an_edit_is_proven_anew_and_followed(losing: World) -> None:
    world = losing
    world.configure(DELETING.replace("  addressPhoneNumber: phone\n", ""))
    world.run(person=True)
    assert "C2" in world.customers(), "one reading under this mapping proves nothing"
    for _ in range(3):
        world.run(full=True)
    assert "C2" not in world.customers()


def test_a_removal_that_ends_by_itself_is_entered_as_the_runs_doing_and_no_persons(losing: World) -> None:
    world = losing
    world.configure(MAPPING + "deletes: {in_flowtly: delete, quarantine: 9}\n")
    world.run(person=True)
    world.run(full=True)
    iri = world.links()["C2"]
    assert world.store.removals("clients", open_only=True)
    world.store.unlink("clients", "C2", "me")
    world.run(full=True)
    runs = {entry.event: run for _, run, entry in world.store.history("clients", "C2", iri)}
    assert runs["withdrawn"] > 0
    assert runs["unlinked"] == 0


def test_another_rule_for_losses_waits_for_a_person(losing: World) -> None:
    world = losing
    world.configure(MAPPING + "deletes: {in_flowtly: unlink}\n")
    world.run(person=True)
    world.configure(DELETING)
    for _ in range(4):
        assert world.run(full=True).outcome == "awaiting_approval"
    assert "C2" in world.customers()


def test_the_run_that_first_missed_a_record_is_kept_while_the_record_is_missing(losing: World) -> None:
    world = losing
    world.erp_store("UPDATE run SET finished_at = finished_at - interval '99 days' RETURNING id")
    world.erp_store(
        "INSERT INTO run (mapping, trigger, owner, fence, started_at, finished_at, outcome) "
        "SELECT mapping, trigger, owner, fence, now(), now(), 'done' FROM run CROSS JOIN generate_series(1, 60) "
        "WHERE id = (SELECT max(id) FROM run) RETURNING id"
    )
    keep = timedelta(days=90)
    assert world.store.sweep_history(Retention(keep, keep, keep, keep, keep))["runs"] > 0
    for _ in range(3):
        world.run(full=True)
    assert "C2" not in world.customers()


def test_an_undo_tells_what_the_run_deleted(losing: World) -> None:
    world = losing
    for _ in range(3):
        world.run(full=True)
        if "C2" not in world.customers():
            break
    run = world.store.runs("clients", 1)[0]["id"]
    plan = world.run(write=False, undo=frozenset({run})).plan
    assert plan is not None
    assert [(item.kind, item.external_key) for item in plan.items] == [(Kind.REPORT, "C2")]
    assert "was deleted by this run" in plan.items[0].detail


def test_another_tenant_is_not_forgotten_when_the_store_is_away_at_that_moment(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run(person=True)
    assert world.app is not None
    drift = Drift(world.app, world.note, Event())
    drift.turn()
    state = world.flowtly.state
    (old,) = state.rows("Organization")
    state.delete("Organization", old["id"])
    state.insert("Organization", {**old, "name": "Somebody else", "instance": "zzz"}, "zzz")

    def away(*_: object) -> bool:
        raise StoreUnavailable("the database is away")

    with monkeypatch.context() as patched:
        patched.setattr(PostgresStore, "raise_fence", away)
        drift.turn()
    assert world.said("drift.failed")
    drift.turn()
    assert [fields["mapping"] for fields in world.said("mapping.fenced")] == ["clients"]
    assert world.run().outcome == "fenced"


def test_a_frozen_field_that_is_sensitive_is_masked_in_the_words_about_it_too() -> None:
    event = {"event": "field.frozen", "field": "phone", "detail": "our writes: external got '4711'"}
    assert "4711" not in str(Masker((), {"phone"})(None, "", dict(event)))
    assert "4711" in str(Masker((), {"name"})(None, "", dict(event)))
