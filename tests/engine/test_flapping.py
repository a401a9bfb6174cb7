"""Two programs that each put a field back for ever: the field is frozen, everything else flows, and a person decides."""

from __future__ import annotations

import pytest

from tests.engine.world import SETTINGS, World

LIMIT = 3


@pytest.fixture
def fought(approved: World) -> World:
    """One linked customer whose city two programs want differently; the limit is low so that it shows quickly."""
    approved.configure(settings=SETTINGS.replace("max_changes: 100", f"max_changes: 100, flaps: {LIMIT}"))
    approved.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense", terms=14)
    approved.settled()
    return approved


def fight(world: World) -> None:
    """Whoever lost puts it back: a rule at the ERP and one in Flowtly, once before each run."""
    if world.customers()["C1"]["city"] != "ODENSE":
        world.erp("UPDATE customers SET city = 'ODENSE' WHERE customer_no = 'C1'")
    elif world.clients()[world.links()["C1"]]["addressCity"] != "Odense C":
        world.edit(world.links()["C1"], addressCity="Odense C")


def rounds(world: World, count: int) -> int:
    """So many rounds of the fight; how many writes to the field they made at both peers."""
    before = _writes(world)
    for _ in range(count):
        fight(world)
        world.run()
    return _writes(world) - before


def _writes(world: World) -> int:
    rows = world.erp_store("SELECT count(*) FROM operation WHERE kind = 'patch' AND payload ? 'addressCity'")
    return int(rows[0][0])


def test_the_fight_ends_in_a_question_and_other_fields_flow(fought: World) -> None:
    writes = rounds(fought, 12)
    assert LIMIT < writes <= LIMIT + 3, "a field that flaps has to be left alone after the limit"
    (asked,) = fought.questions("flapping")
    assert (asked.field, asked.external_key) == ("addressCity", "C1")
    assert {asked.external, asked.flowtly} == {"ODENSE", "Odense C"}
    assert "changes hands again and again" in asked.detail
    assert len(fought.said("field.frozen")) == 1
    fought.erp("UPDATE customers SET terms = 30, company_name = 'Ada A/S' WHERE customer_no = 'C1'")
    fought.run()
    client = fought.clients()[fought.links()["C1"]]
    assert (client["dueDays"], client["name"]) == (30, "Ada A/S")
    assert len(fought.questions("flapping")) == 1


def test_while_it_is_frozen_runs_are_silent(fought: World) -> None:
    rounds(fought, 10)
    fought.run()
    writes, before = fought.writes(), fought.erp_store("SELECT id, updated_at, base FROM link")
    questions = fought.erp_store("SELECT count(*), max(id), max(run_id) FROM conflict")
    for _ in range(3):
        report = fought.run()
        assert report.plan is not None
        assert report.plan.items == ()
    assert fought.writes() == writes
    assert fought.erp_store("SELECT id, updated_at, base FROM link") == before
    assert fought.erp_store("SELECT count(*), max(id), max(run_id) FROM conflict") == questions


@pytest.mark.parametrize("winner", ["external", "flowtly"])
def test_an_answer_is_carried_out_and_releases_the_field(fought: World, winner: str) -> None:
    from syncd.core.model import Side

    rounds(fought, 10)
    (asked,) = fought.questions("flapping")
    wanted = asked.external if winner == "external" else asked.flowtly
    fought.store.resolve(asked.id, Side(winner), None, "ann")
    fought.settled()
    assert fought.questions() == []
    assert fought.customers()["C1"]["city"] == wanted
    assert fought.clients()[fought.links()["C1"]]["addressCity"] == wanted
    # Released: an edit of somebody who does not fight flows at once.
    fought.edit(fought.links()["C1"], addressCity="Vejle")
    fought.settled()
    assert fought.customers()["C1"]["city"] == "Vejle"


def test_whoever_goes_on_fighting_after_the_answer_is_asked_about_again(fought: World) -> None:
    from syncd.core.model import Side

    rounds(fought, 10)
    (asked,) = fought.questions("flapping")
    fought.store.resolve(asked.id, Side.EXTERNAL, None, "ann")
    writes = rounds(fought, 12)
    assert writes <= LIMIT + 4
    (again,) = fought.questions("flapping")
    assert again.id != asked.id


def test_the_question_ends_by_itself_when_one_of_them_gives_in(fought: World) -> None:
    rounds(fought, 10)
    (asked,) = fought.questions("flapping")
    fought.erp("UPDATE customers SET city = %s WHERE customer_no = 'C1'", asked.flowtly)
    fought.settled()
    assert fought.questions() == []


def test_a_field_that_is_often_changed_to_something_new_never_flaps(fought: World) -> None:
    for number in range(3 * LIMIT):
        fought.erp("UPDATE customers SET terms = %s WHERE customer_no = 'C1'", number)
        fought.run()
    assert fought.clients()[fought.links()["C1"]]["dueDays"] == 3 * LIMIT - 1
    assert fought.questions() == []
    assert fought.said("field.frozen") == []
