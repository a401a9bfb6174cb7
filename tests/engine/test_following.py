"""People merge records in Flowtly or in the ERP: links follow, nothing is made again, nothing is deleted for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from syncd import wiring_dedupe
from syncd.core.model import Side
from syncd.ports import APART, ConflictRow
from syncd.ports.parties import CaseState
from tests.engine.world import MAPPING, SETTINGS, World

PARTIES = """
mapping: clients
external: {resource: customers, key: customer_no, cursor: changed_at}
flowtly: {resource: counterparties}
match: [[displayName]]
fields:
  displayName: company_name
  tin: vat_no
  client: {external: note, direction: to_external}
deletes: {in_flowtly: delete, in_external: unlink, quarantine: 0}
"""
BARE = PARTIES.replace("  client: {external: note, direction: to_external}\n", "")
DIRECTORY = SETTINGS.replace("mappings:\n", "dedupe:\n  parties: {resource: counterparties}\nmappings:\n")
IBAN = "DK5000400440116243"
OTHER_IBAN = "DE89370400440532013000"


@pytest.fixture
def linked(world: World) -> Callable[..., dict[str, str]]:
    """Eight counterparties of Flowtly, made in the ERP by a run that a person applied; their IRIs by name."""

    def made(mapping: str = PARTIES, settings: str = DIRECTORY, **marks: dict[str, Any]) -> dict[str, str]:
        world.configure(mapping, settings)
        iris = {name: party(world, name, **marks.get(name, {})) for name in "ABCDEFGH"}
        world.run(person=True)
        world.settled()
        assert len(world.links()) == len(iris)
        return iris

    return made


def party(world: World, name: str, **fields: Any) -> str:
    """A person adds a counterparty."""
    made = world.flowtly.state.insert("Counterparty", {"displayName": name, **fields})
    return f"/api/counterparties/{made['id']}"


def client(world: World, name: str) -> str:
    """A client that counterparties may have."""
    return world.client(name=name, tinCountry="DK", tin=f"{abs(hash(name)) % 10**8:08}")


def merge(world: World, survivor: str, *losers: str) -> None:
    """A person merges counterparties in Flowtly."""
    assert world.app is not None
    world.app.connector(Side.FLOWTLY).merger().merge("counterparties", survivor, {"counterparties": list(losers)})  # type: ignore[attr-defined]


def edit(world: World, iri: str, **fields: Any) -> None:
    """A person edits a counterparty."""
    world.flowtly.state.update("Counterparty", int(iri.rpartition("/")[2]), fields)


def external(world: World, iri: str) -> str:
    """The ERP's number of a counterparty."""
    (key,) = [key for key, linked in world.links().items() if linked == iri]
    return key


def full(world: World, times: int = 1) -> None:
    """Complete readings of both sides."""
    for _ in range(times):
        world.run(full=True)


def aliases(world: World) -> dict[str, str]:
    """Alias to primary."""
    return {one.external_key: one.primary for one in world.store.aliases("clients")}


