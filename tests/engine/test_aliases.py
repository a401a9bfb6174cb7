"""Several ERP records that are one Flowtly record: the others get what the primary has, and keep what people typed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pytest

from syncd.core.model import Side
from syncd.ports import Lease, Status
from syncd.ports.aliases import Alias
from tests.engine.world import MAPPING, SETTINGS, World

TIGHT = SETTINGS.replace("max_changes: 100", "max_changes: 1")


@contextmanager
def lease(world: World, name: str = "clients") -> Iterator[Lease]:
    """The lease on a mapping, between two runs."""
    taken = world.store.acquire(name, "a test", timedelta(minutes=1))
    assert taken is not None
    yield taken
    world.store.release(taken)


def make_alias(world: World, key: str, primary: str) -> None:
    """As a person's word makes one: a stranger that was read is from now on another record of a linked one."""
    seen = world.store.observation("clients", Side.EXTERNAL, key)
    assert seen is not None
    assert seen.document is not None
    (link,) = [one for one in world.store.links("clients") if one.external_key == primary]
    with lease(world) as held:
        now = world.app.clock.now()  # type: ignore[union-attr]
        told = link.base.external
        one = Alias("clients", key, primary, "", seen.document, told, now, "anna")
        world.store.keep_alias(one, held)


def aliases(world: World) -> dict[str, str]:
    """Alias to primary."""
    return {one.external_key: one.primary for one in world.store.aliases("clients")}


@pytest.fixture
def two(world: World) -> World:
    """A1 is linked; A2, with the same tax number and another name, is an alias of it."""
    world.customer("A1", company_name="Acme", vat_no="DK10000001", city="Odense", terms=14)
    world.run(person=True)
    world.settled()
    world.customer("A2", company_name="Acme branch", vat_no="DK10000001", city="Odense", terms=14)
    world.run()
    assert len(world.clients()) == 1, "it has the match key of a linked record: asked, not created"
    make_alias(world, "A2", "A1")
    world.settled()
    assert aliases(world) == {"A2": "A1"}
    assert world.questions() == [], "the answer ended what was asked"
    return world


def test_nothing_is_written_for_having_become_an_alias_and_idle_is_silent(two: World) -> None:
    before = two.customers()
    asked, stamps = two.writes(), two.erp("SELECT changed_at FROM customers ORDER BY 1")
    rows = two.erp_store("SELECT * FROM alias"), two.erp_store("SELECT count(*) FROM ledger")
    for full in (False, True, False):
        two.run(full=full)
    assert two.customers() == before
    assert (two.writes(), two.erp("SELECT changed_at FROM customers ORDER BY 1")) == (asked, stamps)
    assert (two.erp_store("SELECT * FROM alias"), two.erp_store("SELECT count(*) FROM ledger")) == rows
    assert len(two.clients()) == 1


def test_what_flowtly_changes_reaches_the_primary_and_its_alias_in_one_run(two: World) -> None:
    (iri,) = two.clients()
    two.edit(iri, addressCity="Aarhus")
    two.run()
    assert {key: one["city"] for key, one in two.customers().items()} == {"A1": "Aarhus", "A2": "Aarhus"}
    assert two.customers()["A2"]["company_name"] == "Acme branch", "only the field that moved"
    entries = [entry for _, _, entry in two.store.history("clients", "A2", None) if entry.event == "patched"]
    assert [(entry.field, entry.before, entry.after, entry.rule) for entry in entries] == [
        ("addressCity", "Odense", "Aarhus", "alias")
    ]
    stamps = two.erp("SELECT changed_at FROM customers ORDER BY 1")
    two.run()
    two.run(full=True)
    assert two.erp("SELECT changed_at FROM customers ORDER BY 1") == stamps


def test_an_edit_of_the_primary_itself_reaches_the_alias(two: World) -> None:
    two.erp("UPDATE customers SET terms = 30 WHERE customer_no = 'A1'")
    two.run()
    assert {one["terms"] for one in two.customers().values()} == {30}


def test_an_edit_of_the_alias_alone_goes_nowhere_and_is_told_once(two: World) -> None:
    (iri,) = two.clients()
    two.erp("UPDATE customers SET phone = '+45 1' WHERE customer_no = 'A2'")
    for full in (False, False, True):
        two.run(full=full)
    assert two.clients()[iri].get("addressPhoneNumber") is None
    assert two.customers()["A2"]["phone"] == "+45 1"
    assert [said["fields"] for said in two.said("alias.edited")] == [["addressPhoneNumber"]]
    assert two.questions() == []


