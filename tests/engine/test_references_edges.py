"""References at their edges: odd keys, two of them, one-way ones, parents that are taken apart, saved plans, caps."""

from __future__ import annotations

import pytest

from syncd.errors import ConfigError
from tests.engine.family import NOTES, TABLE, activity, note, notes, quiet, waiting
from tests.engine.world import MAPPING, SETTINGS, World

ODD_KEYS = (
    "a:b",
    "a=b=c",
    "50%",
    'O\'Neil "x"',
    "Ærø / 東京",
    "@clients:external=1",
    "x\\y",
    " led ",
    "/api/clients/1",
)


@pytest.fixture
def family(world: World) -> World:
    """Clients and their notes, approved, with nothing in them."""
    world.erp(TABLE)
    world.configure(notes=NOTES)
    for name in ("clients", "notes"):
        world.run(name, person=True)
    return world


def test_keys_of_any_spelling_are_waited_for_and_found(family: World) -> None:
    world = family
    for number, key in enumerate(ODD_KEYS):
        activity(world, key, f"Note {number}")
    world.run("notes")
    assert waiting(world) == {f"@clients:external={key}" for key in ODD_KEYS}
    for number, key in enumerate(ODD_KEYS):
        world.customer(key, company_name=f"Company {number}", vat_no=f"DK2000000{number}")
    world.run()
    world.run("notes")
    links = world.links()
    assert {one["note"]: one["client"] for one in notes(world).values()} == {
        f"Note {number}": links[key] for number, key in enumerate(ODD_KEYS)
    }
    quiet(world)


def test_mappings_with_dots_and_dashes_in_their_names(world: World) -> None:
    world.erp(TABLE)
    world.configure(
        MAPPING.replace("mapping: clients", "mapping: erp.clients-1"),
        notes=NOTES.replace("reference: clients", "reference: erp.clients-1"),
    )
    activity(world, "C1", "Called")
    world.run("notes", person=True)
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    world.run("erp.clients-1", person=True)
    world.run("notes")
    assert [one["note"] for one in notes(world).values()] == ["Called"]


def test_a_reference_in_a_decimal_column_means_the_whole_number_that_is_the_key(family: World) -> None:
    world = family
    world.erp("ALTER TABLE activities ALTER customer_no TYPE numeric(12,0) USING NULL")
    world.configure(notes=NOTES.replace("reference: clients", "reference: clients, number: true"))
    world.run("notes", person=True)
    world.customer("1042", company_name="Ada ApS", vat_no="DK10000001")
    activity(world, "1042", "From the ERP")
    world.run()
    note(world, world.links()["1042"], "From Flowtly")
    world.run("notes")
    assert sorted(one["note"] for one in notes(world).values()) == ["From Flowtly", "From the ERP"]
    assert sorted(world.erp("SELECT customer_no::text, text FROM activities")) == [
        ("1042", "From Flowtly"),
        ("1042", "From the ERP"),
    ]
    assert world.questions(name="notes") == []
    quiet(world)


def test_a_reference_that_does_not_flow_to_a_side_is_not_waited_for_there(world: World) -> None:
    """The note's client is told to the ERP only; a note for Flowtly needs no link of it."""
    world.erp(TABLE)
    one_way = NOTES.replace(
        "through: {reference: clients}, required: true}", "through: {reference: clients}, direction: to_external}"
    )
    world.configure(notes=one_way.replace("match: [[client, note]]", "match: [[note]]"))
    for name in ("clients", "notes"):
        world.run(name, person=True)
    activity(world, "NOBODY", "Called")
    report = world.run("notes")
    assert report.plan is not None
    assert [item.waits_for for item in report.plan.items] == [None]


def test_each_of_two_references_to_one_mapping_is_checked(world: World) -> None:
    crm = SETTINGS.replace("store:", '  crm: {connector: sql, url: "${ERP_DATABASE_URL}"}\nstore:')
    clients = MAPPING.replace("external: {resource", "external: {system: erp, resource")
    both = NOTES.replace("{resource: activities, key: id}", "{system: crm, resource: activities, key: id}").replace(
        "fields:",
        "fields:\n  seen: {external: seen_by, flowtly: title, through: {reference: clients}, direction: to_external}",
    )
    with pytest.raises(ConfigError, match="keys of another system") as caught:
        world.configure(clients, crm, notes=both)
    assert "fields.client" in str(caught.value)


def test_what_waits_for_another_mapping_is_not_counted_against_the_caps(family: World) -> None:
    world = family
    for number in range(101):
        activity(world, f"PROSPECT{number}", f"Called {number}")
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    activity(world, "C1", "Called")
    world.run()
    report = world.run("notes")
    assert (report.outcome, report.reasons) == ("done", ())
    assert [one["note"] for one in notes(world).values()] == ["Called"]
    assert len(waiting(world)) == 101


