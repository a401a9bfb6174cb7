"""Saved plans on the command line: the blast radius, the table of what was left alone and why, edited mappings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.test_cli import syncd
from tests.engine.world import MAPPING, World, built

EDITED = MAPPING.replace("  addressPhoneNumber: phone\n", "  addressPostCode: phone\n")


@pytest.fixture
def world(tmp_path: Path, pg_url: str, store_url: str) -> Iterator[World]:
    """Four linked customers under an approved mapping."""
    with built(tmp_path, pg_url, store_url) as made:
        for number in range(4):
            made.customer(f"C{number}", company_name=f"Firm {number}", vat_no=f"DK1000000{number}", city="Odense")
        made.run(person=True)
        made.settled()
        yield made


def test_a_plan_says_how_far_it_reaches_in_text_json_and_file(world: World) -> None:
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C0'")
    world.customer("N1", company_name="New ApS", vat_no="DK20000001")
    said = syncd(world, "plan", "-o", "plan.json", code=2)
    assert "touches 1 of 4 linked records (25.0%)" in said
    assert "requests: 0 to external, 3 to flowtly; less than a minute at" in said
    assert "assumed, nothing was measured yet" in said
    printed = json.loads(syncd(world, "plan", "--json", code=2))["plans"][0]["blast"]
    assert printed == json.loads((world.folder / "plan.json").read_text())["plans"][0]["blast"]
    assert printed["counts"] == {"patch": {"flowtly": 1}, "create": {"flowtly": 1}}
    assert (printed["records_touched"], printed["share_of_linked"]) == (1, 0.25)
    assert printed["requests"] == {"external": 0, "flowtly": 3}
    assert printed["rate"] == {"writes_per_second": 5.0, "measured_in_runs": 0}


def test_the_minutes_are_measured_once_enough_was_written(world: World) -> None:
    for number in range(12):
        world.customer(f"N{number}", company_name=f"New {number}", vat_no=f"DK200000{number:02}")
    world.run()
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C0'")
    rate = json.loads(syncd(world, "plan", "--json", code=2))["plans"][0]["blast"]["rate"]
    assert rate["measured_in_runs"] > 0
    assert rate["writes_per_second"] != 5.0


def test_what_does_not_hold_is_a_table_with_the_reason_and_ends_with_two(world: World) -> None:
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no IN ('C0', 'C1', 'C2')")
    syncd(world, "plan", "-o", "plan.json", code=2)
    world.edit(world.links()["C1"], addressCity="Ribe")
    world.edit(world.links()["C2"], addressCity="Vejle")
    said = syncd(world, "apply", "plan.json", "--json", "--yes", code=2)
    left = {one["external_key"]: one for one in json.loads(said)["left_alone"]}
    assert set(left) == {"C1", "C2"}
    assert left["C1"]["why"] == "record moved in flowtly"
    assert left["C1"]["moved"] == [{"side": "flowtly", "field": "addressCity", "was": "Odense", "now": "Ribe"}]
    assert (left["C1"]["done_already"], left["C2"]["done_already"]) == (False, True)
    assert world.clients()[world.links()["C0"]]["addressCity"] == "Vejle"
    said = syncd(world, "apply", "plan.json", "--yes", code=2)
    assert "3 of 3 items of the saved plan do not hold any more" in said
    for word in ("record moved in flowtly", "Odense", "Ribe", "done already"):
        assert word in said


def test_a_plan_that_was_applied_already_ends_well(world: World) -> None:
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C0'")
    syncd(world, "plan", "-o", "plan.json", code=2)
    syncd(world, "apply", "plan.json", "--yes")
    writes = world.writes()
    assert "done already: the field has that value" in syncd(world, "apply", "plan.json", "--yes")
    assert world.writes() == writes


def test_the_reasons_are_shown_before_anybody_is_asked(world: World) -> None:
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no IN ('C0', 'C1')")
    syncd(world, "plan", "-o", "plan.json", code=2)
    world.edit(world.links()["C1"], addressCity="Ribe")
    said = syncd(world, "apply", "plan.json", code=1, answer="n\n")
    assert "1 of 2 items of the saved plan do not hold any more" in said
    assert world.clients()[world.links()["C0"]]["addressCity"] == "Odense"


def test_a_plan_of_an_edited_mapping_is_refused_as_a_whole(world: World) -> None:
    world.erp("UPDATE customers SET city = 'Vejle', phone = '5000' WHERE customer_no = 'C0'")
    syncd(world, "plan", "-o", "plan.json", code=2)
    (world.folder / "clients.yaml").write_text(EDITED)
    writes = world.writes()
    said = syncd(world, "apply", "plan.json", "--yes", code=3)
    assert "mapping clients was edited since this plan was made" in said
    assert world.writes() == writes
    syncd(world, "once", code=2)  # as the daemon would: it waits for a person
    assert world.writes() == writes
    said = syncd(world, "plan", code=2)
    assert "edited since it was approved at" in said
    assert "fields that no record has agreed on yet: addressPostCode" in said
    assert "fields it no longer has: addressPhoneNumber" in said
    assert world.writes() == writes
    assert "edited" not in syncd(world, "apply", "--yes")
    assert world.clients()[world.links()["C0"]]["addressPostCode"] == "5000"
    assert json.loads(syncd(world, "plan", "--json"))["plans"][0]["edited"] is None