def contested(world: World) -> str:
    """The alias was edited while the primary's value moved; the client's IRI."""
    (iri,) = world.clients()
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'A2'")
    world.edit(iri, addressCity="Aarhus", dueDays=45)
    world.run()
    return iri


def test_a_field_edited_on_both_is_asked_about_and_the_others_flow(two: World) -> None:
    contested(two)
    assert two.customers()["A1"]["city"] == "Aarhus"
    assert two.customers()["A2"]["city"] == "Vejle", "nothing is overwritten"
    assert two.customers()["A2"]["terms"] == 45
    for full in (False, True):
        two.run(full=full)
    (asked,) = two.questions()
    assert (asked.kind, asked.external_key, asked.field) == ("alias", "A2", "addressCity")
    assert (asked.base_external, asked.base_flowtly, asked.external, asked.flowtly) == (
        *("Odense", "Odense"),
        *("Vejle", "Aarhus"),
    )
    assert len(two.said("conflict.alias")) == 1


@pytest.mark.parametrize(
    ("choice", "value", "city"),
    [(Side.EXTERNAL, None, "Vejle"), (Side.FLOWTLY, None, "Aarhus"), (None, "Ribe", "Ribe")],
)
def test_an_answer_is_carried_out_at_the_alias_and_nowhere_else(
    two: World, choice: Side | None, value: str | None, city: str
) -> None:
    iri = contested(two)
    (asked,) = two.questions()
    two.store.resolve(asked.id, choice, value, "anna", seen=asked)
    two.run()
    assert two.customers()["A2"]["city"] == city
    assert two.customers()["A1"]["city"] == two.clients()[iri]["addressCity"] == "Aarhus"
    assert two.questions() == []
    stamps = two.erp("SELECT changed_at FROM customers ORDER BY 1")
    two.run(full=True)
    assert two.erp("SELECT changed_at FROM customers ORDER BY 1") == stamps
    assert two.questions() == []
    two.edit(iri, addressCity="Skagen")
    two.run()
    assert {one["city"] for one in two.customers().values()} == {"Skagen"}, "the next change is carried as always"


def test_a_question_follows_the_values_and_ends_when_they_agree(two: World) -> None:
    iri = contested(two)
    two.edit(iri, addressCity="Skagen")
    two.run()
    (asked,) = two.questions()
    assert (asked.external, asked.flowtly) == ("Vejle", "Skagen")
    two.erp("UPDATE customers SET city = 'Skagen' WHERE customer_no = 'A2'")
    two.run()
    assert two.questions() == []


def test_what_the_erp_keeps_otherwise_is_no_edit_of_the_alias(two: World) -> None:
    (iri,) = two.clients()
    two.erp(
        "CREATE FUNCTION upper_city() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN NEW.city := upper(NEW.city); RETURN NEW; END $$"
    )
    two.erp("CREATE TRIGGER upper_city BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION upper_city()")
    two.edit(iri, addressCity="Aarhus")
    for full in (False, True):
        two.run(full=full)
    assert two.customers()["A2"]["city"] == "AARHUS"
    two.edit(iri, addressCity="Skagen")
    two.run()
    assert {one["city"] for one in two.customers().values()} == {"SKAGEN"}
    assert two.questions() == []


def test_a_write_that_the_erp_refuses_is_told_and_holds_nothing_else_back(two: World) -> None:
    (iri,) = two.clients()
    two.erp("ALTER TABLE customers ADD CONSTRAINT no_branch CHECK (customer_no <> 'A2' OR city <> 'Aarhus')")
    two.edit(iri, addressCity="Aarhus")
    two.run()
    assert two.customers()["A1"]["city"] == "Aarhus"
    (asked,) = two.questions("refused")
    assert asked.external_key == "A2"
    two.run()
    assert len(two.said("record.refused")) == 1, "set aside, not tried in every run"
    two.erp("ALTER TABLE customers DROP CONSTRAINT no_branch")
    two.later()
    two.run()
    assert two.customers()["A2"]["city"] == "Aarhus"
    assert two.questions() == []


def test_more_than_the_cap_are_held(two: World) -> None:
    (iri,) = two.clients()
    two.customer("A3", company_name="Acme shop", vat_no="DK10000001", city="Odense", terms=14)
    two.run()
    make_alias(two, "A3", "A1")
    two.settled()
    two.configure(settings=TIGHT)
    two.edit(iri, addressCity="Aarhus")
    two.run()
    assert {key: one["city"] for key, one in two.customers().items()} == {
        "A1": "Aarhus",
        "A2": "Odense",
        "A3": "Odense",
    }
    assert two.said("aliases.held")
    two.run(person=True, beyond_caps=True)
    assert {one["city"] for one in two.customers().values()} == {"Aarhus"}


