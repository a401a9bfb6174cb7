"""One database: its pool, short transactions, counted statements, typed errors. Never decides what is read or written.

A read is one READ ONLY transaction where the dialect has them. A write is one transaction whose COMMIT is watched:
an error before it means that nothing was stored, a connection lost during it means that nobody knows.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from psycopg import DataError
from psycopg.types.datetime import DateLoader, TimestampLoader, TimestamptzLoader
from sqlalchemy import Connection, Engine, Insert, Row, create_engine, event
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.sql import Executable

from syncd.connectors.sql.settings import SqlSettings
from syncd.connectors.sql.trouble import typed, typed_commit
from syncd.errors import Later
from syncd.ports.sending import still_allowed

CONCURRENCY: Final = 4
_DRIVER_ERRORS: Final = (SQLAlchemyError, ValueError, TypeError, OverflowError)
_PG_CONNECT: Final = {"connect_timeout": 10, "keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3}


class Database:
    """The pool of one configured database. Thread-safe."""

    def __init__(self, name: str, settings: SqlSettings) -> None:
        self.name = name
        self._url = settings.database_url()
        self._lock = threading.Lock()
        self._statements = 0
        self._secret = self._url.password
        self._engine = self._open(settings)
        event.listen(self._engine, "before_cursor_execute", self._count)
        if self.dialect == "postgresql":
            event.listen(self._engine, "connect", _Session(settings.statement_timeout.total_seconds()))
            event.listen(self._engine, "checkout", _as_the_server_says)
        if self.dialect == "sqlite":
            event.listen(self._engine, "connect", _read_any_text)

    @property
    def dialect(self) -> str:
        """The name SQLAlchemy gives this kind of database."""
        return self._engine.dialect.name

    @property
    def insert_returning(self) -> bool:
        """True when INSERT can answer with columns of the new row."""
        return self._engine.dialect.insert_returning

    @property
    def version(self) -> str:
        """What the server says it is, known after the first connection."""
        found = self._engine.dialect.server_version_info or ()
        return ".".join(str(part) for part in found)

    @property
    def statements(self) -> int:
        """How many statements were sent."""
        return self._statements

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """One short transaction that cannot write. Raises Later, Denied."""
        with self._checked_out() as connection:
            if self.dialect == "postgresql":
                connection.execution_options(postgresql_readonly=True)
            try:
                yield connection
            finally:
                _roll_back(connection)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """One transaction, committed when the block ends. Raises UnknownOutcome when the COMMIT had no answer."""
        with self._checked_out() as connection:
            try:
                yield connection
                still_allowed()
            except BaseException:
                _roll_back(connection)
                raise
            try:
                connection.commit()
            except SQLAlchemyError as error:
                raise typed_commit(self.name, error, secret=self._secret) from None

    def rows(self, connection: Connection, statement: Executable) -> Sequence[Row[Any]]:
        """Execute and fetch everything; raises what ``trouble.typed`` makes of an error."""
        try:
            return connection.execute(statement).fetchall()
        except _DRIVER_ERRORS as error:
            raise typed(self.name, error, secret=self._secret) from None

    def sample(self, connection: Connection, statement: Executable) -> tuple[list[str], Row[Any] | None]:
        """The column names a query gives, and its first row if there is one. Raises as ``rows``."""
        try:
            result = connection.execute(statement)
            row = result.fetchone()
            names = list(result.keys())
            result.close()
        except _DRIVER_ERRORS as error:
            raise typed(self.name, error, secret=self._secret) from None
        return names, row

    def inserted(self, connection: Connection, statement: Insert) -> tuple[Any, ...]:
        """Execute an INSERT that cannot answer with rows; the primary key it made, as far as the driver tells."""
        try:
            return tuple(connection.execute(statement).inserted_primary_key or ())
        except _DRIVER_ERRORS as error:
            raise typed(self.name, error, secret=self._secret) from None

    def execute(self, connection: Connection, statement: Executable) -> int:
        """Execute a write without a result; the number of rows it touched. Raises as ``rows``."""
        try:
            return connection.execute(statement).rowcount  # type: ignore[no-any-return, unused-ignore]
        except _DRIVER_ERRORS as error:
            raise typed(self.name, error, secret=self._secret) from None

    def close(self) -> None:
        """Release every pooled connection."""
        self._engine.dispose()

    def _open(self, settings: SqlSettings) -> Engine:
        arguments: dict[str, Any] = {"pool_pre_ping": True, "hide_parameters": True}
        if self._url.get_backend_name() == "postgresql" and self._url.get_driver_name() == "psycopg":
            arguments["connect_args"] = _PG_CONNECT
        if self._url.get_backend_name() == "sqlite":
            arguments["connect_args"] = {"timeout": settings.statement_timeout.total_seconds()}
        else:
            arguments |= {"pool_size": 2, "max_overflow": CONCURRENCY - 2, "pool_timeout": 30}
        try:
            return create_engine(self._url, **arguments)
        except (SQLAlchemyError, ImportError) as error:
            raise typed(self.name, error, secret=self._secret) from None

    @contextmanager
    def _checked_out(self) -> Iterator[Connection]:
        self._require_file()
        try:
            connection = self._engine.connect()
        except _DRIVER_ERRORS as error:
            raise typed(self.name, error, secret=self._secret) from None
        try:
            yield connection
        finally:
            with suppress(SQLAlchemyError):
                connection.close()

    def _require_file(self) -> None:
        """SQLite makes a missing file; an empty database must never stand in for one that is not mounted."""
        path = self._url.database or ""
        elsewhere = self.dialect != "sqlite" or path in {"", ":memory:"} or path.startswith("file:")
        if not elsewhere and not Path(path).exists():
            raise Later(f"{self.name}: there is no database file {path}")

    def _count(self, *_: object) -> None:
        with self._lock:
            self._statements += 1


class _Session:
    """Prepares each new PostgreSQL connection: a limit on statements, and stamps outside Python's years as text."""

    def __init__(self, timeout: float) -> None:
        self._timeout = int(timeout * 1000)

    def __call__(self, connection: Any, _record: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET statement_timeout = {self._timeout}")
        connection.commit()
        if hasattr(connection, "adapters"):
            for kind, loader in _LENIENT.items():
                connection.adapters.register_loader(kind, loader)


def _as_the_server_says(connection: Any, *_: object) -> None:
    """A user that the server lets only read stays one: SQLAlchemy leaves READ WRITE behind after a read."""
    if hasattr(connection, "read_only"):
        connection.read_only = None


def _read_any_text(connection: Any, _record: object) -> None:
    """Text of an SQLite file that is no UTF-8 spoils its own record only; the mapping will complain about it."""
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")


class _LenientDate(DateLoader):
    def load(self, data: Any) -> Any:
        try:
            return super().load(data)
        except DataError:  # infinity, a year after 9999
            return bytes(data).decode()


class _LenientTimestamp(TimestampLoader):
    def load(self, data: Any) -> Any:
        try:
            return super().load(data)
        except DataError:
            return bytes(data).decode()


class _LenientTimestamptz(TimestamptzLoader):
    def load(self, data: Any) -> Any:
        try:
            return super().load(data)
        except DataError:
            return bytes(data).decode()


_LENIENT: Final = {"date": _LenientDate, "timestamp": _LenientTimestamp, "timestamptz": _LenientTimestamptz}


def _roll_back(connection: Connection) -> None:
    with suppress(SQLAlchemyError):
        connection.rollback()
