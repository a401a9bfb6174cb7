"""What a resource is in this database: a reflected table or view, or a named query. Never reads a row of data.

Reflection happens once per resource and is kept until a statement finds that the table has changed. What is going to be
made can be promised: until it is there, a missing table reads as empty and a missing column as NULL.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NoReturn

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Inspector,
    MetaData,
    Table,
    cast,
    column,
    event,
    false,
    inspect,
    null,
    select,
    text,
    types,
)
from sqlalchemy.exc import NoSuchTableError, SAWarning, SQLAlchemyError

from syncd.connectors.sql.database import Database
from syncd.connectors.sql.settings import SqlSettings
from syncd.connectors.sql.trouble import SchemaMoved, typed
from syncd.connectors.sql.values import SHAPE_TYPES, bound, kind_of, reader
from syncd.errors import Refused
from syncd.mapping.problems import did_you_mean
from syncd.ports import FieldShape, Shape

_SAMPLE_KINDS: Final = {
    "bool": "boolean",
    "int": "integer",
    "float": "float",
    "Decimal": "decimal",
    "datetime": "datetime",
    "date": "date",
    "UUID": "uuid",
    "bytes": "bytes",
    "dict": "json",
    "list": "json",
    "str": "text",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a resource with the ways of its values."""

    name: str
    sql: ColumnElement[Any]
    kind: str
    read: Callable[[Any], Any]
    bind: Callable[[Any], Any]
    shape: FieldShape
    declared: types.TypeEngine[Any]


@dataclass(frozen=True, slots=True)
class Source:
    """A resource: where its rows come from. ``table`` is None for a named query, which nobody can write.

    It is None, too, for what is ``promised``: not all of it is there yet.
    """

    name: str
    relation: FromClause
    table: Table | None
    columns: Mapping[str, Column]
    primary_key: tuple[str, ...]
    promised: bool = False

    def column(self, name: str) -> Column:
        """A column by its name. Raises SchemaMoved naming the nearest one: it may have been there or may be soon."""
        found = self.columns.get(name)
        if found is None:
            hint = did_you_mean(name, self.columns)
            raise SchemaMoved(f"{self.name} has no column {name!r}" + (f" ({hint})" if hint else ""))
        return found

    def key(self, name: str | None) -> Column:
        """The column that identifies a row: the configured one, else a primary key of one column. Raises Refused."""
        if name is not None:
            return self.column(name)
        if len(self.primary_key) == 1:
            return self.column(self.primary_key[0])
        if self.primary_key:
            parts = ", ".join(self.primary_key)
            raise Refused(f"the key of {self.name} is composite ({parts}): name one column, or join them in a query")
        raise Refused(f"{self.name} has no primary key: name the key column in the mapping")

    def shape(self) -> Shape:
        """The columns as fields."""
        return Shape(self.name, {name: column.shape for name, column in self.columns.items()})


