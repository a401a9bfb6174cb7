"""Questions end when what they asked about ends; nobody waits for ever behind one that was settled by itself."""

from __future__ import annotations

import pytest

from tests.engine.world import MAPPING, World


@pytest.fixture
def linked(approved: World) -> tuple[World, str]:
    """One linked customer C1."""
    world = approved
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense", phone="1")
    world.settled()
    return world, world.links()["C1"]


@pytest.mark.parametrize("meanwhile", ["nothing else", "an edit of another field"])
def test_a_conflict_ends_when_both_sides_go_back(linked: tuple[World, str], meanwhile: str) -> None:
    world, iri = linked
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    world.edit(iri, addressCity="Skive")
    world.run()
    assert world.questions("field")
    phone = "1" if meanwhile == "nothing else" else "9"
    world.erp("UPDATE customers SET city = 'Odense', phone = %s WHERE customer_no = 'C1'", phone)
    world.edit(iri, addressCity="Odense")
    world.settled()
    assert world.questions() == []
    assert world.diverged() == []


def test_a_refusal_is_forgotten_when_the_refused_value_is_taken_back(linked: tuple[World, str]) -> None:
    world, _ = linked
    world.erp("UPDATE customers SET company_name = repeat('x', 300) WHERE customer_no = 'C1'")
    world.run()
    assert world.questions("refused")
    world.erp("UPDATE customers SET company_name = 'Ada ApS' WHERE customer_no = 'C1'")
    world.settled()
    assert world.questions() == []


def test_a_refused_newcomer_that_is_deleted_again_leaves_no_question(approved: World) -> None:
    world = approved
    for number in range(2, 9):
        world.customer(f"C{number}", company_name=f"Stays {number}", vat_no=f"DK1000000{number}")
    world.customer("C1", company_name="x" * 300, vat_no="DK10000001")
    world.run()
    assert world.questions("refused")
    world.erp("DELETE FROM customers WHERE customer_no = 'C1'")
    world.run(full=True)
    world.settled()
    assert world.questions() == []


@pytest.mark.parametrize("mended", ["deleted", "another number"])
@pytest.mark.parametrize("culprit", ["C1", "C2"])
def test_twins_that_a_person_tells_apart_at_the_source_are_both_synchronised(
    approved: World, mended: str, culprit: str
) -> None:
    world = approved
    others = {f"C{number}" for number in range(3, 9)}
    for key in others:
        world.customer(key, company_name=f"Other {key}", vat_no=f"DK1000009{key[1]}")
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    world.customer("C2", company_name="Ada again ApS", vat_no="DK10000001")
    world.run()
    assert len(world.questions("ambiguous")) == 1
    if mended == "deleted":
        world.erp("DELETE FROM customers WHERE customer_no = %s", culprit)
    else:
        world.erp("UPDATE customers SET vat_no = 'DK10000002' WHERE customer_no = %s", culprit)
    world.run(full=True)
    world.settled()
    assert set(world.links()) == others | {"C1", "C2"} - ({culprit} if mended == "deleted" else set())
    assert world.questions() == []
    assert len(world.clients()) == len(world.links())


def test_a_twin_of_a_linked_record_is_created_once_the_linked_one_has_another_key(linked: tuple[World, str]) -> None:
    world, _ = linked
    world.customer("C2", company_name="Ada second ApS", vat_no="DK10000001")
    world.run()
    assert world.questions("ambiguous")
    world.erp("UPDATE customers SET vat_no = 'DK10000077' WHERE customer_no = 'C1'")
    world.settled()
    assert set(world.links()) == {"C1", "C2"}
    assert world.questions() == []


def test_open_questions_about_who_is_who_make_no_work(approved: World) -> None:
    """Law 1, with questions open."""
    world = approved
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    world.customer("C2", company_name="Ada again ApS", vat_no="DK10000001")
    world.customer("C3", company_name="Bea ApS")
    world.client(name="Bea ApS")
    world.run()
    asked, rows = len(world.questions()), world.erp_store("SELECT sum(xmin::text::bigint) FROM observation")
    events = len(world.said("match.ask"))
    for full in (True, False):
        assert world.run(full=full).plan.pending is False
    assert len(world.questions()) == asked == 2
    assert world.erp_store("SELECT sum(xmin::text::bigint) FROM observation") == rows
    assert len(world.said("match.ask")) == events


def test_a_question_about_a_field_that_is_not_mapped_any_more_ends(linked: tuple[World, str]) -> None:
    world, iri = linked
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    world.edit(iri, addressCity="Skive")
    world.run()
    world.configure(MAPPING.replace("  addressCity: city\n", ""))
    world.run(person=True)
    world.settled()
    assert world.questions() == []


def test_a_record_that_was_away_for_a_moment_gets_the_edit_when_it_is_back(linked: tuple[World, str]) -> None:
    """Deleted by mistake and restored: the edit waits, is tried again later and later, and the question ends."""
    world, iri = linked
    world.erp("CREATE TABLE backup AS TABLE customers")
    world.erp("DELETE FROM customers WHERE customer_no = 'C1'")
    world.edit(iri, addressCity="Vejle")
    world.run()
    assert [row.kind for row in world.questions()] == ["missing"]
    tried = world.erp_store("SELECT count(*) FROM operation")
    for _ in range(2):
        world.run()
    assert world.erp_store("SELECT count(*) FROM operation") == tried
    world.erp("INSERT INTO customers SELECT * FROM backup")
    world.later()
    world.settled()
    assert world.customers()["C1"]["city"] == "Vejle"
    assert world.questions() == []
