"""The decision procedure: (external, flowtly, base) -> what is to be done. Pure, total, and the same for both sides.

::

                     FLOWTLY present          FLOWTLY gone                                FLOWTLY unread
    EXTERNAL present merge field by field     no base: create | untouched: remove |       hold
                                              edited: create again (edit beats delete)
    EXTERNAL gone    (mirror)                 forget                                      hold
    EXTERNAL unread  hold                     hold                                        hold
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias, assert_never

from syncd.core.canon import same
from syncd.core.merge import FIXED, base_of, merge_field
from syncd.core.model import (
    ABSENT,
    Absent,
    Base,
    Direction,
    Document,
    Gone,
    MaybeValue,
    Pair,
    Present,
    Rules,
    Side,
    Unread,
    Value,
)


@dataclass(frozen=True, slots=True)
class Change:
    """One field to write: what the side has now, what it gets, by which rule, and whether somebody's edit is lost."""

    field: str
    before: MaybeValue
    after: Value
    rule: str
    overwrites_edit: bool = False


@dataclass(frozen=True, slots=True)
class Contest:
    """One field that a person has to decide, with everything needed to do so.

    ``fixed``: one side cannot change it. ``history``: it changes hands again and again, and how it did lately.
    ``fault``: which side's value fails its check, and why.
    """

    field: str
    base_external: MaybeValue
    base_flowtly: MaybeValue
    external: MaybeValue
    flowtly: MaybeValue
    fixed: bool = False
    history: str = ""
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Merge:
    """Both sides are there. Contested fields wait alone; everything else flows."""

    to_external: tuple[Change, ...] = ()
    to_flowtly: tuple[Change, ...] = ()
    contests: tuple[Contest, ...] = ()
    agreed: tuple[str, ...] = ()

    def to(self, side: Side) -> tuple[Change, ...]:
        """The changes for one side."""
        return self.to_external if side is Side.EXTERNAL else self.to_flowtly


@dataclass(frozen=True, slots=True)
class Create:
    """The record is to be made on ``side`` from the other side's document."""

    side: Side
    document: Document
    rule: str


@dataclass(frozen=True, slots=True)
class Remove:
    """The record vanished from the other side and nobody touched it here: a delete on ``side`` may be due.

    Only a proposal: whoever carries it out needs proof that it is gone.
    """

    side: Side


@dataclass(frozen=True, slots=True)
class Hold:
    """What we do not know we leave alone."""

    reason: str


@dataclass(frozen=True, slots=True)
class Forget:
    """Both records are gone; only the link is left."""


Outcome: TypeAlias = Merge | Create | Remove | Hold | Forget


def reconcile(pair: Pair, rules: Rules) -> Outcome:
    """Decide one record. Never raises for any combination of sides."""
    match pair.external, pair.flowtly:
        case (Unread(reason=reason), _) | (_, Unread(reason=reason)):
            return Hold(reason)
        case Present() as external, Present() as flowtly:
            return _merge(external, flowtly, pair, rules)
        case Present() as external, Gone():
            return _one_sided(Side.EXTERNAL, external, pair.base, rules)
        case Gone(), Present() as flowtly:
            return _one_sided(Side.FLOWTLY, flowtly, pair.base, rules)
        case Gone(), Gone():
            return Forget()
        case _:
            assert_never(pair.external)  # type: ignore[arg-type]  # mypy cannot see that the pairs above are all pairs


def _merge(external: Present, flowtly: Present, pair: Pair, rules: Rules) -> Merge:
    base = pair.base or Base({}, {})
    times = {Side.EXTERNAL: external.changed_at, Side.FLOWTLY: flowtly.changed_at}
    changes: dict[Side, list[Change]] = {Side.EXTERNAL: [], Side.FLOWTLY: []}
    contests: list[Contest] = []
    agreed: list[str] = []
    for field, rule in rules.fields.items():
        now = base_of(field, external.document, flowtly.document)
        known = base_of(field, base.external, base.flowtly)
        verdict = merge_field(rule, now, known, times, pair.decisions.get(field))
        if verdict.contested:
            contests.append(
                Contest(
                    field,
                    known[Side.EXTERNAL],
                    known[Side.FLOWTLY],
                    now[Side.EXTERNAL],
                    now[Side.FLOWTLY],
                    fixed=verdict is FIXED,
                )
            )
        if verdict.agreed:
            agreed.append(field)
        for side, value in verdict.writes:
            changes[side].append(Change(field, now[side], value, verdict.rule, side in verdict.lost))
    return Merge(tuple(changes[Side.EXTERNAL]), tuple(changes[Side.FLOWTLY]), tuple(contests), tuple(agreed))


def _one_sided(here: Side, seen: Present, base: Base | None, rules: Rules) -> Outcome:
    there = here.other
    if base is None:
        if there not in rules.creates:
            return Hold("lives on one side only")
        return Create(there, _creatable(seen.document, rules, there), "only_here")
    if not edited(seen.document, base.of(here)):
        return Remove(here)
    if there not in rules.creates:
        return Hold("edited here, deleted there")
    return Create(there, _creatable(seen.document, rules, there), "edit_beats_delete")


def _creatable(document: Document, rules: Rules, target: Side) -> dict[str, Value]:
    """What a new record on ``target`` gets. One-way fields that flow the other way stay out."""
    into = {Side.EXTERNAL: Direction.TO_EXTERNAL, Side.FLOWTLY: Direction.TO_FLOWTLY}[target]
    return {
        field: document[field]
        for field, rule in rules.fields.items()
        if field in document and document[field] is not None and rule.direction in {Direction.BOTH, into}
    }


def edited(now: Document, base: Document) -> bool:
    """True when some field that the side carries differs from its base."""
    return any(not same(value, base.get(field, ABSENT)) for field, value in now.items())


def settled(base: Base | None, external: Document, flowtly: Document, agreed: frozenset[str], rules: Rules) -> Base:
    """The base after a decision: agreed fields as each side reads now, every other field as it was last agreed.

    Fields that the mapping no longer has are forgotten.
    """
    old = base or Base({}, {})
    return Base(_settle(old.external, external, agreed, rules), _settle(old.flowtly, flowtly, agreed, rules))


def held_open(base: Base, merge: Merge) -> Base:
    """The base to keep while a typed answer is on its way to both sides, which cannot happen in one step.

    A side that already has the answer must not look as if nobody had touched it, just because the answer is the old
    value: then the other side's losing value would count as the only edit. With the bases crossed neither side reads
    as its base, before and between the writes, so the answer still applies.
    """
    before = {side: {change.field: change for change in merge.to(side)} for side in Side}
    crossed: dict[Side, dict[str, Value]] = {side: {} for side in Side}
    for field in before[Side.EXTERNAL].keys() & before[Side.FLOWTLY].keys():
        if any(same(before[side][field].after, base.of(side).get(field, ABSENT)) for side in Side):
            for side in Side:
                other = before[side.other][field].before
                if not isinstance(other, Absent):
                    crossed[side][field] = other
    return Base({**base.external, **crossed[Side.EXTERNAL]}, {**base.flowtly, **crossed[Side.FLOWTLY]})


def _settle(old: Mapping[str, Value], now: Document, agreed: frozenset[str], rules: Rules) -> dict[str, Value]:
    kept: dict[str, Value] = {}
    for field in rules.fields:
        if field in agreed or field not in old:
            # A null that was never agreed on is remembered, for a side at rest is read from its base. It decides
            # nothing: as long as the other side's base lacks the field, both count as null.
            if field in now and (field in agreed or now[field] is None):
                kept[field] = now[field]
        else:
            kept[field] = old[field]
    return kept
