"""The words of two names laid side by side, and how much of them matches. Never says whether two names are one.

Equal words are taken first, then words written together or apart, words with a few wrong letters, shortened ones and
initials. What is left over on a side counts against, the more the rarer the word is.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import log2
from typing import Final

from rapidfuzz.distance import OSA

# Words that one writer sets and the next leaves out. Single letters are no words here: they tell names apart.
_LITTLE: Final = frozenset(
    """
    the of and for und der die das des fur von et de du la le les el los las di da do dos del della het van den og och
    ja oraz dla na
    """.split()  # noqa: SIM905 - a list of thirty strings is harder to read
)
_HEAVIEST: Final = 12.0  # the weight of a word that one record has; each doubling takes one away
_JOINED_WORTH: Final = 0.95
_SHORTENED_WORTH: Final = 0.6
_INITIAL_WORTH: Final = 0.5
_FUZZY_FROM: Final = 3  # letters
_SHORTENED_FROM: Final = 3
_LONGEST_JOIN: Final = 3  # words


@lru_cache(maxsize=65_536)
def content(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """The words without the little ones; all of them when there are no others."""
    return tuple(token for token in tokens if token not in _LITTLE) or tokens


def weight(token: str, frequency: Callable[[str], int]) -> float:
    """How much a word tells: from ``_HEAVIEST`` for one that stands on one record down to 1."""
    return max(1.0, _HEAVIEST - log2(max(1, frequency(token))))


@lru_cache(maxsize=65_536)
def digits(token: str) -> bool:
    """True for a word with a digit in it."""
    return any(letter.isdigit() for letter in token)


class Laid:
    """The words of two names while they are laid side by side."""

    __slots__ = ("_frequency", "doubt", "inexact", "left", "matched", "right")

    def __init__(self, left: tuple[str, ...], right: tuple[str, ...], frequency: Callable[[str], int]) -> None:
        self.left = list(left)
        self.right = list(right)
        self.matched = 0.0
        self.doubt = 0.0  # the part of matched words that did not match
        self.inexact = False
        self._frequency = frequency

    def lay(self) -> None:
        """Take away what matches, the surest first."""
        for token in tuple(self.left):
            if token in self.right:
                self.left.remove(token)
                self.right.remove(token)
                self.matched += self._weight(token)
        if not self.left or not self.right:
            return
        self._lay_joined(self.left, self.right)
        self._lay_joined(self.right, self.left)
        if self.left and self.right:
            self._lay_close()
        if self.left and self.right:
            self._lay_initials(self.left, self.right)
            self._lay_initials(self.right, self.left)

    def share(self) -> float:
        """The weight of what matched in all. What the fuller name says more counts less than what each says alone."""
        if not self.matched:
            return 0.0
        rest = sorted((sum(map(self._weight, self.left)), sum(map(self._weight, self.right))))
        return self.matched / (self.matched + 1.3 * rest[0] + 0.7 * rest[1] + self.doubt)

    def _weight(self, token: str) -> float:
        return weight(token, self._frequency)

    def _credit(self, one: str, other: str, worth: float) -> None:
        told = min(self._weight(one), self._weight(other))
        self.matched += worth * told
        self.doubt += (1.0 - worth) * told
        self.inexact = True

    def _lay_joined(self, apart: list[str], together: list[str]) -> None:
        """Words of one side that the other writes as one."""
        for start in range(len(apart) - 1):
            for size in range(2, _LONGEST_JOIN + 1):
                word = "".join(apart[start : start + size])
                if start + size <= len(apart) and word in together:
                    del apart[start : start + size]
                    together.remove(word)
                    self.matched += _JOINED_WORTH * self._weight(word)
                    self._lay_joined(apart, together)
                    return

    def _lay_close(self) -> None:
        """Words with wrong letters, and shortened ones."""
        pairs = [(worth, one, other) for one in self.left for other in self.right if (worth := _close(one, other))]
        for worth, one, other in sorted(pairs, key=lambda pair: (-pair[0], pair[1], pair[2])):
            if one in self.left and other in self.right:
                self.left.remove(one)
                self.right.remove(other)
                self._credit(one, other, worth)

    def _lay_initials(self, short: list[str], long: list[str]) -> None:
        """A word made of the other side's initials, and single letters for words."""
        for token in tuple(short):
            if len(token) > 1 and token == "".join(word[0] for word in long):
                short.remove(token)
                long.clear()
                self.matched += _INITIAL_WORTH * self._weight(token)
                self.inexact = True
            elif len(token) == 1 and not token.isdigit():
                word = next((word for word in long if word[0] == token), None)
                if word is not None:
                    short.remove(token)
                    long.remove(word)
                    self.matched += _INITIAL_WORTH * self._weight(token)
                    self.inexact = True


@lru_cache(maxsize=32_768)
def _close(one: str, other: str) -> float:
    """What two different words are worth to each other: 0 for nothing, below 1 for a few wrong letters."""
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) < _FUZZY_FROM or digits(one) or digits(other):
        return 0.0
    size = len(longer)
    allowed = 0 if size < 4 else 1 if size < 8 else 2 if size < 13 else 3  # noqa: PLR2004 - a step about every four letters
    wrong = OSA.distance(one, other, score_cutoff=allowed)
    if wrong <= allowed:
        return 1.0 - 1.5 * wrong / size
    return _SHORTENED_WORTH if longer.startswith(shorter) and len(shorter) >= _SHORTENED_FROM else 0.0
