"""Between the values a driver gives and the raw values of a record, both ways. Never guesses: a misfit is ValueError.

Raw values are text, integer, boolean, Decimal, date, aware UTC datetime, None, or a list of these. Decimals stay,
floats become the Decimal of their shortest spelling, bytes hex text, arrays and JSON lists of plain values lists, other
JSON documents JSON text, anything else its text. What a column would round or shift is refused, never stored.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import types

KINDS: Final[tuple[tuple[type[types.TypeEngine[Any]], str], ...]] = (
    (types.Boolean, "boolean"),
    (types.Integer, "integer"),
    (types.Float, "float"),
    (types.Numeric, "decimal"),
    (types.DateTime, "datetime"),
    (types.Date, "date"),
    (types.Uuid, "uuid"),
    (types.JSON, "json"),
    (types.ARRAY, "json"),
    (types._Binary, "bytes"),  # noqa: SLF001 - the only common base of BLOB, BYTEA and VARBINARY
    (types.Enum, "enum"),
    (types.String, "text"),
)
COMPARABLE: Final = frozenset({"boolean", "integer", "decimal", "datetime", "date", "uuid", "text", "enum"})
"""Kinds whose ``=`` in SQL means what it means in Python, so that an UPDATE may be guarded by them."""

_SQLITE_DIGITS: Final = 15
SHAPE_TYPES: Final = {"float": "decimal", "uuid": "text", "bytes": "text", "enum": "text", "other": "text"}


class Misfit(ValueError):
    """A raw value that its column cannot hold."""


def kind_of(sql_type: types.TypeEngine[Any]) -> str:
    """The kind of a column's type; ``other`` where SQLAlchemy knows no better."""
    for base, kind in KINDS:
        if isinstance(sql_type, base):
            return kind
    return "other"


def reader(kind: str, zone: ZoneInfo, *, loose: bool) -> Callable[[Any], Any]:
    """How one column's driver values become raw ones. ``loose``: the database keeps any type in any column (SQLite)."""
    if loose and kind in _LOOSE:
        tidy = _LOOSE[kind]
        return lambda value: plain(tidy(value), zone)
    return lambda value: plain(value, zone)


def plain(value: Any, zone: ZoneInfo) -> Any:
    """One driver value as a raw value; naive stamps are read in ``zone``."""
    kind = type(value)
    if kind in _AS_IS:
        return value
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=zone)).astimezone(UTC)
    if isinstance(value, Decimal):
        return value if value.is_finite() else str(value)
    if isinstance(value, float):
        return plain(Decimal(repr(value)), zone)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, list | tuple) and not any(isinstance(each, list | tuple | dict) for each in value):
        return [plain(each, zone) for each in value]
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return str(value)


def bound(value: Any, kind: str, zone: ZoneInfo, *, aware: bool, loose: bool) -> Any:
    """The inverse of reading: what to send for a raw value. ``aware``: the column keeps a zone. Raises ValueError."""
    if value is None:
        return None
    sent = _BINDERS[kind](value) if kind in _BINDERS else value
    if isinstance(sent, datetime):
        sent = _in_zone(sent, zone, aware=aware)
    if loose and kind == "decimal":
        _require_fit(sent)
    return _loosely(sent) if loose else sent


def key_text(value: Any, zone: ZoneInfo) -> str:
    """The text under which a record is known; empty for none."""
    if value is None:
        return ""
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return str(int(value))
    found = plain(value, zone)
    return found.isoformat() if isinstance(found, date) else str(found)


def _in_zone(stamp: datetime, zone: ZoneInfo, *, aware: bool) -> datetime:
    if aware:
        return stamp if stamp.tzinfo else stamp.replace(tzinfo=zone)
    if stamp.tzinfo is None:
        return stamp
    local = stamp.astimezone(zone).replace(tzinfo=None, fold=0)
    if local.replace(tzinfo=zone).astimezone(UTC) != stamp.astimezone(UTC):  # == of two zones is False in that hour
        raise Misfit(f"{stamp.isoformat()} falls into the hour that {zone} repeats, and the column keeps no zone")
    return local


