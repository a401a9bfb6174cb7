"""The postings of an allocation as the ERP has them, each with its lines. Reads only, and concludes nothing.

An incremental reading gives the postings that changed and those with a changed line. A line that was deleted shows in
the next complete reading, or with the next change of its posting.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace

from syncd.core.model import Side
from syncd.engine.allocating.words import Allocation, LineReading
from syncd.engine.context import query_of
from syncd.errors import NotFound
from syncd.mapping.compiled import CompiledMapping
from syncd.ports import Connector, Page, Query, Raw, Record


@dataclass(frozen=True, slots=True)
class Place:
    """How far both readings are: cursors of the postings and of their lines. ``seen``: by the last complete reading."""

    postings: str | None = None
    lines: str | None = None
    seen: int | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One posting as it reads now, with its lines."""

    record: Record
    lines: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page of a reading. ``place``: where the next reading may begin once this one is at its end."""

    entries: tuple[Entry, ...]
    place: Place
    total: int | None = None


class _Reach:
    """The records of some pages, and the latest cursor that came with them."""

    def __init__(self, cursor: str | None) -> None:
        self.cursor = cursor

    def through(self, pages: Generator[Page, None, None]) -> Iterator[Record]:
        """Every record."""
        with closing(pages):
            for page in pages:
                self.cursor = page.cursor or self.cursor
                yield from page.records


class Books:
    """Reads the postings of one allocation: external records of the mapping ``of``, as that mapping asks for them."""

    def __init__(self, allocation: Allocation, of: CompiledMapping, peer: Connector) -> None:
        self._peer = peer
        self._scope = of.projection(Side.EXTERNAL)
        asked = query_of(of, Side.EXTERNAL)
        self._query = replace(asked, fields=tuple(dict.fromkeys((*allocation.reading.reads, *asked.where))))
        self._lines: LineReading | None = allocation.reading.lines

    @property
    def requests(self) -> int:
        """Requests sent to the ERP so far."""
        return self._peer.requests

    @property
    def incremental(self) -> bool:
        """True where changed postings, and their lines, can be asked for."""
        if not self._peer.capabilities(self._query).incremental:
            return False
        return self._lines is None or self._peer.capabilities(self._lines.query).filters

    def sheets(self, place: Place | None) -> Iterator[Sheet]:
        """All postings when ``place`` is None, else those that changed since. Ends normally only at the end.

        Raises what a connector's ``pages`` and ``find`` raise.
        """
        if place is None:
            yield from self._all()
        else:
            yield from self._changed(place)

    def read(self, key: str) -> Entry:
        """One posting as it is now; out of scope, it has no lines. Raises NotFound for a proven absence only."""
        record = self._peer.read(self._query, key)
        found = self._entries([record])
        return found[0] if found else Entry(record)

    def in_scope(self, record: Record) -> bool:
        """Whether it is a record of the mapping at all."""
        return self._scope.in_scope(record.raw)

    def _all(self) -> Iterator[Sheet]:
        lines, cursor = self._all_lines()
        last = None
        with closing(_pages(self._peer, self._query, None)) as pages:
            for page in pages:
                last = page.cursor or last
                entries = tuple(Entry(one, tuple(lines.get(one.key, ()))) for one in page.records if self.in_scope(one))
                yield Sheet(entries, Place(last, cursor), None if self._query.where else page.total)

    def _changed(self, place: Place) -> Iterator[Sheet]:
        touched, cursor = self._touched(place.lines)
        last = place.postings
        with closing(_pages(self._peer, self._query, last)) as pages:
            for page in pages:
                last = page.cursor or last
                touched.difference_update(one.key for one in page.records)
                yield Sheet(self._entries(page.records), Place(last, cursor))
        found = [record for key in sorted(touched) if (record := self._record(key)) is not None]
        yield Sheet(self._entries(found), Place(last, cursor))

    def _record(self, key: str) -> Record | None:
        """One posting, None when there is none: what is gone is found by complete readings alone."""
        try:
            return self._peer.read(self._query, key)
        except NotFound:
            return None

    def _all_lines(self) -> tuple[Mapping[str, list[Record]], str | None]:
        """Every line by its posting, and the cursor that leads on from here."""
        if self._lines is None:
            return {}, None
        reach = _Reach(None)
        return _by_posting(self._lines, reach.through(_pages(self._peer, self._lines.query, None))), reach.cursor

    def _touched(self, since: str | None) -> tuple[set[str], str | None]:
        """Postings with a line that changed, and the cursor that leads on from here."""
        if self._lines is None or since is None:
            return set(), since
        # Without its filter: a line that left the scope has changed its posting as well.
        query, reach = replace(self._lines.query, where={}), _Reach(since)
        changed = reach.through(_pages(self._peer, query, since))
        keys = {_posting_of(self._lines, record.raw) for record in changed}
        return {key for key in keys if key is not None}, reach.cursor

    def _entries(self, records: Iterable[Record]) -> tuple[Entry, ...]:
        """Those in scope, with their lines looked up together."""
        inside = [one for one in records if self.in_scope(one)]
        if self._lines is None or not inside:
            return tuple(Entry(one) for one in inside)
        own = self._query.key
        keys = [one.key if own is None else one.raw.get(own, one.key) for one in inside]
        query = replace(self._lines.query, where={self._lines.posting: keys})
        lines = _by_posting(self._lines, _Reach(None).through(_pages(self._peer, query, None)))
        return tuple(Entry(one, tuple(lines.get(one.key, ()))) for one in inside)


def _by_posting(reading: LineReading, records: Iterable[Record]) -> Mapping[str, list[Record]]:
    found: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        if reading.in_scope(record.raw) and (key := _posting_of(reading, record.raw)) is not None:
            found[key].append(record)
    return found


def _posting_of(reading: LineReading, raw: Raw) -> str | None:
    """The key of a line's posting; None for a line without one."""
    key = raw.get(reading.posting)
    return None if key is None else str(key)


def _pages(peer: Connector, query: Query, cursor: str | None) -> Generator[Page, None, None]:
    """The connector's pages as a generator that can be closed."""
    yield from peer.pages(query, cursor)
