"""Wherever a process dies while budget links follow edits: one link for each key, never too much, and the same end."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from tests.crash.allocations import NAME
from tests.crash.harness import Ground
from tests.crash.sampling import spread
from tests.crash.scenarios import SCENARIOS, Scenario
from tests.crash.steps import Phase
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
        if one.step is not None and LINKS in one.step.name and "GET" not in one.step.name and one.phase is not Phase.LOST
    ]
    wrong += ground.die(random.choice(writes), for_real=True)
    assert wrong == []
