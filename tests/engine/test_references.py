"""References between mappings: a child waits for its parent, is woken by it, and is never made twice meanwhile.

The ERP has customers with activities (and activities about activities); Flowtly has clients and client notes.
"""

from __future__ import annotations

from typing import Any

import pytest

from syncd.errors import ConfigError
from tests.engine.world import MAPPING, SETTINGS, World

NOTES = """
mapping: notes
external: {resource: activities, key: id}
flowtly: {resource: client-notes}
match: [[client, note]]
fields:
  client: {external: customer_no, through: {reference: clients}, required: true}
  note: text
  employee: {constant: {flowtly: /api/employees/1}}
"""
TABLE = "CREATE TABLE activities (id serial PRIMARY KEY, customer_no text, text text)"
VAT = "DK1000000"


@pytest.fixture
def family(world: World) -> World:
    """Clients and their notes, approved, with nothing in them."""
    world.erp(TABLE)
    world.configure(notes=NOTES)
    for name in ("clients", "notes"):
        world.run(name, person=True)
    return world


def activity(world: World, customer: str | None, text: str) -> int:
    found = world.erp("INSERT INTO activities (customer_no, text) VALUES (%s, %s) RETURNING id", customer, text)
    return int(found[0][0])


def notes(world: World) -> dict[str, dict[str, Any]]:
    return {f"/api/client-notes/{one['id']}": one for one in world.in_flowtly("GET", "client-notes")}


def waiting(world: World) -> set[str]:
    return {row[0] for row in world.erp_store("SELECT waiting_for FROM observation WHERE status = 'waiting'")}


def test_a_child_that_came_before_its_parent_waits_and_is_made_once_when_the_parent_is_linked(family: World) -> None:
    world = family
    world.customer("C1", company_name="Ada ApS", vat_no=f"{VAT}1")
    key = str(activity(world, "C1", "Called"))
    report = world.run("notes")
    assert report.plan is not None
    assert [item.waits_for for item in report.plan.items] == ["@clients:external=C1"]
    assert waiting(world) == {"@clients:external=C1"}
    assert world.questions(name="notes") == []
    assert notes(world) == {}
    world.run("clients")
    world.settled("notes")
    (iri,) = notes(world)
    assert world.links("notes") == {key: iri}
    assert notes(world)[iri]["client"] == world.links()["C1"]
    before = world.writes()
    assert world.run("notes").plan.pending is False
    assert world.writes() == before


def test_mappings_run_parents_first(family: World) -> None:
    assert family.app is not None
    assert family.app.in_order() == ["clients", "notes"]
    assert family.app.children("clients") == ["notes"]


def test_a_child_of_a_record_out_of_scope_waits_without_a_question_and_idle_runs_stay_silent(family: World) -> None:
    world = family
    activity(world, "NOBODY", "Called")
    world.run("notes")
    for _ in range(2):
        report = world.run("notes")
        assert report.plan is not None
        assert report.plan.pending is False
        assert report.open_conflicts == 0
    assert waiting(world) == {"@clients:external=NOBODY"}


def test_a_child_moves_to_another_parent_on_either_side(family: World) -> None:
    world = family
    world.customer("C1", company_name="Ada ApS", vat_no=f"{VAT}1")
    world.customer("C2", company_name="Bob ApS", vat_no=f"{VAT}2")
    key = activity(world, "C1", "Called")
    world.settled()
    world.settled("notes")
    (iri,) = notes(world)
    world.erp("UPDATE activities SET customer_no = 'C2' WHERE id = %s", key)
    world.settled("notes")
    assert notes(world)[iri]["client"] == world.links()["C2"]
    world.in_flowtly("PATCH", iri.removeprefix("/api/"), {"client": world.links()["C1"]})
    world.settled("notes")
    assert world.erp("SELECT customer_no FROM activities") == [("C1",)]


def test_a_child_that_moves_to_an_unlinked_parent_waits_for_it_and_then_moves(family: World) -> None:
    world = family
    world.customer("C1", company_name="Ada ApS", vat_no=f"{VAT}1")
    key = activity(world, "C1", "Called")
    world.settled()
    world.settled("notes")
    (iri,) = notes(world)
    world.customer("C2", company_name="Bob ApS", vat_no=f"{VAT}2")
    world.erp("UPDATE activities SET customer_no = 'C2' WHERE id = %s", key)
    world.run("notes")
    assert notes(world)[iri]["client"] == world.links()["C1"]
    assert waiting(world) == {"@clients:external=C2"}
    assert world.questions(name="notes") == []
    world.settled()
    world.settled("notes")
    assert notes(world)[iri]["client"] == world.links()["C2"]


