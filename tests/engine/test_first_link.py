"""The first link: who is who, nothing created or linked unseen, nothing ambiguous linked ever."""

from __future__ import annotations

import pytest

from syncd.core.model import Side
from syncd.core.plan import Kind
from tests.engine.world import World


def test_nothing_happens_anywhere_before_a_person_approved_the_plan(world: World) -> None:
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    world.client(name="Ada ApS", tinCountry="DK", tin="10000001")
    world.client(name="Only There AB")
    before = world.writes()
    report = world.run()
    assert report.outcome == "awaiting_approval"
    assert report.plan is not None
    assert report.plan.count(Kind.LINK) == 1
    assert report.plan.count(Kind.CREATE, Side.EXTERNAL) == 1
    assert world.links() == {}
    assert world.writes() == before
    assert list(world.customers()) == ["C1"]


def test_planning_writes_nothing_and_says_everything(world: World) -> None:
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense")
    world.customer("C2", company_name="New ApS", vat_no="DK10000002")
    iri = world.client(name="Ada ApS", tinCountry="DK", tin="10000001", addressPhoneNumber="123")
    report = world.run(write=False)
    assert report.plan is not None
    kinds = [(item.kind, item.side, item.reason) for item in report.plan.items]
    assert (Kind.LINK, None, "certain by vat") in kinds
    assert (Kind.CREATE, Side.FLOWTLY, "only_here") in kinds
    patches = {
        item.side: {c.field: c.after for c in item.changes} for item in report.plan.items if item.kind is Kind.PATCH
    }
    assert patches[Side.FLOWTLY]["addressCity"] == "Odense"
    assert patches[Side.EXTERNAL]["addressPhoneNumber"] == "123"
    assert world.links() == {}
    assert world.clients()[iri].get("addressCity") is None


def test_applying_links_creates_on_both_sides_and_fills_gaps(world: World) -> None:
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense", terms=14)
    world.customer("C2", company_name="New ApS", vat_no="DK10000002", terms=30)
    iri = world.client(name="Ada ApS", tinCountry="DK", tin="10000001", addressPhoneNumber="123", dueDays=14)
    world.client(name="There Only AB", tinCountry="SE", tin="5560000001", country="SE", currency="SEK", dueDays=20)
    report = world.run(person=True)
    assert report.outcome == "done"
    assert world.links()["C1"] == iri
    assert len(world.links()) == 3
    assert world.diverged() == []
    (created,) = [row for key, row in world.customers().items() if key.startswith("N")]
    assert created["vat_no"] == "SE5560000001"
    assert created["currency_code"] == "SEK"
    assert len(world.named("New ApS")) == 1


def test_the_next_full_run_writes_nothing(world: World) -> None:
    """Law 1."""
    for number in range(20):
        world.customer(f"C{number}", company_name=f"Firm {number}", vat_no=f"DK1000{number:04}", terms=14)
    for number in range(10, 30):
        world.client(name=f"Firm {number}", tinCountry="DK", tin=f"1000{number:04}", dueDays=14)
    world.run(person=True)
    writes, stamps = world.writes(), world.erp("SELECT sum(xmin::text::bigint) FROM customers")
    links = world.erp_store("SELECT count(*), sum(xmin::text::bigint) FROM link")
    for full in (True, False):
        report = world.run(full=full)
        assert report.outcome == "done"
        assert report.plan is not None
        assert not report.plan.pending
    assert world.writes() == writes
    assert world.erp("SELECT sum(xmin::text::bigint) FROM customers") == stamps
    assert world.erp_store("SELECT count(*), sum(xmin::text::bigint) FROM link") == links


def test_two_sources_with_one_match_key_are_asked_about_and_never_linked(world: World) -> None:
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    world.customer("C2", company_name="Ada again ApS", vat_no="DK10000001")
    world.client(name="Ada ApS", tinCountry="DK", tin="10000001")
    world.run(person=True)
    assert world.links() == {}
    assert len(world.clients()) == 1
    (question,) = world.questions("ambiguous")
    assert "C1" in question.detail
    assert "C2" in question.detail
    world.settled()
    assert world.links() == {}


def test_an_ambiguous_pair_can_be_linked_by_hand(world: World) -> None:
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    world.customer("C2", company_name="Ada again ApS", vat_no="DK10000001")
    iri = world.client(name="Ada ApS", tinCountry="DK", tin="10000001")
    world.run(person=True)
    (question,) = world.questions("ambiguous")
    world.store.dismiss(question.id, f"link C2 = {iri}", "tester")
    world.run()
    assert world.links() == {"C2": iri}
    world.settled()
    assert world.links() == {"C2": iri}


def test_a_newcomer_with_the_key_of_a_linked_record_is_not_created_twice(approved: World) -> None:
    world = approved
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    world.settled()
    world.customer("C2", company_name="Ada second ApS", vat_no="DK10000001")
    world.settled()
    assert list(world.links()) == ["C1"]
    assert len(world.clients()) == 1
    assert "C1" in world.questions("ambiguous")[0].detail


def test_a_probable_match_is_linked_on_approval_but_only_asked_by_the_daemon(world: World) -> None:
    world.customer("C1", company_name="No Vat ApS")
    first = world.client(name="No vat  APS")
    world.run(person=True)
    assert world.links() == {"C1": first}
    world.customer("C2", company_name="Later ApS")
    second = world.client(name="Later ApS")
    world.settled()
    assert "C2" not in world.links()
    (question,) = world.questions("probable")
    world.store.dismiss(question.id, f"link C2 = {second}", "tester")
    world.settled()
    assert world.links()["C2"] == second


def test_different_values_on_first_link_are_a_conflict_and_null_never_erases(world: World) -> None:
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense")
    iri = world.client(name="Ada A/S", tinCountry="DK", tin="10000001", addressPhoneNumber="1")
    world.run(person=True)
    assert [row.field for row in world.questions("field")] == ["name"]
    assert world.clients()[iri]["name"] == "Ada A/S"
    assert world.customers()["C1"]["company_name"] == "Ada ApS"
    assert world.customers()["C1"]["phone"] == "1"
    assert world.clients()[iri]["addressCity"] == "Odense"


def test_an_edited_mapping_has_to_be_approved_again(approved: World) -> None:
    from tests.engine.world import MAPPING

    world = approved
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001", note="hello")
    world.settled()
    world.configure(MAPPING.replace("  status:", "  invoiceComment: note\n  status:"))
    report = world.run()
    assert report.outcome == "awaiting_approval"
    assert world.clients()[world.links()["C1"]].get("invoiceComment") is None
    world.run(person=True)
    assert world.clients()[world.links()["C1"]]["invoiceComment"] == "hello"
    assert world.run(full=True).plan.pending is False


@pytest.mark.parametrize("size", [101])
def test_a_plan_over_the_caps_is_refused_whole_unless_a_person_says_so(world: World, size: int) -> None:
    for number in range(size):
        world.customer(f"C{number}", company_name=f"Firm {number}", vat_no=f"DK1000{number:04}")
    report = world.run(person=True)
    assert report.outcome == "refused"
    assert "max_creates" in report.reasons[0]
    assert world.clients() == {}
    assert world.run(person=True, beyond_caps=True).outcome == "done"
    assert len(world.clients()) == size
