"""What frightens us we refuse: caps on the whole plan of a run. Says no with numbers; never trims a plan to fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from syncd.core.model import Side

SMALL_POPULATION = 50
"""Below this many records a share says nothing (2 of 3 changed is a normal afternoon); only the counts are capped."""


@dataclass(frozen=True, slots=True)
class Caps:
    """Limits on one run. Counts are per side; ``max_share`` is of the linked records."""

    max_creates: int
    max_changes: int
    max_share: float


@dataclass(frozen=True, slots=True)
class Blast:
    """What a plan would touch. ``overwrites`` are those changed records of which some value is replaced.

    Only they count toward the share: filling gaps after a first link touches many records and loses nothing.
    """

    creates: Mapping[Side, int]
    changes: Mapping[Side, int]
    overwrites: Mapping[Side, int]
    linked: int


def judge(blast: Blast, caps: Caps) -> tuple[str, ...]:
    """Every cap that the plan breaks, in words; empty when it may be applied."""
    reasons: list[str] = []
    for side in Side:
        creates, changes = blast.creates.get(side, 0), blast.changes.get(side, 0)
        if creates > caps.max_creates:
            reasons.append(f"would create {creates} records in {side}, the limit max_creates is {caps.max_creates}")
        if changes > caps.max_changes:
            reasons.append(f"would change {changes} records in {side}, the limit max_changes is {caps.max_changes}")
        overwrites = blast.overwrites.get(side, 0)
        if blast.linked >= SMALL_POPULATION and overwrites > blast.linked * caps.max_share:
            share = overwrites / blast.linked
            reasons.append(
                f"would overwrite values in {overwrites} of {blast.linked} linked records in {side} ({share:.0%}), "
                f"the limit max_share is {caps.max_share:.0%}"
            )
    return tuple(reasons)
