"""Notices that a peer was restored or swapped, or that our own store is an old copy, before anything is written.

It compares what was just read with what the links remember and raises a fence; it never lifts one, and a fenced
mapping is only read. Only a mapping whose plan somebody approved is looked at: without that nothing is written anyway,
and what was agreed under another version of the mapping does not tell what changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

from syncd.core.fencing import Breach, Facts, SideFacts, breaches, changed_fields, is_foreign, moved_together, went_back
from syncd.core.model import Document, Side
from syncd.engine.context import Context
from syncd.engine.merging import chunked
from syncd.engine.read import Reading
from syncd.ports import Observation, Status, Work

_ENOUGH = 5000
"""Changed records that are looked at: more of them say nothing new."""
_NAMED = 16


def standing_fence(ctx: Context) -> tuple[str, ...]:
    """Why the mapping is fenced since an earlier run; empty when it is not."""
    known = ctx.store.fence(ctx.name)
    return () if known is None else known.reasons


def fenced(ctx: Context, readings: Mapping[Side, Reading]) -> tuple[str, ...]:
    """Why nothing may be written now: the fence that stands, or the one that these readings raise."""
    standing = standing_fence(ctx)
    if standing or not ctx.approved:
        return standing
    facts, examples = _facts(ctx, readings)
    found = breaches(facts, ctx.limits.fence) if facts is not None else ()
    if facts is None or not found:
        return ()
    reasons = tuple(one.text for one in found)
    if ctx.store.raise_fence(ctx.name, reasons, _evidence(facts, found, examples), ctx.run_id):
        ctx.events("mapping.fenced", mapping=ctx.name, reasons=list(reasons), rules=[one.rule for one in found])
    return reasons


def _evidence(facts: Facts, found: tuple[Breach, ...], examples: list[str]) -> dict[str, object]:
    """What a person is shown: the counts behind the reasons, and some of the records."""
    return {
        "rules": [one.rule for one in found],
        "links": facts.links,
        "changed": facts.changed,
        "changed_alike_on_both_sides": facts.together,
        "new_pairs": facts.twins,
        **{str(side): asdict(one) for side, one in facts.sides.items()},
        "examples": examples,
    }


def _facts(ctx: Context, readings: Mapping[Side, Reading]) -> tuple[Facts | None, list[str]]:
    """What is read now against what is linked; None while nothing is linked."""
    links = ctx.store.counts(ctx.name).get("links", 0)
    if links == 0:
        return None, []
    moved = _Moved(ctx)
    for works in chunked(ctx.store.work(ctx.name, ctx.now()), ctx.limits.batch):
        moved.take(works)
        if moved.records >= _ENOUGH:
            break
    sides = {side: _walked(ctx, readings[side], moved.sides[side]) for side in Side}
    facts = Facts(links, sides, moved.records, moved.together, ctx.store.twins(ctx.name))
    return facts, moved.examples


def _walked(ctx: Context, reading: Reading, facts: SideFacts) -> SideFacts:
    """The facts of a side with what its walk missed; none of one whose records we make: no peer goes back there."""
    if ctx.capabilities[reading.side].derived:
        return SideFacts()
    certificate = reading.certificate
    if certificate is None or reading.error is not None:
        return facts
    facts = replace(facts, seen=certificate.seen, unseen=certificate.missing)
    if not certificate.complete or not certificate.missing:
        return facts
    losses = ctx.store.losses(ctx.name, reading.side, ctx.run_id)
    return replace(facts, vanished=losses.vanished, above=losses.above)


@dataclass(slots=True)
class _Moved:
    """Counts linked records that are not as they were agreed, and how they changed."""

    ctx: Context
    records: int = 0
    together: int = 0
    sides: dict[Side, SideFacts] = field(default_factory=lambda: dict.fromkeys(Side, SideFacts()))
    examples: list[str] = field(default_factory=list)

    def take(self, works: list[Work]) -> None:
        """Take in some records. Their past is looked up only for those that changed."""
        fields, levels = frozenset(self.ctx.rules.fields), _levels(self.ctx)
        changed = [(work, sides) for work in works if (sides := _changed_sides(work, fields))]
        keys = [work.link.external_key for work, _ in changed if work.link is not None]
        past = self.ctx.store.past(self.ctx.name, keys) if keys else {}
        for work, sides in changed:
            if work.link is None:
                continue
            self.records += 1
            external, flowtly = sides.get(Side.EXTERNAL), sides.get(Side.FLOWTLY)
            if external is not None and flowtly is not None:
                self.together += moved_together(external, flowtly, work.link.base, fields)
            for side, document in sides.items():
                base = work.link.base.of(side)
                differing = changed_fields(document, base, fields)
                back = went_back(differing, document, base, past.get(work.link.external_key, {}))
                foreign = is_foreign(document, base, levels, fields)
                known = self.sides[side]
                self.sides[side] = replace(
                    known, changed=known.changed + 1, back=known.back + back, foreign=known.foreign + foreign
                )
                if (back or foreign) and len(self.examples) < _NAMED:
                    what = "other content" if foreign else "reads as before"
                    self.examples.append(f"{side} {work.link.key(side)}: {what} ({', '.join(sorted(differing))})")


def _levels(ctx: Context) -> Sequence[Sequence[str]]:
    """By what a record is still known: its match keys; for one that is made of a derived one also what it hangs on.

    That is the first field of its match key. People who move several such records elsewhere have not swapped the peer.
    """
    match = ctx.mapping.match
    derived = any(ctx.capabilities[side].derived for side in Side)
    return (*match, *((level[0],) for level in match)) if derived else match


def _changed_sides(work: Work, fields: frozenset[str]) -> dict[Side, Document]:
    """The documents of a linked record's sides that were just read and are not as agreed."""
    if work.link is None:
        return {}
    seen: dict[Side, Observation | None] = {Side.EXTERNAL: work.external, Side.FLOWTLY: work.flowtly}
    return {
        side: one.document
        for side, one in seen.items()
        if one is not None
        and one.status is Status.DIRTY
        and one.document is not None
        and changed_fields(one.document, work.link.base.of(side), fields)
    }
