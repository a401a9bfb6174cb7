"""The theorems of the small world on a drawn part of it; ``make proof`` checks all of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.core.small_proof import examine, orbits
from tests.unit.core.small_theorems import THEOREMS, converges, mirrors
from tests.unit.core.small_world import NOTHING, Law, Move, State, Table, answers, laws

VALUES = range(4)  # absent, null, and two values


def test_every_theorem_holds_in_a_drawn_part_of_the_domain() -> None:
    found = examine(VALUES, share=0.04, pairs=2_000, seed=20)
    assert found.failures == []
    assert found.states > 8_000
    assert found.longest <= 2


def test_the_domain_has_every_combination_once() -> None:
    every = laws()
    assert len(every) == len(set(every)) == (3 + 4) * 3 * 4
    assert {law for pair in orbits(every) for law in pair} == set(every)
    assert len(answers(VALUES)) == 1 + 3 * (2 + 3)
    assert len(list(Table(every[0], range(4)).states())) == 16 * 16 * 4**2 + 16 * 4**2


BOTH_EDITED = State(0, 2, 3, 1, 1)
QUIET = State(0, 2, 2, 2, 2)


@pytest.mark.parametrize(
    ("theorem", "state", "change"),
    [
        ("writes_once", State(0, 2, 1, 1, 1), {"end": State(0, 2, 1, 1, 1)}),
        ("ends_equal_or_asked", BOTH_EDITED, {"contested": False, "end": BOTH_EDITED}),
        ("differs_only_with_leave", BOTH_EDITED, {"agreed": True}),
        ("invents_nothing", QUIET, {"writes": (3, NOTHING)}),
        ("tells_what_is_lost", BOTH_EDITED, {"writes": (3, NOTHING)}),
        ("asks_before_it_overwrites", BOTH_EDITED, {"writes": (3, NOTHING), "lost": (True, False)}),
        ("keeps_to_its_lane", BOTH_EDITED, {"writes": (3, NOTHING)}),
        ("answers_count_once", QUIET._replace(decision=1), {"agreed": True}),
        ("lone_edits_travel", State(0, 2, 1, 1, 1), {"writes": (NOTHING, NOTHING)}),
        ("last_word_stays", State(0, 2, 2, 1, 1), {"contested": False, "end": State(0, 3, 2, 1, 1)}),
    ],
)
def test_each_theorem_notices_when_it_is_broken(theorem: str, state: State, change: dict[str, object]) -> None:
    """A table with one wrong move; without it the theorem is content."""
    (check,) = [one for one in THEOREMS if one.__name__ == theorem]
    table = Table(Law(laws()[-1].policy, laws()[0].direction, frozenset(), 0), VALUES)
    assert table.law.policy == "ask"
    assert list(check(table)) == []
    right: Move = table.moves[state]
    if theorem == "last_word_stays":
        # Whatever follows the adversary's edit is now forgotten.
        table.moves[State(0, 2, 3, 2, 2)] = table.moves[State(0, 2, 3, 2, 2)]._replace(
            writes=(NOTHING, NOTHING), contested=False, end=State(0, 2, 3, 2, 2)
        )
    else:
        table.moves[state] = right._replace(**change)  # type: ignore[arg-type]
    assert list(check(table)) != []


def test_a_world_that_never_rests_and_one_that_leans_to_a_side_are_noticed() -> None:
    table = Table(laws()[-1], VALUES)
    longest = [0]
    assert list(converges(table, longest)) == []
    assert list(mirrors(table, Table(table.law.mirrored(), VALUES))) == []
    a, b = State(0, 2, 1, 1, 1), State(0, 1, 2, 1, 1)
    table.moves[a], table.moves[b] = table.moves[a]._replace(end=b), table.moves[b]._replace(end=a)
    assert list(converges(table, longest)) != []
    assert list(mirrors(table, Table(replace(table.law), VALUES))) != []
