"""Strangers by evidence: what looks alike is proposed once, asked about later, and never made blindly beside itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from syncd.core.model import Side
from syncd.core.plan import Kind
from syncd.engine.kin import Kin
from syncd.engine.nearness import Near, near
from syncd.mapping.evidence import EvidenceSpec
from syncd.ports import APART, ConflictRow
from tests.engine.world import MAPPING, SETTINGS, World

EVIDENCE = MAPPING.replace(
    "match: [[vat], [name, country]]",
    "match: [[invoiceComment]]\n"
    "evidence: {name: name, tin: vat, country: country, city: addressCity, phone: addressPhoneNumber}",
).replace("  dueDays: terms\n", "  dueDays: terms\n  invoiceComment: note\n")
TINS = ("10000009", "10000017", "10000025", "10000033")  # valid as Danish numbers


@pytest.fixture
def alike(world: World) -> World:
    """A world whose mapping has evidence, not approved yet."""
    world.configure(EVIDENCE)
    return world


@pytest.fixture
def known(alike: World) -> World:
    """The same, approved, with one linked customer."""
    alike.customer("C1", company_name="Ada Maskiner ApS", vat_no=f"DK{TINS[0]}", city="Odense")
    alike.run(person=True)
    assert list(alike.links()) == ["C1"]
    return alike


def quiet(world: World) -> None:
    """Further runs, full ones too, ask nothing, link nothing and write nothing."""
    writes, asked, links = world.writes(), len(world.said("match.ask")), world.links()
    for full in (False, True, False):
        report = world.run(full=full)
        assert report.plan is not None
        assert not report.plan.pending, [item.detail or item.reason for item in report.plan.items]
    assert (world.writes(), len(world.said("match.ask")), world.links()) == (writes, asked, links)


def answer(world: World, row: ConflictRow, word: str) -> None:
    """A person's answer."""
    world.store.dismiss(row.id, word, "tester")


def test_a_good_fit_is_linked_by_the_first_plan_that_a_person_applies(alike: World) -> None:
    alike.customer("C1", company_name="Ada Maskiner ApS", vat_no=f"DK{TINS[0]}", phone="65 12 34 56")
    iri = alike.client(name="ADA MASKINER A.p.S.", tinCountry="DK", tin=TINS[0])
    shown = alike.run(write=False).plan
    assert shown is not None
    (link,) = [item for item in shown.items if item.kind is Kind.LINK]
    assert link.reason == "probable by evidence (T1)"
    assert shown.count(Kind.CREATE) == 0
    alike.run(person=True)
    assert alike.links() == {"C1": iri}
    assert len(alike.clients()) == 1
    assert alike.clients()[iri]["addressPhoneNumber"] == "65 12 34 56"


def test_a_good_fit_is_only_asked_about_later_and_can_be_linked(alike: World) -> None:
    alike.run(person=True)
    alike.customer("C1", company_name="Ada Maskiner ApS", vat_no=f"DK{TINS[0]}")
    iri = alike.client(name="ADA MASKINER A.p.S.", tinCountry="DK", tin=TINS[0])
    alike.run()
    (question,) = alike.questions()
    assert (question.kind, question.external_key, question.flowtly_key) == ("probable", "C1", iri)
    assert "the same valid tax number" in question.detail
    assert TINS[0] not in question.detail
    assert (alike.links(), len(alike.clients()), len(alike.customers())) == ({}, 1, 1)
    quiet(alike)
    answer(alike, question, f"link C1 = {iri}")
    alike.run()
    assert alike.links() == {"C1": iri}
    alike.settled()
    assert len(alike.clients()) == len(alike.customers()) == 1


def test_those_that_are_said_to_be_apart_are_created_and_never_asked_about_again(alike: World) -> None:
    alike.customer("C1", company_name="Ada Maskiner ApS", city="Odense")
    alike.client(name="Ada Maskiner", addressCity="Odense")
    alike.run(person=True)
    (question,) = alike.questions()
    assert question.kind == "probable"
    assert (alike.links(), len(alike.clients()), len(alike.customers())) == ({}, 1, 1)
    answer(alike, question, APART)
    alike.run()
    alike.settled()
    assert (len(alike.links()), len(alike.clients()), len(alike.customers())) == (2, 2, 2)
    assert alike.questions() == []
    quiet(alike)
    # They are told apart for good: a later edit of a name, and even the end of a link, ask nothing about these two.
    alike.erp("UPDATE customers SET company_name = 'Ada Maskiner AS' WHERE customer_no = 'C1'")
    alike.settled()
    assert alike.questions() == []


