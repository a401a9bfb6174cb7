"""Lost answers: a create is never sent twice, a change is never taken for done or undone without a look. Law 2."""

from __future__ import annotations

import pytest

from syncd.core.model import Side
from syncd.ports import OperationState
from tests.engine.world import SETTINGS, World

AFTER = [
    ("status_after", {"status": 504}),
    ("status_after", {"status": 502}),
    ("reset_after", {}),
    ("truncated", {}),
]


@pytest.mark.parametrize(("kind", "params"), AFTER, ids=["504", "502", "reset", "truncated"])
def test_a_create_that_was_stored_but_not_answered_is_adopted(approved: World, kind: str, params: dict) -> None:
    world = approved
    world.flowtly.faults.add(kind, method="POST", path="/clients", times=1, **params)
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    world.settled()
    assert len(world.clients()) == 1
    assert world.links() == {"C1": world.named("Ada ApS")[0]}
    assert world.said("record.adopted")
    assert world.diverged() == []


def test_a_create_that_was_not_stored_is_sent_again_after_a_complete_look(approved: World) -> None:
    world = approved
    world.flowtly.faults.add("status", method="POST", path="/clients", times=1, status=504)
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    world.settled()
    assert len(world.clients()) == 1
    assert list(world.links()) == ["C1"]


def test_within_the_listing_grace_nothing_is_sent_again(world: World) -> None:
    world.configure(settings=SETTINGS.replace("listing_grace: 0s", "listing_grace: 1h"))
    world.run(person=True)
    world.flowtly.faults.add("status", method="POST", path="/clients", times=1, status=504)
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    for _ in range(3):
        report = world.run()
    assert world.clients() == {}
    assert report.open_operations == 1
    (operation,) = world.store.open_operations("clients")
    assert operation.state is OperationState.IN_DOUBT
    world.store.decide_operation(operation.id, "retry", None)
    world.settled()
    assert len(world.clients()) == 1


def test_a_listing_that_lags_behind_does_not_make_a_second_record(world: World) -> None:
    world.configure(settings=SETTINGS.replace("listing_grace: 0s", "listing_grace: 1h"))
    world.run(person=True)
    world.flowtly.faults.add("listing_delay", method="POST", path="/clients", times=1, requests=6)
    world.flowtly.faults.add("status_after", method="POST", path="/clients", times=1, status=504)
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    for _ in range(6):
        world.run()
    assert len(world.clients()) == 1
    assert list(world.links()) == ["C1"]


def test_without_a_vat_number_the_weaker_key_finds_it(approved: World) -> None:
    world = approved
    world.flowtly.faults.add("status_after", method="POST", path="/clients", times=1, status=504)
    world.customer("C1", company_name="Ada ApS")
    world.settled()
    assert len(world.clients()) == 1
    assert list(world.links()) == ["C1"]


def test_a_record_known_before_the_intent_is_never_taken_for_its_result(approved: World) -> None:
    """Another, linked client of the same name must not be adopted."""
    world = approved
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")
    world.settled()
    first = world.links()["C1"]
    world.erp("UPDATE customers SET vat_no = NULL WHERE customer_no = 'C1'")
    world.settled()
    world.flowtly.faults.add("status", method="POST", path="/clients", times=1, status=504)
    world.customer("C2", company_name="Ada ApS", vat_no="DK10000002")
    world.settled()
    assert world.links()["C1"] == first
    assert world.links()["C2"] != first
    assert len(world.clients()) == 2


def test_several_hits_are_quarantined_and_a_person_says_which(world: World) -> None:
    world.configure(settings=SETTINGS.replace("listing_grace: 0s", "listing_grace: 1h"))
    world.run(person=True)
    world.flowtly.faults.add("status_after", method="POST", path="/clients", times=1, status=504)
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")

    def meanwhile(stage: str, done: int, _total: int | None) -> None:
        if stage == "applying" and done == 1:
            world.client(name="Ada twin", tinCountry="DK", tin="10000001")

    world.run(progress=meanwhile)
    assert len(world.clients()) == 2
    assert world.links() == {}
    (operation,) = world.store.open_operations("clients")
    assert operation.state is OperationState.QUARANTINED
    assert world.questions("in_doubt")
    for _ in range(2):
        world.run()
    assert len(world.clients()) == 2
    ours = world.named("Ada ApS")[0]
    world.store.decide_operation(operation.id, "adopt", ours)
    world.run()
    assert world.links() == {"C1": ours}
    assert len(world.clients()) == 2


@pytest.mark.parametrize(("kind", "params"), AFTER, ids=["504", "502", "reset", "truncated"])
def test_a_change_that_was_stored_but_not_answered_is_found_applied(approved: World, kind: str, params: dict) -> None:
    world = approved
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense")
    world.settled()
    world.flowtly.faults.add(kind, method="PATCH", path="/clients", times=1, **params)
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    world.settled()
    assert world.diverged() == []
    assert world.questions() == []


def test_a_change_that_was_not_stored_is_sent_again(approved: World) -> None:
    world = approved
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense")
    world.settled()
    world.flowtly.faults.add("status", method="PATCH", path="/clients", times=1, status=504)
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    world.settled()
    assert world.diverged() == []
    assert world.questions() == []


def test_after_a_stop_the_intent_is_settled_before_anything_is_read(approved: World) -> None:
    """The process dies right after Flowtly stored the record: the next run adopts it."""
    world = approved
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001")

    class Died(BaseException):
        pass

    def die(event: str, /, **fields: object) -> None:
        World.note(world, event, **fields)
        if event == "write.in_doubt":
            raise Died

    world.flowtly.faults.add("reset_after", method="POST", path="/clients", times=1)
    world.note = die  # type: ignore[method-assign]
    with pytest.raises(Died):
        world.run()
    del world.note
    (operation,) = world.store.open_operations("clients")
    assert operation.state is OperationState.INTENDED
    world.settled()
    assert len(world.clients()) == 1
    assert list(world.links()) == ["C1"]


def test_an_edit_made_while_a_create_was_in_doubt_is_not_lost(world: World) -> None:
    world.configure(settings=SETTINGS.replace("listing_grace: 0s", "listing_grace: 1h"))
    world.run(person=True)
    world.flowtly.faults.add("listing_delay", method="POST", path="/clients", times=1, requests=3)
    world.flowtly.faults.add("status_after", method="POST", path="/clients", times=1, status=504)
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense")
    world.run()
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    for _ in range(4):
        world.run()
    assert len(world.clients()) == 1
    assert world.diverged() == []
    assert world.questions("field") == []


def test_creates_in_the_erp_survive_a_lost_connection(approved: World) -> None:
    """The record is created once although several runs try."""
    world = approved
    iri = world.client(name="There ApS", tinCountry="DK", tin="10000003")
    world.settled()
    assert list(world.links().values()) == [iri]
    assert len(world.customers()) == 1
    assert world.run(full=True).counts.get(f"{Side.EXTERNAL}.created") is None
