"""Allocations that people made and Flowtly cannot change: asked about when the ERP has them otherwise."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.engine.preflight import preflight
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


@pytest.fixture
def planned(world: World) -> World:
    """Two budgets, and one employee on the first of them in both systems."""
    world.erp("CREATE TABLE allocations (id serial PRIMARY KEY, budget text, mail text)")
    for name in ("Fairs", "Tools"):
        fields = {"name": name, "type": "global", "granularity": "month", "config": []}
        world.in_flowtly("POST", "budgets", fields)
    world.configure(allocations=ALLOCATIONS)
    world.run("allocations", person=True)
    (fairs,) = [one["id"] for one in world.in_flowtly("GET", "budgets") if one["name"] == "Fairs"]
    (ola,) = [one["id"] for one in world.in_flowtly("GET", "employees") if one["email"] == "ola@example.com"]
    both = {"budget": f"/api/budgets/{fairs}", "employee": f"/api/employees/{ola}"}
    world.in_flowtly("POST", "budget-employees", both)
    world.erp("INSERT INTO allocations (budget, mail) VALUES ('Fairs', 'ola@example.com')")
    return world


def allocated(world: World) -> list[tuple[Any, Any]]:
    names = {f"/api/budgets/{one['id']}": one["name"] for one in world.in_flowtly("GET", "budgets")}
    people = {f"/api/employees/{one['id']}": one["email"] for one in world.in_flowtly("GET", "employees")}
    found = world.in_flowtly("GET", "budget-employees")
    return [(names[one["budget"]], people[one["employee"]]) for one in found]


def test_check_has_nothing_against_records_that_can_only_be_made(planned: World) -> None:
    assert planned.app is not None
    mapping = planned.app.mappings["allocations"]
    assert preflight(mapping, planned.app.peers(mapping)) == []


def test_a_change_of_what_was_there_before_us_is_a_question_that_closes_itself(planned: World) -> None:
    world = planned
    world.settled("allocations")
    assert allocated(world) == [("Fairs", "ola@example.com")]
    before = world.writes()
    world.erp("UPDATE allocations SET budget = 'Tools'")
    world.settled("allocations")
    (asked,) = world.questions(name="allocations")
    assert (asked.field, asked.external, asked.flowtly) == ("budget", "Tools", "Fairs")
    assert "only a new record can have another value" in asked.detail
    assert world.writes() == before
    world.erp("UPDATE allocations SET budget = 'Fairs'")
    world.settled("allocations")
    assert world.questions(name="allocations") == []
    assert world.writes() == before
