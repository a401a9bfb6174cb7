"""A delete whose answer was lost, one that a peer refuses, and peers that say something else than when it was proven."""

from __future__ import annotations

import pytest

from tests.engine.world import MAPPING, SETTINGS, World

# Flowtly's contacts can be deleted, its clients cannot: contacts of one client, as an ERP keeps them in a table.
TABLE = """
CREATE TABLE people (
    no text PRIMARY KEY, client_no text, full_name text, mail text,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp())
"""
PEOPLE = """
mapping: people
external: {resource: people, key: no}
flowtly: {resource: client-contacts}
direction: to_flowtly
match: [[email]]
fields:
  client: {external: client_no, through: {reference: clients}}
  name: full_name
  email: mail
deletes: {in_external: delete, quarantine: 0}
"""


@pytest.fixture
def people(world: World) -> World:
    """Five people in the ERP, made by us as contacts of one client."""
    world.erp(TABLE)
    world.configure(MAPPING, SETTINGS, people=PEOPLE)
    world.customer("C1", company_name="Firm", vat_no="DK10000001")
    for number in range(5):
        world.erp(f"INSERT INTO people VALUES ('P{number}', 'C1', 'Person {number}', 'p{number}@firm.test')")
    world.run(person=True)
    world.run("people", person=True)
    world.settled("people")
    assert len(world.links("people")) == 5
    return world


def contacts(world: World) -> set[str]:
    """Who is in Flowtly."""
    return {one["name"] for one in world.in_flowtly("GET", "client-contacts")}


def lose(world: World, key: str = "P3") -> None:
    """A person deletes one in the ERP; two complete readings do not see it, and it is followed in the third run."""
    world.erp("DELETE FROM people WHERE no = %s", key)
    world.run("people", full=True)


def test_a_contact_is_deleted_in_flowtly(people: World) -> None:
    lose(people)
    assert "Person 3" in contacts(people)
    people.run("people", full=True)
    assert contacts(people) == {f"Person {number}" for number in (0, 1, 2, 4)}
    assert "P3" not in people.links("people")


@pytest.mark.parametrize("kind", ["reset", "reset_after", "status_after"])
def test_a_lost_answer_to_a_delete_is_looked_up(people: World, kind: str) -> None:
    lose(people)
    people.flowtly.faults.add(kind, method="DELETE", path="/client-contacts", times=1)
    people.run("people", full=True)
    people.run("people", full=True)
    people.run("people", full=True)
    assert contacts(people) == {f"Person {number}" for number in (0, 1, 2, 4)}
    assert people.store.open_operations("people") == []
    deletes = [count for route, count in people.flowtly.requests.items() if route.startswith("DELETE")]
    assert sum(deletes) == (2 if kind == "reset" else 1)


def test_a_refused_delete_is_a_question_and_is_not_tried_in_every_run(people: World) -> None:
    lose(people)
    people.flowtly.faults.add("status", method="DELETE", path="/client-contacts", status=409)
    for _ in range(4):
        people.run("people", full=True)
    assert "Person 3" in contacts(people)
    assert len(people.questions("kept", "people")) == 1
    deletes = [count for route, count in people.flowtly.requests.items() if route.startswith("DELETE")]
    assert sum(deletes) <= 1


def test_a_contact_that_somebody_edits_in_the_last_moment_is_kept(people: World) -> None:
    """Between reading the list and the delete there is one more look."""
    lose(people)
    iri = people.links("people")["P3"]
    seen = people.store.begin_pass

    def edited_after_reading(*arguments: object, **named: object) -> object:
        made = seen(*arguments, **named)
        finish = made.finish

        def finished(**told: object) -> object:
            people.in_flowtly("PATCH", f"client-contacts/{iri.rpartition('/')[2]}", {"name": "Person 3, married"})
            return finish(**told)

        made.finish = finished
        return made

    people.store.begin_pass = edited_after_reading
    try:
        people.run("people", full=True)
    finally:
        del people.store.begin_pass
    people.run("people", full=True)
    assert "Person 3, married" in contacts(people)
    assert people.questions("missing", "people"), "nothing may be made in the ERP by this direction: a person is asked"


def test_one_that_answers_again_right_before_the_delete_is_kept(people: World) -> None:
    people.erp("DELETE FROM people WHERE no = 'P3'")
    people.run("people", full=True)
    store = people.store
    prove = store.prove

    def back_again(*arguments: object) -> object:
        proven = prove(*arguments)
        people.erp("INSERT INTO people VALUES ('P3', 'C1', 'Person 3', 'p3@firm.test')")
        return proven

    store.prove = back_again
    try:
        people.run("people", full=True)
    finally:
        del store.prove
    people.run("people", full=True)
    assert "Person 3" in contacts(people)
    assert "P3" in people.links("people")
    assert people.store.removals("people", open_only=True) == []
