"""Runs the theorems over the small world, or over a seeded part of it, and counts. Never stops at the first failure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from tests.unit.core.small_theorems import (
    THEOREMS,
    converges,
    independent,
    judged_alike,
    mirrors,
    one_sided,
    sides_hold,
)
from tests.unit.core.small_world import VALUES, Law, State, Table, laws

_SHOWN = 5  # failures of one theorem that are told


@dataclass
class Found:
    """What was looked at, and what was broken."""

    laws: int = 0
    states: int = 0
    moves: int = 0
    one_sided: int = 0
    pairs: int = 0
    longest: int = 0
    failures: list[str] = field(default_factory=list)
    broken: Counter[str] = field(default_factory=Counter)

    def note(self, theorem: str, law: Law | None, texts: Sequence[str]) -> None:
        """Remember the first failures of each theorem and count all."""
        for text in texts:
            self.broken[theorem] += 1
            if self.broken[theorem] <= _SHOWN:
                self.failures.append(f"{theorem}: {law}: {text}")


def orbits(chosen: Sequence[Law]) -> list[tuple[Law, Law]]:
    """Each law with its mirror, once."""
    found: dict[frozenset[Law], tuple[Law, Law]] = {}
    for law in chosen:
        found.setdefault(frozenset({law, law.mirrored()}), (law, law.mirrored()))
    return list(found.values())


def examine(
    values: Sequence[int] = range(len(VALUES)),
    share: float = 1.0,
    pairs: int = 0,
    seed: int = 1,
    say: Callable[[str], None] = lambda _: None,
) -> Found:
    """Check everything, or the laws that a seeded draw leaves; ``pairs`` two-field records are drawn besides."""
    rng = Random(seed)
    found = Found()
    every = orbits(laws())
    drawn = every if share >= 1 else rng.sample(every, max(1, round(len(every) * share)))
    kept: list[tuple[Law, Table, State]] = []
    for number, (law, mirror) in enumerate(drawn):
        table = Table(law, values)
        tables = [table] if law == mirror else [table, Table(mirror, values)]
        for one in tables:
            _examine_table(one, tables[-1] if one is table else table, found)
        states = list(table.moves)
        kept += [(law, table, rng.choice(states)) for _ in range(40)] if law.times == 0 else []
        for one, rules in one_sided(law, values):
            found.one_sided += 1
            found.note("sides_hold", law, list(sides_hold(one, rules)))
        say(f"{number + 1} of {len(drawn)} laws, {found.states:,} states")
        table.moves = {state: table.moves[state] for _, owner, state in kept if owner is table}
    for _ in range(pairs):
        found.pairs += 1
        found.note("independent", None, list(independent(rng.choice(kept), rng.choice(kept))))
    return found


def _examine_table(table: Table, mirror: Table, found: Found) -> None:
    found.laws += 1
    found.states += len(table.moves)
    found.moves += 2 * len(table.values) * sum(1 + (move.half is not None) for move in table.moves.values())
    longest = [found.longest]
    for theorem in (*THEOREMS, judged_alike):
        found.note(theorem.__name__, table.law, list(theorem(table)))
    found.note("converges", table.law, list(converges(table, longest)))
    found.note("mirrors", table.law, list(mirrors(table, mirror)))
    found.longest = longest[0]
