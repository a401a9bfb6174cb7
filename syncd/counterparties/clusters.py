"""Which records are one party, from what was decided about pairs. Never joins two groups that hold a contradiction.

Edges are taken strongest first: what people said, then what is automatic by its bits. Two groups are joined only when
every pair between them could be one party; a join that is refused is a case for a person, never left out in silence.
The outcome depends on the edges alone, not on their order.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from syncd.counterparties import vetoes
from syncd.counterparties.decision import Band, Decision
from syncd.counterparties.party import Prepared

LARGEST: Final = 12

Pair = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A join that was refused: the groups as they ended, the pair that asked for it and why it was not done."""

    left: tuple[str, ...]
    right: tuple[str, ...]
    edge: Pair
    reason: str


@dataclass(frozen=True, slots=True)
class Clusters:
    """Groups of at least two ids, each sorted, in the order of their first ids; and the refused joins."""

    groups: tuple[tuple[str, ...], ...]
    refused: tuple[Refusal, ...]


def pair(one: str, other: str) -> Pair:
    """The two ids, the smaller first: the name of a pair."""
    return (one, other) if one < other else (other, one)


def cluster(
    decisions: Iterable[Decision],
    said_yes: Collection[Pair],
    said_no: Collection[Pair],
    prepared: Mapping[str, Prepared],
    judge: Callable[[Prepared, Prepared], Decision] | None = None,
) -> Clusters:
    """Join what is automatic or was said yes to.

    ``judge`` decides pairs that no decision is there for, such as the far ends of a chain; without it they count as
    too far apart.
    """
    return _Joining(decisions, said_yes, said_no, prepared, judge).run()


class _Joining:
    """Groups while they grow."""

    def __init__(
        self,
        decisions: Iterable[Decision],
        said_yes: Collection[Pair],
        said_no: Collection[Pair],
        prepared: Mapping[str, Prepared],
        judge: Callable[[Prepared, Prepared], Decision] | None,
    ) -> None:
        self._decisions = {pair(one.left, one.right): one for one in decisions}
        self._yes = {pair(*ids) for ids in said_yes}
        self._no = {pair(*ids) for ids in said_no}
        self._prepared = prepared
        self._judge = judge
        self._group_of: dict[str, tuple[str, ...]] = {}

    def run(self) -> Clusters:
        """All joins, strongest first."""
        refused: list[tuple[Pair, str]] = []
        for edge in self._edges():
            left, right = self._group(edge[0]), self._group(edge[1])
            if left == right:
                continue
            reason = self._against(left, right)
            if reason:
                refused.append((edge, reason))
                continue
            joined = tuple(sorted(left + right))
            self._group_of.update(dict.fromkeys(joined, joined))
        groups = sorted({group for group in self._group_of.values() if len(group) > 1})
        return Clusters(tuple(groups), self._told(refused))

    def _edges(self) -> list[Pair]:
        automatic = [
            (-one.bits, ids)
            for ids, one in self._decisions.items()
            if one.band is Band.AUTO and ids not in self._yes and ids not in self._no
        ]
        return [*sorted(self._yes - self._no), *(ids for _, ids in sorted(automatic))]

    def _group(self, one: str) -> tuple[str, ...]:
        return self._group_of.get(one, (one,))

    def _against(self, left: tuple[str, ...], right: tuple[str, ...]) -> str:
        """Why two groups must stay apart; empty when they need not."""
        if len(left) + len(right) > LARGEST:
            return f"together they would be more than {LARGEST} records"
        for one in left:
            for other in right:
                reason = self._between(pair(one, other))
                if reason:
                    return reason
        return ""

    def _between(self, ids: Pair) -> str:
        one, other = self._prepared[ids[0]], self._prepared[ids[1]]
        never = vetoes.never(one, other)
        if never:
            return f"{ids[0]} and {ids[1]}: {never[0]}"
        if ids in self._no:
            return f"{ids[0]} and {ids[1]} were said to be different"
        if ids in self._yes:
            return ""
        conflicts = vetoes.conflicts(one, other)
        if conflicts:
            return f"{ids[0]} and {ids[1]}: {conflicts[0]}"
        found = self._decisions.get(ids)
        if found is None and self._judge is not None:
            found = self._judge(one, other)
        if found is None or found.band is Band.NO:
            return f"too little says that {ids[0]} and {ids[1]} are one"
        return ""

    def _told(self, refused: list[tuple[Pair, str]]) -> tuple[Refusal, ...]:
        """One refusal for each two groups, the strongest edge's. A refused join never comes about by another edge."""
        told: dict[tuple[tuple[str, ...], tuple[str, ...]], Refusal] = {}
        for edge, reason in refused:
            left, right = sorted((self._group(edge[0]), self._group(edge[1])))
            told.setdefault((left, right), Refusal(left, right, edge, reason))
        return tuple(told.values())
