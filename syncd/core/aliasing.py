"""What an alias is to get from its primary, field by field. Pure; it never proposes to overwrite an edit.

Compared are four values of a field: what the alias reads, its base (how it read when it was last brought up to date),
the primary's base as it was carried over then (told), and the primary's base now::

                    told = primary      primary moved
    alias = base    quiet               write
    alias edited    edited, told once   equal now: agree, else ask
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from syncd.core.canon import same
from syncd.core.merge import remembered
from syncd.core.model import ABSENT, Absent, Decision, Document, MaybeValue, Side, Value


@dataclass(frozen=True, slots=True)
class AliasContest:
    """A field that was edited at the alias while it moved at the primary."""

    field: str
    base: MaybeValue
    told: MaybeValue
    alias: Value
    primary: Value


@dataclass(frozen=True, slots=True)
class Carried:
    """What follows for one alias. ``base`` and ``told`` are to be kept once the writes are done."""

    writes: Document
    base: Document
    told: Document
    contests: tuple[AliasContest, ...] = ()
    edited: tuple[str, ...] = ()
    settled: tuple[str, ...] = ()
    """Fields about which no question is open any more."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An alias as it is known: what it reads now, its base, and the base of its primary as it was carried over."""

    now: Document
    base: Document
    told: Document


def carry(
    alias: Standing, primary: Document, writable: Mapping[str, bool], decisions: Mapping[str, Sequence[Decision]]
) -> Carried:
    """Decide every field of ``writable``, which says whether it may be written to the alias. Total.

    A field that neither base knows is new in the mapping: it is taken as it reads on both, and nothing is written.
    ``decisions``: what a person said before, with the alias as the external side and the primary as the other.
    """
    writes: dict[str, Value] = {}
    base, told = dict(alias.base), dict(alias.told)
    contests: list[AliasContest] = []
    edited: list[str] = []
    for field, may in writable.items():
        mine, theirs = alias.now.get(field, ABSENT), primary.get(field, ABSENT)
        if isinstance(mine, Absent) or isinstance(theirs, Absent):
            continue
        known, carried = alias.base.get(field, ABSENT), alias.told.get(field, ABSENT)
        if isinstance(known, Absent) and isinstance(carried, Absent):
            base[field], told[field] = mine, theirs
            continue
        touched, moved = not same(mine, known), not same(theirs, carried)
        if not moved:
            edited.extend([field] if touched else [])
            continue
        wanted = theirs
        if touched and not same(mine, theirs):
            decision = remembered(decisions.get(field, ()), {Side.EXTERNAL: mine, Side.FLOWTLY: theirs})
            if decision is None and may:
                contests.append(AliasContest(field, known, carried, mine, theirs))
                continue
            wanted = mine if decision is None else _said(decision, mine, theirs)
        told[field] = theirs
        if not may:
            continue
        base[field] = wanted
        if not same(mine, wanted):
            writes[field] = wanted
    asked = {one.field for one in contests}
    return Carried(writes, base, told, tuple(contests), tuple(edited), tuple(sorted(writable.keys() - asked)))


def _said(decision: Decision, mine: Value, theirs: Value) -> Value:
    """The value that a person chose for the alias."""
    if decision.choice is None:
        return decision.value
    return mine if decision.choice is Side.EXTERNAL else theirs
