"""What follows our own merges: links, aliases, references of other mappings. Nothing of it is anybody's edit."""

from __future__ import annotations

import pytest

from syncd.ports.merges import MergeState
from tests.engine.merging import CLIENTS, FILLERS, ITEM, ONE, Desks, alike, book, linked, settings
from tests.engine.world import World

BOOKINGS = """
mapping: bookings
external: {resource: bookings, key: id}
flowtly: {resource: transactions}
match: [[description]]
creates: {in_flowtly: false, in_external: false}
fields:
  counterparty: {external: customer_no, through: {reference: clients}}
  description: text
"""

BARE = """
mapping: clients
external: {resource: customers, key: customer_no}
flowtly: {resource: counterparties}
match: [[corporateWebsiteUrl]]
fields:
  corporateWebsiteUrl: city
deletes: {in_external: delete, quarantine: 3}
"""


@pytest.fixture
def desks(world: World) -> Desks:
    world.configure(CLIENTS, settings())
    return Desks(world)


def test_the_link_of_the_loser_follows_and_the_next_runs_are_quiet(desks: Desks) -> None:
    desks.world.configure(f"{CLIENTS}creates: {{in_external: false}}\n", settings())
    links = linked(desks, "A")
    survivor = desks.party(bankAccounts=[ONE])
    desks.edit(links["A"], displayName="Hav Kaffe ApS", tin="DK13585628")
    book(desks, survivor)
    desks.world.settled()
    (approved,) = desks.approved()
    assert (approved.plan.survivor, approved.plan.loser) == (survivor, links["A"])
    assert desks.merge().outcome == "done"
    assert desks.world.links()["A"] == survivor
    assert desks.told("merge.followed")[0]["alias"] is False
    desks.world.settled()
    before = desks.world.writes()
    report = desks.world.run(full=True)
    assert (report.plan.pending if report.plan else None, desks.world.writes()) == (False, before)
    assert desks.world.questions() == []
    desks.edit(survivor, displayName="Hav Kaffe A/S")
    desks.world.settled()
    assert desks.world.customers()["A"]["company_name"] == "Hav Kaffe A/S"


def booked(desks: Desks) -> dict[str, str]:
    """Two linked counterparties that are alike, and a booking of each in the ERP, linked to its transaction."""
    world = desks.world
    world.erp("CREATE TABLE bookings (id serial PRIMARY KEY, customer_no text, text text)")
    world.configure(CLIENTS, settings(), bookings=BOOKINGS)
    links = linked(desks, "A", "B")
    for customer in ("A", "B"):
        book(desks, links[customer], f"of {customer}")
        world.erp("INSERT INTO bookings (customer_no, text) VALUES (%s, %s)", customer, f"of {customer}")
    world.run("bookings", person=True)
    world.settled("bookings")
    assert len(world.links("bookings")) == 2
    alike(desks, *links.values())
    return links


def undisturbed(desks: Desks) -> None:
    """Nothing was written to the ERP's bookings and customers, and nothing is left to do."""
    writes = desks.world.writes()
    for name in ("clients", "bookings"):
        desks.world.settled(name)
        assert desks.world.questions(name=name) == []
    assert desks.world.writes() == writes
    rows = desks.world.erp("SELECT customer_no, text FROM bookings")
    assert sorted(rows) == [("A", "of A"), ("B", "of B")]
    assert sorted(desks.world.customers()) == ["A", "B", *FILLERS]


def test_two_linked_records_become_one_with_an_alias_and_no_reference_of_the_erp_is_written(desks: Desks) -> None:
    """Flowtly moves the loser's transactions to the survivor by itself; that is nobody's edit of a booking."""
    links = booked(desks)
    (approved,) = desks.approved()
    assert desks.merge().outcome == "done"
    (kept,) = [customer for customer, iri in links.items() if iri == approved.plan.survivor]
    assert {iri for key, iri in desks.world.links().items() if key in links} == {approved.plan.survivor}
    (alias,) = desks.store.aliases("clients")
    assert (alias.external_key, alias.primary) == (({*links} - {kept}).pop(), kept)
    undisturbed(desks)


SITES = f"{CLIENTS}  corporateWebsiteUrl: city\n"


