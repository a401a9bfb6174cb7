"""Second records that we must never make: of what we could not read, what was taken apart, what is gone by now. Law 2."""

from __future__ import annotations

import pytest

from tests.engine.world import MAPPING, SETTINGS, World


def test_a_record_that_cannot_be_mapped_is_not_made_again_from_its_twin_on_the_other_side(world: World) -> None:
    """Its name is missing, so it cannot be synchronised; its VAT number says all the same who it is."""
    world.configure(MAPPING.replace("name: company_name", "name: {external: company_name, required: true}"))
    world.run(person=True)
    world.customer("C1", vat_no="DK10000001")
    iri = world.client(name="Ada ApS", tinCountry="DK", tin="10000001")
    for _ in range(2):
        world.run()
    assert list(world.customers()) == ["C1"]
    assert world.run().plan.pending is False
    world.erp("UPDATE customers SET company_name = 'Ada ApS' WHERE customer_no = 'C1'")
    world.settled()
    assert world.links() == {"C1": iri}
    assert list(world.customers()) == ["C1"]


@pytest.mark.parametrize("edited", ["external", "flowtly"])
def test_records_that_were_taken_apart_are_not_doubled_by_an_edit(approved: World, edited: str) -> None:
    world = approved
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense")
    world.settled()
    iri = world.links()["C1"]
    world.store.unlink("clients", "C1", "tester")
    world.settled()
    if edited == "external":
        world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    else:
        world.edit(iri, addressCity="Vejle")
    world.settled()
    assert world.links() == {}
    assert len(world.clients()) == len(world.customers()) == 1
    assert world.questions()
    asked = len(world.questions())
    world.settled()
    assert len(world.questions()) == asked


def test_a_customer_that_was_deleted_before_we_got_round_to_it_is_not_made(approved: World) -> None:
    """Flowtly could not be read, so nothing was created; by the next run the customer is gone."""
    world = approved
    world.customer("C0", company_name="Stays ApS", vat_no="DK10000000")
    world.settled()
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    world.flowtly.faults.add("status", method="GET", path=r"^/clients($|\?)", status=503)
    world.run()
    world.flowtly.faults.clear()
    world.erp("DELETE FROM customers WHERE customer_no = 'C1'")
    world.run()
    assert world.named("Ada ApS") == []
    world.settled()


def test_a_customer_that_left_the_scope_before_we_got_round_to_it_is_not_made(world: World) -> None:
    world.configure(MAPPING.replace("cursor: changed_at}", "cursor: changed_at, where: {note: qualified}}"))
    world.run(person=True)
    world.customer("C0", company_name="Stays ApS", vat_no="DK10000000", note="qualified")
    world.settled()
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001", note="qualified")
    world.flowtly.faults.add("status", method="GET", path=r"^/clients($|\?)", status=503)
    world.run()
    world.flowtly.faults.clear()
    world.erp("UPDATE customers SET note = 'lost' WHERE customer_no = 'C1'")
    world.run()
    assert world.named("Ada ApS") == []
    world.erp("UPDATE customers SET note = 'qualified' WHERE customer_no = 'C1'")
    world.settled()
    assert len(world.named("Ada ApS")) == 1


def in_doubt(world: World) -> None:
    """One create of C1 whose answer was lost, though it was carried out, and that is not listed yet."""
    world.configure(settings=SETTINGS.replace("listing_grace: 0s", "listing_grace: 1h"))
    world.run(person=True)
    world.flowtly.faults.add("listing_delay", method="POST", path="/clients", times=1, requests=40)
    world.flowtly.faults.add("status_after", method="POST", path="/clients", times=1, status=504)
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    world.run()


def test_a_twin_that_comes_while_the_first_is_in_doubt_has_to_wait(world: World) -> None:
    in_doubt(world)
    world.customer("C2", company_name="Ada second ApS", vat_no="DK10000001")
    world.run()
    assert len(world.clients()) == 1


def test_a_result_that_a_person_named_before_it_was_listed_is_waited_for(world: World) -> None:
    in_doubt(world)
    (operation,) = world.store.open_operations("clients")
    ours = world.named("Ada ApS")[0]
    world.store.decide_operation(operation.id, "adopt", ours)
    world.run()
    assert len(world.clients()) == 1
    for _ in range(60):
        world.run()
        if world.links():
            break
    assert world.links() == {"C1": ours}
    assert len(world.clients()) == 1


def test_a_create_that_waits_for_a_person_holds_back_only_its_own_kind(world: World) -> None:
    """Law 5: other clients go on becoming customers while one create is in quarantine."""
    world.configure(settings=SETTINGS.replace("listing_grace: 0s", "listing_grace: 1h"))
    world.run(person=True)
    world.flowtly.faults.add("status_after", method="POST", path="/clients", times=1, status=504)
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")

    def meanwhile(stage: str, done: int, _total: int | None) -> None:
        if stage == "applying" and done == 1:
            world.client(name="Ada twin", tinCountry="DK", tin="10000001")

    world.run(progress=meanwhile)
    assert [one.state for one in world.store.open_operations("clients")] == ["quarantined"]
    world.client(name="Bea AB", tinCountry="SE", tin="5560000001", country="SE", currency="SEK")
    world.run()
    assert [row["company_name"] for key, row in world.customers().items() if key != "C1"] == ["Bea AB"]
    twin = world.named("Ada twin")[0].rpartition("/")[2]
    world.in_flowtly("DELETE", f"clients/{twin}")
    world.run()
    assert sorted(row["company_name"] for row in world.customers().values()) == ["Ada ApS", "Bea AB"]
