"""Law 8: two daemons do no harm. They share a store, are killed, stand still, and lose sight of the store."""

from __future__ import annotations

import pytest

from tests.daemons import scenes
from tests.engine.world import World


@pytest.mark.slow
def test_two_daemons_and_people_at_both_ends(world: World) -> None:
    scenes.several_at_once(world, daemons=2, acts=24, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["held", "slow"])
def test_one_that_stands_still_while_its_create_is_under_way_makes_no_second_one(world: World, answer: str) -> None:
    assert scenes.frozen_while_sending(world, answer=answer)["clients made"] == 1


def test_one_that_stands_still_between_intent_and_create_does_not_send_it_after_its_lease(world: World) -> None:
    assert scenes.frozen_before_sending(world)["clients made"] == 1


@pytest.mark.slow
def test_one_that_stands_still_between_intent_and_change_does_not_send_it_after_its_lease(world: World) -> None:
    scenes.frozen_before_an_edit(world)


@pytest.mark.slow
def test_one_that_stands_still_within_a_transaction_does_not_keep_the_others_out(world: World) -> None:
    assert scenes.frozen_within_a_transaction(world)["clients made"] == 1


@pytest.mark.slow
@pytest.mark.parametrize("how", ["cut", "silent"])
def test_one_without_the_store_stops_and_the_other_goes_on(world: World, how: str) -> None:
    scenes.cut_off_from_the_store(world, how=how, acts=6, seed=2)
