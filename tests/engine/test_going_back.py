"""Values that go back to what they were: going back is an edit like any other and is never taken for silence."""

from __future__ import annotations

import pytest

from syncd.core.model import Side
from tests.engine.steps import Died, Watched
from tests.engine.world import World


@pytest.fixture
def linked(approved: World) -> tuple[World, str]:
    """One linked customer C1."""
    world = approved
    world.customer("C1", company_name="Ada ApS", vat_no="DK10000001", city="Odense", phone="1")
    world.settled()
    return world, world.links()["C1"]


def contested(world: World, iri: str) -> int:
    """Both sides moved to another city; the number of the question."""
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    world.edit(iri, addressCity="Skive")
    world.run()
    (question,) = world.questions("field")
    return question.id


@pytest.mark.parametrize("choice", [Side.EXTERNAL, Side.FLOWTLY, None])
def test_an_answer_is_for_one_conflict_and_not_for_an_edit_that_comes_later(
    linked: tuple[World, str], choice: Side | None
) -> None:
    """The loser types the old value again, months later, and nobody else edits: that is news, not the old question."""
    world, iri = linked
    world.store.resolve(contested(world, iri), choice, None if choice else "Ribe", "tester")
    world.settled()
    if choice is Side.EXTERNAL:
        world.edit(iri, addressCity="Skive")
        wanted = "Skive"
    else:
        world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
        wanted = "Vejle"
    world.settled()
    assert (world.customers()["C1"]["city"], world.clients()[iri]["addressCity"]) == (wanted, wanted)
    assert world.questions() == []


def test_a_row_restored_from_a_backup_is_an_edit_of_what_was_agreed_since(linked: tuple[World, str]) -> None:
    """The phone number was agreed on while the city was contested; then all goes back to how it was before."""
    world, iri = linked
    world.erp("UPDATE customers SET phone = '2' WHERE customer_no = 'C1'")
    contested(world, iri)
    assert world.clients()[iri]["addressPhoneNumber"] == "2"
    world.erp("UPDATE customers SET city = 'Odense', phone = '1' WHERE customer_no = 'C1'")
    world.edit(iri, addressCity="Odense")
    world.settled()
    assert world.diverged() == []
    assert world.clients()[iri]["addressPhoneNumber"] == "1"
    assert world.questions() == []


@pytest.mark.parametrize("looked", [False, True], ids=["at once", "after somebody looked at a plan"])
def test_an_edit_taken_back_while_we_were_dead_is_taken_back_on_the_other_side_too(
    linked: tuple[World, str], looked: bool
) -> None:
    world, iri = linked
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    with Watched(world, die_after="flowtly.update"), pytest.raises(Died):
        world.run()
    assert world.clients()[iri]["addressCity"] == "Vejle"
    world.erp("UPDATE customers SET city = 'Odense' WHERE customer_no = 'C1'")
    if looked:
        world.run(write=False)
    world.settled()
    assert world.diverged() == []
    assert world.clients()[iri]["addressCity"] == "Odense"
    assert world.questions() == []