def test_two_that_fit_one_are_asked_about_together_and_neither_is_linked(alike: World) -> None:
    alike.customer("C1", company_name="Ada Maskiner ApS", vat_no=f"DK{TINS[0]}")
    alike.customer("C2", company_name="ADA Maskiner ApS", vat_no=f"DK {TINS[0]}")
    iri = alike.client(name="Ada Maskiner A.p.S.", tinCountry="DK", tin=TINS[0])
    alike.run(person=True)
    (question,) = alike.questions()
    assert question.kind == "ambiguous"
    assert question.named(Side.EXTERNAL) == {"C1", "C2"}
    assert question.named(Side.FLOWTLY) == {iri}
    assert (alike.links(), len(alike.clients())) == ({}, 1)
    quiet(alike)
    answer(alike, question, f"link C2 = {iri}")
    alike.run()
    assert alike.links() == {"C2": iri}
    alike.run()
    (rest,) = [row for row in alike.questions() if row.kind != "field"]  # their names differ, which is asked as ever
    assert (rest.kind, rest.external_key) == ("duplicate", "C1")
    assert rest.named(Side.FLOWTLY) == {iri}
    assert len(alike.clients()) == 1


def test_one_pair_is_linked_though_a_third_looks_a_little_like_it(alike: World) -> None:
    alike.customer("C1", company_name="Ada Maskiner ApS", vat_no=f"DK{TINS[0]}")
    alike.customer("C2", company_name="Ada Maskiner")
    iri = alike.client(name="Ada Maskiner A.p.S.", tinCountry="DK", tin=TINS[0])
    alike.run(person=True)
    assert alike.links() == {"C1": iri}
    (question,) = alike.questions("duplicate")
    assert question.external_key == "C2"
    assert question.named(Side.EXTERNAL) == {"C1", "C2"}
    quiet(alike)


def test_a_newcomer_like_a_linked_record_is_asked_about_and_made_once_it_is_told_apart(known: World) -> None:
    known.customer("C2", company_name="ADA Maskiner", city="Odense")
    known.run()
    (question,) = known.questions()
    assert (question.kind, question.external_key, question.flowtly_key) == ("duplicate", "C2", None)
    assert question.named(Side.EXTERNAL) == {"C1", "C2"}
    assert question.named(Side.FLOWTLY) == {known.links()["C1"]}
    assert "double" in question.detail
    assert (len(known.clients()), len(known.links())) == (1, 1)
    quiet(known)
    answer(known, question, APART)
    known.run()
    assert (sorted(known.links()), len(known.clients())) == (["C1", "C2"], 2)
    known.settled()
    assert known.questions() == []
    quiet(known)


def test_a_newcomer_that_is_the_same_as_a_linked_record_becomes_its_alias(known: World) -> None:
    iri = known.links()["C1"]
    known.customer("C2", company_name="ADA Maskiner", city="Odense")
    known.run()
    (question,) = known.questions()
    answer(known, question, f"link C2 = {iri}")
    known.run()
    (alias,) = known.store.aliases("clients")
    assert (alias.external_key, alias.primary, alias.flowtly_key) == ("C2", "C1", iri)
    assert known.links() == {"C1": iri}
    assert len(known.clients()) == 1
    assert known.customers()["C2"]["company_name"] == "ADA Maskiner"
    assert known.said("alias.made") == [{"external": "C2", "primary": "C1", "flowtly": iri}]
    known.settled()
    assert known.questions() == []
    quiet(known)
    assert len(known.said("alias.made")) == 1


def test_a_newcomer_in_flowtly_like_a_linked_record_is_not_made_in_the_erp(known: World) -> None:
    iri = known.client(name="Ada Maskiner", addressCity="Odense")
    known.run()
    (question,) = known.questions()
    assert (question.kind, question.external_key, question.flowtly_key) == ("duplicate", None, iri)
    assert list(known.customers()) == ["C1"]
    quiet(known)
    answer(known, question, APART)
    known.run()
    assert len(known.customers()) == 2
    assert iri in known.links().values()
    quiet(known)


def test_two_newcomers_of_one_side_are_not_made_twice_on_the_other(alike: World) -> None:
    alike.run(person=True)
    alike.customer("C1", company_name="Ada Maskiner ApS", vat_no=f"DK{TINS[0]}")
    alike.customer("C2", company_name="ADA MASKINER", vat_no=f"DK{TINS[0]}")
    alike.customer("C3", company_name="Nordlys Fisk ApS")
    alike.run()
    (question,) = alike.questions()
    assert question.kind == "ambiguous"
    assert question.named(Side.EXTERNAL) == {"C1", "C2"}
    assert list(alike.links()) == ["C3"]
    answer(alike, question, APART)
    alike.run()
    assert sorted(alike.links()) == ["C1", "C2", "C3"]
    quiet(alike)


