"""Wherever a process dies while budget links follow edits: one link for each key, never too much, and the same end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

import pytest

from tests.crash.allocations import NAME, SETTINGS
from tests.crash.harness import Ground
from tests.crash.sampling import spread
from tests.crash.scenarios import SCENARIOS, Scenario
from tests.crash.steps import Phase, Point
from tests.crash.world import CrashWorld
from tests.support.thoroughness import EVERYTHING

Prepared = Callable[[Scenario], Ground]
LINKS = "/api/budget-transactions"


@pytest.mark.slow
@pytest.mark.timeout(3600 if EVERYTHING else 300)
def test_wherever_it_dies_the_links_are_the_same_and_none_was_made_twice(prepared: Prepared) -> None:
    ground = prepared(SCENARIOS[NAME])
    assert ground.problems(twice=False) == []
    random = Random(NAME)
    points = spread(ground.points, len(ground.points) if EVERYTHING else 6, random)
    wrong = [one for where in points for one in ground.die(where)]
    writes = [
        one
        for one in ground.points
        if one.step is not None
        and LINKS in one.step.name
        and "GET" not in one.step.name
        and one.phase is not Phase.LOST
    ]
    wrong += ground.die(random.choice(writes), for_real=True)
    assert wrong == []


def _hidden_for_half_an_hour(world: CrashWorld) -> None:
    SCENARIOS[NAME].arm(world)
    world.flowtly.faults.add("listing_delay", method="POST", path=LINKS.removeprefix("/api"), seconds=1800)


@pytest.mark.slow
def test_a_link_without_an_answer_where_lists_come_late(prepared: Prepared) -> None:
    """It is neither made again nor taken for one that people made."""
    settings = SETTINGS.replace("listing_grace: 0s", "listing_grace: 1h")
    ground = prepared(replace(SCENARIOS[NAME], settings=settings, arm=_hidden_for_half_an_hour))
    assert ground.problems(twice=False) == []
    posted = next(
        one.step for one in ground.points if one.step is not None and one.step.name == f"flowtly POST {LINKS}"
    )
    assert [*ground.die(Point(Phase.UNREAD, posted)), *ground.die(Point(Phase.LOST, posted))] == []
