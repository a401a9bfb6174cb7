"""Values that fail their check: told, held for a person, or holding their record, as the mapping says."""

from __future__ import annotations

import pytest
from stdnum.dk import cvr

from syncd.core.model import Side
from tests.engine.world import MAPPING, World

GOOD, OTHER, *_ = (f"DK{number}" for number in range(24_256_790, 24_257_000) if cvr.is_valid(str(number)))
BAD = "DK24256791"
NOBODY = "DK99999999"


def checking(world: World, check: str) -> World:
    assert cvr.is_valid(GOOD[2:])
    assert not cvr.is_valid(BAD[2:])
    world.configure(MAPPING.replace("through: vat_number", f"through: vat_number, check: {check}"))
    return world


def number_of(world: World, iri: str) -> str | None:
    client = world.clients()[iri]
    return None if client.get("tin") is None else f"{client.get('tinCountry') or ''}{client['tin']}"


@pytest.fixture
def holding(approved: World) -> World:
    return checking(approved, "{kind: tin, bad: hold_field, country: country}")


def linked(world: World, number: str = GOOD) -> str:
    world.customer("C1", company_name="Ada ApS", vat_no=number, city="Odense", terms=14)
    world.run(person=True)
    world.settled()
    return world.links()["C1"]


def test_a_warning_names_the_record_and_everything_flows(approved: World) -> None:
    world = checking(approved, "tin")
    iri = linked(world)
    assert world.said("record.bad_value") == []
    world.erp("UPDATE customers SET vat_no = %s, city = 'Vejle' WHERE customer_no = 'C1'", BAD)
    world.settled()
    assert (number_of(world, iri), world.clients()[iri]["addressCity"]) == (BAD, "Vejle")
    told = world.said("record.bad_value")[0]
    assert (told["side"], told["key"], told["field"], told["action"]) == (Side.EXTERNAL, "C1", "vat", "warn")
    assert "check digits" in told["problem"]
    assert BAD[2:] not in str(told)
    count = len(world.said("record.bad_value"))
    world.run(full=True)
    assert len(world.said("record.bad_value")) == count, "told when it is read anew, not in every run"


def test_a_held_field_is_not_written_and_the_rest_of_the_record_flows(holding: World) -> None:
    world, iri = holding, linked(holding)
    world.erp("UPDATE customers SET vat_no = %s, city = 'Vejle' WHERE customer_no = 'C1'", BAD)
    world.run()
    assert (number_of(world, iri), world.clients()[iri]["addressCity"]) == (GOOD, "Vejle")
    (asked,) = world.questions("bad_value")
    assert (asked.field, asked.external, asked.flowtly, asked.base_external) == ("vat", BAD, GOOD, GOOD)
    assert "external: not a number of DK" in asked.detail
    writes = world.writes()
    for _ in range(2):
        assert world.run(full=True).plan.pending is False
    assert world.writes() == writes
    world.edit(iri, addressCity="Skive")
    world.run()
    assert world.customers()["C1"]["city"] == "Skive"
    assert [row.id for row in world.questions()] == [asked.id], "never asked twice"


def test_a_mended_number_flows_and_ends_the_question(holding: World) -> None:
    world, iri = holding, linked(holding)
    world.erp("UPDATE customers SET vat_no = %s WHERE customer_no = 'C1'", BAD)
    world.run()
    world.erp("UPDATE customers SET vat_no = %s WHERE customer_no = 'C1'", OTHER)
    world.settled()
    assert number_of(world, iri) == OTHER
    assert world.questions() == []


@pytest.mark.parametrize("side", list(Side))
def test_a_bad_number_is_held_on_whichever_side_it_stands(holding: World, side: Side) -> None:
    world, iri = holding, linked(holding)
    if side is Side.EXTERNAL:
        world.erp("UPDATE customers SET vat_no = %s WHERE customer_no = 'C1'", BAD)
    else:
        world.edit(iri, tin=BAD[2:])
    world.run()
    kept = number_of(world, iri) if side is Side.EXTERNAL else world.customers()["C1"]["vat_no"]
    assert kept == GOOD
    (asked,) = world.questions("bad_value")
    assert asked.detail.startswith(f"{side}: ")


@pytest.mark.parametrize(("taken", "wanted"), [(Side.EXTERNAL, BAD), (Side.FLOWTLY, GOOD)])
def test_what_a_person_answers_is_carried_out_even_for_a_bad_number(holding: World, taken: Side, wanted: str) -> None:
    world, iri = holding, linked(holding)
    world.erp("UPDATE customers SET vat_no = %s WHERE customer_no = 'C1'", BAD)
    world.run()
    (asked,) = world.questions("bad_value")
    world.store.resolve(asked.id, taken, None, "tester")
    world.settled()
    assert (number_of(world, iri), world.customers()["C1"]["vat_no"]) == (wanted, wanted)
    assert world.questions() == []
    writes = world.writes()
    world.run(full=True)
    assert world.writes() == writes


