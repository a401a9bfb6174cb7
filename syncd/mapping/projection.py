"""A mapping as seen from one side: raw records to documents and digests, canonical changes to raw fields. No I/O."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from operator import itemgetter
from typing import Any, Final

from syncd.core.canon import DIGEST_BYTES, same
from syncd.core.model import Absent, Document, Side, Value
from syncd.mapping.chain import Chain
from syncd.mapping.links import waits_for_link
from syncd.mapping.lookups import Lookups
from syncd.mapping.records import RecordProblem, passes

_JSON: Final = json.JSONEncoder(default=str, separators=(",", ":"), check_circular=False)
_ABSENT: Final = "\0absent"  # no peer can send this text as a value
_UNREADABLE: Final = "\0unreadable"
_PART: Final = "\x1f"
_NO_LOOKUPS: Final[Lookups] = {}


@dataclass(frozen=True, slots=True)
class Constant:
    """Raw fields that are set once, when a record is created on one side; never read, never compared."""

    chain: Chain
    value: Value


class Projection:
    """One side of a mapping. Made by ``compile_mapping``; safe to use from several threads."""

    def __init__(
        self,
        side: Side,
        chains: tuple[Chain, ...],
        *,
        required: frozenset[str] = frozenset(),
        constants: tuple[Constant, ...] = (),
        where: Mapping[str, tuple[Any, ...]] | None = None,
        match: tuple[tuple[str, ...], ...] = (),
        references: Mapping[str, str] | None = None,
        soft: frozenset[str] = frozenset(),
        key: bytes = b"",
    ) -> None:
        self.side = side
        self.chains = {chain.field: chain for chain in chains}
        self._required = required
        self._constants = constants
        self._where = dict(where or {})
        self._match = match
        self._references = tuple((self.chains[name], mapping) for name, mapping in (references or {}).items())
        self._soft = tuple(self.chains[name] for name in sorted(soft))
        mapped = tuple(dict.fromkeys(name for chain in chains for name in chain.names))
        self.inputs: tuple[str, ...] = tuple(dict.fromkeys((*mapped, *self._where)))
        self._mapped = mapped
        self._pick = _picker(mapped)
        self._hasher = hashlib.blake2b(digest_size=DIGEST_BYTES, key=key)

    @property
    def constant_names(self) -> frozenset[str]:
        """Raw fields that are set once, when a record is created here."""
        return frozenset(name for constant in self._constants for name in constant.chain.names)

    @property
    def soft(self) -> bool:
        """True when a digest depends on links too: a reference that is not linked reads as nothing."""
        return bool(self._soft)

    def reference_keys(self, raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """The references of a record: (mapping, this side's key). Those behind further lenses are left out."""
        for chain, mapping in self._references:
            for name in chain.names:
                key = raw.get(name)
                if isinstance(key, str | int) and not isinstance(key, bool):
                    yield mapping, str(key)

    def document_references(self, document: Document) -> Iterator[tuple[str, str]]:
        """The references of a document: (mapping, external key)."""
        for chain, mapping in self._references:
            key = document.get(chain.field)
            if isinstance(key, str):
                yield mapping, key

    def waits(self, document: Document, lookups: Lookups) -> str | None:
        """The first reference in a document that cannot be written here because it is not linked yet."""
        for chain, _ in self._references:
            value = document.get(chain.field)
            if value is None:
                continue
            try:
                chain.write(value, lookups, None)
            except RecordProblem as problem:
                if waits_for_link(problem.waiting_for):
                    return problem.waiting_for
        return None

    def digest(self, raw: Mapping[str, Any], lookups: Lookups = _NO_LOOKUPS) -> bytes:
        """16 bytes that change when a mapped raw value does, or what a soft reference reads as. Never raises.

        Keyed by the mapping's fingerprint, so a changed mapping looks at every record again. Two spellings of one
        value (1.5 and 1.50) may differ here and still make the same document: looking twice is harmless.
        """
        try:
            text = _JSON.encode(self._pick(raw))
        except KeyError:
            text = self._sparse(raw)
        except (TypeError, ValueError, RecursionError):
            text = _UNREADABLE
        hasher = self._hasher.copy()
        hasher.update(text.encode())
        for chain in self._soft:
            hasher.update(_soft_text(chain, raw, lookups))
        return hasher.digest()

    def document(self, raw: Mapping[str, Any], lookups: Lookups) -> dict[str, Value]:
        """The record in canonical fields. Raises RecordProblem for the first field that cannot be read."""
        document: dict[str, Value] = {}
        for name, chain in self.chains.items():
            value = chain.read(raw, lookups)
            if isinstance(value, Absent):
                continue
            if value is None and name in self._required:
                raise RecordProblem(name, f"is required and empty in {self.side}")
            document[name] = value
        return document

    def in_scope(self, raw: Mapping[str, Any]) -> bool:
        """Whether the record passes the mapping's ``where``."""
        return passes(self._where, raw)

    def writes(self, changes: Document, lookups: Lookups, current: Mapping[str, Any] | None) -> dict[str, Any]:
        """Raw fields to send so that these canonical fields read as given.

        ``current`` is the record as it is, None for a create: then constants are added and empty values left out. Raw
        fields that already are right are not sent. Raises RecordProblem.
        """
        fields: dict[str, Any] = {}
        for name, value in changes.items():
            chain = self.chains.get(name)
            if chain is None:
                raise RecordProblem(name, "is not a field of this mapping")
            written = chain.write(value, lookups, current)
            fields.update({raw: part for raw, part in written.items() if not _already(current, raw, part)})
        for constant in self._constants if current is None else ():
            fields.update(constant.chain.write(constant.value, lookups, None))
        return fields

    def match_keys(self, document: Document) -> tuple[str | None, ...]:
        """One comparable text per level of ``match``; None for a level with an empty or absent part."""
        return tuple(_level_text(document, level) for level in self._match)

    def _sparse(self, raw: Mapping[str, Any]) -> str:
        try:
            return _JSON.encode([raw.get(name, _ABSENT) for name in self._mapped])
        except (TypeError, ValueError, RecursionError):
            return _UNREADABLE


def _soft_text(chain: Chain, raw: Mapping[str, Any], lookups: Lookups) -> bytes:
    try:
        return repr(chain.read(raw, lookups)).encode()
    except RecordProblem:
        return _UNREADABLE.encode()


def comparable(value: Value) -> str:
    """A value as text for matching: one case, single blanks, composed letters."""
    if isinstance(value, str):
        text = value if value.isascii() else unicodedata.normalize("NFC", value)
        return " ".join(text.casefold().split())
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, tuple):
        return ",".join(comparable(item) for item in value)
    return str(value)


def _level_text(document: Document, level: tuple[str, ...]) -> str | None:
    parts: list[str] = []
    for name in level:
        value = document.get(name)
        text = "" if value is None else comparable(value)
        if not text:
            return None
        parts.append(text)
    return _PART.join(parts)


def _picker(names: tuple[str, ...]) -> Callable[[Mapping[str, Any]], Any]:
    """The fastest way to the values of several keys; raises KeyError when one is missing."""
    if not names:
        return lambda _: ()
    return itemgetter(*names)


def _already(current: Mapping[str, Any] | None, name: str, part: Any) -> bool:
    """True when a raw field needs no sending: it is as wanted, or nothing is wanted in a new record."""
    if current is None:
        return part is None
    if name not in current:
        return False
    known = current[name]
    return same(known, part) or (part is None and known == "")
