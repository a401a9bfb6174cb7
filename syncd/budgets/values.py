"""What the fields of a posting mean: one spelling for equal values, numbers and days out of raw ones. Pure.

Six words always mean the posting's own, whatever raw fields there are: ``amount`` (without its sign, in whole currency
units), ``date``, ``currency``, and ``year``, ``month`` (01 to 12) and ``quarter`` (1 to 4) of its day. A raw field of
such a name needs another one in the configuration.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Final, TypeAlias

from syncd.budgets.model import Posting
from syncd.budgets.money import from_minor

Getter: TypeAlias = Callable[[Posting], object]
"""Reads one value of a posting; None when it has none."""

OWN: Final = frozenset({"amount", "date", "currency", "year", "month", "quarter"})
"""Words that always mean the posting's own."""

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_LOOSE_NUMBER = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?")
_DAY_LENGTH = len("2026-01-31")


def plain(value: object) -> str:
    """The text by which values are compared; empty for None.

    Numbers compare by value: 4100, ``"4100"`` and ``Decimal("4100.0")`` are one. A text with leading zeros is no
    number, so ``"0410"`` and 410 are two. Yes and no are ``true`` and ``false``.
    """
    if isinstance(value, str):
        return _plain_text(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return _plain_number(value)
    if isinstance(value, float):
        return _plain_number(Decimal(repr(value)))
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value).strip()


def written(value: object) -> str:
    """A value as it goes into a target: texts as they are but for spaces around them, all others as they compare."""
    return value.strip() if isinstance(value, str) else plain(value)


def number(value: object) -> Decimal | None:
    """A value as a number; None when it is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        found = value if isinstance(value, Decimal) else Decimal(str(value))
        return found if found.is_finite() else None
    if isinstance(value, str) and _LOOSE_NUMBER.fullmatch(value.strip()):
        return Decimal(value.strip())
    return None


def day(value: object) -> date | None:
    """A value as a day: a date, the date of a datetime, or either as ISO text; None when it is none."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        return None
    text = value.strip()
    if len(text) > _DAY_LENGTH and text[_DAY_LENGTH] not in "T ":
        return None
    try:
        return date.fromisoformat(text[:_DAY_LENGTH])
    except ValueError:
        return None


def getter(name: str, exponents: Mapping[str, int]) -> Getter:
    """How to read a field, or one of the posting's own words, of any posting."""
    match name:
        case "amount":
            return lambda posting: from_minor(abs(posting.amount), posting.currency, exponents)
        case "date":
            return lambda posting: posting.on
        case "currency":
            return lambda posting: posting.currency
        case "year":
            return lambda posting: str(posting.on.year)
        case "month":
            return lambda posting: f"{posting.on.month:02}"
        case "quarter":
            return lambda posting: str((posting.on.month + 2) // 3)
        case _:
            return lambda posting: posting.fields.get(name)


@lru_cache(maxsize=65536)
def _plain_text(text: str) -> str:
    short = text.strip()
    return _plain_number(Decimal(short)) if _NUMBER.fullmatch(short) else short


def _plain_number(value: Decimal) -> str:
    if not value.is_finite():
        return str(value)
    text = f"{value:f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