def test_a_write_that_was_cut_off_is_found_applied_and_entered(two: World) -> None:
    (iri,) = two.clients()
    with psycopg.connect(two.env["SYNCD_DATABASE_URL"], autocommit=True) as connection:
        connection.execute(
            "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "IF NEW.state = 'done' AND NEW.reason LIKE 'alias%' THEN RAISE EXCEPTION 'crash'; END IF; RETURN NEW; END $$"
        )
        connection.execute("CREATE TRIGGER die BEFORE UPDATE ON operation FOR EACH ROW EXECUTE FUNCTION die()")
    two.edit(iri, addressCity="Aarhus")
    with pytest.raises(Exception, match="crash"):
        two.run()
    assert two.customers()["A2"]["city"] == "Aarhus", "sent, and nobody noted it"
    two.erp_store("SELECT 1")
    with psycopg.connect(two.env["SYNCD_DATABASE_URL"], autocommit=True) as connection:
        connection.execute("DROP TRIGGER die ON operation")
    stamps = two.erp("SELECT changed_at FROM customers ORDER BY 1")
    two.settled()
    assert two.erp("SELECT changed_at FROM customers ORDER BY 1") == stamps, "not sent again"
    entries = [entry for _, _, entry in two.store.history("clients", "A2", None) if entry.event == "patched"]
    assert [(entry.field, entry.after, entry.verified) for entry in entries] == [("addressCity", "Aarhus", "read_back")]
    (alias,) = two.store.aliases("clients")
    assert alias.base["addressCity"] == alias.told["addressCity"] == "Aarhus"
    two.run(full=True)
    assert two.questions() == []


def test_a_primary_that_is_gone_gives_its_place_to_the_alias(two: World) -> None:
    (iri,) = two.clients()
    for number in range(2, 9):
        two.customer(f"C{number}", company_name=f"Firm {number}", vat_no=f"DK2000000{number}")
    two.settled()
    two.configure(f"{MAPPING}deletes: {{in_external: {{set: {{addressCity: gone}}}}, quarantine: 0}}\n")
    two.run(person=True)
    two.edit(iri, addressPhoneNumber="+45 2")
    two.erp("DELETE FROM customers WHERE customer_no = 'A1'")
    for _ in range(4):
        two.run(full=True)
    assert two.links()["A2"] == iri
    assert "A1" not in two.links()
    assert aliases(two) == {}
    assert two.store.removals("clients", open_only=False) == [], "no loss while another record of it lives"
    assert two.clients()[iri]["addressCity"] == "Odense"
    assert two.customers()["A2"]["phone"] == "+45 2", "Flowtly's edit found its way"
    assert two.customers()["A2"]["company_name"] == two.clients()[iri]["name"] or two.clients()[iri]["name"] == "Acme"
    assert [said["before"] for said in two.said("alias.promoted")] == ["A1"]
    writes = two.writes()
    two.run(full=True)
    assert two.writes() == writes
    two.erp("UPDATE customers SET city = 'Ribe' WHERE customer_no = 'A2'")
    two.run()
    assert two.clients()[iri]["addressCity"] == "Ribe", "it writes now"


def test_when_primary_and_alias_are_gone_it_is_a_loss(two: World) -> None:
    for number in range(2, 9):
        two.customer(f"C{number}", company_name=f"Firm {number}", vat_no=f"DK2000000{number}")
    two.settled()
    two.erp("DELETE FROM customers WHERE customer_no IN ('A1', 'A2')")
    for _ in range(4):
        two.run(full=True)
    assert [one.external_key for one in two.store.removals("clients", open_only=True)] == ["A1"]
    assert aliases(two) == {}
    assert [said["reason"] for said in two.said("alias.ended")] == ["its record is gone"]


def test_an_alias_that_left_the_scope_or_is_missed_once_stays_one(two: World) -> None:
    for number in range(2, 9):
        two.customer(f"C{number}", company_name=f"Firm {number}", vat_no=f"DK2000000{number}")
    two.settled()
    two.erp("ALTER TABLE customers DISABLE TRIGGER touch")
    two.erp("CREATE TABLE aside AS SELECT * FROM customers WHERE customer_no = 'A2'")
    two.erp("DELETE FROM customers WHERE customer_no = 'A2'")
    two.run(full=True)
    two.erp("INSERT INTO customers SELECT * FROM aside")
    for _ in range(3):
        two.run(full=True)
    (alias,) = two.store.aliases("clients")
    assert alias.missed_run is None
    assert len(two.clients()) == 8, "never created"


