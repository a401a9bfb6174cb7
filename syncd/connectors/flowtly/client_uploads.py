"""Uploads that are not made twice: what is there is looked for before, and after an answer that was lost.

Flowtly has no idempotency keys and does not publish which files are equal. A file is taken for there when its bytes
are, or where those cannot be fetched when name and size are; a name alone proves nothing either way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, Final

from syncd.connectors.flowtly.connector import FlowtlyConnector
from syncd.connectors.flowtly.transfer import Hashed, hashed
from syncd.errors import BadAnswer, NotFound, Refused, SyncdError, UnknownOutcome
from syncd.ports import Query, Record

_ATTACHMENTS: Final = Query("transaction-attachments")


@dataclass(frozen=True, slots=True)
class Uploaded:
    """An attachment that holds a file: its IRI, and the size in bytes and SHA-256 of the file.

    The IRI is empty where the answer does not give it. ``sent`` is False where it was there before and nothing was
    sent.
    """

    iri: str
    size: int
    sha256: str
    sent: bool


class _Same(Enum):
    YES = auto()
    NO = auto()
    UNCLEAR = auto()


@dataclass(frozen=True, slots=True)
class _File:
    name: str
    size: int
    sha256: str


class Uploads:
    """Looks for files among the attachments of one tenant, each of at most ``limit`` bytes."""

    def __init__(self, reader: FlowtlyConnector, limit: int) -> None:
        self._reader, self._limit = reader, limit

    def once(self, path: Path, send: Callable[[], Any], *, again: bool) -> Uploaded:
        """Have ``send`` upload the file at ``path``, unless it is there. Raises Refused, UnknownOutcome."""
        try:
            file = _File(path.name, *hashed(path))
        except OSError as error:
            raise Refused(f"{path} cannot be read: {error.strerror}") from None
        before = dict(self._like(file))
        if not again:
            for iri, same in before.items():
                if same is _Same.YES:
                    return Uploaded(iri, file.size, file.sha256, sent=False)
            if before:
                raise Refused(
                    f"an attachment called {file.name!r} is there ({next(iter(before))}), and nothing tells whether it "
                    "is the same file; look at it, and say again to send this one beside it"
                )
        return Uploaded(self._send(file, send, before.keys()), file.size, file.sha256, sent=True)

    def _send(self, file: _File, send: Callable[[], Any], before: Collection[str]) -> str:
        """The IRI of the new attachment. After a lost answer it is looked for among those that are new."""
        try:
            made = send()
        except UnknownOutcome as lost:
            return self._arrived(file, before, lost)
        return str(made.get("@id", "")) if isinstance(made, dict) else ""

    def _arrived(self, file: _File, before: Collection[str], lost: UnknownOutcome) -> str:
        """The one new attachment with this file. Raises UnknownOutcome when the look does not end the doubt."""
        try:
            new = [iri for iri, _ in self._like(file) if iri not in before]
        except SyncdError as error:
            raise UnknownOutcome(f"{lost}; the attachments cannot be looked at now either: {error}") from None
        if len(new) == 1:
            return new[0]
        found = "no new one" if not new else f"{len(new)} new ones: {', '.join(new)}"
        raise UnknownOutcome(f"{lost}; the attachments show {found}; run it again in a while: it looks first") from None

    def _like(self, file: _File) -> Iterator[tuple[str, _Same]]:
        """Attachments that are this file or may be it, after a complete walk."""
        for page in self._reader.pages(_ATTACHMENTS, None):
            for record in page.records:
                same = self._compared(record, file)
                if same is not _Same.NO:
                    yield record.key, same

    def _compared(self, record: Record, file: _File) -> _Same:
        size, named = record.raw.get("size"), record.raw.get("name") == file.name
        if size != file.size and (size is not None or not named):
            return _Same.NO
        there = self._sha256(record.raw.get("contentUrl"))
        if there is not None:
            return _Same.YES if there == file.sha256 else _Same.NO
        if not named:
            return _Same.NO
        return _Same.YES if size == file.size else _Same.UNCLEAR

    def _sha256(self, reference: Any) -> str | None:
        """The hash of an attachment's bytes, None where they cannot be had."""
        if not isinstance(reference, str):
            return None
        found = Hashed(self._limit)
        try:
            self._reader.fetch(reference, found)
        except (NotFound, Refused, BadAnswer):
            return None
        return found.sha256