def test_a_typed_answer_goes_to_both_sides(holding: World) -> None:
    world, iri = holding, linked(holding)
    world.erp("UPDATE customers SET vat_no = %s WHERE customer_no = 'C1'", BAD)
    world.run()
    world.store.resolve(world.questions("bad_value")[0].id, None, OTHER, "tester")
    world.settled()
    assert (number_of(world, iri), world.customers()["C1"]["vat_no"]) == (OTHER, OTHER)


def test_a_new_record_is_made_without_its_bad_number_and_gets_it_when_mended(holding: World) -> None:
    world = holding
    world.customer("C1", company_name="Ada ApS", vat_no=BAD, city="Odense", terms=14)
    world.run(person=True)
    world.settled()
    iri = world.links()["C1"]
    assert number_of(world, iri) is None
    assert world.customers()["C1"]["vat_no"] == BAD, "what is missing there is not an edit that empties it here"
    assert [row.kind for row in world.questions()] == ["bad_value"]
    world.erp("UPDATE customers SET vat_no = %s WHERE customer_no = 'C1'", GOOD)
    world.settled()
    assert number_of(world, iri) == GOOD
    assert world.questions() == []


def test_a_number_without_prefix_is_checked_with_the_records_country(holding: World) -> None:
    world, iri = holding, linked(holding)
    world.erp("UPDATE customers SET vat_no = %s WHERE customer_no = 'C1'", BAD[2:])
    world.run()
    assert [row.field for row in world.questions("bad_value")] == ["vat"]
    assert number_of(world, iri) == GOOD


def test_a_number_that_nobody_can_check_is_not_judged(holding: World) -> None:
    world, iri = holding, linked(holding)
    world.erp("UPDATE customers SET vat_no = 'US123956780' WHERE customer_no = 'C1'")
    world.settled()
    assert number_of(world, iri) == "US123956780"
    assert world.questions() == []


def test_a_placeholder_ties_nobody(approved: World) -> None:
    world = checking(approved, "tin")
    world.client(name="Berta ApS", tinCountry="DK", tin=NOBODY[2:])
    world.customer("C1", company_name="Ada ApS", vat_no=NOBODY)
    world.run(person=True)
    world.settled()
    assert sorted(one["name"] for one in world.clients().values()) == ["Ada ApS", "Berta ApS"]
    assert {row["company_name"] for row in world.customers().values()} == {"Ada ApS", "Berta ApS"}


def test_a_held_record_waits_whole_until_it_is_mended(approved: World) -> None:
    world = checking(approved, "{kind: tin, bad: hold_record}")
    iri = linked(world)
    world.erp("UPDATE customers SET vat_no = %s, city = 'Vejle' WHERE customer_no = 'C1'", BAD)
    world.run()
    assert (number_of(world, iri), world.clients()[iri]["addressCity"]) == (GOOD, "Odense")
    (told,) = world.said("record.parked")
    assert (told["key"], told["field"]) == ("C1", "vat")
    world.erp("UPDATE customers SET vat_no = %s WHERE customer_no = 'C1'", OTHER)
    world.settled()
    assert (number_of(world, iri), world.clients()[iri]["addressCity"]) == (OTHER, "Vejle")


def test_a_held_stranger_is_not_made_and_nothing_is_made_beside_it(approved: World) -> None:
    world = checking(approved, "{kind: tin, bad: hold_record}")
    world.customer("C1", company_name="Ada ApS", vat_no=BAD)
    world.customer("C2", company_name="Berta ApS", vat_no=GOOD)
    world.run(person=True)
    world.run()
    assert [one["name"] for one in world.clients().values()] == ["Berta ApS"]
    assert set(world.links()) == {"C2"}


def test_a_placeholder_does_not_tell_which_record_a_lost_create_made(approved: World) -> None:
    world = checking(approved, "tin")
    world.run(person=True)
    world.flowtly.faults.add("status", method="POST", path="/clients", times=1, status=504)
    world.flowtly.faults.add("status_after", method="POST", path="/clients", times=1, after_nth=1, status=504)
    world.customer("C1", company_name="Ada ApS", vat_no=NOBODY)
    world.customer("C2", company_name="Berta ApS", vat_no=NOBODY)
    world.settled()
    clients = world.clients()
    assert {key: clients[iri]["name"] for key, iri in world.links().items()} == {"C1": "Ada ApS", "C2": "Berta ApS"}
    assert {key: one["company_name"] for key, one in world.customers().items()} == {"C1": "Ada ApS", "C2": "Berta ApS"}
    assert len(clients) == 2


def test_a_field_has_one_question_whatever_it_is_asked_for(holding: World) -> None:
    world, iri = holding, linked(holding)
    world.erp("UPDATE customers SET vat_no = %s WHERE customer_no = 'C1'", BAD)
    world.edit(iri, tin=OTHER[2:])
    world.run()
    assert [row.kind for row in world.questions()] == ["field"]
    world.edit(iri, tin=GOOD[2:])
    world.run()
    assert [row.kind for row in world.questions()] == ["bad_value"]
    world.edit(iri, tin=OTHER[2:])
    world.run()
    assert [row.kind for row in world.questions()] == ["field"]
