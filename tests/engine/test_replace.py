"""Allocations that Flowtly cannot change: what we made is deleted and made anew, what people made is asked about."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest

from syncd.core.model import Side
from syncd.core.plan import REPLACED, Kind
from syncd.engine.preflight import preflight
from syncd.errors import Stale
from syncd.ports import Intent
from tests.engine.world import World

ALLOCATIONS = """
mapping: allocations
external: {resource: allocations, key: id}
flowtly: {resource: budget-employees}
direction: to_flowtly
match: [[budget, employee]]
fields:
  budget: {external: budget, through: {lookup: budgets, by: name}, required: true}
  employee: {external: mail, through: {lookup: employees, by: email}, required: true}
"""
OLA = "ola@example.com"
OTHERS = ("Rent", "Cars", "Food")


@pytest.fixture
def planned(world: World) -> World:
    """Budgets, and an ERP that puts one employee on some of them: so many that one that is missing frightens nobody."""
    world.erp("CREATE TABLE allocations (id serial PRIMARY KEY, budget text, mail text)")
    for name in ("Fairs", "Tools", *OTHERS):
        world.in_flowtly("POST", "budgets", {"name": name, "type": "global", "granularity": "month", "config": []})
    world.configure(allocations=ALLOCATIONS)
    world.run("allocations", person=True)
    for name in ("Fairs", *OTHERS):
        world.erp("INSERT INTO allocations (budget, mail) VALUES (%s, %s)", name, OLA)
    return world


@pytest.fixture
def moved(planned: World) -> World:
    """It was made on the first budget, and the ERP has it on the second by now."""
    planned.settled("allocations")
    planned.erp("UPDATE allocations SET budget = 'Tools' WHERE id = 1")
    return planned


def allocated(world: World) -> list[tuple[Any, Any]]:
    """What Flowtly has besides the others."""
    names = {f"/api/budgets/{one['id']}": one["name"] for one in world.in_flowtly("GET", "budgets")}
    people = {f"/api/employees/{one['id']}": one["email"] for one in world.in_flowtly("GET", "employees")}
    found = world.in_flowtly("GET", "budget-employees")
    pairs = [(names[one["budget"]], people[one["employee"]]) for one in found]
    assert sorted(name for name, _ in pairs if name in OTHERS) == sorted(OTHERS)
    return [pair for pair in pairs if pair[0] not in OTHERS]


def sent(world: World, method: str) -> int:
    return sum(
        count
        for route, count in world.flowtly.requests.items()
        if route.split()[0] == method and "budget-employees" in route
    )


def history(world: World) -> list[tuple[str, Any, Any, Any]]:
    rows = world.erp_store("SELECT event, field, before, after FROM ledger WHERE mapping = 'allocations' ORDER BY id")
    return [(event, field, str(before), str(after)) for event, field, before, after in rows]


def test_check_has_nothing_against_it(planned: World) -> None:
    assert planned.app is not None
    mapping = planned.app.mappings["allocations"]
    assert preflight(mapping, planned.app.peers(mapping)) == []


def test_what_we_made_is_made_anew_in_one_operation(moved: World) -> None:
    world = moved
    old = world.links("allocations")["1"]
    plan = world.run("allocations", write=False).plan
    assert plan is not None
    (item,) = plan.items
    assert (item.kind, item.detail, plan.blast.changes) == (Kind.PATCH, REPLACED, {"external": 0, "flowtly": 1})
    report = world.settled("allocations")
    assert allocated(world) == [("Tools", OLA)]
    new = world.links("allocations")["1"]
    assert new != old
    assert (sent(world, "DELETE"), sent(world, "POST")) == (1, 5)  # four POSTs were before
    assert world.questions(name="allocations") == []
    assert [one["before"] for one in world.said("record.replaced")] == [old]
    assert ("replaced", None, old, new) in history(world)
    assert ("deleted", "budget", "Fairs") in {row[:3] for row in history(world)}
    kinds = world.erp_store(
        "SELECT kind, target_key, state FROM operation WHERE mapping = 'allocations' ORDER BY created_at"
    )
    assert kinds[-1] == ("create", old, "done")
    assert report.open_operations == 0


def test_the_store_lets_nothing_be_replaced_that_was_there_before_us(planned: World) -> None:
    world = planned
    ids = {one["name"]: one["id"] for one in world.in_flowtly("GET", "budgets")}
    person = next(one["id"] for one in world.in_flowtly("GET", "employees") if one["email"] == OLA)
    both = {"budget": f"/api/budgets/{ids['Fairs']}", "employee": f"/api/employees/{person}"}
    world.in_flowtly("POST", "budget-employees", both)
    world.settled("allocations")
    assert world.app is not None
    lease = world.store.acquire("allocations", "tester", timedelta(minutes=1))
    keys = world.links("allocations")
    for external, refused in (("1", True), ("2", False)):
        intent = Intent("replace", Side.FLOWTLY, external, keys[external], {}, "test")
        with pytest.raises(Stale, match="record that we made") if refused else nullcontext():
            world.store.intend([intent], "allocations", 1, lease)


@pytest.mark.parametrize("method", ["DELETE", "POST"])
@pytest.mark.parametrize("applied", [True, False], ids=["applied", "not applied"])
def test_an_answer_that_is_lost_leaves_one_record(moved: World, method: str, *, applied: bool) -> None:
    world = moved
    world.flowtly.faults.add("reset_after" if applied else "reset", method=method, path="/budget-employees", times=1)
    world.run("allocations")
    world.later()
    world.settled("allocations")
    assert allocated(world) == [("Tools", OLA)]
    assert len(world.links("allocations")) == 4
    assert world.questions(name="allocations") == []


def test_a_record_that_is_refused_is_asked_about_and_nothing_more_is_lost(moved: World) -> None:
    """The old one is gone by then: the ledger has it, the source waits, and the next change makes it."""
    world = moved
    (tools,) = [one for one in world.in_flowtly("GET", "budgets") if one["name"] == "Tools"]

    def gone(stage: str, *_: object) -> None:
        if stage == "reading external" and tools in world.in_flowtly("GET", "budgets"):
            world.in_flowtly("DELETE", f"budgets/{tools['id']}")

    world.run("allocations", progress=gone)  # a person deletes the budget after it was looked up
    assert allocated(world) == []
    (asked,) = world.questions(name="allocations")
    assert (asked.kind, asked.external_key) == ("refused", "1")
    assert ("deleted", "budget") in {row[:2] for row in history(world)}
    world.in_flowtly("POST", "budgets", {"name": "Tools", "type": "global", "granularity": "month", "config": []})
    world.later()
    world.settled("allocations")
    assert allocated(world) == [("Tools", OLA)]
    assert world.questions(name="allocations") == []


def test_one_that_somebody_deleted_is_not_made_again_unasked(moved: World) -> None:
    world = moved
    world.in_flowtly("DELETE", world.links("allocations")["1"].removeprefix("/api/"))
    world.run("allocations")
    assert allocated(world) == []
    assert [one.kind for one in world.questions(name="allocations")] == ["missing"]
