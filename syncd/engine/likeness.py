"""Strangers by evidence: who looks like whom when no match key says so. Links nothing that could be two, asks instead.

A link can be taken back, so a pair that fits well and fits nobody else may be proposed, in the plan that a person
applies first; later it is asked about. Whoever looks like others is not created while a person is asked, and a record
that was asked about stays so until that person answers or the question names somebody who is no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from syncd.core.match import Matching
from syncd.core.model import Document, Side
from syncd.counterparties.decide import weigh
from syncd.counterparties.decision import Band
from syncd.engine.context import Context
from syncd.engine.kin import Kin, Standing, linked, single, tied
from syncd.engine.lookalikes import Alike, Edge, groups
from syncd.engine.merging import chunked
from syncd.engine.nearness import Near, near
from syncd.engine.pools import Pools, needs_attention
from syncd.engine.whoiswho import Apart, Known, apart_of, standing
from syncd.ports import ConflictRow, Link, Observation, Operation, Status

TIERS: Final = frozenset({"T1", "T2", "T2b", "T3", "T4"})
"""A link can be undone, so more is good enough for it than for a merge."""


@dataclass(frozen=True, slots=True)
class Likenesses:
    """What was found, and the strangers that nothing is to be made of now."""

    groups: tuple[Alike, ...] = ()
    held: frozenset[Known] = frozenset()


def likenesses(
    ctx: Context,
    pools: Pools,
    found: Matching,
    busy: frozenset[Known],
    operations: Sequence[Operation],
    rows: Sequence[ConflictRow],
    links: Callable[[], Iterable[Link]],
) -> Likenesses:
    """Compare strangers that match keys leave alone; nothing at all while none of them is new or changed.

    ``links`` reads every link, which is dear.
    """
    spec = ctx.mapping.spec.evidence
    if spec is None:
        return Likenesses()
    asked = standing(ctx, rows, pools)
    held = frozenset(one for members in asked for one in members)
    asking = {
        (side, key)
        for side in Side
        for key in found.alone[side]
        if (side, key) not in busy | held and _matters(ctx, found, side) and _is_due(ctx, pools[side][key])
    }
    if not asking:
        return Likenesses(held=held)
    around = _Around(ctx, pools, found, busy, operations, links)
    surroundings = near(spec, around.strangers(asking), around.everyone())
    together = [[f"{side} {key}" for side, key in members] for members in asked]
    secret = any(name in ctx.mapping.sensitive for name in spec.fields)
    groups_found = groups(_edges(ctx, surroundings, apart_of(rows)), together, secret=secret)
    return Likenesses(tuple(groups_found), held | {one for group in groups_found for one in group.members})


def _edges(ctx: Context, surroundings: Near, apart: Apart) -> Iterator[Edge]:
    """Who looks like whom, of those that came near each other and that nobody said are different."""
    for one, other in surroundings.pairs:
        if apart.between(one.keys, other.keys) or not _speaks(ctx, one, other):
            continue
        left, right = surroundings.prepared[one.id], surroundings.prepared[other.id]
        if left.tin.valid and right.tin.valid and left.tin.valid != right.tin.valid:
            continue
        verdict = weigh(left, right, surroundings.census, tiers=TIERS)
        if verdict.band is not Band.NO:
            yield Edge(one, other, verdict)


def _speaks(ctx: Context, one: Kin, other: Kin) -> bool:
    """A partner is for any stranger; that making it would double somebody only matters where it would be made."""
    side = one.keys[0][0]
    partner = other.side is side.other and other.standing is Standing.ALONE
    return partner or side.other in ctx.rules.creates


def _is_due(ctx: Context, seen: Observation) -> bool:
    return needs_attention(ctx, seen) or seen.status is Status.ASKED


def _matters(ctx: Context, found: Matching, side: Side) -> bool:
    """Records of a side that nothing is created from need somebody on the other side to look like."""
    return side.other in ctx.rules.creates or bool(found.alone[side.other])


@dataclass(frozen=True, slots=True)
class _Around:
    """All records of the mapping as kin, read from the store as they are needed."""

    ctx: Context
    pools: Pools
    found: Matching
    busy: frozenset[Known]
    operations: Sequence[Operation]
    links: Callable[[], Iterable[Link]]

    def strangers(self, asking: Iterable[Known]) -> list[Kin]:
        """Those that ask, in order."""
        by_side = {side: sorted(key for where, key in asking if where is side) for side in Side}
        return [one for side in Side for one in self._singles(side, by_side[side], Standing.ALONE)]

    def everyone(self) -> Iterator[Kin]:
        """Strangers of both sides, pairs that are about to be linked, creates that are open, links."""
        for chunk in chunked(self.found.matches, self.ctx.limits.batch):
            external = self._documents(Side.EXTERNAL, [one.external[0] for one in chunk])
            flowtly = self._documents(Side.FLOWTLY, [one.flowtly[0] for one in chunk])
            for one in chunk:
                ours, theirs = one.external[0], one.flowtly[0]
                yield tied(ours, theirs, (flowtly.get(theirs, {}), external.get(ours, {})))
        for intent in (operation.intent for operation in self.operations):
            yield single(intent.side.other, intent.source_key, intent.payload, Standing.BUSY)
        for side in Side:
            yield from self._others(side)
        for link in self.links():
            yield linked(link)

    def _others(self, side: Side) -> Iterator[Kin]:
        sources = {one.intent.source_key for one in self.operations if one.intent.side is side.other}
        matched = {
            key for one in self.found.matches for key in (one.external if side is Side.EXTERNAL else one.flowtly)
        }
        alone = set(self.found.alone[side])
        standings: dict[Standing, list[str]] = {Standing.BUSY: [], Standing.ALONE: [], Standing.ASKED: []}
        for key in sorted(self.pools[side]):
            if key in sources or key in matched:
                continue
            busy = (side, key) in self.busy
            standings[Standing.BUSY if busy else Standing.ALONE if key in alone else Standing.ASKED].append(key)
        for how, keys in standings.items():
            yield from self._singles(side, keys, how)

    def _singles(self, side: Side, keys: Sequence[str], how: Standing) -> Iterator[Kin]:
        for chunk in chunked(keys, self.ctx.limits.batch):
            known = self._documents(side, chunk)
            for key in chunk:
                if key in known:
                    yield single(side, key, known[key], how)

    def _documents(self, side: Side, keys: Sequence[str]) -> dict[str, Document]:
        found = self.ctx.store.observations(self.ctx.name, side, keys)
        return {key: seen.document for key, seen in found.items() if seen.document is not None}
