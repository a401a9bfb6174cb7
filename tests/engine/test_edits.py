"""Edits on either side, on both, at the same time: all arrive, none is lost, contested ones are asked about."""

from __future__ import annotations

from decimal import Decimal

import pytest

from syncd.core.model import Side
from tests.engine.world import MAPPING, World


@pytest.fixture
def linked(approved: World) -> tuple[World, str]:
    """One linked customer C1."""
    world = approved
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense", terms=14, phone="1")
    world.settled()
    return world, world.links()["C1"]


def test_an_edit_on_either_side_arrives_on_the_other(linked: tuple[World, str]) -> None:
    world, iri = linked
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    world.run()
    assert world.clients()[iri]["addressCity"] == "Vejle"
    world.edit(iri, dueDays=60)
    world.run()
    assert world.customers()["C1"]["terms"] == 60
    assert world.diverged() == []


def test_edits_of_different_fields_on_both_sides_both_survive(linked: tuple[World, str]) -> None:
    """Law 3."""
    world, iri = linked
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    world.edit(iri, addressPhoneNumber="2", dueDays=7)
    world.run()
    assert world.clients()[iri]["addressCity"] == "Vejle"
    row = world.customers()["C1"]
    assert (row["phone"], row["terms"]) == ("2", 7)
    assert world.questions() == []


def test_only_the_changed_fields_are_sent(linked: tuple[World, str]) -> None:
    world, iri = linked
    world.erp("UPDATE customers SET city = 'Vejle', terms = 21 WHERE customer_no = 'C1'")
    world.run()
    (patched,) = world.said("record.patched")[-1:]
    assert patched["fields"] == ["addressCity", "dueDays"]


def test_clearing_a_field_is_an_edit_like_any_other(linked: tuple[World, str]) -> None:
    world, iri = linked
    world.erp("UPDATE customers SET city = NULL WHERE customer_no = 'C1'")
    world.edit(iri, addressPhoneNumber=None)
    world.run()
    assert world.clients()[iri].get("addressCity") is None
    assert world.customers()["C1"]["phone"] is None


def test_the_same_edit_on_both_sides_is_agreement(linked: tuple[World, str]) -> None:
    world, iri = linked
    writes = world.writes()
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    world.edit(iri, addressCity="Vejle")
    world.run()
    assert world.questions() == []
    assert world.writes() == writes + 0
    assert world.run().plan.pending is False


def contested(linked: tuple[World, str]) -> tuple[World, str, int]:
    world, iri = linked
    world.erp("UPDATE customers SET city = 'Vejle', terms = 99 WHERE customer_no = 'C1'")
    world.edit(iri, addressCity="Skive")
    world.run()
    (question,) = world.questions("field")
    return world, iri, question.id


def test_the_same_field_on_both_sides_is_asked_and_holds_nothing_else_back(linked: tuple[World, str]) -> None:
    world, iri, number = contested(linked)
    question = world.store.conflict(number)
    assert (question.base_external, question.external, question.flowtly) == ("Odense", "Vejle", "Skive")
    assert world.clients()[iri]["addressCity"] == "Skive"
    assert world.customers()["C1"]["city"] == "Vejle"
    assert world.clients()[iri]["dueDays"] == 99
    writes = world.writes()
    for _ in range(2):
        assert world.run(full=True).plan.pending is False
    assert world.writes() == writes
    assert len(world.questions()) == 1
    (event,) = world.said("conflict.open")
    assert event["field"] == "addressCity"


@pytest.mark.parametrize(("side", "city"), [(Side.EXTERNAL, "Vejle"), (Side.FLOWTLY, "Skive")])
def test_a_decision_for_a_side_is_carried_out_and_the_loser_kept_in_the_ledger(
    linked: tuple[World, str], side: Side, city: str
) -> None:
    world, iri, number = contested(linked)
    world.store.resolve(number, side, None, "tester")
    world.settled()
    assert world.clients()[iri]["addressCity"] == city
    assert world.customers()["C1"]["city"] == city
    assert world.questions() == []
    history = world.store.history("clients", "C1", iri)
    (lost,) = [entry for _, _, entry in history if entry.event == "overwritten"]
    assert {lost.before, lost.after} == {"Vejle", "Skive"}
    assert lost.rule == "decided"


def test_a_typed_answer_goes_to_both_sides(linked: tuple[World, str]) -> None:
    world, iri, number = contested(linked)
    world.store.resolve(number, None, "Fredericia", "tester")
    world.settled()
    assert world.clients()[iri]["addressCity"] == "Fredericia"
    assert world.customers()["C1"]["city"] == "Fredericia"
    assert world.questions() == []


def test_another_edit_while_a_question_is_open_asks_anew_with_the_new_value(linked: tuple[World, str]) -> None:
    world, iri, _ = contested(linked)
    world.edit(iri, addressCity="Ribe")
    world.run()
    (question,) = world.questions("field")
    assert (question.external, question.flowtly) == ("Vejle", "Ribe")


def test_a_question_closes_itself_when_the_sides_agree(linked: tuple[World, str]) -> None:
    world, iri, _ = contested(linked)
    world.edit(iri, addressCity="Vejle")
    world.run()
    assert world.questions() == []
    assert world.diverged() == []


