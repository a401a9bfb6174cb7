"""Law 7: a saved plan applies item by item only where its preconditions hold, does nothing else, and says why not."""

from __future__ import annotations

import pytest

from syncd.cli.fates import Fate, fates
from syncd.core.plan import Item, Plan
from syncd.engine.run import Report
from tests.engine.world import MAPPING, World

CITY = "addressCity"


@pytest.fixture
def linked(approved: World) -> World:
    """Eight linked customers, L0 to L7."""
    for number in range(8):
        approved.customer(f"L{number}", company_name=f"Firm {number}", vat_no=f"DK1000000{number}", city="Odense")
    approved.settled()
    return approved


def planned(world: World) -> Plan:
    plan = world.run(write=False).plan
    assert plan is not None
    return plan


def applied(world: World, plan: Plan) -> tuple[Report, dict[str, Fate]]:
    """Apply a saved plan; what was left alone, by the key of its record."""
    ids = frozenset(item.fingerprint for item in plan.items)
    report = world.run(person=True, only=ids, strict=True)
    return report, left(world, plan.items, report)


def left(world: World, items: tuple[Item, ...], report: Report) -> dict[str, Fate]:
    assert world.app is not None
    found = fates(world.store, world.app.mappings["clients"], items, report)
    return {one.item.external_key or one.item.flowtly_key or "": one for one in found}


def moved(fate: Fate) -> list[tuple[str, str, object, object]]:
    return [(str(one.side), one.field, one.was, one.now) for one in fate.moved]


def test_every_item_that_does_not_hold_says_why_and_nothing_else_happens(linked: World) -> None:
    world, links = linked, linked.links()
    world.erp("UPDATE customers SET city = 'Vejle'")
    for number in range(4):
        world.customer(f"N{number}", company_name=f"New {number}", vat_no=f"DK2000000{number}")
    plan = planned(world)
    assert len(plan.items) == 12
    world.edit(links["L1"], addressCity="Ribe")  # the field, where it would be written
    world.erp("UPDATE customers SET city = 'Skive' WHERE customer_no = 'L2'")  # the field, where it came from
    world.edit(links["L3"], dueDays=99)  # another field
    world.edit(links["L4"], addressCity="Vejle")  # somebody did it by hand
    world.store.unlink("clients", "L5", "tester")
    world.erp("DELETE FROM customers WHERE customer_no = 'N1'")
    world.erp("UPDATE customers SET company_name = 'Renamed' WHERE customer_no = 'N2'")
    world.client(name="New 3", tinCountry="DK", tin="20000003")  # N3 has a partner by now
    world.customer("X1", company_name="Not in the plan", vat_no="DK30000001")
    world.edit(links["L7"], addressPhoneNumber="not in the plan")
    before, writes = world.clients(), world.writes()

    report, why = applied(world, plan)

    assert report.outcome == "done"
    assert {key: one.why for key, one in why.items()} == {
        "L1": "record moved in flowtly",
        "L2": "record moved in external",
        "L3": "record moved in flowtly",
        "L4": "done already: the field has that value",
        "L5": "is not linked any more: unlinked by tester",
        "L7": "record moved in flowtly",
        "N1": "no such record in external",
        "N2": "record moved in external",
        "N3": "is to be linked first: certain by vat",
    }
    assert moved(why["L1"]) == [("flowtly", CITY, "Odense", "Ribe")]
    assert moved(why["L2"]) == [("external", CITY, "Vejle", "Skive")]
    assert moved(why["N2"]) == [("external", "name", "New 2", "Renamed")]
    assert [key for key, one in why.items() if one.done] == ["L4"]
    changed = {iri for iri, one in world.clients().items() if before.get(iri) != one}
    assert changed == {links["L0"], links["L6"], world.links()["N0"]}
    assert world.writes() - writes == 3
    assert set(world.links()) == set(links) - {"L5"} | {"N0"}, "no link that was not in the plan"
    assert world.customers()["L7"]["phone"] is None
    assert world.questions() == []
    assert world.run().plan.approved is True  # it was before; a part of a plan neither gives nor takes that


