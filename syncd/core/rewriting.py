"""What a peer makes of values it is sent: a rule that explains all samples, as a suggestion. It changes no mapping."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, TypeAlias

from syncd.core.canon import same
from syncd.core.model import MaybeValue, Value

Sample: TypeAlias = tuple[MaybeValue, MaybeValue]
"""Sent, and what the peer kept."""

_ENOUGH: Final = 2
"""Fewer different samples fit a rule by chance."""


@dataclass(frozen=True, slots=True)
class Habit:
    """What a peer does to a field, in words, and the lens that would do the same; empty where none does."""

    words: str
    lens: str = ""


def habit(samples: Sequence[Sample]) -> Habit | None:
    """The simplest habit that explains every sample; None when none does, or when there are too few to tell."""
    if len({(repr(sent), repr(got)) for sent, got in samples}) < _ENOUGH:
        return None
    for known, act in _habits(samples):
        if all(same(act(sent), got) for sent, got in samples):
            return known
    return None


def _habits(samples: Sequence[Sample]) -> Iterator[tuple[Habit, Callable[[MaybeValue], MaybeValue]]]:
    """Every habit worth trying, simple ones first. Lengths and places are taken from what the peer kept."""
    yield Habit("empties it"), lambda _: None
    yield Habit("trims spaces at the ends", "trim"), _texts(str.strip)
    yield Habit("keeps single spaces only", "squeeze"), _texts(lambda text: " ".join(text.split()))
    yield Habit("upper-cases", "{case: upper}"), _texts(str.upper)
    yield Habit("lower-cases", "{case: lower}"), _texts(str.lower)
    yield Habit("trims and upper-cases", "[trim, {case: upper}]"), _texts(lambda text: text.strip().upper())
    yield Habit("trims and lower-cases", "[trim, {case: lower}]"), _texts(lambda text: text.strip().lower())
    yield Habit("keeps digits only"), _texts(lambda text: re.sub(r"[^0-9]", "", text))
    yield Habit("keeps letters and digits only"), _texts(lambda text: re.sub(r"[\W_]", "", text))
    longest = max((len(got) for _, got in samples if isinstance(got, str)), default=0)
    if longest:
        yield Habit(f"cuts after {longest} characters"), _texts(lambda text: text[:longest])
        yield Habit(f"cuts after {longest} characters and trims"), _texts(lambda text: text[:longest].strip())
        yield Habit(f"pads with zeros to {longest} characters"), _texts(lambda text: text.rjust(longest, "0"))
        yield Habit(f"pads with spaces to {longest} characters", "trim"), _texts(lambda text: text.ljust(longest))
    places = max((_places(got) for _, got in samples), default=0)
    for number in range(places + 1):
        yield Habit(f"rounds to {number} decimals", f"{{decimal: {number}}}"), _rounding(number)


def _texts(act: Callable[[str], str]) -> Callable[[MaybeValue], MaybeValue]:
    """A habit with texts; other values stay. Empty text is null, as everywhere."""
    return lambda value: act(value) or None if isinstance(value, str) else value


def _rounding(places: int) -> Callable[[MaybeValue], MaybeValue]:
    step = Decimal(1).scaleb(-places)

    def act(value: MaybeValue) -> MaybeValue:
        if not isinstance(value, Decimal):
            return value
        rounded: Value = value.quantize(step, ROUND_HALF_UP)
        return rounded

    return act


def _places(value: MaybeValue) -> int:
    exponent = value.as_tuple().exponent if isinstance(value, Decimal) else 0
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0