def _require_fit(number: Decimal) -> None:
    """SQLite keeps 64-bit integers, and of anything else the first 15 digits."""
    whole = number == number.to_integral_value() and abs(number) < 1 << 63
    if not whole and len(number.normalize().as_tuple().digits) > _SQLITE_DIGITS:
        raise Misfit(f"SQLite keeps {_SQLITE_DIGITS} digits of a number and this one has more")


def _loosely(value: Any) -> Any:
    """SQLite has no dates, decimals or booleans of its own: ISO text, digits and 0 or 1 are what it compares."""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return int(value) if isinstance(value, bool) else value


def _integer(value: Any) -> int:
    if isinstance(value, bool):
        raise Misfit("a boolean cannot stand in an integer column")
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, str) and value.strip().removeprefix("-").isdecimal():
        return int(value)
    raise Misfit(f"{_called(value)} cannot stand in an integer column")


def _decimal(value: Any) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        raise Misfit(f"{_called(value)} cannot stand in a decimal column")
    try:
        return Decimal(value)
    except InvalidOperation as error:
        raise Misfit("text that is no number cannot stand in a decimal column") from error


def _boolean(value: Any) -> bool:
    if isinstance(value, bool) or (isinstance(value, int) and value in {0, 1}):
        return bool(value)
    raise Misfit(f"{_called(value)} cannot stand in a boolean column")


def _datetime(value: Any) -> datetime:
    if isinstance(value, datetime):
        return value
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    raise Misfit(f"{_called(value)} cannot stand in a column of time stamps")


def _date(value: Any) -> date:
    if isinstance(value, str):
        return date.fromisoformat(value)
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise Misfit(f"{_called(value)} cannot stand in a column of dates")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    raise Misfit(f"{_called(value)} cannot stand in a text column")


def _json(value: Any) -> Any:
    """A JSON document from its text, or a list of plain values."""
    if isinstance(value, str):
        return json.loads(value)
    if not isinstance(value, list | tuple):
        raise Misfit(f"{_called(value)} cannot stand in a JSON column")
    return [_json_item(each) for each in value]


def _json_item(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, Decimal) and value.is_finite() and Decimal(repr(float(value))) == value:
        return int(value) if value == value.to_integral_value() else float(value)
    raise Misfit(f"a list with {_called(value)} cannot stand in a JSON column without loss")


def _called(value: Any) -> str:
    return f"a value of type {type(value).__name__}"


def _tidy_decimal(value: Any) -> Any:
    return Decimal(value) if isinstance(value, int) else value


def _tidy_boolean(value: Any) -> Any:
    return bool(value) if value in (0, 1) else value


def _tidy_datetime(value: Any) -> Any:
    try:
        return datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _tidy_json(value: Any) -> Any:
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return value
    return found if isinstance(found, list | dict) else value


def _tidy_date(value: Any) -> Any:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return value


_AS_IS: Final = frozenset({str, int, bool, date, type(None)})
_LOOSE: Final[dict[str, Callable[[Any], Any]]] = {
    "decimal": _tidy_decimal,
    "boolean": _tidy_boolean,
    "datetime": _tidy_datetime,
    "date": _tidy_date,
    "json": _tidy_json,
}
_BINDERS: Final[dict[str, Callable[[Any], Any]]] = {
    "integer": _integer,
    "decimal": _decimal,
    "float": lambda value: float(_decimal(value)),
    "boolean": _boolean,
    "datetime": _datetime,
    "date": _date,
    "text": _text,
    "uuid": lambda value: value if isinstance(value, UUID) else UUID(str(value)),
    "bytes": lambda value: bytes.fromhex(str(value)),
    "json": _json,
    "other": lambda value: value.isoformat() if isinstance(value, time) else value,
}
