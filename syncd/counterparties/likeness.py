"""How alike two names are, word by word. Knows letters and how common words are; knows nothing about the two parties.

One name in another order, with other spaces or with one typing error is still that name; beyond that, the words that
match are set against those that do not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rapidfuzz.distance import OSA

from syncd.counterparties.laying import Laid, content, digits
from syncd.counterparties.party import Name

_TYPO_FROM: Final = 5  # letters of a word in which one wrong letter is a typing error and not another word
_CUT_FROM: Final = 18  # letters of a whole name from which one that ends early was cut off


class Alike(StrEnum):
    """How two names agree, strongest first. The first four are one name to a person who reads them."""

    EQUAL = "equal"
    REORDERED = "reordered"
    JOINED = "joined"
    TYPO = "typo"
    CUT = "cut"
    EXTRA = "extra"
    NEAR = "near"
    UNLIKE = "unlike"
    MISSING = "missing"


SAME: Final = frozenset({Alike.EQUAL, Alike.REORDERED, Alike.JOINED, Alike.TYPO})


@dataclass(frozen=True, slots=True)
class Likeness:
    """Two names side by side. ``share`` is 1 for the same words and 0 for none in common; ``extra`` is one side's."""

    alike: Alike
    share: float = 0.0
    extra: tuple[str, ...] = ()


def compare(left: Name, right: Name, frequency: Callable[[str], int]) -> Likeness:
    """Two names; the same whichever comes first."""
    if not left.tokens or not right.tokens:
        return Likeness(Alike.MISSING)
    if left.tokens == right.tokens:
        return Likeness(Alike.EQUAL, 1.0)
    one, other = sorted((content(left.tokens), content(right.tokens)))
    same = _same(one, other)
    if same is not None:
        return Likeness(same, 1.0)
    laid = Laid(one, other, frequency)
    laid.lay()
    share = laid.share()
    extra: tuple[str, ...] = ()
    if not laid.inexact and (not laid.left or not laid.right):
        extra = tuple(sorted(laid.left or laid.right))
    if extra:
        return Likeness(Alike.EXTRA, share, extra)
    if _cut(one, other):
        return Likeness(Alike.CUT, share)
    return Likeness(Alike.NEAR if share > 0 else Alike.UNLIKE, share)


def same_stem(one: str, other: str) -> bool:
    """True when two stems (words with spaces) are one name but for order, spaces or one typing error."""
    if one == other:
        return True
    left, right = sorted((content(tuple(one.split())), content(tuple(other.split()))))
    return _same(left, right) is not None


def _same(one: tuple[str, ...], other: tuple[str, ...]) -> Alike | None:
    """How two names are the same, None when they are not."""
    if one == other:
        return Alike.EQUAL
    if len(one) == len(other) and sorted(one) == sorted(other):
        return Alike.REORDERED
    joined, other_joined = "".join(one), "".join(other)
    if joined == other_joined:
        return Alike.JOINED
    if abs(len(joined) - len(other_joined)) > 1:
        return None
    return Alike.TYPO if _one_typo(one, other) else None


def _one_typo(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """True when one word differs, by one letter wrong, missing, too many or swapped with its neighbour."""
    if len(one) != len(other):
        return False
    left, right = list(one), list(other)
    for token in one:
        if token in right:
            left.remove(token)
            right.remove(token)
    if len(left) != 1:
        return False
    a, b = left[0], right[0]
    if min(len(a), len(b)) < _TYPO_FROM or digits(a) or digits(b):
        return False
    return OSA.distance(a, b, score_cutoff=1) == 1


def _cut(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """True when one name ends inside a word of the other, as a field that is too small leaves it."""
    shorter, longer = sorted((one, other), key=lambda words: len("".join(words)))
    joined = "".join(shorter)
    if len(joined) < _CUT_FROM or not "".join(longer).startswith(joined):
        return False
    return len(longer) >= len(shorter) and longer[: len(shorter) - 1] == shorter[:-1]