def with_sites(desks: Desks) -> tuple[str, str]:
    """Two linked counterparties that are alike, each with a web site of its own; who survives, and the other one."""
    desks.world.configure(SITES, settings())
    links = linked(desks, "A", "B")
    alike(desks, *links.values())
    for customer, iri in links.items():
        desks.edit(iri, corporateWebsiteUrl=f"https://{customer}.example")
    desks.world.settled()
    (approved,) = desks.approved()
    (kept,) = [customer for customer, iri in links.items() if iri == approved.plan.survivor]
    (other,) = {*links} - {kept}
    return kept, other


def test_the_record_that_becomes_an_alias_gets_what_the_survivor_has_in_the_next_run(desks: Desks) -> None:
    kept, other = with_sites(desks)
    assert desks.merge().outcome == "done"
    desks.world.run()
    assert desks.world.customers()[other]["city"] == f"https://{kept}.example"
    entries = [entry for _, _, entry in desks.store.history("clients", other, None) if entry.rule == "alias"]
    assert [(one.event, one.field, one.before, one.after) for one in entries] == [
        ("patched", "corporateWebsiteUrl", f"https://{other}.example", f"https://{kept}.example")
    ]
    undone = desks.world.writes()
    desks.world.settled()
    desks.world.run(full=True)
    assert (desks.world.writes(), desks.world.questions()) == (undone, [])
    assert desks.world.customers()[kept]["city"] == f"https://{kept}.example"


def test_what_was_typed_into_the_record_that_becomes_an_alias_is_asked_about(desks: Desks) -> None:
    kept, other = with_sites(desks)
    desks.world.erp("UPDATE customers SET city = 'typed' WHERE customer_no = %s", other)
    assert desks.merge().outcome == "done", "nobody had read it yet"
    for full in (False, True):
        desks.world.run(full=full)
    (asked,) = desks.world.questions()
    assert (asked.kind, asked.external_key, asked.field) == ("alias", other, "corporateWebsiteUrl")
    assert (asked.external, asked.flowtly) == ("typed", f"https://{kept}.example")
    assert desks.world.customers()[other]["city"] == "typed"
    assert desks.row(desks.world.links()[kept])["corporateWebsiteUrl"] == f"https://{kept}.example"


def test_a_survivor_whose_own_customer_is_proven_gone_goes_on_with_the_one_of_the_merged(desks: Desks) -> None:
    """The loss was proven before the merge, and its quarantine ends after it: by then the record lives on."""
    kept = desks.party(corporateWebsiteUrl="1")
    lost = desks.party(corporateWebsiteUrl="2")
    for number in range(3, 10):
        desks.party(displayName=f"Firm {number}", tin=None, corporateWebsiteUrl=f"{number}")
    desks.world.configure(BARE, settings())
    desks.world.run(person=True)
    desks.world.settled()
    links = {iri: customer for customer, iri in desks.world.links().items()}
    desks.world.erp("DELETE FROM customers WHERE customer_no = %s", links[kept])
    for _ in range(2):
        desks.world.run(full=True)
    assert [one.flowtly_key for one in desks.store.removals("clients", open_only=True)] == [kept]
    (approved,) = desks.approved()
    assert (approved.plan.survivor, desks.merge().outcome) == (kept, "done")
    assert desks.store.removals("clients", open_only=True) == []
    for _ in range(5):
        desks.world.run(full=True, beyond_caps=True)
    assert desks.world.links()[links[lost]] == kept
    assert desks.row(kept) is not None


def test_runs_between_the_call_and_its_recovery_take_nothing_for_an_edit_or_a_loss(desks: Desks) -> None:
    booked(desks)
    (approved,) = desks.approved()
    rule = desks.world.flowtly.faults.add("status", status=500, method="GET", path=ITEM, after_nth=4)
    desks.merge()
    desks.world.flowtly.faults.remove(rule.id)
    assert (desks.one(approved).state, desks.row(approved.plan.loser)) == (MergeState.SENDING, None)
    for _ in range(3):
        for name in ("clients", "bookings"):
            desks.world.run(name, full=True)
    assert desks.world.erp("SELECT customer_no FROM bookings ORDER BY 1") == [("A",), ("B",)]
    assert desks.store.removals("clients", open_only=True) == []
    assert desks.merge().outcome == "done"
    assert desks.one(approved).state is MergeState.DONE
    undisturbed(desks)
