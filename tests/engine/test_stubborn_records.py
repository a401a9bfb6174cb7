"""Records that fail again and again: they are tried later and later, and they never stand in anybody's way."""

from __future__ import annotations

import pytest

from tests.engine.world import MAPPING, World


def linked(world: World, mapping: str = MAPPING) -> str:
    """One linked customer C1 under a mapping."""
    world.configure(mapping)
    world.run(person=True)
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense", phone="1")
    world.settled()
    return world.links()["C1"]


def test_a_refused_value_is_not_sent_every_run_because_the_other_side_moved_too(world: World) -> None:
    iri = linked(world, f"{MAPPING}conflicts: {{default: external}}\n")
    world.erp("UPDATE customers SET company_name = repeat('x', 300) WHERE customer_no = 'C1'")
    world.edit(iri, name="Ada A/S")
    world.run()
    assert world.questions("refused")
    writes = world.writes()
    for _ in range(3):
        world.run()
    assert world.writes() == writes


def test_an_edit_of_what_only_the_other_side_may_say_is_not_fought_over_every_run(world: World) -> None:
    """One-way: only Flowtly's side is pending, and the value that would restore it is refused."""
    mapping = MAPPING.replace(
        "name: company_name", "name: {external: company_name, direction: to_flowtly, conflict: external}"
    )
    iri = linked(world, mapping)
    world.edit(iri, name="Mine")
    world.flowtly.faults.add("status", method="PATCH", path="/clients", status=422)
    world.run()
    writes = world.writes()
    for _ in range(3):
        world.run()
    assert world.writes() == writes


def test_a_refusal_on_one_side_does_not_hold_back_the_other_side(world: World) -> None:
    """Law 5: the phone number goes to the ERP in vain, the city still goes to Flowtly."""
    iri = linked(world)
    world.erp("ALTER TABLE customers ADD CONSTRAINT no_nines CHECK (phone <> '9')")
    world.edit(iri, addressPhoneNumber="9")
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    world.run()
    assert world.questions("refused")
    assert world.clients()[iri]["addressCity"] == "Vejle"
    requests = world.app.peers(world.app.mappings["clients"])
    before = [peer.requests for peer in requests.values()]
    writes = world.writes()
    world.run()
    assert world.writes() == writes
    assert before
    world.erp("ALTER TABLE customers DROP CONSTRAINT no_nines")
    world.later()
    world.settled()
    assert world.customers()["C1"]["phone"] == "9"
    assert world.questions() == []


def test_records_that_always_fail_do_not_starve_the_others(approved: World) -> None:
    """More of them than failures in a row that close a side, and first in line."""
    world = approved
    for number in range(24):
        world.customer(f"C{number:02}", company_name=f"Firm {number}", vat_no=f"DK100000{number:02}", city="Odense")
    world.settled()
    links = world.links()
    for number in range(14):
        bad = links[f"C{number:02}"].rpartition("/")[2]
        world.flowtly.faults.add("status", method="PATCH", path=rf"^/clients/{bad}$", status=500)
    world.erp("UPDATE customers SET city = 'Vejle'")
    for _ in range(5):
        world.run()
    cities = {key: world.clients()[iri]["addressCity"] for key, iri in links.items()}
    assert {key for key, city in cities.items() if city == "Vejle"} == {f"C{number:02}" for number in range(14, 24)}
    world.flowtly.faults.clear()
    world.later()
    world.settled()
    assert world.diverged() == []


def test_a_storm_of_lost_answers_closes_the_side_instead_of_spreading_doubt(approved: World) -> None:
    world = approved
    for number in range(40):
        world.customer(f"C{number:02}", company_name=f"Firm {number}", vat_no=f"DK100000{number:02}")
    world.flowtly.faults.add("status_after", method="POST", path="/clients", status=504)
    report = world.run()
    assert report.outcome == "incomplete"
    assert len(world.clients()) < 20
    world.flowtly.faults.clear()
    world.settled()
    assert len(world.clients()) == len(world.links()) == 40


def test_a_connector_with_a_bug_fails_one_record_and_not_the_run(
    approved: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from syncd.core.model import Side

    world = approved
    flowtly = world.app.peers(world.app.mappings["clients"])[Side.FLOWTLY]
    create = flowtly.create

    def buggy(query, fields):
        if fields["name"] == "Trouble ApS":
            raise ZeroDivisionError("a bug")
        return create(query, fields)

    monkeypatch.setattr(flowtly, "create", buggy)
    world.customer("C1", company_name="Trouble ApS", vat_no="DK10000001")
    world.customer("C2", company_name="Fine ApS", vat_no="DK10000002")
    world.run()
    world.run()
    assert list(world.links()) == ["C2"]
    assert world.said("record.failed")
    monkeypatch.undo()
    world.settled()
    assert set(world.links()) == {"C1", "C2"}