def test_two_valid_tax_numbers_that_differ_are_two_companies(alike: World) -> None:
    alike.customer("C1", company_name="Ada Maskiner ApS", vat_no=f"DK{TINS[0]}", city="Odense", phone="65123456")
    other = {"addressCity": "Odense", "addressPhoneNumber": "65123456"}
    alike.client(name="Ada Maskiner ApS", tinCountry="DK", tin=TINS[1], **other)
    alike.run(person=True)
    assert alike.questions() == []
    assert (len(alike.links()), len(alike.clients()), len(alike.customers())) == (2, 2, 2)


def test_without_evidence_or_likeness_strangers_are_created_as_ever(alike: World) -> None:
    alike.customer("C1", company_name="Ada Maskiner ApS", city="Odense")
    alike.client(name="Nordlys Fisk ApS", addressCity="Odense")
    alike.run(person=True)
    assert (len(alike.links()), alike.questions()) == (2, [])
    plain = EVIDENCE.replace(next(line for line in EVIDENCE.splitlines() if line.startswith("evidence")) + "\n", "")
    alike.configure(plain)
    alike.customer("C2", company_name="ADA Maskiner", city="Odense")
    alike.run(person=True)
    assert (len(alike.links()), alike.questions()) == (3, [])


def test_a_run_without_news_compares_nothing(known: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A question that stands is not thought about again, however long nobody answers it."""
    searches = []

    def noted(spec: EvidenceSpec, asking: Sequence[Kin], everyone: Iterable[Kin]) -> Near:
        searches.append(asking)
        return near(spec, asking, everyone)

    monkeypatch.setattr("syncd.engine.likeness.near", noted)
    known.run()
    known.customer("C2", company_name="ADA Maskiner", city="Odense")
    assert searches == []
    known.run()
    assert len(searches) == 1
    known.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    known.run()
    known.run(full=True)
    assert len(searches) == 1
    known.customer("C3", company_name="Nordlys Fisk ApS")
    known.run()
    assert len(searches) == 2
    assert sorted(known.links()) == ["C1", "C3"]
    assert len(known.said("match.ask")) == 1


def test_who_looked_like_a_record_that_is_gone_is_created_after_all(alike: World) -> None:
    for name in ("Nordlys Fisk ApS", "Vestkysten Byg A/S", "Bager Holm", "Elektro Syd"):
        alike.customer(name[:4], company_name=name)
    alike.customer("C1", company_name="Ada Maskiner ApS", city="Odense")
    iri = alike.client(name="Ada Maskiner", addressCity="Odense")
    alike.run(person=True)
    assert len(alike.questions()) == 1
    alike.in_flowtly("DELETE", f"clients/{iri.rpartition('/')[2]}")
    for _ in range(3):
        alike.run(full=True)
    assert "C1" in alike.links()
    assert alike.questions() == []


def test_who_is_edited_until_he_looks_like_nobody_is_created(known: World) -> None:
    known.customer("C2", company_name="ADA Maskiner", city="Odense")
    known.run()
    assert len(known.questions()) == 1
    known.erp("UPDATE customers SET company_name = 'Nordlys Fisk ApS', city = 'Skagen' WHERE customer_no = 'C2'")
    known.settled()
    assert sorted(known.links()) == ["C1", "C2"]
    assert known.questions() == []


def test_a_dismissed_question_makes_nothing_and_is_not_asked_again(known: World) -> None:
    known.customer("C2", company_name="ADA Maskiner", city="Odense")
    known.run()
    (question,) = known.questions()
    answer(known, question, "dismissed")
    quiet(known)
    assert (len(known.clients()), known.questions()) == (1, [])


def test_a_newcomer_like_those_that_are_asked_about_joins_their_question(alike: World) -> None:
    alike.run(person=True)
    alike.customer("C1", company_name="Ada Maskiner ApS", city="Odense")
    iri = alike.client(name="Ada Maskiner", addressCity="Odense")
    alike.run()
    assert [row.kind for row in alike.questions()] == ["probable"]
    alike.customer("C0", company_name="ADA Maskiner ApS")
    alike.run()
    assert alike.links() == {}
    assert {"C0"} == {key for row in alike.questions() for key in row.named(Side.EXTERNAL)} - {"C1"}
    assert len(alike.clients()) == 1
    quiet(alike)
    newest = alike.questions()[-1]
    answer(alike, newest, f"link C1 = {iri}")
    alike.run()
    assert alike.links() == {"C1": iri}
    assert len(alike.clients()) == 1


def test_nobody_is_made_beside_a_create_whose_answer_was_lost(alike: World) -> None:
    alike.configure(EVIDENCE, SETTINGS.replace("listing_grace: 0s", "listing_grace: 1h"))
    alike.run(person=True)
    alike.flowtly.faults.add("listing_delay", method="POST", path="/clients", times=1, requests=30)
    alike.flowtly.faults.add("status_after", method="POST", path="/clients", times=1, status=504)
    alike.customer("C1", company_name="Ada Maskiner ApS", vat_no=f"DK{TINS[0]}", note="one")
    alike.run()
    assert len(alike.store.open_operations("clients")) == 1
    alike.customer("C2", company_name="ADA Maskiner", vat_no=f"DK{TINS[0]}")
    for _ in range(20):
        alike.run()
    assert list(alike.links()) == ["C1"]
    assert len(alike.clients()) == 1
    assert [(row.kind, row.external_key) for row in alike.questions()] == [("duplicate", "C2")]


def test_one_way_what_rests_in_flowtly_is_found_and_its_doubles_there_are_no_question(alike: World) -> None:
    one_way = EVIDENCE.replace("flowtly: {resource: clients}", "flowtly: {resource: clients}\ndirection: to_flowtly")
    alike.configure(one_way)
    iri = alike.client(name="Ada Maskiner A.p.S.", tinCountry="DK", tin=TINS[0])
    alike.client(name="Nordlys Fisk ApS", addressCity="Skagen")
    alike.client(name="Nordlys Fisk", addressCity="Skagen")
    alike.run(person=True)
    assert alike.questions() == []
    alike.customer("C1", company_name="Ada Maskiner ApS", vat_no=f"DK{TINS[0]}")
    alike.run()
    (question,) = alike.questions()
    assert (question.kind, question.external_key, question.flowtly_key) == ("probable", "C1", iri)
    assert len(alike.clients()) == 3


def test_what_a_person_unlinked_is_not_linked_again_by_evidence(known: World) -> None:
    iri = known.links()["C1"]
    known.store.unlink("clients", "C1", "tester")
    known.customer("C2", company_name="ADA Maskiner ApS", vat_no=f"DK{TINS[0]}")
    known.configure(EVIDENCE.replace("dueDays: terms", "dueDays: {external: terms, conflict: external}"))
    known.run(person=True)
    assert iri not in known.links().values()
    assert len(known.clients()) == 1
    assert "C2" in {key for row in known.questions() for key in row.named(Side.EXTERNAL)}


def test_match_keys_that_a_person_told_apart_make_two_records(world: World) -> None:
    """The same answer works where a match key asks, also without evidence."""
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000009")
    world.run(person=True)
    world.customer("C2", company_name="School of Ada", vat_no="DK10000009")
    world.settled()
    (question,) = world.questions("ambiguous")
    assert question.named(Side.EXTERNAL) == {"C1", "C2"}
    answer(world, question, APART)
    world.settled()
    assert sorted(world.links()) == ["C1", "C2"]
    assert len(world.clients()) == 2
    assert world.questions() == []


def test_whoever_would_double_two_linked_records_is_asked_about_both(world: World) -> None:
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000009")
    world.run(person=True)
    world.customer("C2", company_name="School of Ada", vat_no="DK10000009")
    world.settled()
    answer(world, world.questions("ambiguous")[0], APART)
    world.settled()
    world.customer("C3", company_name="Ada Canteen", vat_no="DK10000009")
    asked = []
    for _ in range(2):
        world.settled()
        (question,) = world.questions("ambiguous")
        asked += question.named(Side.EXTERNAL) - {"C3"}
        answer(world, question, APART)
    assert sorted(asked) == ["C1", "C2"]
    world.settled()
    assert sorted(world.links()) == ["C1", "C2", "C3"]


def test_a_question_shows_no_value_of_a_sensitive_field(alike: World) -> None:
    alike.configure(EVIDENCE.replace("vat: {external: vat_no,", "vat: {external: vat_no, sensitive: true,"))
    alike.customer("C1", company_name="Ada Maskiner ApS", vat_no=f"DK{TINS[0]}")
    alike.customer("C2", company_name="Ada Maskiner", city="Odense")
    alike.customer("C3", company_name="ADA MASKINER ApS", vat_no=f"DK{TINS[1]}")
    alike.run(person=True)
    asked = [str(fields) for fields in alike.said("match.ask")]
    assert asked
    assert not any(tin in text for tin in TINS for text in asked)