def test_a_flowtly_record_whose_parent_is_not_linked_is_no_stranger_to_be_doubled(family: World) -> None:
    """Both sides have the same client and note; the notes are looked at before anybody knows that the clients match."""
    world = family
    world.customer("C1", company_name="Ada ApS", vat_no=f"{VAT}1")
    client = world.client(name="Ada ApS", tinCountry="DK", tin="10000001")
    key = str(activity(world, "C1", "Called"))
    note = world.in_flowtly(
        "POST", "client-notes", {"client": client, "employee": "/api/employees/1", "note": "Called"}
    )
    world.run("notes")
    assert waiting(world) == {"@clients:external=C1", f"@clients:flowtly={client}"}
    world.settled()
    world.settled("notes")
    assert world.links("notes") == {key: f"/api/client-notes/{note['id']}"}
    assert len(notes(world)) == 1
    assert len(world.erp("SELECT id FROM activities")) == 1


def test_a_parent_linked_while_its_children_are_read_makes_no_second_child(family: World) -> None:
    """The clients are linked after Flowtly's notes were read and before anything is planned on them."""
    world = family
    world.customer("C1", company_name="Ada ApS", vat_no=f"{VAT}1")
    client = world.client(name="Ada ApS", tinCountry="DK", tin="10000001")
    key = str(activity(world, "C1", "Called"))
    note = world.in_flowtly(
        "POST", "client-notes", {"client": client, "employee": "/api/employees/1", "note": "Called"}
    )
    linked: list[bool] = []
    original = world.note

    def meanwhile(event: str, /, **fields: Any) -> None:
        original(event, **fields)
        if event == "record.waiting" and not linked:
            linked.append(True)
            world.run("clients")

    world.note = meanwhile  # type: ignore[method-assign]
    world.run("notes")
    world.note = original  # type: ignore[method-assign]
    assert linked == [True]
    world.settled("notes")
    assert world.links("notes") == {key: f"/api/client-notes/{note['id']}"}
    assert len(notes(world)) == 1


def test_a_lost_answer_of_a_child_makes_no_second_one(family: World) -> None:
    world = family
    world.customer("C1", company_name="Ada ApS", vat_no=f"{VAT}1")
    activity(world, "C1", "Called")
    world.settled()
    world.flowtly.faults.add("reset_after", method="POST", path="/client-notes", times=1)
    world.run("notes")
    world.settled("notes")
    assert len(notes(world)) == 1
    assert len(world.links("notes")) == 1


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        (NOTES.replace("reference: clients", "reference: client"), "there is no mapping 'client' to refer to"),
        (
            NOTES.replace("{reference: clients}", "{reference: clients, unlinked: empty}"),
            "unlinked: empty would overwrite a reference",
        ),
        (
            NOTES.replace("{reference: clients}", "{reference: clients, unlinked: nothing}"),
            "write wait, empty, or",
        ),
    ],
)
def test_a_reference_that_cannot_be_is_told_with_its_place(world: World, mapping: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        world.configure(notes=mapping)
    (problem,) = caught.value.problems
    assert problem.file.endswith("notes.yaml")
    assert problem.line == 7
    assert said in problem.message


def test_a_circle_of_references_is_told_with_its_place(world: World) -> None:
    circle = MAPPING.replace("dueDays: terms", "invoiceComment: {external: note, through: {reference: notes}}")
    with pytest.raises(ConfigError) as caught:
        world.configure(circle, notes=NOTES)
    (problem,) = caught.value.problems
    assert "clients -> notes -> clients" in problem.message
    assert problem.line == 11


def test_keys_of_another_system_are_no_references(world: World) -> None:
    crm = SETTINGS.replace("store:", '  crm: {connector: sql, url: "${ERP_DATABASE_URL}"}\nstore:')
    notes_of_crm = NOTES.replace("{resource: activities, key: id}", "{system: crm, resource: activities, key: id}")
    clients = MAPPING.replace("external: {resource", "external: {system: erp, resource")
    with pytest.raises(ConfigError, match="keys of another system"):
        world.configure(clients, crm, notes=notes_of_crm)
    outward = notes_of_crm.replace("match:", "direction: to_external\nmatch:").partition("  employee")[0]
    world.configure(clients, crm, notes=outward)
