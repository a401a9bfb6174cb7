"""What the archive knows of one record, as one JSON document. Pure; never trusts a document that it reads.

``state`` is what stands. ``coming`` is what a write is about to make true: it is noted before the file is touched, so
that a write that was cut can be told from one that never began, and be finished or taken back.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from syncd.connectors.files.names import is_plain
from syncd.core.canon import document_from_json, document_to_json
from syncd.core.model import Value
from syncd.errors import BadAnswer, Refused

LIMIT: Final = 1 << 20
"""Most bytes of one document."""
_KEY_BYTES: Final = 1000


@dataclass(frozen=True, slots=True)
class Content:
    """A file of ours: its name below the folder, its bytes, where they came from, and the name the pattern asked for.

    ``name`` differs from ``wanted`` where that name was taken.
    """

    name: str
    wanted: str
    source: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class State:
    """A record: its fields as they were written, and its file if it has one."""

    fields: Mapping[str, Value]
    file: Content | None


@dataclass(frozen=True, slots=True)
class Entry:
    """The document of one key."""

    key: str
    state: State | None
    coming: State | None = None


def digest_of(text: str) -> str:
    """32 hexadecimal digits that stand for a key or a name. Raises UnicodeEncodeError for half a surrogate pair."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def is_key(text: str) -> bool:
    """True for a text that a record can be known by."""
    try:
        return 0 < len(text.encode()) <= _KEY_BYTES and "\0" not in text
    except UnicodeEncodeError:
        return False


def dump(entry: Entry) -> bytes:
    """An entry as readable JSON. Raises Refused when it is larger than ``LIMIT``."""
    data = {"key": entry.key, **_state_to_json(entry.state), "coming": None}
    if entry.coming is not None:
        data["coming"] = _state_to_json(entry.coming)
    text = json.dumps(data, ensure_ascii=False, indent=1).encode()
    if len(text) > LIMIT:
        raise Refused(f"the fields of record {entry.key[:100]!r} are larger than {LIMIT} bytes together")
    return text


def parse(text: bytes, where: str) -> Entry:
    """The inverse of ``dump``. Raises BadAnswer for a document that syncd did not write like this."""
    try:
        if len(text) > LIMIT:
            raise ValueError(f"it is larger than {LIMIT} bytes")
        data = json.loads(text)
        if not isinstance(data["key"], str):
            raise TypeError("its key is no text")
        coming = None if data["coming"] is None else _state_from_json(data["coming"])
        return Entry(data["key"], _state_from_json(data), coming)
    except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError) as error:
        raise BadAnswer(f"{where} is no document of this archive ({type(error).__name__}: {error})") from None


def _state_to_json(state: State | None) -> dict[str, Any]:
    if state is None:
        return {"fields": None, "file": None}
    return {"fields": document_to_json(state.fields), "file": None if state.file is None else asdict(state.file)}


def _state_from_json(data: dict[str, Any]) -> State | None:
    if data["fields"] is None:
        return None
    file = None if data["file"] is None else Content(**data["file"])
    if file is not None:
        _check(file)
    return State(document_from_json(data["fields"]), file)


def _check(file: Content) -> None:
    texts = (file.name, file.wanted, file.source, file.sha256)
    if not all(isinstance(text, str) for text in texts) or type(file.size) is not int:
        raise TypeError("its file has values of a wrong type")
    if not is_plain(file.name):
        raise ValueError("its file has a name that leads elsewhere")
