"""How much of the postings the rules reach, by count and amount, rule and currency. Pure; it judges nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from fractions import Fraction

from syncd.budgets.model import DEFAULT, Allocated

REFUSED = "cannot be allocated"
"""The reason that all postings with a problem share: each problem names its posting."""


@dataclass(slots=True)
class Sum:
    """A number of postings and their amounts without signs, in minor units of one currency."""

    postings: int = 0
    amount: int = 0

    def add(self, amount: int) -> None:
        """Count one posting with this much of its amount."""
        self.postings += 1
        self.amount += abs(amount)


@dataclass(slots=True)
class Reach:
    """One currency. ``full``: postings whose every cent a rule reached; ``default`` and ``left``: what none did.

    A posting may count in several sums, with a part of its amount in each; ``refused`` ones have a problem.
    """

    every: Sum = field(default_factory=Sum)
    full: Sum = field(default_factory=Sum)
    reached: Sum = field(default_factory=Sum)
    default: Sum = field(default_factory=Sum)
    left: Sum = field(default_factory=Sum)
    refused: Sum = field(default_factory=Sum)

    @property
    def of_count(self) -> Fraction:
        """The share of postings that rules reach to the last cent; 1 when there are none."""
        return Fraction(self.full.postings, self.every.postings) if self.every.postings else Fraction(1)

    @property
    def of_amount(self) -> Fraction:
        """The share of the amount that rules reach; 1 when there is none."""
        return Fraction(self.reached.amount, self.every.amount) if self.every.amount else Fraction(1)


@dataclass(frozen=True, slots=True)
class Coverage:
    """By currency; by rule and currency; and by the reason for what was left, and currency."""

    currencies: dict[str, Reach]
    rules: dict[tuple[str, str], Sum]
    reasons: dict[tuple[str, str], Sum]


def coverage(results: Iterable[tuple[str, int, Allocated]]) -> Coverage:
    """Add up results, each with the currency and the amount (minor units) of its posting. Flat memory."""
    reaches: defaultdict[str, Reach] = defaultdict(Reach)
    rules: defaultdict[tuple[str, str], Sum] = defaultdict(Sum)
    reasons: defaultdict[tuple[str, str], Sum] = defaultdict(Sum)
    for currency, amount, result in results:
        _add(reaches[currency], amount, result)
        by_rule: defaultdict[str, int] = defaultdict(int)
        for part in result.parts:
            by_rule[part.rule] += part.amount
        for rule, got in by_rule.items():
            rules[rule, currency].add(got)
        if result.unassigned:
            reasons[REFUSED if result.problem else result.reason, currency].add(result.unassigned)
    return Coverage(dict(reaches), dict(rules), dict(reasons))


def _add(reach: Reach, amount: int, result: Allocated) -> None:
    reach.every.add(amount)
    if result.problem:
        reach.refused.add(amount)
        return
    default = sum(part.amount for part in result.parts if part.rule == DEFAULT)
    by_rules = amount - default - result.unassigned
    if by_rules == amount:
        reach.full.add(amount)
    for into, some in ((reach.reached, by_rules), (reach.default, default), (reach.left, result.unassigned)):
        if some:
            into.add(some)