def test_taken_apart_it_is_left_alone_until_it_changes(two: World) -> None:
    assert two.store.part_alias("clients", "A2", "anna")
    for full in (False, True):
        two.run(full=full)
    assert len(two.clients()) == 1
    (iri,) = two.clients()
    two.edit(iri, addressCity="Aarhus")
    two.run()
    assert two.customers()["A2"]["city"] == "Odense"


def test_when_the_primary_is_unlinked_the_alias_is_left_alone_too(two: World) -> None:
    two.store.unlink("clients", "A1", "anna")
    for full in (False, True):
        two.run(full=full)
    assert aliases(two) == {}
    seen = two.store.observation("clients", Side.EXTERNAL, "A2")
    assert seen is not None
    assert seen.status is Status.SETTLED_ALONE
    assert len(two.clients()) == 1


def test_a_saved_plan_and_a_preview_write_to_no_alias(two: World) -> None:
    (iri,) = two.clients()
    two.edit(iri, addressCity="Aarhus")
    report = two.run(write=False)
    assert two.customers()["A2"]["city"] == "Odense"
    assert report.plan is not None
    only = frozenset(item.fingerprint for item in report.plan.items)
    two.run(only=only, strict=True)
    assert (two.customers()["A1"]["city"], two.customers()["A2"]["city"]) == ("Aarhus", "Odense")
    two.run()
    assert two.customers()["A2"]["city"] == "Aarhus"


NOTES = """
mapping: contacts
external: {resource: contacts, key: contact_no}
flowtly: {resource: client-contacts}
match: [[email]]
direction: to_flowtly
fields:
  email: mail
  name: who
  client: {external: customer_no, through: {reference: clients}}
"""


def test_what_refers_to_an_alias_in_the_erp_refers_to_the_one_record_in_flowtly(two: World) -> None:
    (iri,) = two.clients()
    two.erp("CREATE TABLE contacts (contact_no text PRIMARY KEY, mail text, who text, customer_no text)")
    two.configure(contacts=NOTES)
    two.erp(
        "INSERT INTO contacts VALUES ('P1', 'p1@example.com', 'P One', 'A1'), ('P2', 'p2@example.com', 'P Two', 'A2')"
    )
    two.run("contacts", person=True)
    two.settled("contacts")
    assert two.links("contacts").keys() == {"P1", "P2"}
    made = two.in_flowtly("GET", "client-contacts")
    assert {one["email"] for one in made} == {"p1@example.com", "p2@example.com"}
    rows = two.flowtly.state.rows("ClientContact")
    assert {one["client"] for one in rows} == {iri}
    writes = two.writes()
    two.run("contacts", full=True)
    assert two.writes() == writes


def test_a_reference_that_moves_within_one_company_is_no_edit(two: World) -> None:
    """The ERP says A2, Flowtly can only say the one record: neither is told to the other."""
    two.erp("CREATE TABLE contacts (contact_no text PRIMARY KEY, mail text, who text, customer_no text)")
    two.configure(contacts=NOTES.replace("direction: to_flowtly\n", ""))
    two.erp("INSERT INTO contacts VALUES ('P2', 'p2@example.com', 'P Two', 'A2')")
    two.run("contacts", person=True)
    two.settled("contacts")
    made = two.links("contacts")["P2"]
    two.erp("UPDATE contacts SET customer_no = 'A1', who = 'P 2' WHERE contact_no = 'P2'")
    two.settled("contacts")
    two.erp("UPDATE contacts SET customer_no = 'A2' WHERE contact_no = 'P2'")
    two.in_flowtly("PATCH", f"client-contacts/{made.rpartition('/')[2]}", {"name": "P Zwei"})
    two.settled("contacts")
    assert two.erp("SELECT who, customer_no FROM contacts") == [("P Zwei", "A2")]
    assert two.questions(name="contacts") == []


def test_a_stranger_of_flowtly_with_the_key_of_an_alias_is_not_made_again_in_the_erp(two: World) -> None:
    two.customer("A3", company_name="Acme shop", vat_no="DK10000007", city="Odense", terms=14)
    two.configure(MAPPING.replace("match:", "creates: {in_flowtly: false}\nmatch:"))
    two.run(person=True)
    make_alias(two, "A3", "A1")
    two.settled()
    two.client(name="Acme shop", tinCountry="DK", tin="10000007")
    two.run()
    assert two.customers().keys() == {"A1", "A2", "A3"}
    assert [one.kind for one in two.questions()] == ["ambiguous"]
