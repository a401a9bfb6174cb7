"""Was a record that is gone merged into another one? Pure: a rule over what both had and have. It acts on nothing.

A merge by people leaves a trace: the survivor has what the loser had and what it did not have before. A bank account,
a client or a supplier that moved is such a trace; a tax number is none, for duplicates have the same one anyway.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

Mark = tuple[str, str]
"""Something that a record has: its kind and its value."""

STRONG: Final = ("account", "client", "supplier")
WEAK: Final = ("tin",)


class Fate(StrEnum):
    """What became of a record that is gone, as far as can be told."""

    MERGED = "merged"  # exactly one record gained what it had
    UNCLEAR = "unclear"  # a person has to say
    GONE = "gone"  # nothing speaks for a merge


@dataclass(frozen=True, slots=True)
class Suspect:
    """A record that is there and may be the survivor.

    ``before`` is what it had while the lost one was still there; it says something only of the kinds in ``known``.
    ``case``: both were a case of the search for duplicates.
    """

    key: str
    now: frozenset[Mark]
    before: frozenset[Mark] = frozenset()
    known: frozenset[str] = frozenset()
    case: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """The fate, who the survivor is or may be, and why, in words and as data."""

    fate: Fate
    survivors: tuple[str, ...] = ()
    reason: str = ""
    evidence: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def fate_of(had: frozenset[Mark], suspects: Iterable[Suspect]) -> Finding:
    """Decide one record that is gone; ``had`` is what it was last known to have. Independent of the order."""
    chosen = sorted(suspects, key=lambda one: one.key)
    gained = {one.key: _texts(_gained(had, one)) for one in chosen if _gained(had, one)}
    if len(gained) == 1:
        (key,) = gained
        return Finding(Fate.MERGED, (key,), f"{key} has by now what only the lost record had", gained)
    if gained:
        return Finding(Fate.UNCLEAR, tuple(gained), "several records have by now what the lost one had", gained)
    shared = {one.key: _texts(_shared(had, one)) for one in chosen if one.case or _shared(had, one)}
    if shared:
        return Finding(Fate.UNCLEAR, tuple(shared), "may have been merged, or deleted as a duplicate", shared)
    return Finding(Fate.GONE)


def _gained(had: frozenset[Mark], one: Suspect) -> frozenset[Mark]:
    return frozenset(
        mark for mark in had & one.now if mark[0] in STRONG and mark[0] in one.known and mark not in one.before
    )


def _shared(had: frozenset[Mark], one: Suspect) -> frozenset[Mark]:
    return had & one.now


def _texts(marks: frozenset[Mark]) -> tuple[str, ...]:
    return tuple(f"{kind} {value}" for kind, value in sorted(marks)) or ("a case of the search for duplicates",)
