"""Wherever a process dies that merges two counterparties: at most one call, and either merged or a question."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from tests.crash import merging
from tests.crash.harness import Ground
from tests.crash.sampling import spread
from tests.crash.scenarios import SCENARIOS, Scenario
from tests.crash.steps import Phase, Point

Prepared = Callable[[Scenario], Ground]
MERGE = SCENARIOS["merge of two counterparties"]
CALL = "flowtly POST /api/counterparties/{id}/merge"


def about(ground: Ground, *names: str) -> list[Point]:
    """Every point of the steps with these names."""
    return [one for one in ground.points if one.step is not None and one.step.name in names]


def test_around_the_call_and_the_commits_beside_it(prepared: Prepared) -> None:
    ground = prepared(MERGE)
    assert ground.problems(twice=False) == []
    points = about(ground, CALL, "store.finish_merge")
    assert {one.phase for one in points} == set(Phase)
    wrong = [one for where in points for one in ground.die(where)]
    wrong += ground.die(Point(Phase.UNREAD, about(ground, CALL)[0].step), for_real=True)
    assert wrong == []


def test_the_harness_sees_a_second_call(prepared: Prepared, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever takes a merge that may have been sent for one that was not is found out."""
    ground = prepared(MERGE)

    def again(desk: object, held: object, merge: object) -> object:
        desk.merger.merge(desk.resource, merge.plan.survivor, {"counterparties": [merge.plan.loser]})  # type: ignore[attr-defined]
        return merge

    monkeypatch.setattr("syncd.engine.dedupe.merging.recover_sent", again)
    wrong = ground.die(Point(Phase.UNREAD, about(ground, CALL)[0].step))
    assert any("the call was made 2 times" in one or "Item not found" in one for one in wrong)


@pytest.mark.slow
def test_wherever_it_dies_it_is_merged_once_or_asked(prepared: Prepared) -> None:
    ground = prepared(MERGE)
    random = Random(merging.NAME)
    wrong = [one for where in spread(ground.points, 12, random) for one in ground.die(where)]
    mortal = [one for one in ground.points if one.phase is not Phase.LOST]
    for where in spread(mortal, 3, random):
        wrong += ground.die_twice(where, random)
    assert wrong == []