def is_quiet(world: World) -> bool:
    """True when further runs change nothing anywhere: both peers, links, questions and the ledger."""

    def everything() -> list[Any]:
        tables = ("link", "alias", "conflict", "redirect")
        rows = [world.erp_store(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]
        counted = world.erp_store("SELECT count(*) FROM ledger"), world.erp_store("SELECT count(*) FROM removal")
        return [rows, counted, world.writes(), world.erp("SELECT * FROM customers ORDER BY 1")]

    before = everything()
    full(world, 2)
    return everything() == before


def question(world: World) -> ConflictRow:
    """The one open question about a merge."""
    (asked,) = world.questions("merged")
    return asked


# --------------------------------------------------------------------- merged in Flowtly


def test_a_client_that_moved_shows_the_survivor_and_the_link_becomes_an_alias(
    world: World, linked: Callable[..., dict[str, str]]
) -> None:
    of_a = client(world, "Kunde")
    iris = linked(A={"client": of_a})
    lost, kept = external(world, iris["A"]), external(world, iris["B"])
    merge(world, iris["B"], iris["A"])
    full(world, 3)
    assert world.customers().keys() == {external(world, one) for key, one in iris.items() if key != "A"} | {lost}
    assert aliases(world) == {lost: kept}
    assert world.store.removals("clients", open_only=False) == []
    assert world.questions() == []
    (told,) = world.said("merge.followed")
    assert (told["loser"], told["survivor"], told["primary"]) == (iris["A"], iris["B"], kept)
    redirect = world.store.redirect("flowtly", "counterparties", iris["A"])
    assert redirect.by == "people"
    assert redirect.evidence["marks"] == {iris["B"]: [f"client {of_a}"]}
    assert world.customers()[lost]["company_name"] == "B", "the other record of the same has what the survivor has"
    assert is_quiet(world)
    edit(world, iris["B"], displayName="Merged")
    world.run()
    names = {key: one["company_name"] for key, one in world.customers().items()}
    assert (names[kept], names[lost]) == ("Merged", "Merged"), "written by the primary, read by all"


def test_an_account_that_moved_is_known_from_the_search_for_duplicates(
    world: World, linked: Callable[..., dict[str, str]]
) -> None:
    iris = linked(BARE, A={"bankAccounts": [IBAN]}, B={"bankAccounts": [OTHER_IBAN]})
    assert world.app is not None
    wiring_dedupe.scan(world.app, "parties")
    lost, kept = external(world, iris["A"]), external(world, iris["B"])
    merge(world, iris["B"], iris["A"])
    full(world, 3)
    assert aliases(world) == {lost: kept}
    assert world.questions() == []


def test_without_anything_known_from_before_a_person_is_asked_and_nothing_is_deleted(
    world: World, linked: Callable[..., dict[str, str]]
) -> None:
    iris = linked(BARE, SETTINGS, A={"tin": "DK13585628"}, B={"tin": "13585628"})
    lost = external(world, iris["A"])
    merge(world, iris["B"], iris["A"])
    full(world, 4)
    asked = question(world)
    assert (asked.external_key, asked.flowtly_key) == (lost, iris["A"])
    assert asked.named(Side.FLOWTLY) == {iris["A"], iris["B"]}
    assert "tin 13585628" in asked.detail
    assert lost in world.customers()
    assert world.store.removals("clients", open_only=False) == []
    (told,) = world.said("conflict.merged")
    assert iris["B"] in told["detail"]
    assert "13585628" not in told["detail"]  # what they share may be a bank account
    assert is_quiet(world)


def test_a_case_of_the_search_is_a_reason_to_ask(world: World, linked: Callable[..., dict[str, str]]) -> None:
    iris = linked(BARE, A={"tin": "DK13585628"}, B={"tin": "DK13585629"})
    for name in "AB":
        edit(world, iris[name], displayName="Nordhavn Kraner A/S")
    world.settled()
    assert world.app is not None
    wiring_dedupe.scan(world.app, "parties")
    (case,) = world.store.cases("parties", [CaseState.OPEN])
    assert {case.left, case.right} == {iris["A"], iris["B"]}
    edit(world, iris["B"], tin="DK10403782")
    merge(world, iris["B"], iris["A"])
    full(world, 3)
    assert question(world).named(Side.FLOWTLY) == {iris["A"], iris["B"]}
    assert "a case of the search" in question(world).detail


@pytest.mark.parametrize("answer", ["link", APART])
def test_the_answer_is_carried_out_and_not_asked_again(
    world: World, linked: Callable[..., dict[str, str]], answer: str
) -> None:
    iris = linked(BARE, SETTINGS, A={"tin": "DK13585628"}, B={"tin": "13585628"})
    lost, kept = external(world, iris["A"]), external(world, iris["B"])
    merge(world, iris["B"], iris["A"])
    full(world, 3)
    said = f"link {lost} = {iris['B']}" if answer == "link" else APART
    world.store.dismiss(question(world).id, said, "anna")
    full(world, 3)
    assert world.questions() == []
    if answer == "link":
        assert aliases(world) == {lost: kept}
        assert lost in world.customers()
    else:
        assert aliases(world) == {}
        (removal,) = world.store.removals("clients", open_only=False)
        assert (removal.external_key, removal.state) == (lost, "done"), "a loss like any other"
        assert lost not in world.customers()
    assert len(world.said("conflict.merged")) == 1


def test_a_record_that_is_gone_and_left_nothing_is_deleted_as_before(
    world: World, linked: Callable[..., dict[str, str]]
) -> None:
    iris = linked(A={"client": client(world, "Kunde"), "tin": "DK13585628"})
    lost = external(world, iris["A"])
    world.flowtly.state.delete("Counterparty", int(iris["A"].rpartition("/")[2]))
    full(world, 4)
    assert lost not in world.links()
    assert lost not in world.customers()
    assert world.questions() == []


def test_two_that_gained_something_are_asked_about(world: World, linked: Callable[..., dict[str, str]]) -> None:
    of_a = client(world, "Kunde")
    iris = linked(A={"client": of_a})
    lost = external(world, iris["A"])
    merge(world, iris["B"], iris["A"])
    edit(world, iris["C"], client=of_a)
    full(world, 3)
    assert question(world).named(Side.FLOWTLY) == {iris["A"], iris["B"], iris["C"]}
    assert lost in world.links()


def test_who_had_it_before_gained_nothing(world: World, linked: Callable[..., dict[str, str]]) -> None:
    of_a = client(world, "Kunde")
    iris = linked(A={"client": of_a}, C={"client": of_a})
    lost, kept = external(world, iris["A"]), external(world, iris["B"])
    merge(world, iris["B"], iris["A"])
    full(world, 3)
    assert aliases(world) == {lost: kept}, "C had this client all along"


def test_a_survivor_without_a_link_takes_it_over(world: World, linked: Callable[..., dict[str, str]]) -> None:
    only_in = BARE.replace("match:", "creates: {in_external: false}\nmatch:")
    world.configure(only_in, DIRECTORY)
    for name in "ABCDEF":
        world.customer(f"K{name}", company_name=name)
    world.run(person=True)
    world.settled()
    (lost,) = [iri for key, iri in world.links().items() if key == "KA"]
    edit(world, lost, bankAccounts=[IBAN])
    stranger = party(world, "Stranger", bankAccounts=[OTHER_IBAN])
    world.run()
    assert world.app is not None
    wiring_dedupe.scan(world.app, "parties")
    merge(world, stranger, lost)
    full(world, 3)
    assert world.links()["KA"] == stranger
    assert aliases(world) == {}
    assert world.customers()["KA"]["company_name"] == "Stranger", "what differs at the survivor flows"
    assert is_quiet(world)
    world.erp("UPDATE customers SET company_name = 'Both' WHERE customer_no = 'KA'")
    world.run()
    assert world.flowtly.state.lookup(stranger)["displayName"] == "Both"


def test_a_survivor_that_took_over_a_link_of_ours_is_deleted_on_a_persons_word_only(
    world: World, linked: Callable[..., dict[str, str]]
) -> None:
    ours = BARE.replace("in_external: unlink", "in_external: delete").replace(
        "match:", "creates: {in_external: false}\nmatch:"
    )
    world.configure(ours, DIRECTORY)
    for name in "ABCDEFGH":
        world.customer(f"K{name}", company_name=name)
    world.run(person=True)
    world.settled()
    lost = world.links()["KA"]
    edit(world, lost, bankAccounts=[IBAN])
    stranger = party(world, "Stranger")
    world.run()
    assert world.app is not None
    wiring_dedupe.scan(world.app, "parties")
    merge(world, stranger, lost)
    full(world, 3)
    assert world.links()["KA"] == stranger
    world.erp("DELETE FROM customers WHERE customer_no IN ('KA', 'KB')")
    kept = world.links()["KB"]
    full(world, 4)
    assert world.flowtly.state.lookup(stranger) is not None
    assert world.flowtly.state.lookup(kept) is None, "this one was made by us"
    (waiting,) = world.store.removals("clients", open_only=True)
    assert waiting.external_key == "KA"


def test_merged_twice_before_anybody_looked(world: World, linked: Callable[..., dict[str, str]]) -> None:
    iris = linked(A={"bankAccounts": [IBAN]}, B={"client": client(world, "Kunde")})
    assert world.app is not None
    wiring_dedupe.scan(world.app, "parties")
    merge(world, iris["B"], iris["A"])
    merge(world, iris["C"], iris["B"])
    kept = external(world, iris["C"])
    lost = {name: external(world, iris[name]) for name in "AB"}
    full(world, 3)
    assert aliases(world) == {lost["A"]: kept, lost["B"]: kept}
    assert world.questions() == []
    assert is_quiet(world)


def test_merged_again_after_it_was_followed_and_aliases_come_along(
    world: World, linked: Callable[..., dict[str, str]]
) -> None:
    iris = linked(A={"client": client(world, "Kunde")})
    lost = {name: external(world, iris[name]) for name in "AB"}
    merge(world, iris["B"], iris["A"])
    full(world, 3)
    assert aliases(world) == {lost["A"]: lost["B"]}
    merge(world, iris["C"], iris["B"])
    full(world, 3)
    kept = external(world, iris["C"])
    assert aliases(world) == {lost["A"]: kept, lost["B"]: kept}
    assert world.store.redirect("flowtly", "counterparties", iris["A"]).survivor == iris["C"]
    assert is_quiet(world)


def test_an_edit_in_the_erp_on_its_way_to_the_lost_record_is_shown_and_not_lost(
    world: World, linked: Callable[..., dict[str, str]]
) -> None:
    iris = linked(A={"client": client(world, "Kunde")})
    lost, kept = external(world, iris["A"]), external(world, iris["B"])
    merge(world, iris["B"], iris["A"])
    world.erp("UPDATE customers SET company_name = 'Last word' WHERE customer_no = %s", lost)
    full(world, 4)
    assert aliases(world) == {lost: kept}
    (asked,) = world.questions()
    assert (asked.kind, asked.external_key, asked.field) == ("alias", lost, "displayName")
    assert (asked.external, asked.flowtly) == ("Last word", "B")
    assert world.customers()[lost]["company_name"] == "Last word"
    assert is_quiet(world)


def test_an_open_question_about_the_lost_record_ends_with_it(
    world: World, linked: Callable[..., dict[str, str]]
) -> None:
    iris = linked(A={"client": client(world, "Kunde")})
    lost = external(world, iris["A"])
    world.erp("UPDATE customers SET company_name = 'Ours' WHERE customer_no = %s", lost)
    edit(world, iris["A"], displayName="Theirs")
    world.run()
    assert [one.field for one in world.questions("field")] == ["displayName"]
    merge(world, iris["B"], iris["A"])
    full(world, 3)
    assert aliases(world) == {lost: external(world, iris["B"])}
    kinds = {one.kind for one in world.questions()}
    assert "field" not in kinds
    assert kinds == {"alias", "lost_edit"}, "the ERP's word is asked about, Flowtly's is shown"
    history = [entry for _, _, entry in world.store.history("clients", lost, None)]
    assert any((entry.event, entry.before) == ("overwritten", "Theirs") for entry in history)


def test_a_survivor_outside_the_filter_is_asked_about(world: World, linked: Callable[..., dict[str, str]]) -> None:
    scoped = PARTIES.replace("{resource: counterparties}", "{resource: counterparties, where: {type: company}}")
    iris = linked(scoped, A={"client": client(world, "Kunde")})
    edit(world, iris["B"], type="person")
    full(world)
    merge(world, iris["B"], iris["A"])
    full(world, 3)
    assert external(world, iris["A"]) in world.customers()
    assert iris["B"] in question(world).detail


def test_a_preview_follows_nothing(world: World, linked: Callable[..., dict[str, str]]) -> None:
    iris = linked(A={"client": client(world, "Kunde")})
    before = world.links()
    merge(world, iris["B"], iris["A"])
    for _ in range(3):
        world.run(full=True, write=False)
    assert world.links() == before
    assert world.questions() == []
    assert world.store.removals("clients", open_only=False) == []


def test_a_record_that_comes_back_ends_the_question(world: World, linked: Callable[..., dict[str, str]]) -> None:
    iris = linked(BARE, SETTINGS, A={"tin": "DK13585628"}, B={"tin": "13585628"})
    number = int(iris["A"].rpartition("/")[2])
    row = dict(world.flowtly.state.lookup(iris["A"]))
    world.flowtly.state.delete("Counterparty", number)
    full(world, 3)
    assert question(world)
    given = {name: row[name] for name in ("displayName", "tin")}
    world.flowtly.state.insert("Counterparty", given, number)
    full(world, 2)
    assert world.questions() == []
    assert world.links()[external(world, iris["A"])] == iris["A"]


# --------------------------------------------------------------------- merged in the ERP


POINTED = MAPPING.replace("cursor: changed_at}", "cursor: changed_at, successor: replaced_by}")


@pytest.fixture
def pointing(world: World) -> World:
    """An ERP that keeps merged customers with a pointer to the survivor; six of them are linked."""
    world.erp("ALTER TABLE customers ADD COLUMN replaced_by text")
    world.configure(f"{POINTED}deletes: {{in_external: unlink, quarantine: 0}}\n")
    for number, key in enumerate("ABCDEF"):
        world.customer(key, company_name=f"Firm {key}", vat_no=f"DK1000000{number}", city="Odense")
    world.run(person=True)
    world.settled()
    return world


def merge_customers(world: World, lost: str, kept: str) -> None:
    """A person merges customers in the ERP: the lost one stays, empty, with a pointer."""
    world.erp("UPDATE customers SET replaced_by = %s, vat_no = NULL, city = NULL WHERE customer_no = %s", kept, lost)


@pytest.mark.parametrize("later", [False, True])
def test_the_link_follows_to_a_successor_without_a_link(pointing: World, *, later: bool) -> None:
    iri = pointing.links()["A"]
    if not later:  # the successor comes with the merge itself
        pointing.erp(
            "BEGIN; INSERT INTO customers (customer_no, company_name, vat_no, city, replaced_by) "
            "VALUES ('N', 'New name', 'DK20000000', 'Vejle', NULL); "
            "UPDATE customers SET replaced_by = 'N' WHERE customer_no = 'A'; COMMIT"
        )
    else:
        pointing.configure(f"{POINTED}creates: {{in_flowtly: false}}\n")
        pointing.run(person=True)
        pointing.customer("N", company_name="New name", vat_no="DK20000000", city="Vejle")
        pointing.run()
        merge_customers(pointing, "A", "N")
    pointing.settled()
    assert pointing.links()["N"] == iri
    assert "A" not in pointing.links()
    assert pointing.clients()[iri]["name"] == "New name"
    assert pointing.clients()[iri]["addressCity"] == "Vejle"
    assert pointing.customers()["N"]["terms"] == pointing.clients()[iri]["dueDays"] == 14, "what it had empty is filled"
    assert len(pointing.clients()) == 6, "nothing is made"
    assert pointing.questions() == []
    (told,) = pointing.said("link.moved")
    assert (told["before"], told["external"]) == ("A", "N")
    assert is_quiet(pointing)


def test_two_linked_customers_that_the_erp_merged_are_asked_about(pointing: World) -> None:
    links, clients = pointing.links(), pointing.clients()
    merge_customers(pointing, "A", "B")
    for whole in (False, True, False, True):
        pointing.run(full=whole)
    asked = question(pointing)
    assert (asked.external_key, asked.flowtly_key) == ("A", links["A"])
    assert asked.named(Side.FLOWTLY) == {links["A"], links["B"]}
    assert "the ERP merged A into B" in asked.detail
    assert pointing.links() == links
    assert len(pointing.clients()) == len(clients)
    assert len(pointing.said("conflict.merged")) == 1
    pointing.erp("DELETE FROM customers WHERE customer_no = 'A'")
    full(pointing, 4)
    assert pointing.links() == links, "while a person is asked no rule for deletes acts"
    assert pointing.store.removals("clients", open_only=False) == []


def test_a_customer_that_was_kept_apart_is_not_asked_about_again(pointing: World) -> None:
    merge_customers(pointing, "A", "B")
    pointing.run()
    pointing.store.dismiss(question(pointing).id, APART, "anna")
    for whole in (False, True, True):
        pointing.run(full=whole)
    assert pointing.questions("merged") == []


def test_a_merged_customer_without_a_link_is_never_created(pointing: World) -> None:
    pointing.customer("M", company_name="Merged", vat_no="DK30000000", replaced_by="B")
    pointing.customer("T", company_name="Twin", vat_no="DK10000001")
    pointing.run()
    assert len(pointing.clients()) == 6
    assert [one.external_key for one in pointing.questions("ambiguous")] == ["T"]
    merge_customers(pointing, "T", "B")
    for whole in (False, True):
        pointing.run(full=whole)
    assert len(pointing.clients()) == 6
    assert pointing.questions() == [], "the ERP answered it"
    assert is_quiet(pointing)


def test_a_chain_of_merges_leads_to_its_end_and_a_circle_nowhere(pointing: World) -> None:
    iri = pointing.links()["A"]
    links = pointing.links()
    pointing.erp(
        "INSERT INTO customers (customer_no, company_name, replaced_by) VALUES ('M', 'Middle', 'N'), ('N', 'End', NULL)"
    )
    pointing.erp("UPDATE customers SET replaced_by = 'M' WHERE customer_no = 'A'")
    pointing.erp("UPDATE customers SET replaced_by = 'C' WHERE customer_no = 'B'")
    pointing.erp("UPDATE customers SET replaced_by = 'B' WHERE customer_no = 'C'")
    pointing.settled()
    assert pointing.links()["N"] == iri
    assert {key: pointing.links()[key] for key in "BCDEF"} == {key: links[key] for key in "BCDEF"}


def test_a_merged_customer_that_the_filter_leaves_out_is_followed_too(world: World) -> None:
    world.erp("ALTER TABLE customers ADD COLUMN replaced_by text")
    scoped = POINTED.replace("cursor: changed_at,", "cursor: changed_at, where: {note: active},")
    world.configure(f"{scoped}deletes: {{in_external: unlink, quarantine: 0}}\n")
    for number, key in enumerate("ABCDEF"):
        world.customer(key, company_name=f"Firm {key}", vat_no=f"DK1000000{number}", note="active")
    world.run(person=True)
    world.settled()
    iri = world.links()["A"]
    world.erp("INSERT INTO customers (customer_no, company_name, note) VALUES ('N', 'End', 'archived')")
    world.erp("UPDATE customers SET replaced_by = 'N', note = 'archived' WHERE customer_no = 'A'")
    full(world, 3)
    assert "filter leaves out" in question(world).detail
    assert world.links()["A"] == iri
    world.erp("UPDATE customers SET note = 'active' WHERE customer_no = 'N'")
    world.run()
    assert world.links()["N"] == iri
    assert len(world.clients()) == 6, "it is not made beside that"
    assert world.questions() == []
    world.settled()
    assert is_quiet(world)


def test_an_erp_that_deletes_what_it_merged_leads_to_a_question(world: World) -> None:
    world.configure(f"{MAPPING}deletes: {{in_external: unlink, quarantine: 0}}\n")
    for number, key in enumerate("ABCDEF"):
        world.customer(key, company_name=f"Firm {key}", vat_no=f"DK1000000{number}")
    world.run(person=True)
    world.settled()
    iri = world.links()["A"]
    world.erp("DELETE FROM customers WHERE customer_no = 'A'")
    world.customer("N", company_name="Firm A again", vat_no="DK10000000")
    full(world, 4)
    asked = question(world)
    assert (asked.external_key, asked.flowtly_key) == ("A", iri)
    assert asked.named(Side.EXTERNAL) == {"A", "N"}
    assert len(world.clients()) == 6
    assert world.links()["A"] == iri
    world.store.dismiss(asked.id, f"link N = {iri}", "anna")
    world.settled()
    assert world.links()["N"] == iri
    assert world.clients()[iri]["name"] == "Firm A again"
    assert world.questions() == []
    assert is_quiet(world)
