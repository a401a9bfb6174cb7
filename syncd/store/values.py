"""Values on their way into and out of JSONB columns. Must never change what a value means."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from syncd.core.canon import document_from_json, document_to_json, from_json, to_json
from syncd.core.model import ABSENT, Absent, Base, Document, MaybeValue, Value

_ABSENT_JSON: Final = {"$absent": True}
_SUSPECT: Final = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
UNSTORABLE: Final = "holds a NUL byte or half of a surrogate pair, which no database can store"


def maybe_to_json(value: MaybeValue) -> Any:
    """A value for a nullable JSONB column: null is SQL NULL, absent is its own mark."""
    return _ABSENT_JSON if isinstance(value, Absent) else to_json(value)


def maybe_from_json(data: Any) -> MaybeValue:
    """The inverse of ``maybe_to_json``."""
    return ABSENT if data == _ABSENT_JSON else from_json(data)


def base_to_json(base: Base) -> dict[str, Any]:
    """Both sides of a base."""
    return {"external": document_to_json(base.external), "flowtly": document_to_json(base.flowtly)}


def base_from_json(data: Mapping[str, Any]) -> Base:
    """The inverse of ``base_to_json``."""
    return Base(document_from_json(data["external"]), document_from_json(data["flowtly"]))


def document_or_none(data: Mapping[str, Any] | None) -> Document | None:
    """A stored document; None where the record could not be mapped."""
    return None if data is None else document_from_json(data)


def moment(value: datetime | None) -> str | None:
    """A time as text that ``timestamptz`` reads."""
    return None if value is None else value.isoformat()


def octets(value: bytes) -> str:
    """Bytes as text that ``bytea`` reads."""
    return "\\x" + value.hex()


def rowset(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows for ``json_to_recordset``: one parameter a statement, however many rows."""
    return json.dumps(rows, separators=(",", ":"))


def readable(text: str) -> str:
    """Text for people, with what PostgreSQL cannot hold replaced by the replacement character."""
    return _SURROGATE.sub("\ufffd", text.replace("\x00", "\ufffd"))


def storable(document: Document) -> bool:
    """False when some text in the document cannot be stored; such a record is parked, its stream goes on."""
    if not _SUSPECT.search(json.dumps(document_to_json(document))):
        return True
    return all(_clean(name) and _clean(value) for name, value in document.items())


def _clean(value: Value) -> bool:
    if isinstance(value, tuple):
        return all(_clean(item) for item in value)
    return not isinstance(value, str) or ("\x00" not in value and not _SURROGATE.search(value))


def unique(keys: Iterable[str]) -> list[str]:
    """Keys once each, in a fixed order, so that two transactions lock rows in the same order."""
    return sorted(set(keys))