@pytest.mark.parametrize(("policy", "city"), [("external", "Vejle"), ("flowtly", "Skive")])
def test_a_policy_decides_and_names_what_it_overwrote(approved: World, policy: str, city: str) -> None:
    world = approved
    world.configure(f"{MAPPING}conflicts: {{default: {policy}}}\n")
    world.run(person=True)
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense")
    world.settled()
    iri = world.links()["C1"]
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    world.edit(iri, addressCity="Skive")
    world.settled()
    assert world.clients()[iri]["addressCity"] == city
    assert world.customers()["C1"]["city"] == city
    events = [entry for _, _, entry in world.store.history("clients", "C1", iri) if entry.event == "overwritten"]
    assert [entry.rule for entry in events] == [f"policy:{policy}"]


def test_an_edit_between_our_reading_and_our_writing_is_not_overwritten(linked: tuple[World, str]) -> None:
    """A person edits the very field after the plan was made and before it is applied."""
    world, iri = linked
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")

    def meanwhile(stage: str, _done: int, _total: int | None) -> None:
        if stage == "linking":
            world.edit(iri, addressCity="Typed just now")

    report = world.run(progress=meanwhile)
    assert report.counts.get("flowtly.stale") == 1
    assert world.clients()[iri]["addressCity"] == "Typed just now"
    assert world.customers()["C1"]["city"] == "Vejle"
    assert [row.field for row in world.questions()] == ["addressCity"]


def test_an_edit_of_another_field_in_that_gap_survives_and_both_arrive(linked: tuple[World, str]) -> None:
    world, iri = linked
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")

    def meanwhile(stage: str, _done: int, _total: int | None) -> None:
        if stage == "linking" and world.clients()[iri]["dueDays"] != 77:
            world.edit(iri, dueDays=77)

    world.run(progress=meanwhile)
    world.settled()
    assert world.clients()[iri]["addressCity"] == "Vejle"
    assert world.customers()["C1"]["terms"] == 77
    assert world.diverged() == []


def test_an_edit_in_the_erp_in_that_gap_is_refused_by_compare_and_set(linked: tuple[World, str]) -> None:
    world, iri = linked
    world.edit(iri, addressCity="Skive")

    def meanwhile(stage: str, _done: int, _total: int | None) -> None:
        if stage == "linking":
            world.erp("UPDATE customers SET city = 'Typed just now' WHERE customer_no = 'C1'")

    world.run(progress=meanwhile)
    assert world.customers()["C1"]["city"] == "Typed just now"
    assert [row.field for row in world.questions()] == ["addressCity"]


def test_a_peer_that_rewrites_what_it_is_sent_stays_quiet(linked: tuple[World, str]) -> None:
    """Per-side base: the rewritten form is what Flowtly agreed to, the sent form what the ERP has."""
    world, iri = linked
    world.flowtly.faults.add("rewrite", method="PATCH", path="/clients", field="addressCity", how="upper")
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    world.run()
    assert world.clients()[iri]["addressCity"] == "VEJLE"
    assert world.said("write.rewritten")
    writes = world.writes()
    for _ in range(3):
        assert world.run(full=True).plan.pending is False
    assert world.writes() == writes
    assert world.customers()["C1"]["city"] == "Vejle"
    world.erp("UPDATE customers SET city = 'Ribe' WHERE customer_no = 'C1'")
    world.run()
    assert world.clients()[iri]["addressCity"] == "RIBE"


def test_a_change_costs_at_most_three_requests_at_flowtly(linked: tuple[World, str]) -> None:
    world, _ = linked
    idle = world.run().counts["flowtly.requests"]
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    changed = world.run().counts["flowtly.requests"]
    assert changed - idle <= 3


def test_one_way_fields_flow_one_way_and_the_source_stands(approved: World) -> None:
    world = approved
    world.configure(
        MAPPING.replace("  dueDays: terms", "  dueDays: {external: terms, direction: to_flowtly, conflict: external}")
    )
    world.run(person=True)
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001", terms=14)
    world.settled()
    iri = world.links()["C1"]
    world.edit(iri, dueDays=60)
    world.settled()
    assert world.clients()[iri]["dueDays"] == 14
    assert world.customers()["C1"]["terms"] == 14
    (entry,) = [e for _, _, e in world.store.history("clients", "C1", iri) if e.event == "overwritten"]
    assert (entry.before, entry.after, entry.rule) == (60, 14, "one_way")
    assert isinstance(entry.before, int | Decimal)


def test_an_edit_against_a_one_way_field_is_asked_about_unless_the_source_was_named_winner(approved: World) -> None:
    world = approved
    world.configure(MAPPING.replace("  dueDays: terms", "  dueDays: {external: terms, direction: to_flowtly}"))
    world.run(person=True)
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001", terms=14)
    world.settled()
    iri = world.links()["C1"]
    world.edit(iri, dueDays=60)
    world.run()
    (question,) = world.questions("field")
    assert (question.external, question.flowtly) == (14, 60)
    assert world.clients()[iri]["dueDays"] == 60
