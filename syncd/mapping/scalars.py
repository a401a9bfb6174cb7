"""Scalar types of the configuration: secrets that never print, durations people write as ``60s`` or ``6h``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, SecretStr, WithJsonSchema
from pydantic.functional_serializers import PlainSerializer

_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION: Final = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*$")


@dataclass(frozen=True, slots=True)
class Shown:
    """What the reference page calls the values of a type."""

    words: str


class UrlMarker:
    """Marks a secret that is a URL: a literal one is allowed when it carries no password."""


Secret = SecretStr
"""A secret; the loader refuses a literal one: it must come from ``${VAR}`` or ``${file:PATH}``."""

SecretUrl = Annotated[SecretStr, UrlMarker()]
"""A URL that may carry a password; literal only without one."""


def parse_duration(text: Any) -> Any:
    """``60s`` as a timedelta; anything but text is left for pydantic to judge. Raises ValueError."""
    if not isinstance(text, str):
        if isinstance(text, timedelta):
            return text
        raise ValueError("a duration is a number with a unit: 500ms, 60s, 5m, 6h, 1d")
    found = _DURATION.match(text)
    if found is None:
        raise ValueError("a duration is a number with a unit: 500ms, 60s, 5m, 6h, 1d")
    return timedelta(seconds=float(found[1]) * _UNITS[found[2]])


def format_duration(value: timedelta) -> str:
    """The shortest spelling ``parse_duration`` reads back."""
    seconds = value.total_seconds()
    for unit in ("d", "h", "m", "s"):
        if seconds >= _UNITS[unit] and seconds % _UNITS[unit] == 0:
            return f"{int(seconds / _UNITS[unit])}{unit}"
    return f"{int(seconds * 1000)}ms"


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration, return_type=str)]


def _scalar(value: Any) -> Any:
    """A plain YAML value. Raises ValueError for lists, blocks and nothing."""
    if isinstance(value, str | bool | int | Decimal):
        return value
    raise ValueError("must be text, a number, true or false")


def _scalar_or_null(value: Any) -> Any:
    return None if value is None else _scalar(value)


def _whole(value: Any) -> Any:
    """Python takes true for 1; people who write ``true`` for a number made a mistake."""
    if isinstance(value, bool):
        raise ValueError("must be a whole number")  # noqa: TRY004 - pydantic turns ValueError into a problem
    return value


YamlScalar = Annotated[
    Any,
    AfterValidator(_scalar),
    WithJsonSchema({"type": ["string", "number", "boolean"]}),
    Shown("text, number, true/false"),
]
"""Text, a number, true or false, as YAML gave it."""

YamlScalarOrNull = Annotated[
    Any,
    AfterValidator(_scalar_or_null),
    WithJsonSchema({"type": ["string", "number", "boolean", "null"]}),
    Shown("text, number, true/false, null"),
]
"""The same, or null."""

Whole = Annotated[int, BeforeValidator(_whole)]
"""A whole number; never true or false."""
