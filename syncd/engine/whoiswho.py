"""What people were asked and said about who is who, as far as it still counts. Carries out nothing itself.

Records that a person said are different ones stay so for good, whatever they read like later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeAlias

from syncd.core.match import Match, Matching
from syncd.core.model import Side
from syncd.engine.context import Context
from syncd.engine.pools import Pools, needs_attention
from syncd.ports import APART, ConflictRow, Status

Known: TypeAlias = tuple[Side, str]

LINK_ANSWER = "link "
PAIR_MARK = " = "


@dataclass(frozen=True, slots=True)
class Apart:
    """Who was said to be different: each record with the numbers of the answers that name it."""

    answers: dict[Known, frozenset[int]]

    def between(self, one: Iterable[Known], other: Iterable[Known]) -> bool:
        """True when one answer names a record of both."""
        return not self._named(one).isdisjoint(self._named(other))

    def all(self, members: Collection[Known]) -> bool:
        """True when every two of them were said to be different."""
        ordered = sorted(members)
        return all(
            self.between([one], [other]) for number, one in enumerate(ordered) for other in ordered[number + 1 :]
        )

    def _named(self, records: Iterable[Known]) -> frozenset[int]:
        nothing: frozenset[int] = frozenset()
        return nothing.union(*(self.answers.get(one, nothing) for one in records))


def apart_of(rows: Iterable[ConflictRow]) -> Apart:
    """The answers that keep records apart."""
    found: defaultdict[Known, set[int]] = defaultdict(set)
    for row in rows:
        if row.resolution == APART:
            for one in named(row):
                found[one].add(row.id)
    return Apart({one: frozenset(numbers) for one, numbers in found.items()})


def named(row: ConflictRow) -> frozenset[Known]:
    """Every record that a question is about."""
    return frozenset((side, key) for side in Side for key in row.named(side))


def parted(found: Matching, apart: Apart) -> Matching:
    """The matching without what a person said is different: these records are alone."""
    if not apart.answers:
        return found
    kept: list[list[Match]] = []
    alone = {side: set(found.alone[side]) for side in Side}
    for matches in (found.matches, found.ambiguous):
        kept.append([])
        for one in matches:
            if apart.all([(Side.EXTERNAL, key) for key in one.external] + [(Side.FLOWTLY, key) for key in one.flowtly]):
                alone[Side.EXTERNAL].update(one.external)
                alone[Side.FLOWTLY].update(one.flowtly)
            else:
                kept[-1].append(one)
    return replace(
        found,
        matches=tuple(kept[0]),
        ambiguous=tuple(kept[1]),
        alone={side: tuple(sorted(keys)) for side, keys in alone.items()},
    )


def standing(ctx: Context, rows: Iterable[ConflictRow], pools: Pools) -> list[frozenset[Known]]:
    """Strangers of each question that still stands as it was asked: nobody of it is gone, and nobody moved.

    One that was dismissed stands as well: nothing is done. One that names records is about them and no others.
    """
    waiting = [row for row in rows if not _decided(row) and any(isinstance(row.of(side), tuple) for side in Side)]
    elsewhere = {
        side: {key for row in waiting for key in row.named(side) if row.kind == "duplicate" and key not in pools[side]}
        for side in Side
    }
    tied = {side: ctx.store.partners(ctx.name, side, sorted(keys)).keys() for side, keys in elsewhere.items()}
    return [
        members
        for row in waiting
        if (members := frozenset(_strangers(row, pools)))
        and all(key in pools[side] or (row.kind == "duplicate" and key in tied[side]) for side, key in named(row))
        and not any(needs_attention(ctx, pools[side][key]) for side, key in members)
        and any(pools[side][key].status is Status.ASKED for side, key in members)
    ]


def _decided(row: ConflictRow) -> bool:
    return row.resolution is not None and (row.resolution == APART or row.resolution.startswith(LINK_ANSWER))


def _strangers(row: ConflictRow, pools: Pools) -> Iterator[Known]:
    return ((side, key) for side, key in named(row) if key in pools[side])