def test_applied_again_everything_is_done_already(linked: World) -> None:
    world = linked
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no IN ('L0', 'L1')")
    world.customer("N0", company_name="New 0", vat_no="DK20000000")
    plan = planned(world)
    assert applied(world, plan)[1] == {}
    writes = world.writes()
    again = applied(world, plan)[1]
    assert {key: one.done for key, one in again.items()} == {"L0": True, "L1": True, "N0": True}
    assert world.writes() == writes


def test_an_item_that_moves_between_our_reading_and_our_writing_is_told_as_well(linked: World) -> None:
    world, iri = linked, linked.links()["L0"]
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'L0'")
    plan = planned(world)

    def meanwhile(stage: str, _done: int, _total: int | None) -> None:
        if stage == "linking":
            world.edit(iri, addressCity="Typed just now")

    ids = frozenset(item.fingerprint for item in plan.items)
    report = world.run(person=True, only=ids, strict=True, progress=meanwhile)
    assert moved(left(world, plan.items, report)["L0"]) == [("flowtly", CITY, "Odense", "Typed just now")]
    assert world.clients()[iri][CITY] == "Typed just now"
    assert world.questions() == [], "the conflict was not in the plan"


def test_a_record_that_the_peer_refuses_says_what_the_peer_said(linked: World) -> None:
    world = linked
    world.customer("N0", company_name="New 0", vat_no="DK20000000")
    plan = planned(world)
    world.flowtly.faults.add("status", method="POST", path="/clients", status=422)
    _, why = applied(world, plan)
    assert "422" in why["N0"].why
    assert not why["N0"].done


def test_an_earlier_write_in_doubt_is_not_settled_by_a_saved_plan(linked: World) -> None:
    """Neither adoption nor a link that is not in the plan; the next ordinary run looks."""
    world = linked
    world.customer("N0", company_name="New 0", vat_no="DK20000000")
    world.flowtly.faults.add("reset_after", method="POST", path="/clients", times=1)

    def blind(stage: str, done: int, _total: int | None) -> None:
        if stage == "applying" and done == 1:
            world.flowtly.faults.add("status", method="GET", path="/clients", status=503)

    world.run(progress=blind)
    world.flowtly.faults.clear()
    assert [one.state for one in world.store.open_operations("clients")] == ["in_doubt"]
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'L0'")
    plan = planned(world)
    assert [item.external_key for item in plan.items] == ["L0"]
    report, why = applied(world, plan)
    assert (why, report.open_operations) == ({}, 1)
    assert "N0" not in world.links()
    assert world.clients()[world.links()["L0"]][CITY] == "Vejle"
    world.settled()
    assert "N0" in world.links()
    assert len(world.named("New 0")) == 1


def test_caps_count_what_the_saved_plan_would_do_and_nothing_else(linked: World) -> None:
    world = linked
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'L0'")
    plan = planned(world)
    for number in range(101):
        world.customer(f"M{number}", company_name=f"Mass {number}", vat_no=f"DK4000{number:04}")
    assert world.run().outcome == "refused"
    report, why = applied(world, plan)
    assert (report.outcome, why) == ("done", {})
    assert world.clients()[world.links()["L0"]][CITY] == "Vejle"
    assert world.named("Mass 1") == []


def test_an_edited_mapping_writes_nothing_before_a_person_applied_a_plan(linked: World) -> None:
    world, writes = linked, linked.writes()
    world.configure(MAPPING.replace("  addressPhoneNumber: phone\n", "  addressPostCode: phone\n"))
    world.erp("UPDATE customers SET city = 'Vejle', phone = '5000'")
    for _ in range(2):
        report = world.run(full=True)
        assert report.outcome == "awaiting_approval"
    assert world.writes() == writes
    assert all(one["city"] == "Vejle" for one in world.customers().values())
    assert world.run(person=True).outcome == "done"
    assert {one[CITY] for one in world.clients().values()} == {"Vejle"}
    assert {one["addressPostCode"] for one in world.clients().values()} == {"5000"}
    assert world.run().outcome == "done"


def test_under_another_fingerprint_no_item_holds(linked: World) -> None:
    """What the command line refuses as a whole would not get far anyway."""
    world = linked
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'L0'")
    plan, writes = planned(world), world.writes()
    world.configure(MAPPING.replace("  addressPhoneNumber: phone\n", "  addressPostCode: phone\n"))
    applied(world, plan)
    assert world.writes() == writes
    assert world.run(write=False).plan.approved is False
