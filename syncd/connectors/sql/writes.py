"""Creating and changing one row, each in one transaction whose result is read before it commits.

The state returned is what SELECT finds in the same transaction, so that defaults and triggers are in it. Never
overwrites what somebody else changed: an UPDATE names the values last seen, and finds no row when one has moved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Insert, Row, Table, delete, insert, literal_column, update
from sqlalchemy.exc import InvalidRequestError

from syncd.connectors.sql.database import Database
from syncd.connectors.sql.tables import Column
from syncd.connectors.sql.values import COMPARABLE, key_text
from syncd.connectors.sql.view import View, equal
from syncd.core.canon import same
from syncd.errors import NotFound, Refused, Stale, Violation
from syncd.ports import Raw, Record

KEY_DEFAULT = "key_default"
"""Option of a mapping: an SQL expression for the key of a new row, such as ``'C' || nextval('customer_no')``."""


class Writer:
    """Writes through one view; the view selects every column that a write names."""

    def __init__(self, database: Database, view: View, table: Table) -> None:
        self._database = database
        self._view = view
        self._table = table

    def create(self, fields: Raw, key_default: str | None) -> Record:
        """Insert one row. Raises Refused, Later, Denied, UnknownOutcome (the connection was lost during COMMIT)."""
        values: dict[str, Any] = self._bound(fields)
        key = self._view.key
        if values.get(key.name) is None:
            if key_default is None and key.shape.required:
                raise Refused(
                    f"a new row of {self._view.source.name} needs a value for {key.name!r}: map it, give a constant, "
                    f"set the option {KEY_DEFAULT}, or give the column a default",
                    (Violation(key.name, "has no value and no default"),),
                )
            values.pop(key.name, None)
            if key_default is not None:
                values[key.name] = literal_column(f"({key_default})")
        with self._database.writing() as connection:
            made = self._insert(connection, insert(self._table).values(values), values)
            rows = self._rows(connection, equal(key, made))
            if len(rows) != 1:
                raise Refused(f"{self._view.source.name}.{key.name} is no key: {len(rows)} rows have the new value")
            return self._view.record(rows[0])

    def update(self, key: str, wanted: ColumnElement[bool], fields: Raw, expected: Raw, guarded: set[str]) -> Record:
        """Change ``fields`` where every column of ``guarded`` still is as ``expected`` says.

        Raises Stale, NotFound, Refused, Later, Denied, UnknownOutcome.
        """
        values = self._bound(fields)
        with self._database.writing() as connection:
            row = self._one(self._rows(connection, wanted, lock=True), key)
            self._must_read_as(self._view.raw(row), expected, guarded, key)
            if not values:
                return self._view.record(row)
            guards = self._guards(row, guarded)
            touched = self._database.execute(connection, update(self._table).where(wanted, *guards).values(values))
            if touched == 0:
                raise Stale(f"{self._view.source.name} {key} changed while it was being written")
            again = self._rows(connection, equal(self._view.key, row[self._view.position(self._view.key)]))
            return self._view.record(self._one(again, key))

    def delete(self, key: str, wanted: ColumnElement[bool], expected: Raw, guarded: set[str]) -> None:
        """Delete the row where every column of ``guarded`` still is as ``expected`` says.

        Raises Stale, NotFound, Refused (another table refers to it), Later, Denied, UnknownOutcome.
        """
        with self._database.writing() as connection:
            row = self._one(self._rows(connection, wanted, lock=True), key)
            self._must_read_as(self._view.raw(row), expected, guarded, key)
            guards = self._guards(row, guarded)
            if self._database.execute(connection, delete(self._table).where(wanted, *guards)) == 0:
                raise Stale(f"{self._view.source.name} {key} changed while it was being deleted")

    def _must_read_as(self, now: Raw, expected: Raw, guarded: set[str], key: str) -> None:
        moved = sorted(name for name in guarded & expected.keys() if not same(now.get(name), expected[name]))
        if moved:
            raise Stale(f"{self._view.source.name} {key} has changed since it was read: {', '.join(moved)}")

    def _insert(self, connection: Connection, statement: Insert, values: Mapping[str, Any]) -> Any:
        """Insert, and the new row's key as the driver gives it."""
        key = self._view.key
        if self._database.insert_returning:
            return self._database.rows(connection, statement.returning(key.sql))[0][0]
        generated = self._database.inserted(connection, statement)
        if self._view.source.primary_key == (key.name,) and generated and generated[0] is not None:
            return generated[0]
        if isinstance(values.get(key.name), ColumnElement | None):
            raise Refused(f"this database does not tell the {key.name} of a new row: map it")
        return values[key.name]

    def _rows(self, connection: Connection, wanted: ColumnElement[bool], *, lock: bool = False) -> list[Row[Any]]:
        statement = self._view.select().where(wanted).limit(2)
        if lock and self._database.dialect in {"postgresql", "mysql", "mariadb", "oracle"}:
            statement = statement.with_for_update()
        return list(self._database.rows(connection, statement))

    def _one(self, rows: list[Row[Any]], key: str) -> Row[Any]:
        found = [row for row in rows if key_text(row[self._view.position(self._view.key)], self._view.zone) == key]
        if not found:
            raise NotFound(f"{self._view.source.name} has no row {key}")
        if len(rows) > 1:
            raise Refused(f"{self._view.source.name}.{self._view.key.name} is no key: several rows have {key}")
        return found[0]

    def _guards(self, row: Row[Any], names: Iterable[str]) -> list[ColumnElement[bool]]:
        """The values just read, again, in the UPDATE itself: for databases where the read took no lock."""
        guards = []
        for column in self._view.columns:
            value = row[self._view.position(column)]
            if column.name in names and column.kind in COMPARABLE:
                guards.append(column.sql.is_(None) if value is None else equal(column, value))
        return guards

    def _bound(self, fields: Raw) -> dict[str, Any]:
        """Raw values as the driver takes them. Raises Refused with the column at fault."""
        bound = {}
        for name, value in fields.items():
            column: Column = self._view.source.column(name)
            try:
                bound[name] = column.bind(value)
            except (ValueError, TypeError, InvalidRequestError) as error:
                raise Refused(f"{self._view.source.name}.{name}: {error}", (Violation(name, str(error)),)) from error
            if not column.shape.writable:
                raise Refused(f"{self._view.source.name}.{name} is generated", (Violation(name, "is generated"),))
        return bound
