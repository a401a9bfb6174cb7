"""What people's answers say about the rules: how often each tier was right, and which bits the answers would give.

Changes nothing and decides nothing; it never counts an answer that the rules gave themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf, log2, sqrt
from typing import Any, Final

from syncd.counterparties.decision import TIERS

NO_TIER: Final = "none"
PROPOSE_AT: Final = 0.95  # lower bound of the share of yes from which a tier may be proposed as a whole
AUTOMATIC_AT: Final = 0.99  # and from which it may be merged without a person
BITS_BANDS: Final = ((10.0, inf), (6.0, 10.0), (4.0, 6.0), (0.0, 4.0), (-inf, 0.0))
_Z: Final = 1.96  # 95 %, two-sided
_FEW: Final = 20  # answers on a level of a field, of either kind, below which its bits say nothing
_APART: Final = 1.0  # bits by which answers and rules must differ before it is worth a line


class Advice(StrEnum):
    """What the answers allow for a tier."""

    AUTOMATIC = "automatic"
    PROPOSED = "proposed"
    ONE_BY_ONE = "one by one"
    MORE_ANSWERS = "more answers"


@dataclass(frozen=True, slots=True)
class Answered:
    """One pair that a person answered: the decision (``Decision.as_json``) that was looked at, and yes or no."""

    decision: Mapping[str, Any]
    yes: bool


@dataclass(frozen=True, slots=True)
class Share:
    """How many pairs of a group were one party, by the answers. ``low`` and ``high``: 95 % bounds by Wilson."""

    name: str
    yes: int
    no: int

    @property
    def answers(self) -> int:
        """All answers."""
        return self.yes + self.no

    @property
    def low(self) -> float:
        """The lower bound of the true share of yes."""
        return wilson(self.yes, self.answers)[0]

    @property
    def high(self) -> float:
        """The upper bound."""
        return wilson(self.yes, self.answers)[1]


@dataclass(frozen=True, slots=True)
class TierShare(Share):
    """A tier's share. ``clean`` counts only pairs without veto and guard: those that could be merged by the tier."""

    clean_yes: int = 0
    clean_no: int = 0

    @property
    def advice(self) -> Advice:
        """What the answers on pairs without veto and guard allow."""
        low, _ = wilson(self.clean_yes, self.clean_yes + self.clean_no)
        if self.clean_no == 0 and low >= AUTOMATIC_AT:
            return Advice.AUTOMATIC
        if low >= PROPOSE_AT:
            return Advice.PROPOSED
        return Advice.MORE_ANSWERS if self.clean_no == 0 else Advice.ONE_BY_ONE

    def missing(self, bound: float) -> int:
        """How many more yes, without a single no, it takes to reach this lower bound; 0 when it is reached."""
        if wilson(self.clean_yes, self.clean_yes + self.clean_no)[0] >= bound:
            return 0
        more = 1
        while wilson(self.clean_yes + more, self.clean_yes + self.clean_no + more)[0] < bound:
            more += 1
        return more


@dataclass(frozen=True, slots=True)
class Weight:
    """A level of a field: the bits that it has, and those that the answers would give it."""

    field: str
    level: str
    bits: float
    answered: float
    yes: int
    no: int

    @property
    def worth_a_look(self) -> bool:
        """True when there are enough answers and they say something clearly different."""
        return min(self.yes + self.no, _FEW) == _FEW and abs(self.answered - self.bits) >= _APART


@dataclass(frozen=True, slots=True)
class Calibration:
    """Everything the answers say."""

    tiers: tuple[TierShare, ...]
    bits: tuple[Share, ...]
    weights: tuple[Weight, ...]

    @property
    def answers(self) -> int:
        """All answers."""
        return sum(one.answers for one in self.tiers)


def wilson(yes: int, answers: int) -> tuple[float, float]:
    """The 95 % interval of a share by Wilson; (0, 1) where nothing is known."""
    if answers == 0:
        return 0.0, 1.0
    share, spread = yes / answers, _Z * _Z / answers
    middle = (share + spread / 2) / (1 + spread)
    half = _Z * sqrt(share * (1 - share) / answers + spread / (4 * answers)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def calibrate(answers: Iterable[Answered]) -> Calibration:
    """The shares by tier and by bits, and the bits by field level. The order of the answers does not matter."""
    known = list(answers)
    return Calibration(
        tuple(tier for name in (*TIERS, NO_TIER) if (tier := _tier(name, known)).answers),
        tuple(band for low, high in BITS_BANDS if (band := _band(low, high, known)).answers),
        tuple(_weights(known)),
    )


def _tier(tier: str, known: Sequence[Answered]) -> TierShare:
    said = [one for one in known if (one.decision["tier"] or NO_TIER) == tier]
    clean = [one.yes for one in said if not one.decision["vetoes"] and not one.decision["guards"]]
    yes = sum(one.yes for one in said)
    return TierShare(tier, yes, len(said) - yes, sum(clean), len(clean) - sum(clean))


def _band(low: float, high: float, known: Sequence[Answered]) -> Share:
    said = [one.yes for one in known if low <= one.decision["bits"] < high]
    if high == inf:
        name = f"{low:g} and more"
    elif low == -inf:
        name = f"below {high:g}"
    else:
        name = f"{low:g} to {high:g}"
    return Share(name, sum(said), len(said) - sum(said))


def _weights(known: Sequence[Answered]) -> list[Weight]:
    """Log ratio of how often a level is seen on yes and on no, each smoothed by half an answer."""
    seen: dict[bool, Counter[tuple[str, str]]] = {True: Counter(), False: Counter()}
    bits: dict[tuple[str, str], list[float]] = {}
    for one in known:
        for level in one.decision["levels"]:
            name = (str(level["field"]), str(level["level"]))
            seen[one.yes][name] += 1
            bits.setdefault(name, []).append(float(level["bits"]))
    told = {yes: sum(one.yes is yes for one in known) for yes in (True, False)}
    found = []
    for name, values in sorted(bits.items()):
        yes, no = seen[True][name], seen[False][name]
        ratio = ((yes + 0.5) / (told[True] + 1)) / ((no + 0.5) / (told[False] + 1))
        found.append(Weight(*name, round(sum(sorted(values)) / len(values), 2), round(log2(ratio), 2), yes, no))
    return found
