"""Walks over a resource, page by page, each page its own short transaction. Never uses OFFSET, never skips a tie.

A full walk goes by key. Its cursor is the newest stamp there was when it began, given with the last page only: an
interrupted full walk must not be resumed as if it had been complete. An incremental walk first reads the rows without
a stamp, then the others by (stamp, key) from the cursor minus the overlap up to the newest stamp there was when it
began; every page moves the cursor.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, Select, func, select

from syncd.connectors.sql.cursors import Reach, begin, ceiling, earlier, later, parse, spell
from syncd.connectors.sql.database import Database
from syncd.connectors.sql.tables import Column
from syncd.connectors.sql.view import View, after
from syncd.errors import BadAnswer, Later, ReadCut, Refused
from syncd.ports import Page

_LONGEST_KEY: Final = 2000  # an index entry of PostgreSQL, where links are kept, takes about 2700


@dataclass(frozen=True, slots=True)
class Mark:
    """The newest stamp of the table and the database's own time, read together before a walk."""

    newest: Any
    now: datetime


class Walk:
    """One walk over one view."""

    def __init__(self, database: Database, view: View, size: int, reach: Reach) -> None:
        self._database = database
        self._view = view
        self._size = size
        self._reach = reach
        self._keyless = 0
        self._pages = 0

    def run(self, cursor: str | None) -> Iterator[Page]:
        """Every page. Raises Later, Denied, Refused before the first page, ReadCut when trouble comes later."""
        yield from self._guarded(self._run(cursor))

    def all(self) -> Iterator[Page]:
        """Every row by key, whatever has changed, without a cursor. Raises as ``run``."""
        yield from self._guarded(self._everything(None))

    def _guarded(self, pages: Iterator[Page]) -> Iterator[Page]:
        try:
            for page in pages:
                self._pages += 1
                yield page
            self._complain()
        except (Later, BadAnswer) as error:
            if self._pages == 0:
                raise
            raise ReadCut(f"{error} (after {self._pages} pages)") from error

    def _run(self, cursor: str | None) -> Iterator[Page]:
        if self._view.cursor is None:
            yield from self._everything(None)
            return
        mark = self._mark(self._view.cursor)
        at = parse(cursor, mark.newest) if cursor is not None and mark.newest is not None else None
        if cursor is None or (mark.newest is not None and at is None):
            yield from self._everything(None if mark.newest is None else self._top(mark))
        else:
            yield from self._changes(self._view.cursor, at, mark)

    def _everything(self, cursor: str | None) -> Iterator[Page]:
        for rows, last in self._chunks(self._view.select(), (self._view.key,)):
            yield self._page(rows, cursor if last else None)

    def _changes(self, column: Column, at: Any, mark: Mark) -> Iterator[Page]:
        for rows, _ in self._chunks(self._view.select().where(column.sql.is_(None)), (self._view.key,)):
            if rows:
                yield self._page(rows, None)
        if mark.newest is None:
            yield Page(())
            return
        top = ceiling(mark.newest, mark.now, self._reach.zone)
        floor = earlier(at, mark.newest)
        since = begin(at, mark.newest, self._reach)
        base = self._view.select().where(column.sql >= since, column.sql <= mark.newest)
        place = self._view.position(column)
        for rows, last in self._chunks(base, (column, self._view.key)):
            reached = later(floor, rows[-1][place]) if rows and not last else mark.newest
            yield self._page(rows, spell(earlier(reached, top)))

    def _chunks(self, base: Select[Any], order: Sequence[Column]) -> Iterator[tuple[Sequence[Row[Any]], bool]]:
        """Rows in order, in pages; the flag marks the last page. Rows with one position never part over two pages."""
        places = [self._view.position(column) for column in order]
        ordered = base.order_by(*(column.sql for column in order)).limit(self._size + 1)
        position: tuple[Any, ...] | None = None
        while True:
            statement = ordered if position is None else ordered.where(after(order, position))
            with self._database.reading() as connection:
                rows = self._database.rows(connection, statement)
            if len(rows) <= self._size:
                yield rows, True
                return
            end = self._cut(rows, places)
            yield rows[:end], False
            position = tuple(rows[end - 1][place] for place in places)

    def _cut(self, rows: Sequence[Row[Any]], places: Sequence[int]) -> int:
        """How many rows come before the group of equal positions that the row too many belongs to."""
        groups = [tuple(_folded(row[place]) for place in places) for row in rows]
        end = groups.index(groups[-1])
        if end == 0:
            key = self._view.key.name
            raise Refused(f"{self._view.source.name}.{key} is no key: {len(rows)} rows or more share one value")
        return end

    def _page(self, rows: Sequence[Row[Any]], cursor: str | None) -> Page:
        records = tuple(self._view.record(row) for row in rows)
        known = tuple(record for record in records if _is_key(record.key))
        self._keyless += len(records) - len(known)
        return Page(known, cursor)

    def _mark(self, column: Column) -> Mark:
        with self._database.reading() as connection:
            row = tuple(self._database.rows(connection, select(func.max(column.sql), func.now()))[0])
        return Mark(newest=row[0], now=row[1])

    def _top(self, mark: Mark) -> str:
        parse("", mark.newest)  # refuses a column that cannot serve as cursor
        return spell(ceiling(mark.newest, mark.now, self._reach.zone))

    def _complain(self) -> None:
        """Rows without a usable key cannot be linked; the walk has given all others, and is not complete."""
        with self._database.reading() as connection:
            missing = self._database.rows(connection, self._view.without_key())[0][0]
        if self._keyless + missing:
            source, key = self._view.source.name, self._view.key.name
            rule = f"a key has 1 to {_LONGEST_KEY} bytes of text, none of them NUL"
            raise ReadCut(
                f"{self._keyless + missing} rows of {source} have no {key} that can be used: give them one ({rule})"
            )


def _is_key(text: str) -> bool:
    """Whether a record can be known by this text."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # half of a surrogate pair: bytes that were no UTF-8
        return False
    return 0 < size <= _LONGEST_KEY and "\0" not in text


def _folded(value: Any) -> Any:
    """A database may call texts equal that differ in case only."""
    return value.casefold() if isinstance(value, str) else value
