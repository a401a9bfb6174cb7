"""The decision core over its whole small domain, as a finite machine: every state of one field, and where it leads.

The domain is closed: carrying out a decision, dying half way through it, and any edit of either side lead from a state
of the domain to another one. So what is checked of every state holds after any number of moves of an adversary. It
decides nothing itself: every decision and every base comes from ``syncd.core``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from itertools import product
from typing import NamedTuple

from syncd.core.model import (
    ABSENT,
    Base,
    Decision,
    Direction,
    FieldRule,
    MaybeValue,
    Pair,
    Policy,
    Present,
    Rules,
    Side,
)
from syncd.core.reconcile import Merge, held_open, reconcile, settled

EXTERNAL, FLOWTLY = Side.EXTERNAL, Side.FLOWTLY
FIELD = "x"
NO_BASE = -1
NOTHING = -1  # no write
VALUES: tuple[MaybeValue, ...] = (ABSENT, None, "a", "b", "c")
NULL = 1
_CODES = {None: NULL, "a": 2, "b": 3, "c": 4}
_EARLY, _LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
TIMES = ((None, None), (_EARLY, _LATE), (_LATE, _EARLY), (_LATE, _LATE))
FIXED = tuple(frozenset(some) for some in ((), (EXTERNAL,), (FLOWTLY,), (EXTERNAL, FLOWTLY)))
ENOUGH = 4  # cycles after which anything must have come to rest


class State(NamedTuple):
    """One field of a linked (or linkable) pair: a decision (by number), both sides now, both bases; values by code."""

    decision: int
    external: int
    flowtly: int
    base_external: int
    base_flowtly: int


class Move(NamedTuple):
    """What the core says about a state and where carrying that out leads; ``half``: after the first of two writes."""

    writes: tuple[int, int]
    lost: tuple[bool, bool]
    contested: bool
    agreed: bool
    rule: str
    half: State | None
    end: State


@dataclass(frozen=True)
class Law:
    """A field rule with the times that go with it."""

    policy: Policy
    direction: Direction
    fixed: frozenset[Side]
    times: int

    @cached_property
    def rules(self) -> Rules:
        """As the core takes it."""
        return Rules({FIELD: FieldRule(self.policy, self.direction, self.fixed)})

    def mirrored(self) -> Law:
        """The same with the sides exchanged."""
        policy = {Policy.EXTERNAL: Policy.FLOWTLY, Policy.FLOWTLY: Policy.EXTERNAL}.get(self.policy, self.policy)
        turned = {Direction.TO_FLOWTLY: Direction.TO_EXTERNAL, Direction.TO_EXTERNAL: Direction.TO_FLOWTLY}
        fixed = frozenset(side.other for side in self.fixed)
        return Law(policy, turned.get(self.direction, self.direction), fixed, {1: 2, 2: 1}.get(self.times, self.times))


def laws() -> list[Law]:
    """Every policy, with every order of trusted times where that matters, every direction, every set of fixed sides."""
    return [
        Law(policy, direction, fixed, times)
        for policy, direction, fixed in product(Policy, Direction, FIXED)
        for times in (range(len(TIMES)) if policy is Policy.NEWEST else (0,))
    ]


class Judged(NamedTuple):
    """An answer: both values it was given for, and the side chosen or the value typed (by code)."""

    external: int
    flowtly: int
    choice: Side | None
    typed: int = NULL


def answers(values: Sequence[int]) -> list[Judged | None]:
    """No answer, and every answer up to renaming values: the core only asks whether values are equal.

    An answer is given for two different values. Both are texts (``a`` and ``b``), or one of them is null.
    """
    found: list[Judged | None] = [None]
    typed = [code for code in values if code != 0]
    for external, flowtly in ((2, 3), (NULL, 2), (2, NULL)):
        found += [Judged(external, flowtly, side) for side in Side]
        found += [Judged(external, flowtly, None, value) for value in typed]
    return found


class Table:
    """Every state under one law, with its move."""

    def __init__(self, law: Law, values: Sequence[int]) -> None:
        self.law = law
        self.values = tuple(values)
        self.answers = answers(values)
        times = TIMES[law.times]
        self._sides = [
            [Present({} if code == 0 else {FIELD: value}, when) for code, value in enumerate(VALUES)] for when in times
        ]
        documents = [{} if code == 0 else {FIELD: value} for code, value in enumerate(VALUES)]
        self._bases: dict[tuple[int, int], Base | None] = {
            (left, right): Base(documents[left], documents[right]) for left, right in product(self.values, repeat=2)
        }
        self._bases[NO_BASE, NO_BASE] = None
        self._decisions: list[Mapping[str, Decision]] = [_decisions(one) for one in self.answers]
        self.moves: dict[State, Move] = {state: self._move(state) for state in self.states()}

    def states(self) -> Iterator[State]:
        """All of them."""
        for number in range(len(self.answers)):
            for (external, flowtly), bases in product(product(self.values, repeat=2), self._bases):
                yield State(number, external, flowtly, *bases)

    def _move(self, state: State) -> Move:
        """Decide, and carry it out as the engine does: memory first, then one side after the other."""
        rules = self.law.rules
        external, flowtly = self._sides[0][state.external], self._sides[1][state.flowtly]
        base = self._bases[state.base_external, state.base_flowtly]
        merge = reconcile(Pair(external, flowtly, base, self._decisions[state.decision]), rules)
        assert isinstance(merge, Merge), state
        agreed = frozenset(merge.agreed)
        if not (merge.to_external or merge.to_flowtly):
            end = settled(base, external.document, flowtly.document, agreed, rules)
            return Move(
                (NOTHING, NOTHING), (False, False), bool(merge.contests), bool(agreed), "", None, _at(state, end)
            )
        kept = held_open(settled(base, external.document, flowtly.document, frozenset(), rules), merge)
        codes, now, half = [NOTHING, NOTHING], [state.external, state.flowtly], None
        for number, side in enumerate(Side):
            for change in merge.to(side):
                assert change.field == FIELD
                codes[number] = now[number] = _CODES[change.after]  # type: ignore[index]
            if number == 0 and merge.to_external and merge.to_flowtly:
                half = _at(state._replace(external=now[0]), kept)
        one, other = self._sides[0][now[0]].document, self._sides[1][now[1]].document
        end = settled(kept, one, other, agreed, rules)
        lost = tuple(any(change.overwrites_edit for change in merge.to(side)) for side in Side)
        rule = (merge.to_external or merge.to_flowtly)[0].rule
        ended = _at(state._replace(external=now[0], flowtly=now[1]), end)
        return Move((codes[0], codes[1]), (lost[0], lost[1]), bool(merge.contests), bool(agreed), rule, half, ended)

    def mirrored(self, state: State) -> State:
        """The state with its sides exchanged, and renamed so that its answer is one of ours."""
        judged = self.answers[state.decision]
        rename = {2: 3, 3: 2} if judged is not None and {judged.external, judged.flowtly} == {2, 3} else {}
        number = 0
        if judged is not None:
            choice = None if judged.choice is None else judged.choice.other
            codes = (judged.flowtly, judged.external, judged.typed)
            left, right, typed = (rename.get(code, code) for code in codes)
            number = self.answers.index(Judged(left, right, choice, typed))
        swapped = (state.flowtly, state.external, state.base_flowtly, state.base_external)
        return State(number, *(rename.get(code, code) for code in swapped))

    def renamed(self, state: State, code: int) -> int:
        """How a value of this state is called in its mirror."""
        judged = self.answers[state.decision]
        if judged is None or {judged.external, judged.flowtly} != {2, 3}:
            return code
        return {2: 3, 3: 2}.get(code, code)


def _decisions(judged: Judged | None) -> Mapping[str, Decision]:
    if judged is None:
        return {}
    typed = VALUES[judged.typed] if judged.choice is None else None
    return {FIELD: Decision(VALUES[judged.external], VALUES[judged.flowtly], judged.choice, typed)}  # type: ignore[arg-type]


def _at(state: State, base: Base) -> State:
    left, right = base.external.get(FIELD, ABSENT), base.flowtly.get(FIELD, ABSENT)
    codes = [0 if one is ABSENT else _CODES[one] for one in (left, right)]  # type: ignore[index]
    return state._replace(base_external=codes[0], base_flowtly=codes[1])
