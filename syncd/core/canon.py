"""One spelling per meaning: canonical values, their JSON form and their digests.

The JSON form is what the store keeps as JSONB. Types JSON does not have are wrapped in a one-key object whose key
starts with ``$``; plain text is never wrapped, so the encoding is injective.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from syncd.core.model import Document, Value

DIGEST_BYTES = 16


def canonical(value: Value) -> Value:
    """The one spelling of a value: empty text is null, decimals lose trailing zeros, datetimes are UTC."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, Decimal):
        return _plain_decimal(value)
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    if isinstance(value, tuple):
        return tuple(canonical(item) for item in value)
    return value


def same(left: object, right: object) -> bool:
    """Equality that does not take True for 1 (Python does)."""
    return left == right and isinstance(left, bool) == isinstance(right, bool)


def to_json(value: Value) -> Any:
    """A canonical value as JSON data."""
    if isinstance(value, Decimal):
        return {"$decimal": str(value)}
    if isinstance(value, datetime):
        return {"$datetime": value.isoformat()}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    if isinstance(value, tuple):
        return [to_json(item) for item in value]
    return value


def from_json(data: Any) -> Value:
    """The inverse of ``to_json``. Raises ValueError for data it never wrote."""
    if isinstance(data, list):
        return tuple(from_json(item) for item in data)
    if isinstance(data, dict):
        return _unwrap(data)
    if data is None or isinstance(data, str | bool | int):
        return data
    raise ValueError(f"not a stored value: {type(data).__name__}")


def document_to_json(document: Document) -> dict[str, Any]:
    """A document as a JSON object; absent fields stay absent."""
    return {name: to_json(value) for name, value in document.items()}


def document_from_json(data: Mapping[str, Any]) -> dict[str, Value]:
    """The inverse of ``document_to_json``."""
    return {name: from_json(value) for name, value in data.items()}


def digest(data: Any, key: bytes = b"") -> bytes:
    """16 bytes that identify JSON-like data; dates and decimals count as their text. ``key`` separates domains."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.blake2b(text.encode(), digest_size=DIGEST_BYTES, key=key).digest()


def _plain_decimal(value: Decimal) -> Decimal:
    if not value.is_finite():
        raise ValueError(f"not a finite number: {value}")
    if value == 0:
        return Decimal(0)
    sign, digits, exponent = value.as_tuple()
    kept = list(digits)
    power = int(exponent)
    while power < 0 and kept[-1] == 0:
        kept.pop()
        power += 1
    # Decimal("1E+3") and Decimal("1000") are equal but print differently; spell it out.
    if power > 0:
        kept.extend([0] * power)
        power = 0
    return Decimal((sign, tuple(kept), power))


def _unwrap(data: dict[str, Any]) -> Value:
    if len(data) == 1:
        ((tag, text),) = data.items()
        if tag == "$decimal":
            return Decimal(text)
        if tag == "$datetime":
            return datetime.fromisoformat(text)
        if tag == "$date":
            return date.fromisoformat(text)
    raise ValueError(f"not a stored value: object with keys {sorted(data)[:3]}")
