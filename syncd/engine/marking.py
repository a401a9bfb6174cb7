"""Flowtly with marks: new records carry the key of their source in a free-text field, and nobody above reads it there.

The mark is cut off as records come in and put back when the field is written, so it never looks like an edit. Where
Flowtly refuses a text for its mark, the text goes without one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from syncd.core.model import Side
from syncd.errors import Refused
from syncd.mapping.compiled import CompiledMapping
from syncd.mapping.marks import marked, unmarked
from syncd.ports import Capabilities, Connector, Page, Query, Raw, Record, Shape

MARK: Final = "@mark"
"""The raw field with the key that a record is marked with; given to ``create``, it is the key to mark with."""


def with_marks(mapping: CompiledMapping, peers: Mapping[Side, Connector]) -> Mapping[Side, Connector]:
    """The peers of a mapping; Flowtly with marks, if the mapping says so."""
    field = mapping.spec.flowtly.marker
    return peers if field is None else {**peers, Side.FLOWTLY: Marking(peers[Side.FLOWTLY], field)}


class Marking:
    """A connector whose records carry marks in one field."""

    def __init__(self, peer: Connector, field: str) -> None:
        self._peer, self._field = peer, field

    @property
    def requests(self) -> int:
        """How many requests were sent to the peer so far."""
        return self._peer.requests

    def capabilities(self, query: Query) -> Capabilities:
        """Those of the peer."""
        return self._peer.capabilities(query)

    def shape(self, query: Query) -> Shape | None:
        """That of the peer."""
        return self._peer.shape(query)

    def pages(self, query: Query, cursor: str | None) -> Iterator[Page]:
        """The pages of the peer, without marks."""
        for page in self._peer.pages(self._asking(query), cursor):
            yield replace(page, records=tuple(self._read(one) for one in page.records))

    def read(self, query: Query, key: str) -> Record:
        """One record without its mark."""
        return self._read(self._peer.read(self._asking(query), key))

    def find(self, query: Query, values: Raw) -> Iterator[Record]:
        """Records with these values. The marked field is compared here, for the peer has it with its mark."""
        wanted = {name: value for name, value in values.items() if name != self._field}
        for record in self._peer.find(self._asking(query), wanted):
            found = self._read(record)
            if self._field not in values or found.raw.get(self._field) == values[self._field]:
                yield found

    def create(self, query: Query, fields: Raw) -> Record:
        """Create with the mark of the key under ``MARK``, if there is one."""
        key = fields.get(MARK)
        plain = {name: value for name, value in fields.items() if name != MARK}
        asked = self._asking(query)
        return self._written(plain, key, lambda given: self._peer.create(asked, given))

    def update(self, query: Query, key: str, fields: Raw, expected: Record) -> Record:
        """Change fields; a text that had a mark keeps it."""
        mark = expected.raw.get(MARK) if self._field in fields else None
        asked = self._asking(query)
        return self._written(fields, mark, lambda given: self._peer.update(asked, key, given, expected))

    def delete(self, query: Query, key: str, expected: Record) -> None:
        """Delete one record."""
        self._peer.delete(query, key, expected)

    def rows(self, resource: str) -> Iterator[Raw]:
        """Those of the peer."""
        return self._peer.rows(resource)

    def check(self) -> str:
        """That of the peer."""
        return self._peer.check()

    def close(self) -> None:
        """Release connections."""
        self._peer.close()

    def _asking(self, query: Query) -> Query:
        """The marked field is needed, also where the mapping has no use for it."""
        return replace(query, fields=tuple(dict.fromkeys((*query.fields, self._field))))

    def _read(self, record: Record) -> Record:
        text = record.raw.get(self._field)
        if not isinstance(text, str):
            return record
        rest, key = unmarked(text)
        return record if key is None else replace(record, raw={**record.raw, self._field: rest, MARK: key})

    def _written(self, fields: Raw, key: Any, send: Callable[[dict[str, Any]], Record]) -> Record:
        """Send with the mark; without it where the mark may be why it was refused: then nothing was written."""
        text = fields.get(self._field)
        if not isinstance(key, str) or not (text is None or isinstance(text, str)):
            return self._read(send(dict(fields)))
        try:
            return self._read(send({**fields, self._field: marked(text, key)}))
        except Refused as error:
            if error.violations and all(one.field != self._field for one in error.violations):
                raise
        return self._read(send(dict(fields)))
