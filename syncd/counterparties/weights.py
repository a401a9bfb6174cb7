"""What each level of each field is worth in bits: log2 of how much likelier it is in one party than in two. Data only.

The numbers were taken from labelled pairs and rounded; no decision changes them. Where neither party has a number of
its own, name and place are all there is, and agreeing places say more: the second table stands before the first then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Final

VERSION: Final = "1"

BITS: Final[Mapping[str, Mapping[str, float]]] = {
    "name": {
        "equal rare": 3.0,
        "equal usual": 2.6,
        "equal common": 2.0,
        "reordered rare": 2.6,
        "reordered usual": 2.2,
        "reordered common": 1.6,
        "joined rare": 2.4,
        "joined usual": 2.0,
        "joined common": 1.4,
        "typo rare": 2.6,
        "typo usual": 2.2,
        "typo common": 1.6,
        "missing": 0.0,
    },
    "numerals": {"different": -3.0},
    "form": {"equal": 0.6, "different": -2.6},
    "tin": {
        "equal": 4.0,
        "shared": 2.0,
        "one digit off": 2.6,
        "same digits": 1.8,
        "apart": -1.2,
        "different": -5.0,
    },
    "account": {"equal": 3.6, "shared": 0.6, "different": -2.0},
    "regno": {"equal": 4.0, "shared": 1.0, "different": -3.6},
    "domain": {"equal": 1.2, "shared": 0.2, "different": -2.5},
    "phone": {"equal": 2.6, "shared": 1.0, "different": -3.0},
    "street": {
        "equal": 2.0,
        "near": 1.8,
        "no house": 0.8,
        "next door": -1.4,
        "other house": -2.4,
        "different": -3.2,
    },
    "postal": {"equal": 1.4, "different": -2.6},
    "city": {"equal": 0.9, "near": 0.6, "different": -2.6},
    "country": {"equal": 0.0, "different": -6.0},
}
WITHOUT_NUMBERS: Final[Mapping[str, Mapping[str, float]]] = {
    "street": {"equal": 4.6, "near": 4.2, "no house": 0.8, "next door": -1.4, "other house": -2.8, "different": -4.0},
    "phone": {"equal": 4.0, "shared": 2.4, "different": -2.0},
    "postal": {"equal": 1.6, "different": -2.6},
}
# Names that are not the same, by the share of their words' weight that agrees: bits between the points lie on a line.
_SHARES: Final[Mapping[str, tuple[tuple[float, float], ...]]] = {
    "near": ((0.0, -5.0), (0.2, -3.8), (0.5, -2.6), (0.7, -1.6), (0.85, 1.6), (1.0, 2.4)),
    "extra": ((0.0, -4.0), (0.5, -2.6), (0.8, -1.8), (1.0, -0.6)),
    "cut": ((0.0, -1.0), (0.5, 0.0), (1.0, 1.6)),
}
_PLACES: Final = frozenset({"street", "postal", "city"})
_WEAKER: Final = 1 / 3  # parts of one address agree or differ together


def bits(field: str, level: str, *, numbers: bool = True) -> float:
    """The bits of a level; ``numbers``: one of the parties has a number of its own."""
    if not numbers and field in WITHOUT_NUMBERS:
        return WITHOUT_NUMBERS[field][level]
    return BITS[field][level]


def name_bits(kind: str, share: float) -> float:
    """The bits of two names that are not the same; ``kind`` is near, extra or cut."""
    points = _SHARES[kind]
    for (low, least), (high, most) in pairwise(points):
        if share <= high:
            return round(least + (most - least) * (share - low) / (high - low), 1)
    return points[-1][1]


def total(levels: Iterable[tuple[str, float]]) -> float:
    """The bits of fields and levels in all: of the address the strongest part in full, the others at a third."""
    rest = 0.0
    places = []
    for field, worth in levels:
        if field in _PLACES:
            places.append(worth)
        else:
            rest += worth
    return round(rest + of_places(places), 1)


def of_places(parts: list[float]) -> float:
    """The bits of an address from those of its parts."""
    if not parts:
        return 0.0
    strongest = max(parts, key=lambda worth: (abs(worth), -worth))
    return strongest + _WEAKER * (sum(sorted(parts)) - strongest)
