"""Tables that syncd makes: a missing one is created, new columns are added. Nothing else of a table is ever changed.

What would touch rows that are there (another type, a key, a NOT NULL) is an obstacle with the statement that a person
can run; with one obstacle nothing is done at all. Two daemons at once do no harm: whoever comes second looks again
under the lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Column, Connection, Inspector, Table, func, inspect, select, text, types
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateTable, DDLElement

from syncd.connectors.sql.database import Database
from syncd.connectors.sql.ddl import TYPES, AddColumn, Words, table_of
from syncd.connectors.sql.names import name_obstacles
from syncd.connectors.sql.settings import SqlSettings
from syncd.connectors.sql.tables import Source, Sources
from syncd.connectors.sql.trouble import typed
from syncd.errors import Denied, Later, Refused, UnknownOutcome
from syncd.ports import Obstacle, Provision, Query, Shape

_DIALECTS: Final = frozenset({"postgresql", "sqlite"})
_LOCK_PATIENCE: Final = "5s"  # ADD COLUMN that waits for a lock keeps every reader waiting behind it


@dataclass(frozen=True, slots=True)
class _Plan:
    """What there is to do for a table: ``table`` is how we would make it, ``source`` how it is, if it is."""

    table: Table
    source: Source | None
    steps: tuple[DDLElement, ...]
    provision: Provision


class Targets:
    """Makes the tables of one database. Thread-safe."""

    def __init__(self, database: Database, settings: SqlSettings, sources: Sources) -> None:
        self._database = database
        self._settings = settings
        self._sources = sources
        self._fitting: dict[tuple[str, str | None], tuple[Source, Shape]] = {}

    def provision(self, query: Query, wanted: Shape, *, write: bool) -> Provision:
        """As ``ports.Provisioner``. A table that is known to fit is not looked at again."""
        impossible = tuple(self._impossible(query, wanted))
        if impossible:
            return Provision(obstacles=impossible)
        if self._known_to_fit(query, wanted):
            return Provision()
        plan = self._look(query, wanted)
        if plan.provision.obstacles:
            return Provision(obstacles=plan.provision.obstacles)
        if not plan.steps:
            self._fits(query, wanted, plan)
            return Provision()
        if self._settings.read_only:
            why = "the system is configured as read_only"
            return Provision(obstacles=tuple(Obstacle("", why, each) for each in plan.provision.statements))
        if not write:
            self._sources.promise(query.resource, plan.table)
            return plan.provision
        return self._made(query, wanted, plan.provision.statements)

    def _impossible(self, query: Query, wanted: Shape) -> Iterator[Obstacle]:
        """What no statement can help, whatever the database holds."""
        if self._database.dialect not in _DIALECTS:
            yield Obstacle("", f"tables are made on PostgreSQL and SQLite only, this is {self._database.dialect}")
            return
        if query.resource in self._settings.queries:
            yield Obstacle("", f"{query.resource} is a named query: only tables can be made")
        if query.key not in wanted.fields:
            yield Obstacle(query.key or "", "a table that syncd makes needs its key among the fields of the mapping")
        yield from name_obstacles(self._database.dialect, query.resource.rpartition(".")[2], wanted.fields)

    def _known_to_fit(self, query: Query, wanted: Shape) -> bool:
        """True when the table as last reflected was compared with the same wishes; forgotten with the reflection."""
        fitting = self._fitting.get((query.resource, query.key))
        return fitting is not None and fitting[1] == wanted and self._sources.known(query.resource) is fitting[0]

    def _fits(self, query: Query, wanted: Shape, plan: _Plan) -> None:
        if plan.source is not None:
            self._sources.keep(query.resource, plan.source)
            self._fitting[query.resource, query.key] = (plan.source, wanted)

    def _made(self, query: Query, wanted: Shape, statements: tuple[str, ...]) -> Provision:
        again = False
        while True:
            try:
                return self._make(query, wanted)
            except Denied as error:
                return Provision(obstacles=tuple(Obstacle("", str(error), each) for each in statements))
            except UnknownOutcome as error:
                raise Later(f"{error}; the table is looked at again in the next run") from error
            except Refused:
                # Somebody else may have made the same at the same time, without our lock: look once more.
                if again:
                    raise
                again = True

    def _make(self, query: Query, wanted: Shape) -> Provision:
        with self._database.writing() as connection:
            self._alone(connection, query.resource)
            plan = self._plan(connection, query, wanted)
            if plan.provision.obstacles:
                return Provision(obstacles=plan.provision.obstacles)
            for step in plan.steps:
                self._database.execute(connection, step)
        self._fits(query, wanted, self._look(query, wanted))
        return plan.provision

    def _alone(self, connection: Connection, name: str) -> None:
        """One at a time, from here to the end of the transaction."""
        if self._database.dialect == "sqlite":
            self._database.execute(connection, text("BEGIN IMMEDIATE"))
            return
        self._database.execute(connection, text(f"SET LOCAL lock_timeout = '{_LOCK_PATIENCE}'"))
        number = func.hashtextextended(f"syncd {self._settings.schema_} {name}", 0)
        self._database.rows(connection, select(func.pg_advisory_xact_lock(number)))

    # ------------------------------------------------------------------ what there is to do

    def _look(self, query: Query, wanted: Shape) -> _Plan:
        with self._database.reading() as connection:
            if self._database.dialect == "sqlite":
                # Its driver opens no transaction to read: a table made between two looks would seem to have no columns.
                self._database.execute(connection, text("BEGIN"))
            return self._plan(connection, query, wanted)

    def _plan(self, connection: Connection, query: Query, wanted: Shape) -> _Plan:
        try:
            return self._planned(connection, query, wanted)
        except SQLAlchemyError as error:
            raise typed(self._database.name, error) from None

    def _planned(self, connection: Connection, query: Query, wanted: Shape) -> _Plan:
        inspector = inspect(connection)
        key = query.key or ""
        schema, name = self._sources.address(inspector, query.resource)
        table = table_of(name, schema, wanted.fields.values(), key)
        words = Words(self._database.dialect, table)
        source = self._sources.reflect(inspector, connection, query.resource)
        if source is None:
            obstacles = tuple(_without_schema(inspector, schema, words))
            return _planned(table, None, (CreateTable(table, if_not_exists=True),), words, obstacles)
        if name not in inspector.get_table_names(schema):
            why = f"{query.resource} is a view or a foreign table: leave create out, or name a table"
            return _planned(table, source, (), words, (Obstacle("", why),))
        missing = [each for each in table.columns if each.name not in source.columns]
        steps = tuple(AddColumn(each) for each in missing if each.name != key)
        check = _Check(inspector, source, table, words, key, loose=self._database.dialect == "sqlite")
        return _planned(table, source, steps, words, tuple(check.obstacles(wanted)))


def _planned(
    table: Table, source: Source | None, steps: tuple[DDLElement, ...], words: Words, obstacles: tuple[Obstacle, ...]
) -> _Plan:
    return _Plan(table, source, steps, Provision(tuple(words.shown(step) for step in steps), obstacles))


def _without_schema(inspector: Inspector, schema: str | None, words: Words) -> Iterator[Obstacle]:
    if schema is not None and not inspector.has_schema(schema):
        yield Obstacle("", f"there is no schema {schema!r}", words.schema(schema))


@dataclass(frozen=True, slots=True)
class _Check:
    """A table that is there, against the table that is wanted."""

    inspector: Inspector
    source: Source
    table: Table
    words: Words
    key: str
    loose: bool

    def obstacles(self, wanted: Shape) -> Iterator[Obstacle]:
        """Everything that only a person may change."""
        folded = {name.casefold(): name for name in self.source.columns} if self.loose else {}
        for column in self.table.columns:
            found = self.source.columns.get(column.name)
            if found is not None:
                yield from self._column(column, wanted)
            elif column.name.casefold() in folded:
                theirs = folded[column.name.casefold()]
                yield Obstacle(column.name, f"the table calls it {theirs!r}: write it so")
            elif column.name == self.key:
                yield Obstacle(column.name, "the key is missing in the table", self.words.key(column))
        for name, column_there in self.source.columns.items():
            if name not in wanted.fields and column_there.shape.required:
                why = f"column {name!r} of the table must have a value, and the mapping gives none"
                yield Obstacle(name, why, self.words.nullable(self._there(name)))

    def _column(self, column: Column[Any], wanted: Shape) -> Iterator[Obstacle]:
        field, there = wanted.fields[column.name], self._there(column.name)
        why = misfit(field.type, there.type, loose=self.loose)
        if why is not None:
            yield Obstacle(column.name, f"column {column.name!r} {why}", self.words.retyped(column))
        if field.nullable and column.name != self.key and self.source.columns[column.name].shape.required:
            why = f"column {column.name!r} must have a value, and the mapping may have none (see required)"
            yield Obstacle(column.name, why, self.words.nullable(there))
        if column.name == self.key and not self._unique(column.name):
            yield Obstacle(column.name, f"nothing keeps {column.name!r} from standing twice", self.words.unique(column))

    def _there(self, name: str) -> Column[Any]:
        """A column with the type it was declared with; what is reflected may have another for its values' sake."""
        return Column(name, self.source.columns[name].declared)

    def _unique(self, name: str) -> bool:
        if self.source.primary_key == (name,):
            return True
        table, schema = self.table.name, self.table.schema
        constraints = self.inspector.get_unique_constraints(table, schema)
        indexes = [
            index
            for index in self.inspector.get_indexes(table, schema)
            if index.get("unique") and not any(key.endswith("_where") for key in index.get("dialect_options", {}))
        ]
        found = [list(each["column_names"]) for each in constraints] + [list(each["column_names"]) for each in indexes]
        return [name] in found


