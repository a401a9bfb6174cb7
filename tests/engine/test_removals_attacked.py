"""Attacks on deletes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncd.core.model import Side
from syncd.core.plan import Kind
from tests.engine.test_removals import COMPARED, NAMES, full, lose_client, lose_customer, open_removals
from tests.engine.world import MAPPING, SETTINGS, World


def linked(world: World, deletes: str, settings: str = SETTINGS, mapping: str = MAPPING) -> World:
    world.configure(f"{mapping}deletes: {deletes}\n", settings)
    for number, key in enumerate(NAMES):
        world.customer(key, company_name=f"Firm {key}", vat_no=f"DK1000000{number}", city="Odense", note="active")
    world.run(person=True)
    world.settled()
    assert len(world.links()) == len(NAMES)
    return world


def back(world: World, key: str) -> None:
    number = NAMES.index(key)
    world.customer(key, company_name=f"Firm {key}", vat_no=f"DK1000000{number}", city="Odense", note="active")


def operations(world: World) -> int:
    return world.erp_store("SELECT count(*) FROM operation")[0][0]


def quiet(world: World) -> None:
    """No items, no intents, no writes in three more runs."""
    before = operations(world), world.writes()
    for _ in range(3):
        report = world.run(full=True)
        assert not report.plan.pending, report.plan.items
    assert (operations(world), world.writes()) == before


def test_a_loss_that_began_anew_is_proven_anew(world: World) -> None:
    linked(world, "{in_external: {set: {status: archived}}, quarantine: 2}", mapping=COMPARED)
    iri = world.links()["C3"]
    lose_customer(world, "C3")
    full(world, 3)
    assert open_removals(world) == ["C3"]
    back(world, "C3")
    # A reading sees it, and the run ends before it got to its removals.
    withdraw = world.store.withdraw

    def dies(*_: object) -> object:
        raise RuntimeError("stopped here")

    world.store.withdraw = dies
    try:
        with pytest.raises(RuntimeError):
            full(world)
    finally:
        del world.store.withdraw
    lose_customer(world, "C3")
    full(world, 1)
    assert world.clients()[iri]["status"] == "active"
    removals = world.store.removals("clients", open_only=False)
    assert [one.state for one in removals] == ["withdrawn"]
    full(world, 2)
    assert world.clients()[iri]["status"] == "active"
    full(world, 2)
    assert world.clients()[iri]["status"] == "archived"


def test_a_loss_from_before_a_mapping_edit_can_still_be_proven(world: World) -> None:
    linked(world, "{in_flowtly: delete, quarantine: 0}")
    lose_client(world, "C3")
    full(world, 1)
    edited = MAPPING.replace("  addressCity: city\n", "")
    world.configure(f"{edited}deletes: {{in_flowtly: delete, quarantine: 0}}\n")
    world.run(person=True, full=True)
    assert "C3" in world.customers()
    full(world, 4)
    assert "C3" not in world.customers()


def test_survivor_out_of_scope_is_not_deleted(world: World) -> None:
    scoped = MAPPING.replace("cursor: changed_at}", "cursor: changed_at, where: {note: active}}")
    linked(world, "{in_flowtly: delete, quarantine: 0}", mapping=scoped)
    lose_client(world, "C3")
    world.erp("UPDATE customers SET note = 'ours alone' WHERE customer_no = 'C3'")
    full(world, 5)
    assert "C3" in world.customers()
    quiet(world)


def test_survivor_out_of_scope_in_the_last_moment(world: World) -> None:
    scoped = MAPPING.replace("cursor: changed_at}", "cursor: changed_at, where: {note: active}}")
    linked(world, "{in_flowtly: delete, quarantine: 0}", mapping=scoped)
    lose_client(world, "C3")
    full(world, 1)
    prove = world.store.prove

    def meanwhile(*arguments: object) -> object:
        world.erp("UPDATE customers SET note = 'ours alone' WHERE customer_no = 'C3'")
        return prove(*arguments)

    world.store.prove = meanwhile
    try:
        full(world)
    finally:
        del world.store.prove
    full(world, 3)
    assert "C3" in world.customers()
    quiet(world)


def test_marked_then_gone_there_too(world: World) -> None:
    linked(
        world,
        "{in_external: {set: {status: archived}}, in_flowtly: {set: {status: inactive}}, quarantine: 0}",
        mapping=COMPARED,
    )
    iri = world.links()["C3"]
    lose_customer(world, "C3")
    full(world, 3)
    assert world.clients()[iri]["status"] == "archived"
    quiet(world)
    lose_client(world, "C3")
    full(world, 4)
    assert "C3" not in world.links()
    quiet(world)


def test_marked_then_edited(world: World) -> None:
    linked(world, "{in_external: {set: {status: archived}}, quarantine: 0}", mapping=COMPARED)
    iri = world.links()["C3"]
    lose_customer(world, "C3")
    full(world, 3)
    world.edit(iri, status="active")
    full(world, 5)
    print(world.clients()[iri]["status"], world.questions(), world.links().get("C3"), world.customers().get("C3"))
    assert len(world.clients()) == len(NAMES)
    quiet(world)


def test_approved_for_one_thing_is_not_approved_for_another(world: World) -> None:
    linked(
        world,
        "{in_flowtly: unlink, quarantine: 0}",
        SETTINGS.replace("limits: {", "limits: {max_removals: 0, fence_records: 100, "),
    )
    lose_client(world, "C3")
    full(world, 3)
    (one,) = world.store.removals("clients", open_only=True)
    world.store.approve_removals([one.id], "anna")
    world.configure(
        f"{MAPPING}deletes: {{in_flowtly: delete, quarantine: 0}}\n",
        SETTINGS.replace("limits: {", "limits: {max_removals: 0, fence_records: 100, "),
    )
    full(world, 2)
    assert "C3" in world.customers()


def test_unlinked_by_a_person_while_planned(world: World) -> None:
    linked(world, "{in_flowtly: delete, quarantine: 0}")
    lose_client(world, "C3")
    full(world, 1)
    intend = world.store.intend

    def meanwhile(*arguments: object) -> object:
        world.store.unlink("clients", "C3", "anna")
        return intend(*arguments)

    world.store.intend = meanwhile
    try:
        full(world)
    finally:
        del world.store.intend
    assert "C3" in world.customers()
    quiet(world)


def test_undo_of_a_run_that_deleted(world: World) -> None:
    linked(world, "{in_flowtly: delete, quarantine: 0}")
    lose_client(world, "C3")
    full(world, 1)
    full(world, 1)
    assert "C3" not in world.customers()
    run = world.store.runs("clients", 1)[0]["id"]
    plan = world.run(write=False, undo=frozenset({run})).plan
    print(plan.items)
    assert plan.items


def test_undo_of_a_run_that_marked(world: World) -> None:
    linked(world, "{in_external: {set: {status: archived}}, quarantine: 0}", mapping=COMPARED)
    iri = world.links()["C3"]
    lose_customer(world, "C3")
    full(world, 2)
    assert world.clients()[iri]["status"] == "archived"
    run = world.store.runs("clients", 1)[0]["id"]
    plan = world.run(write=False, undo=frozenset({run})).plan
    print(plan.items)
    world.run(person=True, strict=True, undo=frozenset({run}), only=frozenset(item.fingerprint for item in plan.items))
    print(world.clients()[iri]["status"], world.questions())
    full(world, 4)
    print(world.clients()[iri]["status"], world.questions())
    quiet(world)


def test_ignored_and_edited_is_quiet(world: World) -> None:
    linked(world, "{in_flowtly: ignore}")
    lose_client(world, "C3")
    full(world, 3)
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C3'")
    full(world, 3)
    print(world.questions(), world.customers()["C3"], world.links().get("C3"))
    quiet(world)


def test_saved_plan(world: World) -> None:
    linked(
        world,
        "{in_flowtly: delete, quarantine: 0}",
        SETTINGS.replace("limits: {", "limits: {shrink: 0.9, fence_records: 100, "),
    )
    for key in ("C1", "C2", "C3"):
        lose_client(world, key)
    full(world, 1)
    plan = world.run(write=False, full=True).plan
    assert [(item.kind, item.external_key) for item in plan.items] == [(Kind.DELETE, key) for key in ("C1", "C2", "C3")]
    chosen = frozenset(item.fingerprint for item in plan.items if item.external_key != "C2")
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C3'")
    world.run(person=True, strict=True, only=chosen)
    assert world.customers().keys() == {*NAMES} - {"C1"}
    assert len(world.clients()) == 5, "nothing made again that was not in the plan"
    full(world, 3)
    assert world.customers().keys() == {*NAMES} - {"C1", "C2"}
    quiet(world)


def test_a_foreign_key_that_refuses(world: World) -> None:
    world.erp("CREATE TABLE orders (id int PRIMARY KEY, customer text REFERENCES customers)")
    linked(world, "{in_flowtly: delete, quarantine: 0}")
    world.erp("INSERT INTO orders VALUES (1, 'C3')")
    lose_client(world, "C3")
    full(world, 5)
    assert "C3" in world.customers()
    assert len(world.questions("kept")) == 1
    quiet(world)
    world.erp("DELETE FROM orders")
    world.erp_store("UPDATE absence SET looked_at = now() - interval '1 year' RETURNING key")
    full(world, 3)
    assert "C3" not in world.customers()
    assert not world.questions()
    quiet(world)


def test_retention_keeps_what_an_absence_stands_on(world: World) -> None:
    from datetime import timedelta
    from syncd.ports import Retention

    scoped = MAPPING.replace("cursor: changed_at}", "cursor: changed_at, where: {note: active}}")
    linked(world, "{in_external: {set: {name: gone}}, quarantine: 0}", mapping=scoped)
    iri = world.links()["C3"]
    world.erp("UPDATE customers SET note = 'other' WHERE customer_no = 'C3'")
    full(world, 3)
    old = "UPDATE {} SET {} = {} - interval '900 days' RETURNING id"
    world.erp_store(
        "UPDATE run SET started_at = started_at - interval '900 days', finished_at = finished_at - interval '900 days' RETURNING id"
    )
    world.erp_store("UPDATE link SET created_at = created_at - interval '901 days' RETURNING id")
    world.erp_store("UPDATE certificate SET finished_at = finished_at - interval '900 days' RETURNING id")
    world.erp_store(
        "INSERT INTO run (mapping, trigger, owner, fence, started_at, finished_at) SELECT 'clients', 'x', 'x', 1, now(), now() FROM generate_series(1, 60) RETURNING id"
    )
    day = timedelta(days=30)
    print(world.store.sweep_history(Retention(day, day, day, day, day)))
    lose_customer(world, "C3")
    world.erp_store("UPDATE absence SET looked_at = now() - interval '1 year' RETURNING key")
    full(world, 3)
    assert world.clients()[iri]["name"] == "gone"


def test_marked_and_both_sides_lost_at_once(world: World) -> None:
    linked(
        world,
        "{in_external: {set: {status: archived}}, in_flowtly: {set: {status: inactive}}, quarantine: 0}",
        mapping=COMPARED,
    )
    lose_customer(world, "C3")
    lose_client(world, "C3")
    full(world, 4)
    assert "C3" not in world.links()
    quiet(world)


def test_contested_field_and_loss(world: World) -> None:
    linked(world, "{in_flowtly: delete, quarantine: 0}")
    iri = world.links()["C3"]
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C3'")
    world.edit(iri, addressCity="Ribe")
    full(world, 1)
    assert world.questions()
    lose_client(world, "C3")
    full(world, 5)
    print(world.customers().get("C3"), world.links().get("C3"), world.questions())
    assert "C3" in world.customers()
    assert len(world.clients()) == len(NAMES)
    quiet(world)


def test_revived_with_a_lost_answer(world: World) -> None:
    linked(world, "{in_flowtly: delete, quarantine: 3}")
    lose_client(world, "C3")
    full(world, 3)
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C3'")
    world.flowtly.faults.add("reset_after", method="POST", path="/clients", times=1)
    full(world, 4)
    assert len(world.clients()) == len(NAMES)
    assert "C3" in world.links()
    quiet(world)


ODD = ['O\'Brien "x"', "Zażółć ☃", "", " lead", "a/b?c=d&e", "%s {x}", "x" * 900, "-- ; DROP"]


def test_odd_keys(world: World) -> None:
    world.configure(f"{MAPPING}deletes: {{in_flowtly: delete, quarantine: 0}}\n")
    for number, key in enumerate(ODD):
        world.customer(key, company_name=f"Firm {number}", vat_no=f"DK1000000{number}")
    world.run(person=True)
    world.settled()
    print(world.links().keys(), world.questions())
    lost = [key for key in ODD[:7] if key in world.links()][:2] + [key for key in ODD[2:7] if key in world.links()]
    for key in dict.fromkeys(lost[:5]):
        lose_client(world, key)
    world.configure(
        f"{MAPPING}deletes: {{in_flowtly: delete, quarantine: 0}}\n",
        SETTINGS.replace("limits: {", "limits: {shrink: 0.9, fence_records: 100, "),
    )
    full(world, 4)
    assert world.customers().keys() == set(ODD) - set(lost[:5]), world.events[-20:]
    quiet(world)
