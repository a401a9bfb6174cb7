"""Which points a sample takes: spread over all, and drawn within each stretch by the seed. Never the same one twice."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from random import Random
from typing import TypeVar

T = TypeVar("T")


def spread(all_of_them: Sequence[T], count: int, random: Random) -> list[T]:
    """``count`` of them (or all, where there are no more), one from each of as many equal stretches."""
    total = len(all_of_them)
    if count >= total:
        return list(all_of_them)
    if count == 0:
        return []
    edges = [total * number // count for number in range(count + 1)]
    return [all_of_them[random.randrange(low, high)] for low, high in pairwise(edges)]
