"""Statements that make and extend tables, to be executed or to be shown to a person. Never reads the database.

Only two are ever executed here, and neither touches a row: CREATE TABLE and ADD COLUMN of a column that may be null.
Whatever could lose or refuse data (a type, a NOT NULL, a key) is text for a person to run.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Column, MetaData, Table, types
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateColumn, DDLElement
from sqlalchemy.sql.compiler import DDLCompiler

from syncd.connectors.sql.names import LONGEST
from syncd.ports import FieldShape

TYPES: Final[Mapping[str, types.TypeEngine[Any]]] = {
    "text": types.Text(),
    "integer": types.BigInteger(),
    # Without precision PostgreSQL keeps every digit there is; with one it would round without a word.
    "decimal": types.Numeric(),
    "boolean": types.Boolean(),
    "date": types.Date(),
    "datetime": types.DateTime(timezone=True),
    "json": types.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql"),
}
"""The type of a new column by the kind of its values."""

# These dialects are for showing: in what a driver is sent, every % of a name is doubled.
_SHOWN: Final[Mapping[str, Dialect]] = {
    "postgresql": postgresql.dialect(paramstyle="named"),  # type: ignore[no-untyped-call]
    "sqlite": sqlite.dialect(paramstyle="named"),
}
_BREAKS: Final = re.compile(r"\s*\n\s*")


class AddColumn(DDLElement):
    """ALTER TABLE ... ADD COLUMN, of a column that already stands in its table."""

    inherit_cache = False

    def __init__(self, column: Column[Any]) -> None:
        self.column = column


@compiles(AddColumn)
def _add_column(element: AddColumn, compiler: DDLCompiler, **_: Any) -> str:
    table = compiler.preparer.format_table(element.column.table)
    return f"ALTER TABLE {table} ADD COLUMN {compiler.process(CreateColumn(element.column))}"


def table_of(name: str, schema: str | None, fields: Iterable[FieldShape], key: str) -> Table:
    """A table with these columns; the key is its primary key, and every other column may be null."""
    columns = (
        Column(
            field.name,
            TYPES[field.type],
            primary_key=field.name == key,
            nullable=field.name != key,
            autoincrement=False,  # the mapping gives the key
        )
        for field in fields
    )
    return Table(name, MetaData(), *columns, schema=schema)


class Words:
    """Statements about one table in the words of one dialect, for people."""

    def __init__(self, dialect: str, table: Table) -> None:
        self._dialect = _SHOWN[dialect]
        self._loose = dialect == "sqlite"
        self._own = table
        self._table = self._dialect.identifier_preparer.format_table(table)

    def shown(self, statement: DDLElement) -> str:
        """A statement on one line."""
        return _BREAKS.sub(" ", str(statement.compile(dialect=self._dialect))).strip()

    def schema(self, name: str) -> str:
        """The schema of the table."""
        return f"CREATE SCHEMA {self._quoted(name)}"

    def retyped(self, column: Column[Any]) -> str:
        """Give a column the type it has in our table, keeping its values."""
        if self._loose:
            return self._remade(column)
        name, kind = self._quoted(column.name), self._type(column)
        return f"ALTER TABLE {self._table} ALTER COLUMN {name} TYPE {kind} USING {name}::{kind}"

    def nullable(self, column: Column[Any]) -> str:
        """Let a column be null."""
        if self._loose:
            return self._remade(column)
        return f"ALTER TABLE {self._table} ALTER COLUMN {self._quoted(column.name)} DROP NOT NULL"

    def unique(self, column: Column[Any]) -> str:
        """Make a column a key."""
        wished = f"{self._own.name}_{column.name}_key"
        name = self._quoted(wished.encode()[:LONGEST].decode(errors="ignore"))
        place = self._table
        if self._loose and self._own.schema is not None:  # there the schema stands before the index
            name, place = f"{self._quoted(self._own.schema)}.{name}", self._quoted(self._own.name)
        return f"CREATE UNIQUE INDEX {name} ON {place} ({self._quoted(column.name)})"

    def key(self, column: Column[Any]) -> str:
        """Add a key column to a table that may have rows: it has to be filled before rows can be told apart."""
        name, kind = self._quoted(column.name), self._type(column)
        return f"ALTER TABLE {self._table} ADD COLUMN {name} {kind}; {self.unique(column)}"

    def _remade(self, column: Column[Any]) -> str:
        """SQLite changes no column: another one takes its place. One of a key or an index has to leave that first."""
        table, name, old = self._table, self._quoted(column.name), self._quoted(f"{column.name}_old")
        steps = (
            f"ALTER TABLE {table} RENAME COLUMN {name} TO {old}",
            f"ALTER TABLE {table} ADD COLUMN {name} {self._type(column)}",
            f"UPDATE {table} SET {name} = {old}",  # noqa: S608 - names are quoted, and it is only shown
            f"ALTER TABLE {table} DROP COLUMN {old}",
        )
        return "; ".join(steps)

    def _type(self, column: Column[Any]) -> str:
        return str(column.type.compile(dialect=self._dialect))

    def _quoted(self, name: str) -> str:
        return self._dialect.identifier_preparer.quote(name)
