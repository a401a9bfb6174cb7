"""What a record's own data can do wrong, and the one door raw values come in through. Raises nothing else.

``clean`` turns what a peer gave into canonical building blocks: text without NUL, exact numbers, dates. Everything a
lens gets has passed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

from syncd.core.canon import same
from syncd.core.model import Value

MAX_TEXT: Final = 1024 * 1024
"""Longest text in characters; longer text is a broken record, not a name."""


class RecordProblem(Exception):
    """One record cannot be mapped: which canonical field, why, and the reference it waits for, if that is why."""

    def __init__(self, field: str, message: str, waiting_for: str | None = None) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message
        self.waiting_for = waiting_for


class Unfit(Exception):
    """A lens cannot take a value. It does not know the field it serves; whoever does makes it a RecordProblem."""

    def __init__(self, message: str, waiting_for: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.waiting_for = waiting_for


def clean(value: Any) -> Value:
    """A raw value as a canonical building block; floats become decimals by their text. Raises Unfit."""
    kind = type(value)
    if kind is str:
        return _text(value)
    if value is None or kind is bool or kind is int or kind is date or kind is datetime:
        return value  # type: ignore[no-any-return]  # narrowed by kind, which mypy does not follow
    if kind is Decimal or kind is float:
        return _number(value)
    if isinstance(value, list | tuple):
        return tuple(clean(item) for item in value)
    if isinstance(value, str):
        return _text(str(value))
    if isinstance(value, datetime | date | Decimal | bool | int):
        return value
    raise Unfit(f"a value of type {kind.__name__} cannot be mapped")


def passes(where: Mapping[str, tuple[Any, ...]], raw: Mapping[str, Any]) -> bool:
    """Whether a raw record has one of the values that ``where`` asks of each field, exactly. Absent counts as null."""
    for name, allowed in where.items():
        try:
            value = clean(raw.get(name))
        except Unfit:
            return False
        if not any(same(value, one) for one in allowed):
            return False
    return True


def _text(value: str) -> str | None:
    if len(value) > MAX_TEXT:
        raise Unfit(f"text of {len(value)} characters is longer than {MAX_TEXT}")
    if "\0" in value:
        raise Unfit("text with a NUL byte cannot be stored")
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise Unfit("text with half a surrogate pair is not Unicode") from error
    return value or None


def _number(value: float | Decimal) -> Decimal:
    number = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not number.is_finite():
        raise Unfit("a number that is not finite cannot be mapped")
    if number.adjusted() > MAX_DIGITS or number.as_tuple().exponent < -MAX_DIGITS:  # type: ignore[operator]  # finite
        raise Unfit("a number of this size cannot be mapped")
    return number


MAX_DIGITS: Final = 100
"""Digits before or after the point; 1E+999999 would be spelled out otherwise."""
