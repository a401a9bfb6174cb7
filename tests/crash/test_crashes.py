"""A few of the points at which a process may die; ``tests/proof/crash.py`` goes through all of them.

And that the harness would see it if the end were another one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from tests.crash.harness import Ground
from tests.crash.sampling import spread
from tests.crash.scenarios import SCENARIOS, Scenario
from tests.crash.steps import Phase, Point
from tests.crash.world import ONE_BY_ONE

Prepared = Callable[[Scenario], Ground]
LATE = SCENARIOS["create where lists come late"]


def point(ground: Ground, step: str, phase: Phase) -> Point:
    """The first step of this name."""
    return Point(phase, next(one for one in ground.steps if one.name == step))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "patch both ways",
        "parents and children made together",
        "delete with approval",
        "allocations made anew",
        "budget links moved, joined and split",
    ],
)
def test_wherever_it_dies_the_end_is_the_same(prepared: Prepared, name: str) -> None:
    ground = prepared(SCENARIOS[name])
    assert ground.problems() == []
    wrong = [one for where in spread(ground.points, 6, Random(name)) for one in ground.die(where)]
    wrong += ground.die_twice(ground.points[len(ground.points) // 2], Random(name))
    assert wrong == []


def test_a_create_without_an_answer_where_lists_come_late(prepared: Prepared) -> None:
    ground = prepared(LATE)
    posted = point(ground, "flowtly POST /api/clients", Phase.UNREAD)
    wrong = [*ground.die(posted), *ground.die(replace(posted, phase=Phase.LOST)), *ground.die(posted, for_real=True)]
    assert wrong == []


def test_the_harness_sees_a_duplicate(prepared: Prepared) -> None:
    """With no grace for lists that come late, a create without an answer is sent twice."""
    ground = prepared(replace(LATE, settings=ONE_BY_ONE))
    wrong = ground.die(point(ground, "flowtly POST /api/clients", Phase.UNREAD))
    assert any("flowtly POST /api/clients #1, applied, no answer: flowtly Client: has [" in one for one in wrong)
    assert ground.die(point(ground, "flowtly POST /api/clients", Phase.BEFORE)) == []
