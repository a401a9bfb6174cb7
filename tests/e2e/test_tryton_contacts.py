"""Parties of a real Tryton that are clients and contacts in Flowtly at once: two mappings over one resource, as shipped.

One world for all tests, in which children always run before their parents; each test takes companies of its own and
leaves both sides converged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from syncd.core.model import Side
from syncd.engine.run import Report
from syncd.ports import Status
from tests.e2e.tryton_cast import facts
from tests.e2e.tryton_contacts import CHILDREN_FIRST, CONTACTS, Contacts, mailed
from tests.e2e.tryton_world import MAPPING, World, built, require_tryton
from tests.support.postgres import PostgresServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

KNOWN, NEW_CONTACT, ONLY_TRYTON, OTHER_PHONE, NO_MAIL, ONLY_FLOWTLY = range(600, 606)
HERE, THERE, BOTH, CONTESTED, LOSING, PHONES = EDITED = range(606, 612)
TWINS = 620
NO_MAIL_SAID = "email: is required and empty in external"


@dataclass
class FirstDay:
    """What the contacts did while no client was linked."""

    report: Report
    events: list[tuple[str, dict[str, Any]]]
    writes: dict[str, int]
    people: dict[str, dict[str, Any]]
    statuses: dict[str, Status]


def fill(world: World) -> None:
    """Companies on one side or on both, most of them with a mail address."""
    people = Contacts(world)
    world.add_parties([*(mailed(number) for number in (KNOWN, NEW_CONTACT, ONLY_TRYTON, OTHER_PHONE)), facts(NO_MAIL)])
    world.add_parties([mailed(number) for number in EDITED])
    clients = {number: world.add_client(mailed(number)) for number in (KNOWN, NEW_CONTACT, OTHER_PHONE, *EDITED)}
    clients.update({number: world.add_client(facts(number)) for number in (NO_MAIL, ONLY_FLOWTLY)})
    people.add(clients[KNOWN], f"POST-{KNOWN}@example.com", mailed(KNOWN)["name"])
    people.add(clients[KNOWN], "invoices@example.com", "Invoices", type="billing")
    people.add(clients[OTHER_PHONE], f"post-{OTHER_PHONE}@example.com", mailed(OTHER_PHONE)["name"], phone="+45 555 9")
    people.add(clients[NO_MAIL], "somebody@example.com", "Somebody")
    people.add(clients[ONLY_FLOWTLY], "nobody@example.com", "Nobody")


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer) -> Iterator[World]:
    """Both sides filled, and nothing configured."""
    require_tryton()
    with built(tmp_path_factory.mktemp("tryton"), postgres_server, fill) as world:
        yield world


@pytest.fixture(scope="module")
def first_day(untouched: World) -> FirstDay:
    """An administrator starts with the example, and with the children."""
    world = untouched
    world.syncd("init", ".", "--system", "tryton")
    assert "all good" in world.syncd("check")
    report = world.run(CONTACTS, person=True)
    seen = {key: world.pending(Side.EXTERNAL, key, CONTACTS) for key in world.raw_parties()}
    statuses = {key: one.status for key, one in seen.items() if one is not None}
    found = FirstDay(report, [*world.events], world.flowtly_writes(), Contacts(world).all(), statuses)
    world.run(MAPPING, person=True)
    return found


@pytest.fixture
def world(untouched: World, first_day: FirstDay) -> World:
    """Everybody linked, and nothing left to do."""
    untouched.settled(*CHILDREN_FIRST)
    untouched.events.clear()
    return untouched


@pytest.fixture
def people(world: World) -> Contacts:
    """The contacts of that world."""
    return Contacts(world)


def party_of(world: World, number: int) -> str:
    """The party of a company of the cast."""
    name = facts(number)["name"]
    (key,) = [key for key, one in world.parties().items() if one["name"] == name]
    return key


def test_contacts_that_come_before_their_clients_wait_and_go_on_by_themselves(
    world: World, people: Contacts, first_day: FirstDay
) -> None:
    assert first_day.report.outcome == "done"
    assert (first_day.writes, len(first_day.people)) == ({}, 5)
    silent = party_of(world, NO_MAIL)
    assert first_day.statuses.pop(silent) is Status.PARKED
    assert set(first_day.statuses.values()) == {Status.WAITING}
    assert [one["key"] for name, one in first_day.events if name == "record.parked"] == [silent]
    world.assert_converged()
    people.assert_converged()
    contacts, links, clients = people.all(), people.links(), world.links()
    assert len(links) == 4 + len(EDITED)
    untied = {one["email"] for iri, one in contacts.items() if iri not in links.values()}
    assert untied == {"invoices@example.com", "somebody@example.com", "nobody@example.com"}
    known = contacts[links[party_of(world, KNOWN)]]
    assert known["email"] == f"POST-{KNOWN}@example.com"  # found, not made again and not tidied
    assert known["phone"] == facts(KNOWN)["addressPhoneNumber"]
    made = contacts[links[party_of(world, ONLY_TRYTON)]]
    assert (made["type"], made["client"]) == ("general", clients[party_of(world, ONLY_TRYTON)])
    (question,) = world.questions(CONTACTS)
    assert (question.external_key, question.field, question.flowtly) == (
        party_of(world, OTHER_PHONE), "phone", "+45 555 9",
    )  # fmt: skip


def test_a_party_without_a_mail_address_is_named_once_and_gets_its_contact_when_it_has_one(
    world: World, people: Contacts
) -> None:
    key = party_of(world, NO_MAIL)
    before = people.all()
    for full in (False, True):
        report = world.run(CONTACTS, full=full)
        assert report.plan is not None
        assert report.plan.items == ()
    assert world.said("record.parked") == []  # that was said on the first day
    assert [row for row in world.questions(CONTACTS) if row.external_key == key] == []
    parked = world.pending(Side.EXTERNAL, key, CONTACTS)
    assert parked is not None
    assert (parked.status, parked.problem) == (Status.PARKED, NO_MAIL_SAID)
    assert people.all() == before
    world.add_contact(key, "email", "Late@Example.com")
    world.settled(*CHILDREN_FIRST)
    made = people.all()[people.links()[key]]
    assert (made["email"], made["client"]) == ("late@example.com", world.links()[key])
    assert len(people.all()) == len(before) + 1
    people.assert_converged()


def test_a_client_that_was_only_in_flowtly_keeps_its_contact_and_its_party_gets_none(
    world: World, people: Contacts
) -> None:
    """A contact alone cannot make a party, and the party that was made of its client has no mail address."""
    key = party_of(world, ONLY_FLOWTLY)
    (contact,) = [iri for iri, one in people.all().items() if one["client"] == world.links()[key]]
    assert people.all()[contact]["email"] == "nobody@example.com"
    assert [one["type"] for one in world.raw_parties()[key]["contact_mechanisms."]] == ["phone"]
    world.add_contact(key, "email", "nobody@example.com")
    world.settled(*CHILDREN_FIRST)
    assert people.links()[key] == contact
    assert people.all()[contact]["phone"] == facts(ONLY_FLOWTLY)["addressPhoneNumber"]
    # Two names for one person is nothing to decide by rule: a person is asked, and meanwhile each side keeps its own.
    (question,) = [row for row in world.questions(CONTACTS) if row.external_key == key]
    assert (question.field, question.flowtly) == ("name", "Nobody")
    assert people.all()[contact]["name"] == "Nobody"
    people.assert_converged()


def test_edits_of_mail_and_phone_on_both_sides_all_arrive(world: World, people: Contacts) -> None:
    here, there, both = (party_of(world, number) for number in (HERE, THERE, BOTH))
    links = people.links()
    world.write_contact(here, "email", value="moved@example.com")
    people.edit(links[there], email="other@example.com")
    world.write_contact(both, "phone", value="+45 555 606 606")
    people.edit(links[both], email="both@example.com")
    world.settled(*CHILDREN_FIRST)
    contacts, wanted = people.all(), people.wanted()
    assert contacts[links[here]]["email"] == "moved@example.com"
    assert wanted[there]["email"] == "other@example.com"
    assert wanted[both]["email"] == "both@example.com"
    assert contacts[links[both]]["phone"] == "+45 555 606 606"
    assert people.links() == links
    world.assert_converged()
    people.assert_converged()


def test_the_phone_of_a_party_is_that_of_its_client_and_of_its_contact(world: World, people: Contacts) -> None:
    """One field of the party in two mappings: whichever of the three is edited, the others follow."""
    key = party_of(world, PHONES)
    contact, client = people.links()[key], world.links()[key]
    people.edit(contact, phone="+45 555 701 701")
    world.settled(*CHILDREN_FIRST)
    assert world.clients()[client]["addressPhoneNumber"] == "+45 555 701 701"
    world.edit_client(client, addressPhoneNumber="+45 555 702 702")
    world.settled(*CHILDREN_FIRST)
    assert people.all()[contact]["phone"] == "+45 555 702 702"
    # Two different edits at once: the second to arrive becomes a question, and the answer reaches all three.
    world.edit_client(client, addressPhoneNumber="+45 555 703 703")
    people.edit(contact, phone="+45 555 704 704")
    world.settled(MAPPING, CONTACTS)
    (question,) = [row for row in world.questions(CONTACTS) if row.external_key == key]
    assert (question.external, question.flowtly) == ("+45 555 703 703", "+45 555 704 704")
    people.assert_converged()
    world.syncd("conflicts", "resolve", str(question.id), "--take", "flowtly")
    world.settled(*CHILDREN_FIRST)
    assert world.clients()[client]["addressPhoneNumber"] == "+45 555 704 704"
    world.assert_converged()
    people.assert_converged()


def test_a_mail_address_edited_on_both_sides_waits_for_a_person_and_loses_nothing(
    world: World, people: Contacts
) -> None:
    key = party_of(world, CONTESTED)
    contact = people.links()[key]
    world.write_contact(key, "email", value="left@example.com")
    people.edit(contact, email="right@example.com", phone="+45 555 609 609")
    world.settled(*CHILDREN_FIRST)
    (question,) = [row for row in world.questions(CONTACTS) if row.external_key == key]
    assert (question.field, question.external, question.flowtly) == ("email", "left@example.com", "right@example.com")
    assert people.wanted()[key]["email"] == "left@example.com"
    assert people.wanted()[key]["phone"] == "+45 555 609 609"
    people.assert_converged()
    world.syncd("conflicts", "resolve", str(question.id), "--take", "external")
    world.settled(*CHILDREN_FIRST)
    assert people.all()[contact]["email"] == "left@example.com"
    people.assert_converged()


def test_a_mail_address_that_is_taken_away_leaves_the_contact_and_holds_its_edits(
    world: World, people: Contacts
) -> None:
    key = party_of(world, LOSING)
    contact = people.links()[key]
    before = people.all()[contact]
    world.write_contact(key, "email", active=False)
    world.settled(*CHILDREN_FIRST)
    assert [(one["key"], one["field"]) for one in world.said("record.parked")] == [(key, "email")]
    assert people.all()[contact] == before
    people.edit(contact, phone="+45 555 610 610")
    world.settled(*CHILDREN_FIRST)
    assert world.parties()[key]["addressPhoneNumber"] == facts(LOSING)["addressPhoneNumber"]  # held, not lost
    assert people.links()[key] == contact
    world.add_contact(key, "email", "back@example.com")
    world.settled(*CHILDREN_FIRST)
    assert people.all()[contact]["email"] == "back@example.com"
    assert world.parties()[key]["addressPhoneNumber"] == "+45 555 610 610"
    people.assert_converged()


def test_a_contact_of_a_client_that_is_not_linked_waits_and_nothing_is_made_beside_it(
    world: World, people: Contacts
) -> None:
    """Two parties are like the client, so a person has to say which one it is."""
    kept, twin = world.add_parties([mailed(TWINS), mailed(TWINS, name="Twin A/S", email="twin@example.com")])
    client = world.add_client(mailed(TWINS))
    contact = people.add(client, f"post-{TWINS}@example.com", mailed(TWINS)["name"], title="Owner")
    before = people.all()
    world.settled(*CHILDREN_FIRST)
    assert [row.kind for row in world.questions() if row.external_key in {kept, twin}] == ["ambiguous"]
    assert world.questions(CONTACTS) == [row for row in world.questions(CONTACTS) if row.external_key != kept]
    for side, key in ((Side.FLOWTLY, contact), (Side.EXTERNAL, kept), (Side.EXTERNAL, twin)):
        waiting = world.pending(side, key, CONTACTS)
        assert waiting is not None
        assert waiting.status is Status.WAITING
    assert people.all() == before
    world.erp.merge(int(twin), int(kept))
    world.alone.add(twin)
    world.settled(*CHILDREN_FIRST)
    assert people.links()[kept] == contact
    assert set(people.all()) == set(before)
    assert people.all()[contact]["title"] == "Owner"
    world.assert_converged()
    people.assert_converged()


def test_an_idle_run_of_both_writes_nothing_on_either_side(world: World, people: Contacts) -> None:
    before = world.raw_parties(), world.clients(), people.all(), world.links(), people.links()
    world.flowtly.reset_requests()
    for full in (True, False):
        for name in CHILDREN_FIRST:
            report = world.run(name, full=full)
            assert report.plan is not None
            assert not report.plan.pending
    assert world.flowtly_writes() == {}
    assert world.flowtly.requests["GET /client-contacts"] > 0
    assert (world.raw_parties(), world.clients(), people.all(), world.links(), people.links()) == before
