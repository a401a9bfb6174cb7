"""How two prepared streets or cities agree. Compares texts that ``addresses`` made; takes no address apart itself."""

from __future__ import annotations

from functools import lru_cache
from itertools import takewhile
from typing import Final

from rapidfuzz.distance import OSA

_DOORS: Final = 20  # house numbers this near are one block
_WORD: Final = 4  # letters of a word that may have one wrong


def street_level(street: str, house: str, other_street: str, other_house: str) -> str:
    """How two streets with their house numbers agree."""
    same = street == other_street
    if not same and not _close(street, other_street):
        return "different"
    if house and other_house and house != other_house:
        return "next door" if _next_door(house, other_house) else "other house"
    if house and other_house:
        return "equal" if same else "near"
    return "no house"


def city_level(one: str, other: str) -> str:
    """How two cities agree."""
    return "equal" if one == other else "near" if _close(one, other) else "different"


def _next_door(one: str, other: str) -> bool:
    """True for house numbers a few doors apart, and for one number with and without its letter."""
    numbers = [int(digits) for house in (one, other) if (digits := "".join(filter(str.isdigit, house)))]
    return len(numbers) == 2 and abs(numbers[0] - numbers[1]) <= _DOORS  # noqa: PLR2004 - one of each


@lru_cache(maxsize=65_536)
def _close(one: str, other: str) -> bool:
    """True when each word of the text with fewer words is, but for a wrong letter, one of the other's."""
    shorter, longer = sorted((one.split(), other.split()), key=len)
    if not any(len(word) >= _WORD for word in shorter) and shorter != longer:
        return False
    return all(any(_same_word(word, theirs) for theirs in longer) for word in shorter)


def _same_word(one: str, other: str) -> bool:
    if one == other:
        return True
    if one[0].isdigit() or other[0].isdigit():  # 93rd and 93th are one street, 93rd and 94th are two
        return _leading(one) == _leading(other)
    return min(len(one), len(other)) >= _WORD and OSA.distance(one, other, score_cutoff=2) <= (
        1 if len(one) < 2 * _WORD else 2
    )


def _leading(word: str) -> str:
    return "".join(takewhile(str.isdigit, word))