class Sources:
    """The resources of one database, reflected on first use. Thread-safe."""

    def __init__(self, database: Database, settings: SqlSettings) -> None:
        self._database = database
        self._settings = settings
        self._lock = threading.Lock()
        self._known: dict[str, Source] = {}
        self._promised: dict[str, Table] = {}

    def get(self, name: str) -> Source:
        """A resource by name. Raises Refused (naming the nearest one), Later, Denied."""
        with self._lock:
            found = self._known.get(name)
            if found is None:
                found = self._known[name] = self._load(name)
            return found

    def forget(self) -> None:
        """Reflect again at the next use: the tables may have changed."""
        with self._lock:
            self._known.clear()

    def promise(self, name: str, table: Table) -> None:
        """Read the resource as if it had these columns already. Nothing is made by this."""
        with self._lock:
            self._promised[name] = table
            self._known.pop(name, None)

    def known(self, name: str) -> Source | None:
        """A resource as it was last reflected, if it was; asks nobody."""
        with self._lock:
            return self._known.get(name)

    def keep(self, name: str, source: Source) -> None:
        """A resource as it was just reflected; nothing more is promised of it."""
        with self._lock:
            self._promised.pop(name, None)
            self._known[name] = source

    def reflect(self, inspector: Inspector, connection: Connection, name: str) -> Source | None:
        """A table or view as it is now, or None when there is none. Raises Later, Denied, BadAnswer."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SAWarning)  # a column type SQLAlchemy does not know is read as is
                return self._table(inspector, connection, name)
        except (SQLAlchemyError, UnicodeError) as error:
            raise typed(self._database.name, error) from None

    def address(self, inspector: Inspector, name: str) -> tuple[str | None, str]:
        """Schema and name of a table: as configured, else what stands before and behind the last dot."""
        schema = self._settings.schema_
        if "." in name and not inspector.has_table(name, schema=schema):
            schema, _, name = name.rpartition(".")
        return schema, name

    def _load(self, name: str) -> Source:
        with self._database.reading() as connection:
            sql = self._settings.queries.get(name)
            if sql is not None:
                return self._query(connection, name, sql)
            try:
                inspector = inspect(connection)
                found = self.reflect(inspector, connection, name)
                if name in self._promised:
                    return self._as_promised(name, found, self._promised[name])
                return found or self._missing(inspector, name)
            except SQLAlchemyError as error:
                raise typed(self._database.name, error) from None

    def _missing(self, inspector: Inspector, name: str) -> NoReturn:
        schema, _ = self.address(inspector, name)
        raise self._unknown(name, [*inspector.get_table_names(schema), *inspector.get_view_names(schema)])

    def _as_promised(self, name: str, found: Source | None, table: Table) -> Source:
        there = {} if found is None else found.columns
        missing = [each for each in table.columns if each.name not in there]
        if found is not None and not missing:
            return found
        blank = [(null() if self._loose else cast(null(), each.type)).label(each.name) for each in missing]
        if found is None or found.table is None:
            relation = select(*blank).where(false()).subquery("promised")
        else:
            relation = select(*found.table.columns, *blank).subquery("promised")
        columns = {each: replace(column, sql=relation.c[each]) for each, column in there.items()}
        for each in missing:
            info = {"kind": kind_of(each.type), "aware": not self._loose, "nullable": each.nullable}
            columns[each.name] = self._column(each.name, relation.c[each.name], info)
        return Source(name, relation, None, columns, (), promised=True)

    def _table(self, inspector: Inspector, connection: Connection, name: str) -> Source | None:
        schema, table = self.address(inspector, name)
        metadata = MetaData()
        event.listen(metadata, "column_reflect", self._reflected)
        try:
            found = Table(table, metadata, schema=schema, autoload_with=connection, resolve_fks=False)
        except NoSuchTableError:
            return None
        for each in found.primary_key:  # SQLite lets a text key be NULL, and fills an integer one
            each.info["required"] = not each.info["filled"] and (each.info["kind"] != "integer" or not self._loose)
        columns = {each.name: self._column(each.name, each, each.info) for each in found.columns}
        return Source(name, found, found, columns, tuple(each.name for each in found.primary_key))

    def _reflected(self, _inspector: object, _table: object, found: Any) -> None:
        """Remember what SQLAlchemy saw; where any type may sit in any column, take the driver's values as they are."""
        kind = kind_of(found["type"])
        generated = found.get("computed") is not None or (found.get("identity") or {}).get("always", False)
        filled = generated or found.get("default") is not None or found.get("identity") is not None
        filled = filled or found.get("autoincrement") is True
        found["info"] = {
            "kind": kind,
            "type": found["type"],
            "aware": bool(getattr(found["type"], "timezone", False)),
            "nullable": found["nullable"],
            "writable": not generated,
            "required": not found["nullable"] and not filled,
            "filled": filled,
        }
        if self._loose and kind != "integer":
            found["type"] = types.NullType()
        elif isinstance(found["type"], types.JSON):
            found["type"].none_as_null = True  # else None would be stored as the JSON document null

    def _query(self, connection: Connection, name: str, sql: str) -> Source:
        escaped = sql.strip().rstrip(";").replace(":", "\\:")
        names, row = self._database.sample(connection, text(escaped))
        if len(set(names)) < len(names):
            raise Refused(f"the query {name!r} gives two columns one name: {', '.join(names)}")
        plain = text(escaped).columns(*(column(each) for each in names)).subquery("named_query")
        columns = {}
        for index, each in enumerate(names):
            kind = _SAMPLE_KINDS.get(type(row[index]).__name__, "other") if row is not None else "other"
            columns[each] = self._column(each, plain.c[each], {"kind": kind, "writable": False})
        return Source(name, plain, None, columns, ())

    def _column(self, name: str, sql: ColumnElement[Any], info: Mapping[str, Any]) -> Column:
        kind, aware, zone, loose = info["kind"], info.get("aware", False), self._settings.zone, self._loose
        foreign = next(iter(getattr(sql, "foreign_keys", ())), None)
        shape = FieldShape(
            name,
            SHAPE_TYPES.get(kind, kind),
            nullable=info.get("nullable", True),
            writable=info.get("writable", True) and not self._settings.read_only,
            required=info.get("required", False),
            reference=foreign.target_fullname.rpartition(".")[0] if foreign is not None else None,
        )
        return Column(
            name,
            sql,
            kind,
            reader(kind, zone, loose=loose),
            lambda value: bound(value, kind, zone, aware=aware, loose=loose),
            shape,
            info.get("type", sql.type),
        )

    def _unknown(self, name: str, tables: Iterable[str]) -> Refused:
        known = [*tables, *self._settings.queries]
        hint = did_you_mean(name, known)
        where = f" in schema {self._settings.schema_}" if self._settings.schema_ else ""
        return Refused(f"{self._database.name} has no table {name!r}{where}" + (f" ({hint})" if hint else ""))

    @property
    def _loose(self) -> bool:
        return self._database.dialect == "sqlite"
