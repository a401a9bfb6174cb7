"""Single values of an allocation file: templates, shares, amounts, days, currencies, each with its own faults."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Annotated, Any, Final, TypeAlias

from pydantic import BeforeValidator, WithJsonSchema

from syncd.mapping.scalars import Shown

MAX_DECIMALS: Final = 4
"""No currency has more."""
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PERCENT: Final = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,12})?)\s*%")
_RATIO: Final = re.compile(r"([0-9]{1,12})\s*/\s*([0-9]{1,12})")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_WORD: Final = re.compile(r"\{([^{}]*)\}")


def text_of(value: Any) -> str:
    """A YAML value as the text that rules compare by: 4100 and "4100" are the same, and so are 1.50 and 1.5."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        text = f"{value:f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text == "-0" else text
    return str(value)


def words_of(template: str) -> tuple[str, ...]:
    """The names in a template's braces, in order: ``{cost_centre}:{year}`` names two."""
    return tuple(_WORD.findall(template))


def _template(data: Any) -> Any:
    """A text with names in braces; a whole number is taken as text. Raises ValueError."""
    if isinstance(data, int) and not isinstance(data, bool):
        return str(data)
    if not isinstance(data, str) or not data.strip():
        raise ValueError('must be text such as 4100 or "{cost_centre}:{year}"')
    rest = _WORD.sub("", data)
    if "{" in rest or "}" in rest:
        raise ValueError('a brace is not closed or not opened: write "{name}"')
    if not all(word == word.strip() and word for word in words_of(data)):
        raise ValueError('a name in braces is empty or has blanks around it: write "{name}"')
    return data


Template: TypeAlias = Annotated[
    str, BeforeValidator(_template), WithJsonSchema({"type": ["string", "integer"]}), Shown("text with `{names}`")
]


def _share(data: Any) -> Any:
    """``40%``, ``0.4`` or ``2/3`` as an exact fraction above 0 and up to 1. Raises ValueError."""
    share = _fraction(data)
    if share <= 0:
        raise ValueError("a share is more than nothing")
    if share > 1:
        hint = f"; write {data}% for percent" if isinstance(data, int) else ""
        raise ValueError(f"a share is at most all of it (100%){hint}")
    return share


def _fraction(data: Any) -> Fraction:
    if isinstance(data, Fraction):
        return data
    if isinstance(data, int | Decimal) and not isinstance(data, bool):
        return Fraction(data)
    text = data.strip() if isinstance(data, str) else ""
    percent, ratio = _PERCENT.fullmatch(text), _RATIO.fullmatch(text)
    if percent is not None:
        return Fraction(percent[1]) / 100
    if ratio is not None and int(ratio[2]):
        return Fraction(int(ratio[1]), int(ratio[2]))
    raise ValueError("a share is written as 40%, 0.4 or 2/3")


Share: TypeAlias = Annotated[
    Any, BeforeValidator(_share), WithJsonSchema({"type": ["string", "number"]}), Shown("`40%`, `0.4` or `2/3`")
]


def _number(data: Any) -> Any:
    """A number as an exact decimal. Raises ValueError."""
    if isinstance(data, bool) or not isinstance(data, int | Decimal | str):
        raise ValueError("must be a number")  # noqa: TRY004 - pydantic turns ValueError into a problem
    try:
        number = Decimal(data.strip() if isinstance(data, str) else data)
    except InvalidOperation:
        raise ValueError("must be a number such as 500.00") from None
    if not number.is_finite():
        raise ValueError("must be a number such as 500.00")
    return number


def _money(data: Any) -> Any:
    """An amount above nothing, with no more decimals than a currency can have. Raises ValueError."""
    number: Decimal = _number(data)
    if number <= 0:
        raise ValueError("an amount is more than nothing; a reversal takes back the same by itself")
    if _decimals(number) > MAX_DECIMALS:
        raise ValueError(f"{data} has more decimals than any currency ({MAX_DECIMALS} at most)")
    return number


def _decimals(number: Decimal) -> int:
    """Places behind the point, without zeros at the end."""
    return len(f"{number:f}".partition(".")[2].rstrip("0"))


Number: TypeAlias = Annotated[
    Decimal, BeforeValidator(_number), WithJsonSchema({"type": ["number", "string"]}), Shown("number")
]
Money: TypeAlias = Annotated[
    Decimal, BeforeValidator(_money), WithJsonSchema({"type": ["number", "string"]}), Shown("number")
]


def _day(data: Any) -> Any:
    """A day written as 2026-01-31. Raises ValueError."""
    if isinstance(data, date):
        return data
    try:
        if isinstance(data, str) and _DAY.fullmatch(data):
            return date.fromisoformat(data)
    except ValueError:
        raise ValueError(f"there is no day {data}") from None
    raise ValueError("a day is written as 2026-01-31")


Day: TypeAlias = Annotated[
    date, BeforeValidator(_day), WithJsonSchema({"type": "string", "format": "date"}), Shown("day such as 2026-01-31")
]


def _letters(data: Any) -> Any:
    """Three capital letters. Raises ValueError."""
    if isinstance(data, str) and _CURRENCY.fullmatch(data):
        return data
    raise ValueError("must be three letters such as EUR")


Letters: TypeAlias = Annotated[
    str,
    BeforeValidator(_letters),
    WithJsonSchema({"type": "string", "pattern": _CURRENCY.pattern}),
    Shown("three letters"),
]