def misfit(kind: str, there: types.TypeEngine[Any], *, loose: bool) -> str | None:
    """Why a column of this type cannot hold every value of a kind as it is, or None when it can.

    ``loose``: the database keeps any length and any number of digits whatever the type says (SQLite).
    """
    if isinstance(there, types.Enum):
        return f"is the enum {there.name}, not {TYPES[kind]}"
    if isinstance(there, types.Float) or not any(isinstance(there, base) for base in _HOLDS[kind]):
        return f"is {there}, not {TYPES[kind]}"
    if loose:
        return None
    if isinstance(there, types.Numeric) and there.precision is not None:
        return f"is {there}, which rounds"
    if isinstance(there, types.String) and there.length is not None:
        return f"is {there}, which holds {there.length} characters"
    if isinstance(there, types.Integer) and not isinstance(there, types.BigInteger):
        return f"is {there}, which is too small"
    if isinstance(there, types.DateTime) and not there.timezone:
        return f"is {there}, which keeps no zone"
    return None


_HOLDS: Final[dict[str, tuple[type[types.TypeEngine[Any]], ...]]] = {
    "text": (types.String,),
    "integer": (types.Integer, types.Numeric),
    "decimal": (types.Numeric,),
    "boolean": (types.Boolean,),
    "date": (types.Date,),
    "datetime": (types.DateTime,),
    "json": (types.JSON,),
}
