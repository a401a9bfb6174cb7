"""How much of what is planned is used, and which thresholds that passes. Pure: it tells nobody and remembers nothing.

Amounts are decimals in whole currency units of the plan's currency; thresholds are percents of what is planned.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_FLOOR, Decimal
from typing import Final

from syncd.budgets.money import from_minor

WHOLE: Final = "all"
"""The period of a plan that names none: everything that is on the budget."""
_HUNDRED: Final = Decimal(100)
_PERIOD: Final = re.compile(r"(\d{4})(?:-?(\d{2})(?:-?\d{2}(?:[T ].*)?)?)?")
_MONTHS: Final = 12


@dataclass(frozen=True, slots=True)
class Planned:
    """What is planned for one budget and period: a month (``2026-01``), a year (``2026``), or ``all``."""

    target: str
    period: str
    amount: Decimal
    currency: str


@dataclass(frozen=True, slots=True)
class Spent:
    """Wanted parts of one budget, month and currency, in minor units.

    ``base``: the same in ``base_currency``; None where some of them have no such amount.
    """

    target: str
    month: str
    currency: str
    amount: int
    base: int | None = None
    base_currency: str | None = None


@dataclass(frozen=True, slots=True)
class Crossing:
    """A threshold that is passed now and was not, or (``crossed`` False) is not passed any more."""

    threshold: int
    crossed: bool


def period_of(value: object) -> str:
    """A plan's month or year as its rows have it: a day, ``2026-01``, ``202601``, ``2026-01-31``, ``2026``.

    Raises ValueError for anything else.
    """
    if isinstance(value, date):  # a datetime is one
        return f"{value:%Y-%m}"
    found = _PERIOD.fullmatch(str(value).strip())
    if found is None or not 1 <= int(found[2] or 1) <= _MONTHS:
        raise ValueError(f"{str(value)[:40]!r} is no month: write 2026-01, a day of that month, or a year")
    return f"{found[1]}-{found[2]}" if found[2] else found[1]


def added_up(plans: Iterable[Planned]) -> tuple[list[Planned], list[tuple[str, str]]]:
    """Rows of one budget and period added up, in order; and those (budget, period) with rows in several currencies."""
    sums: dict[tuple[str, str], dict[str, Decimal]] = {}
    for one in plans:
        amounts = sums.setdefault((one.target, one.period), {})
        amounts[one.currency] = amounts.get(one.currency, Decimal(0)) + one.amount
    alike = [
        Planned(target, period, amount, currency)
        for (target, period), amounts in sorted(sums.items())
        if len(amounts) == 1
        for currency, amount in amounts.items()
    ]
    return alike, sorted(key for key, amounts in sums.items() if len(amounts) > 1)


def used(plan: Planned, spent: Iterable[Spent], overrides: Mapping[str, int] | None = None) -> Decimal | None:
    """What the parts of a plan's budget and period add up to in its currency; None where that cannot be told.

    A part in another currency counts with its amount in the company's, if that is the plan's. Raises ValueError for a
    currency that is not known.
    """
    total = 0
    for one in spent:
        if one.target != plan.target or not _within(one.month, plan.period):
            continue
        if one.currency == plan.currency:
            total += one.amount
        elif one.base is not None and one.base_currency == plan.currency:
            total += one.base
        else:
            return None
    return from_minor(total, plan.currency, overrides)


def passed(spent: Decimal, planned: Decimal, threshold: int) -> bool:
    """Whether a threshold is reached. Where nothing is planned, anything that is used passes all of them."""
    if planned <= 0:
        return spent > 0
    return spent * _HUNDRED >= planned * threshold


def crossings(
    spent: Decimal, planned: Decimal, thresholds: Sequence[int], before: Collection[int]
) -> tuple[Crossing, ...]:
    """What has changed since ``before``, the thresholds that were passed: upward from the least, else from the most."""
    now = {one for one in thresholds if passed(spent, planned, one)}
    up = [Crossing(one, crossed=True) for one in sorted(now - set(before))]
    down = [Crossing(one, crossed=False) for one in sorted(set(before) & set(thresholds) - now, reverse=True)]
    return (*up, *down)


def share(spent: Decimal, planned: Decimal) -> Decimal | None:
    """Used of planned in percent, with one decimal, rounded down; None where nothing is planned."""
    if planned <= 0:
        return None
    return (spent * _HUNDRED / planned).quantize(Decimal("0.1"), ROUND_FLOOR)


def _within(month: str, period: str) -> bool:
    return period in {WHOLE, month, month[:4]}
