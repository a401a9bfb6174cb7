"""Whole minor units: to and from decimals, and sharing them out to the last cent. Never a float, never a lost cent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from math import lcm

from syncd.budgets.currencies import DECIMALS

MAX_DIGITS = 24
"""More digits before the point than this are no amount of money."""


def exponent(currency: str, overrides: Mapping[str, int] | None = None) -> int:
    """How many decimals a currency has: what ``overrides`` say, else ISO 4217. Raises ValueError for an unknown one."""
    found = (overrides or {}).get(currency)
    if found is None:
        found = DECIMALS.get(currency)
    if found is None:
        raise ValueError(f"{currency!r} is no known currency: use its three capital letters, or say how many decimals")
    return found


def to_minor(value: Decimal | int | str, currency: str, overrides: Mapping[str, int] | None = None) -> int:
    """An amount in whole currency units as minor units, exactly.

    Raises ValueError for what is no finite number, for an unknown currency, and for more decimals than it has.
    """
    places = exponent(currency, overrides)
    sign, digits, power = _parts(value)
    if power + places < 0:
        raise ValueError(f"{value} has {-power} decimals, {currency} has {places}")
    units = digits * int(10 ** (power + places))
    return -units if sign else units


def from_minor(amount: int, currency: str, overrides: Mapping[str, int] | None = None) -> Decimal:
    """Minor units as an amount in whole currency units, with all decimals of the currency. Raises as above."""
    # As text, since arithmetic with decimals would round to the context's digits.
    return Decimal(f"{amount}E-{exponent(currency, overrides)}")


def told(amount: int, currency: str, overrides: Mapping[str, int] | None = None) -> str:
    """An amount for a person: ``1250.00 EUR``. Of an unknown currency the minor units are told as they are."""
    if not currency:
        return f"{amount} in minor units"
    try:
        return f"{from_minor(amount, currency, overrides):f} {currency}"
    except ValueError:
        return f"{amount} minor units of {currency!r}"


def share_out(total: int, weights: Sequence[Fraction | int]) -> list[int]:
    """Split ``total`` by weights so that the parts add up to it exactly, each less than one unit off its exact share.

    Largest remainder; of equal remainders the earlier weight gets the unit. A negative total mirrors the positive one.
    Raises ValueError for a negative weight, or when all are zero and there is something to share.
    """
    scale = lcm(*[weight.denominator for weight in weights])
    whole = [weight.numerator * (scale // weight.denominator) for weight in weights]
    if min(whole, default=0) < 0:
        raise ValueError("a weight is negative")
    if not (every := sum(whole)):
        if total:
            raise ValueError(f"{total} cannot be shared out: every weight is zero")
        return [0] * len(whole)
    parts = apportion([abs(total) * weight for weight in whole], every)
    return parts if total >= 0 else [-part for part in parts]


def apportion(exact: Sequence[int], scale: int) -> list[int]:
    """Round ``exact[i] / scale``, none negative, so that the sum stays; together they must be a whole number."""
    parts = [one // scale for one in exact]
    missing = sum(exact) // scale - sum(parts)
    if missing > 0:
        over = [one % scale for one in exact]
        for at in sorted(range(len(exact)), key=over.__getitem__, reverse=True)[:missing]:
            parts[at] += 1
    return parts


def _parts(value: Decimal | int | str) -> tuple[int, int, int]:
    """Sign, digits without trailing zeros behind the point, and power of ten."""
    try:
        number = Decimal(value)
    except (InvalidOperation, ValueError) as error:
        raise ValueError(f"{str(value)[:40]!r} is no number") from error
    if not number.is_finite() or number.adjusted() > MAX_DIGITS:
        raise ValueError(f"{str(value)[:40]!r} is no amount of money")
    sign, figures, power = number.as_tuple()
    digits, shift = int("".join(map(str, figures))), int(power)
    while shift < 0 and digits % 10 == 0:
        digits, shift = digits // 10, shift + 1
        if not digits:
            return sign, 0, 0
    return sign, digits, shift