def test_a_saved_plan_with_children_of_parents_that_are_made_with_it(family: World) -> None:
    world = family
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    activity(world, "C1", "Called")
    activity(world, "NOBODY", "Waits")
    shown = {}
    for name in ("clients", "notes"):
        plan = world.run(name, write=False).plan
        assert plan is not None
        shown[name] = frozenset(item.fingerprint for item in plan.items)
    assert len(shown["notes"]) == 2
    activity(world, "C1", "Not in the plan")
    for name, only in shown.items():
        world.run(name, person=True, only=only)
    assert [one["note"] for one in notes(world).values()] == ["Called"]


def test_another_field_of_a_child_goes_on_while_its_new_parent_is_waited_for(family: World) -> None:
    world = family
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    key = activity(world, "C1", "Called")
    world.settled()
    world.settled("notes")
    ((iri, made),) = notes(world).items()
    world.erp("UPDATE activities SET customer_no = 'C2', text = 'Called twice' WHERE id = %s", key)
    plan = world.run("notes", write=False).plan
    assert plan is not None
    assert [([change.field for change in item.changes], item.waits_for) for item in plan.items] == [
        (["client", "note"], "@clients:external=C2")
    ]
    world.run("notes")
    assert notes(world)[iri]["note"] == "Called twice"
    assert notes(world)[iri]["client"] == made["client"]
    assert waiting(world) == {"@clients:external=C2"}
    quiet(world)
    world.in_flowtly("PATCH", iri.removeprefix("/api/"), {"note": "Called thrice"})
    world.run("notes")
    assert world.erp("SELECT customer_no, text FROM activities") == [("C2", "Called thrice")]
    assert waiting(world) == {"@clients:external=C2"}
    world.erp("UPDATE activities SET text = 'Called again' WHERE id = %s", key)
    world.run("notes")
    assert notes(world)[iri]["note"] == "Called again"
    world.customer("C2", company_name="Bob ApS", vat_no="DK10000002")
    world.run()
    world.run("notes")
    assert notes(world)[iri]["client"] == world.links()["C2"]
    assert world.questions(name="notes") == []
    quiet(world)


def test_a_new_parent_that_is_taken_back_leaves_nothing_waiting(family: World) -> None:
    world = family
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    key = activity(world, "C1", "Called")
    world.settled()
    world.settled("notes")
    world.erp("UPDATE activities SET customer_no = 'C2', text = 'x' WHERE id = %s", key)
    world.run("notes")
    world.erp("UPDATE activities SET customer_no = 'C1', text = 'Called' WHERE id = %s", key)
    quiet(world)
    assert [one["note"] for one in notes(world).values()] == ["Called"]
    assert waiting(world) == set()


def test_children_of_a_parent_that_a_person_takes_apart_and_ties_again(family: World) -> None:
    world = family
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    activity(world, "C1", "Called")
    world.settled()
    world.settled("notes")
    ((iri, _),) = notes(world).items()
    client = world.links()["C1"]
    world.store.unlink("clients", "C1", "tester")
    quiet(world)
    world.erp("UPDATE activities SET text = 'Called twice'")
    activity(world, "C1", "New one")
    world.run("notes")
    assert list(notes(world)) == [iri]
    quiet(world)
    world.erp("UPDATE customers SET phone = '1'")
    world.edit(client, addressCity="Odense")
    world.run(person=True)
    world.settled()
    assert world.links() == {"C1": client}
    world.settled("notes")
    assert sorted(one["note"] for one in notes(world).values()) == ["Called twice", "New one"]
    quiet(world)


SOFT = (
    NOTES.replace("through: {reference: clients}, required: true}", "through: {reference: clients, unlinked: empty}}")
    .replace("match: [[client, note]]", "direction: to_flowtly\nmatch: [[note]]")
    .replace("key: id}", "key: id, cursor: changed_at}")
)


@pytest.mark.parametrize("policy", ["ask", "external"])
def test_going_without_a_reference_asks_nobody_and_erases_nothing_when_it_is_linked_later(
    world: World, policy: str
) -> None:
    """Both sides refer to the same; the ERP tells only what changed, Flowtly all of it."""
    world.erp(
        TABLE + "; ALTER TABLE activities ADD changed_at timestamptz DEFAULT clock_timestamp() - interval '1 day'"
    )
    world.configure(notes=SOFT.replace("match:", f"conflicts: {{default: {policy}}}\nmatch:"))
    world.customer("C0", company_name="Zoe ApS", vat_no="DK10000000")
    world.run(person=True)
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    client = world.client(name="Ada ApS", tinCountry="DK", tin="10000001")
    key = activity(world, "C1", "Called")
    iri = note(world, client, "Called")
    world.erp("INSERT INTO activities (customer_no, text, changed_at) VALUES ('C0', 'Newer', now())")
    world.run("notes", person=True)
    world.settled("notes")
    assert world.links("notes")[key] == iri
    world.run()
    assert world.links()["C1"] == client
    world.run("notes")
    assert notes(world)[iri]["client"] == client
    assert world.questions(name="notes") == []
    quiet(world)
