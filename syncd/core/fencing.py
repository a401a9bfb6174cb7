"""Has a peer, or our own store, gone back in time or been swapped? Facts in, breaches out; must never act itself.

Everything here compares what is read now with what the links remember, for Flowtly gives no other sign: no number of
the data set, no time of the last restore. Each rule needs several records that tell the same story at once, since one
record may be deleted, renamed or corrected on any day.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from syncd.core.canon import same
from syncd.core.model import ABSENT, Base, Document, Side

_MOST = 0.8
"""A restored peer goes back everywhere at once: this share of what changed there must read as it did before."""
_HALF = 0.5
_WHOLE = 2
"""From this many links on, all of them gone while others are there is no coincidence."""


@dataclass(frozen=True, slots=True)
class Thresholds:
    """How many records, and what share of the links, have to tell the same story."""

    records: int = 5
    share: float = 0.2


@dataclass(frozen=True, slots=True)
class SideFacts:
    """What one side shows now, against what is linked.

    ``seen`` and ``unseen``: records that a walk to the end saw, and linked ones that it did not; both None after a
    walk that did not get there. ``vanished`` are those of a certified walk that were not missed before; ``above`` those
    of them whose number is higher than every number that is still there. ``changed`` linked records are not as agreed;
    of these ``foreign`` ones have none of their match keys any more, ``back`` ones read as they did at an earlier time.
    """

    seen: int | None = None
    unseen: int | None = None
    vanished: int = 0
    above: int = 0
    changed: int = 0
    foreign: int = 0
    back: int = 0


@dataclass(frozen=True, slots=True)
class Facts:
    """Both sides, and what they say together.

    ``changed`` records are not as agreed on some side; ``together`` of them changed on both sides to the same.
    ``twins``: pairs of new records that fit each other, one to one.
    """

    links: int
    sides: Mapping[Side, SideFacts]
    changed: int = 0
    together: int = 0
    twins: int = 0


@dataclass(frozen=True, slots=True)
class Breach:
    """One rule that the facts break; ``side`` is None when our own store is what went back."""

    rule: str
    side: Side | None
    text: str


def breaches(facts: Facts, limits: Thresholds) -> tuple[Breach, ...]:
    """Every rule that the facts break; empty when nothing looks restored or swapped."""
    found: list[Breach] = []
    for side, one in facts.sides.items():
        found.extend(_of_side(side, one, facts.links, limits))
    if facts.together >= limits.records and facts.together > facts.changed * _HALF:
        text = (
            f"{facts.together} of {facts.changed} changed records read the same on both sides and different from what "
            "was agreed: somebody synced them and this store does not know; it may be an old copy"
        )
        found.append(Breach("store_is_old", None, text))
    if facts.links >= limits.records and facts.twins >= limits.records:
        text = (
            f"{facts.twins} new records of each side fit each other one to one, though nobody linked them: this store "
            "may be an old copy that lost links"
        )
        found.append(Breach("links_lost", None, text))
    return tuple(found)


def _of_side(side: Side, one: SideFacts, links: int, limits: Thresholds) -> Iterator[Breach]:
    if one.seen and links >= _WHOLE and one.unseen is not None and one.unseen + one.foreign >= links:
        text = (
            f"none of the {links} linked records is in {side} as it was, though it has {one.seen} records: another "
            "tenant or database may answer there"
        )
        yield Breach("swapped", side, text)
    elif one.foreign >= limits.records and (one.foreign > links * limits.share or one.foreign > one.changed * _HALF):
        text = (
            f"{one.foreign} of {links} linked records in {side} have other content under the same key (no match key is "
            "as it was): another tenant may answer there, or numbers are given out again after a restore"
        )
        yield Breach("foreign", side, text)
    if one.vanished >= limits.records and one.vanished > links * limits.share:
        text = (
            f"{one.vanished} of {links} linked records were not in {side} in one complete reading, more than "
            f"{limits.share:.0%}"
        )
        yield Breach("vanished", side, text)
    newest = one.above if one.above == one.vanished else 0
    back = one.back if one.back >= one.changed * _MOST else 0
    if newest + back >= limits.records:
        told = []
        if back:
            told.append(f"{back} of {one.changed} changed records read as they did before")
        if newest:
            told.append(f"the {newest} records with the highest numbers are gone")
        yield Breach("went_back", side, f"in {side} {' and '.join(told)}: it may have been restored from a backup")


def changed_fields(now: Document, base: Document, fields: Collection[str]) -> frozenset[str]:
    """Fields in which a side is not as agreed; what was never agreed on is no change."""
    return frozenset(name for name in fields if name in now and name in base and not same(now[name], base[name]))


def is_foreign(now: Document, base: Document, levels: Sequence[Sequence[str]], fields: Collection[str]) -> bool:
    """True when nothing by which the record would be recognised is as it was.

    Each level of match keys that was complete must differ. Without any, more than half of all values.
    """
    known = [level for level in levels if level and all(base.get(name) is not None for name in level)]
    if known:
        return all(any(not same(now.get(name), base[name]) for name in level) for level in known)
    valued = [name for name in fields if base.get(name) is not None]
    return len(changed_fields(now, base, valued)) > len(valued) * _HALF


def went_back(changed: Collection[str], now: Document, base: Document, past: Mapping[str, Past]) -> bool:
    """True when every changed field whose past is known reads as it did once before, and there is such a field.

    A value that came and went several times is a tug of war, which the flap breaker ends, and no restore.
    """
    told = [name for name in changed if name in past]
    return bool(told) and all(past[name].held(now.get(name, ABSENT), base.get(name, ABSENT)) for name in told)


@dataclass(frozen=True, slots=True)
class Past:
    """The values one field of one record has had, oldest first, as the ledger tells them."""

    values: tuple[Any, ...]

    def held(self, now: object, agreed: object) -> bool:
        """True when ``now`` was there before, and what is agreed came once only."""
        return any(same(now, value) for value in self.values) and sum(same(agreed, one) for one in self.values) <= 1


def moved_together(external: Document, flowtly: Document, base: Base, fields: Collection[str]) -> bool:
    """True when both sides changed, in the same fields, to the same values."""
    here = changed_fields(external, base.external, fields)
    there = changed_fields(flowtly, base.flowtly, fields)
    return bool(here) and here == there and all(same(external[name], flowtly[name]) for name in here)
