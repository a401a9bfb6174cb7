"""Figures of a matcher against known truth: precision with its lower bound, recall at a precision, best F1. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


def wilson(right: int, all_: int, z: float = 1.96) -> float:
    """The lower bound of a share, 95 %."""
    if not all_:
        return 0.0
    share = right / all_
    spread = z * math.sqrt((share * (1 - share) + z * z / (4 * all_)) / all_)
    return (share + z * z / (2 * all_) - spread) / (1 + z * z / all_)


@dataclass(frozen=True)
class Cut:
    """A threshold and what is above it."""

    threshold: float
    precision: float
    recall: float

    @property
    def f1(self) -> float:
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def cuts(scored: Iterable[tuple[float, bool]], positives: int) -> Iterator[Cut]:
    """What every threshold gives, from the highest down; equal scores stand or fall together."""
    ordered = sorted(scored, key=lambda one: -one[0])
    right = 0
    for at, (score, label) in enumerate(ordered):
        right += label
        if at + 1 == len(ordered) or ordered[at + 1][0] != score:
            yield Cut(score, right / (at + 1), right / max(1, positives))


def at_precision(found: list[Cut], least: float) -> Cut | None:
    """The cut with the most recall among those precise enough."""
    return max((one for one in found if one.precision >= least), key=lambda one: one.recall, default=None)


def best(found: list[Cut]) -> Cut:
    """The cut with the best F1."""
    return max(found, key=lambda one: one.f1, default=Cut(0, 0, 0))
