"""Parents that are hard to tell: found in a list only, fitting twice, shared by two mappings, tied to another record."""

from __future__ import annotations

import pytest

from tests.engine.family import NOTES, TABLE, activity, note, notes, quiet, waiting
from tests.engine.world import MAPPING, World

LISTED = NOTES.replace(
    "{reference: clients}",
    "{reference: clients, unlinked: {lookup: clients, by: externalPaymentCustomerId}}",
)
ONLY_DANES = MAPPING.replace("flowtly: {resource: clients}", "flowtly: {resource: clients, where: {tinCountry: DK}}")
SEEN = """
mapping: calls
external: {resource: calls, key: id}
flowtly: {resource: client-notes}
direction: to_flowtly
match: [[client, note]]
fields:
  client: {external: customer_no, through: {reference: clients}}
  note: text
  employee: {constant: {flowtly: /api/employees/2}}
"""


@pytest.fixture
def family(world: World) -> World:
    """Clients and their notes, approved, with nothing in them."""
    world.erp(TABLE)
    world.configure(notes=NOTES)
    for name in ("clients", "notes"):
        world.run(name, person=True)
    return world


def test_parents_out_of_scope_are_found_in_a_list_as_soon_as_it_has_them(world: World) -> None:
    world.erp(TABLE)
    world.configure(ONLY_DANES, notes=LISTED)
    abroad = world.client(name="Abroad", tinCountry="PL", tin="1000001", externalPaymentCustomerId="P7")
    later = world.client(name="Later", tinCountry="PL", tin="1000002")
    activity(world, "P7", "From the ERP")
    activity(world, "P8", "Of one without a number")
    note(world, abroad, "From Flowtly")
    note(world, later, "In Flowtly without a number")
    for name in ("clients", "notes"):
        world.run(name, person=True)
    assert waiting(world) == {"@clients:external=P8", f"@clients:flowtly={later}"}
    quiet(world)
    world.edit(later, externalPaymentCustomerId="P8")
    world.run("notes")
    assert waiting(world) == set()
    assert sorted((one["client"], one["note"]) for one in notes(world).values()) == sorted(
        [
            (abroad, "From the ERP"),
            (abroad, "From Flowtly"),
            (later, "Of one without a number"),
            (later, "In Flowtly without a number"),
        ]
    )
    assert sorted(world.erp("SELECT customer_no, text FROM activities")) == [
        ("P7", "From Flowtly"),
        ("P7", "From the ERP"),
        ("P8", "In Flowtly without a number"),
        ("P8", "Of one without a number"),
    ]
    assert world.questions(name="notes") == []
    quiet(world)


def test_children_of_parents_that_fit_twice_wait_for_the_answer_and_ask_nothing_themselves(family: World) -> None:
    world = family
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    first = world.client(name="Ada ApS", tinCountry="DK", tin="10000001")
    second = world.client(name="Ada again ApS", tinCountry="DK", tin="10000001")
    activity(world, "C1", "Called")
    iri = note(world, second, "Called")
    note(world, first, "Called")
    for _ in range(2):
        world.run()
        world.run("notes")
    (question,) = world.questions()
    assert world.questions(name="notes") == []
    assert len(notes(world)) == 2
    world.store.dismiss(question.id, f"link C1 = {second}", "tester")
    world.settled()
    assert world.links()["C1"] == second
    world.settled("notes")
    assert world.links("notes")["1"] == iri
    assert len(notes(world)) == 2
    assert waiting(world) == {f"@clients:flowtly={first}"}


def test_two_mappings_wait_for_the_same_parent_each_for_itself(world: World) -> None:
    world.erp(TABLE + "; CREATE TABLE calls (id serial PRIMARY KEY, customer_no text, text text)")
    world.configure(notes=NOTES, calls=SEEN)
    assert world.app is not None
    assert world.app.children("clients") == ["notes", "calls"]
    for name in ("clients", "notes", "calls"):
        world.run(name, person=True)
    activity(world, "C1", "An activity")
    world.erp("INSERT INTO calls (customer_no, text) VALUES ('C1', 'A call')")
    for name in ("notes", "calls"):
        world.run(name)
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    world.run()
    world.run("calls")
    assert [one["note"] for one in notes(world).values()] == ["A call"]
    world.run("notes")
    assert sorted(one["note"] for one in notes(world).values()) == ["A call", "An activity"]


def test_children_of_a_parent_tied_to_another_record_are_neither_doubled_nor_moved_by_themselves(family: World) -> None:
    """Nobody can tell which side is right, so both stay; an edit in the ERP waits instead of being lost."""
    world = family
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    activity(world, "C1", "Called")
    world.settled()
    world.settled("notes")
    ((iri, made),) = notes(world).items()
    other = world.client(name="Ada the second", tinCountry="DK", tin="10000009")
    world.run("clients", write=False)
    world.store.unlink("clients", "C1", "tester")
    world.erp("UPDATE customers SET vat_no = 'DK10000009'")
    world.settled()
    assert world.links()["C1"] == other
    quiet(world)
    world.erp("UPDATE activities SET text = 'Called twice'")
    for _ in range(3):
        world.run("notes")
    assert notes(world) == {iri: made}
    assert world.erp("SELECT customer_no, text FROM activities") == [("C1", "Called twice")]
    assert waiting(world) == {f"@clients:flowtly={made['client']}"}
    world.in_flowtly("PATCH", iri.removeprefix("/api/"), {"client": other})
    world.settled("notes")
    assert notes(world)[iri]["note"] == "Called twice"
    quiet(world)
