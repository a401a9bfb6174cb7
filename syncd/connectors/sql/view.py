"""One query against one resource: which columns are read, which rows are meant, how a row becomes a record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Row, Select, and_, func, or_, select

from syncd.connectors.sql.cursors import stamp_of
from syncd.connectors.sql.tables import Column, Source
from syncd.connectors.sql.values import key_text
from syncd.errors import Refused
from syncd.ports import Query, Record


@dataclass(frozen=True, slots=True)
class View:
    """What a query sees of a resource. ``key`` and ``cursor`` are among ``columns``."""

    source: Source
    columns: tuple[Column, ...]
    key: Column
    cursor: Column | None
    zone: ZoneInfo
    where: tuple[ColumnElement[bool], ...] = ()

    def select(self) -> Select[Any]:
        """Every row in scope that has a key."""
        return select(*(column.sql for column in self.columns)).where(self.key.sql.is_not(None), *self.where)

    def without_key(self) -> Select[Any]:
        """How many rows in scope have no key."""
        return select(func.count()).select_from(self.source.relation).where(self.key.sql.is_(None), *self.where)

    def raw(self, row: Row[Any]) -> dict[str, Any]:
        """The raw values of a row."""
        return {column.name: column.read(value) for column, value in zip(self.columns, row, strict=True)}

    def record(self, row: Row[Any]) -> Record:
        """A row as a record; its key is empty when the row has none."""
        raw = self.raw(row)
        key = key_text(row[self.columns.index(self.key)], self.zone)
        changed = stamp_of(raw[self.cursor.name], self.zone) if self.cursor is not None else None
        return Record(key, raw, changed)

    def position(self, column: Column) -> int:
        """Where a column stands in a row."""
        return self.columns.index(column)


def view_of(source: Source, query: Query, zone: ZoneInfo, *, extra: Sequence[str] = ()) -> View:
    """The columns a query names (all when it names none), and its filter. Raises Refused for an unknown column."""
    key = source.key(query.key)
    cursor = source.column(query.cursor_field) if query.cursor_field is not None else None
    names = dict.fromkeys(query.fields or source.columns)
    names |= dict.fromkeys([key.name, *([cursor.name] if cursor else []), *query.where, *extra])
    columns = tuple(source.column(name) for name in names)
    return View(source, columns, key, cursor, zone, conditions(source, query.where))


def conditions(source: Source, values: Mapping[str, Any]) -> tuple[ColumnElement[bool], ...]:
    """Equality with each value; None is IS NULL, a list is any of its values. Raises Refused for a value of no use."""
    found = []
    for name, value in values.items():
        column = source.column(name)
        try:
            found.append(_condition(column, value))
        except ValueError as error:
            raise Refused(f"{source.name}.{name} cannot equal that: {error}") from error
    return tuple(found)


def _condition(column: Column, value: Any) -> ColumnElement[bool]:
    if value is None:
        return column.sql.is_(None)
    if isinstance(value, list | tuple | set | frozenset):
        known = [column.bind(each) for each in value if each is not None]
        inside = column.sql.in_(known)
        return inside | column.sql.is_(None) if None in value else inside
    return equal(column, column.bind(value))


def equal(column: Column, value: Any) -> ColumnElement[bool]:
    """A column equals a driver value."""
    found: ColumnElement[bool] = column.sql == value
    return found


def after(columns: Sequence[Column], position: Sequence[Any]) -> ColumnElement[bool]:
    """Rows that sort behind ``position``, by one column or by two; spelled so that an index on them is used."""
    first, last = columns[0].sql, position[0]
    behind: ColumnElement[bool] = first > last
    if len(columns) == 1:
        return behind
    return and_(first >= last, or_(behind, columns[1].sql > position[1]))
