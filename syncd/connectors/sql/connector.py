"""The SQL connector: a table, a view or a named query of any database as a resource. Never writes to a named query.

A record's key is the text of one column. Reads are keyset pages in short read-only transactions; a write is one
transaction that compares the columns last seen and returns the row as it stands when it commits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Self, TypeAlias

from sqlalchemy import ColumnElement, select, true

from syncd.connectors.sql.cursors import Reach
from syncd.connectors.sql.database import CONCURRENCY, Database
from syncd.connectors.sql.settings import SqlSettings
from syncd.connectors.sql.tables import Sources
from syncd.connectors.sql.targets import Targets
from syncd.connectors.sql.trouble import SchemaMoved
from syncd.connectors.sql.view import View, conditions, equal, view_of
from syncd.connectors.sql.walk import Walk
from syncd.connectors.sql.writes import KEY_DEFAULT, Writer
from syncd.core.canon import same
from syncd.errors import Denied, NotFound, Refused, Violation
from syncd.ports import Capabilities, Clock, Page, Provision, Query, Raw, Record, Shape


class SqlConnector:
    """``ports.Connector`` and ``ports.Provisioner`` for one database."""

    Settings: TypeAlias = SqlSettings

    def __init__(self, name: str, settings: SqlSettings) -> None:
        self._name = name
        self._settings = settings
        self._database = Database(name, settings)
        self._sources = Sources(self._database, settings)
        self._targets = Targets(self._database, settings, self._sources)

    @classmethod
    def from_settings(cls, name: str, settings: SqlSettings, clock: Clock) -> Self:  # noqa: ARG003 - stamps are the peer's
        """A connector for the system called ``name`` in the configuration."""
        return cls(name, settings)

    def capabilities(self, query: Query) -> Capabilities:
        """What can be done with a table; a named query and a read-only system are never written to."""
        with self._watched():
            source = self._sources.get(query.resource)
            cursor = source.column(query.cursor_field) if query.cursor_field is not None else None
        writable = (source.table is not None or source.promised) and not self._settings.read_only
        return Capabilities(
            create=writable,
            update=writable,
            delete=writable,
            incremental=cursor is not None,
            atomic_update=True,
            trusted_time=cursor is not None and cursor.kind == "datetime",
            filters=True,
            concurrency=1 if self._database.dialect == "sqlite" else CONCURRENCY,
        )

    def shape(self, query: Query) -> Shape:
        """The columns. Those of a named query are typed by its first row."""
        return self._sources.get(query.resource).shape()

    def pages(self, query: Query, cursor: str | None) -> Iterator[Page]:
        """Walk the rows in scope; see ``walk``. Rows without a key end the walk with ReadCut, after all others."""
        view = self._view(query)
        with self._watched():
            yield from self._walk(view).run(cursor)

    def read(self, query: Query, key: str) -> Record:
        """One row as it is now. Raises NotFound when no row in the table has the key, Refused when several have."""
        view = self._view(query)
        wanted = self._with_key(view, key)
        statement = select(*(column.sql for column in view.columns)).where(wanted).limit(2)
        with self._watched(), self._database.reading() as connection:
            rows = self._database.rows(connection, statement)
        found = [record for record in map(view.record, rows) if record.key == key]
        if not found:
            raise NotFound(f"{query.resource} has no row {key}")
        if len(rows) > 1:
            raise Refused(f"{query.resource}.{view.key.name} is no key: several rows have {key}")
        return found[0]

    def create(self, query: Query, fields: Raw) -> Record:
        """Insert a row and return it as it stands when the transaction commits."""
        view = self._view(query, fields)
        default = query.options.get(KEY_DEFAULT)
        with self._watched():
            return self._writer(query, view).create(fields, str(default) if default is not None else None)

    def update(self, query: Query, key: str, fields: Raw, expected: Record) -> Record:
        """Change ``fields`` of a row whose mapped columns still are as ``expected`` has them; else Stale."""
        view = self._view(query, fields)
        guarded = {*fields, *(query.fields or expected.raw)}
        with self._watched():
            return self._writer(query, view).update(key, self._with_key(view, key), fields, expected.raw, guarded)

    def delete(self, query: Query, key: str, expected: Record) -> None:
        """Delete a row whose mapped columns still are as ``expected`` has them; else Stale."""
        view = self._view(query)
        guarded = set(query.fields or expected.raw)
        with self._watched():
            self._writer(query, view).delete(key, self._with_key(view, key), expected.raw, guarded)

    def find(self, query: Query, values: Raw) -> Iterator[Record]:
        """Rows whose columns equal ``values``, compared by the database and again here, whether in scope or not."""
        view = self._view(query, values)
        try:
            wanted = conditions(view.source, values)
        except Refused:
            for name in values:
                view.source.column(name)  # an unknown column stays an error; a value the column cannot hold is no row
            return
        with self._watched():
            for page in self._walk(replace(view, where=wanted)).all():
                for record in page.records:
                    if all(same(record.raw[name], value) for name, value in values.items()):
                        yield record

    def rows(self, resource: str) -> Iterator[Raw]:
        """All rows of a lookup table, with the primary key (of a named query: its first column) under ``@key``."""
        source = self._sources.get(resource)
        key = None if source.table is not None else next(iter(source.columns))
        for page in self.pages(Query(resource, key=key), None):
            for record in page.records:
                yield {**record.raw, "@key": record.key}

    def provision(self, query: Query, wanted: Shape, *, write: bool) -> Provision:
        """Make the table, or add what it lacks; see ``targets``. Costs nothing once a table is known to fit."""
        return self._targets.provision(query, wanted, write=write)

    def check(self) -> str:
        """Connect, and let the database parse every named query."""
        with self._database.reading() as connection:
            self._database.rows(connection, select(true()))
        for name in self._settings.queries:
            self._sources.get(name)
        access = "read only" if self._settings.read_only else "read and write"
        return f"{self._database.dialect} {self._database.version}, {access}"

    @property
    def requests(self) -> int:
        """Statements sent so far."""
        return self._database.statements

    def close(self) -> None:
        """Release the pool."""
        self._database.close()

    def _view(self, query: Query, fields: Raw | None = None) -> View:
        with self._watched():
            return view_of(self._sources.get(query.resource), query, self._settings.zone, extra=tuple(fields or ()))

    def _walk(self, view: View) -> Walk:
        settings = self._settings
        reach = Reach(settings.overlap, settings.overlap_versions, settings.zone)
        return Walk(self._database, view, settings.page_size, reach)

    def _with_key(self, view: View, key: str) -> ColumnElement[bool]:
        try:
            value: Any = view.key.bind(key)
        except (ValueError, ArithmeticError):
            raise NotFound(f"{view.source.name} can have no row {key!r}") from None
        if "\x00" in key:
            raise NotFound(f"{view.source.name} can have no row whose key contains NUL")
        return equal(view.key, value)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Look at the tables again after a statement found that they have changed."""
        try:
            yield
        except SchemaMoved:
            self._sources.forget()
            raise

    def _writer(self, query: Query, view: View) -> Writer:
        if self._settings.read_only:
            raise Denied(f"{self._name} is configured as read_only")
        if view.source.table is None:
            reason = "is a query: only tables can be written"
            if view.source.promised:
                reason = "is still to be made"
            raise Refused(f"{query.resource} {reason}", (Violation("", reason),))
        return Writer(self._database, replace(view, where=()), view.source.table)
