"""JSON in and out with exact numbers: fractions are Decimal both ways, never float; NaN and Infinity do not exist."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, NoReturn

_LONGEST_NUMBER: Final = 80
_LARGEST_EXPONENT: Final = 60
_LARGEST_WHOLE: Final = 63  # bits; beyond it a server may round or fail (recorded: case 086)


class JsonTrouble(ValueError):
    """Text that is not the JSON we read, or a value that JSON cannot carry. The message never shows the value."""


def parse_json(text: bytes) -> Any:
    """JSON data of UTF-8 text. Raises JsonTrouble for anything else, however it is broken."""
    try:
        return json.loads(text.decode("utf-8"), parse_float=_fraction, parse_constant=_no_constant)
    except JsonTrouble:
        raise
    except UnicodeDecodeError as error:
        raise JsonTrouble(f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise JsonTrouble(f"{error.msg.removesuffix(' at')} at character {error.pos} of {len(text)} bytes") from None
    except ValueError:
        raise JsonTrouble("a number of absurd length") from None
    except RecursionError:
        raise JsonTrouble("nested too deeply") from None


def dump_json(data: Any) -> bytes:
    """JSON text of plain data, Decimals as numbers, dates as ISO text in UTC. Raises JsonTrouble for what cannot go."""
    try:
        return json.dumps(_plain(data), separators=(",", ":"), allow_nan=False).encode("ascii")
    except JsonTrouble:
        raise
    except (ValueError, TypeError, RecursionError) as error:
        raise JsonTrouble(f"not JSON data: {type(error).__name__}") from None


def _fraction(text: str) -> Decimal:
    # 1e999999999 is ten bytes on the wire and a gigabyte once somebody spells it out.
    number = Decimal(text) if len(text) <= _LONGEST_NUMBER else Decimal("Infinity")
    if not number.is_finite() or abs(number.adjusted()) > _LARGEST_EXPONENT:
        raise JsonTrouble("a number of absurd size")
    return number


def _no_constant(text: str) -> NoReturn:
    raise JsonTrouble(f"{text} is not a JSON number")


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _whole(value)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, datetime):
        aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
        return aware.isoformat(timespec="seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    raise JsonTrouble(f"a value of type {type(value).__name__} has no JSON form")


def _whole(value: int) -> int:
    if value.bit_length() > _LARGEST_WHOLE:
        raise JsonTrouble("a whole number of more than 64 bits")
    return value


def _text(value: str) -> str:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise JsonTrouble("text with half a character (a lone surrogate)") from None
    return value


def _number(value: Decimal) -> int | float:
    """The JSON number that reads back as exactly this Decimal; a float is only its spelling on the wire."""
    if not value.is_finite() or abs(value.adjusted()) > _LARGEST_EXPONENT:
        raise JsonTrouble("a number that is not finite or of absurd size")
    if value == value.to_integral_value():
        return _whole(int(value))
    spelled = float(value)
    if Decimal(repr(spelled)) != value:
        raise JsonTrouble("a number with more digits than a JSON number is sure to keep")
    return spelled
