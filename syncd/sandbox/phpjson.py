r"""JSON text as PHP writes it, and JSON read as strictly as PHP reads it. Must never change a value on the way.

ld+json leaves letters as they are and writes ``< > & ' "`` inside strings as ``\u00XX``; plain json writes every
letter beyond ASCII as ``\uXXXX``; both write ``/`` as ``\/`` (recorded: cases 14, 33, 13).
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from syncd.sandbox.errors import ApiError

_ESCAPE: Final = re.compile(r"\\(.)")
_HEX: Final = (
    ("/", "\\/"),
    ("&", "\\u0026"),
    ("'", "\\u0027"),
    ("<", "\\u003C"),
    (">", "\\u003E"),
    ("\u2028", "\\u2028"),
    ("\u2029", "\\u2029"),
)
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_INT_LIMIT: Final = 2**63


def encode(data: Any, *, linked: bool) -> bytes:
    """JSON bytes; ``linked`` for ld+json."""
    text = json.dumps(data, ensure_ascii=not linked, separators=(",", ":"), allow_nan=False)
    if not linked:
        return text.replace("/", "\\/").encode()
    if '\\"' in text:
        text = _ESCAPE.sub(lambda found: "\\u0022" if found[1] == '"' else found[0], text)
    for plain, escaped in _HEX:
        if plain in text:
            text = text.replace(plain, escaped)
    return text.encode()


def decode(body: bytes) -> Any:
    """The data of a request body.

    Raises ApiError 400 with PHP's words: ``Syntax error`` (also for an empty body), the UTF-8 and UTF-16 complaints.
    Whole numbers beyond 64 bits become floats, as they do in PHP.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise ApiError(400, "Malformed UTF-8 characters, possibly incorrectly encoded") from None
    try:
        data = json.loads(text, parse_int=_integer, parse_constant=_refuse)
    except RecursionError:
        raise ApiError(400, "Maximum stack depth exceeded") from None
    except ValueError:
        raise ApiError(400, "Syntax error") from None
    # Half a surrogate pair can only come from an escape; it has no UTF-8 form and could not be answered again.
    if "\\u" in text and _SURROGATE.search(json.dumps(data, ensure_ascii=False)):
        raise ApiError(400, "Single unpaired high surrogate in Unicode escape")
    return data


def type_name(value: Any) -> str:
    """What PHP's ``gettype`` calls a value."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "boolean"
    for kind, name in ((int, "integer"), (float, "double"), (str, "string")):
        if isinstance(value, kind):
            return name
    return "array"


def _integer(text: str) -> int | float:
    # Long digit strings are compared by length first: int() itself refuses more than 4300 digits.
    if len(text) > 20:  # noqa: PLR2004 - the longest 64-bit integer with its sign
        return float(text)
    value = int(text)
    return value if -_INT_LIMIT <= value < _INT_LIMIT else float(value)


def _refuse(text: str) -> Any:
    raise ValueError(text)
