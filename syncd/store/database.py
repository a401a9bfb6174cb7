"""Connections, transactions and the translation of database errors. Must never let a password into a message."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Self

from sqlalchemy import Connection, Engine, Executable, NullPool, RowMapping, create_engine, event, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from syncd.errors import BadAnswer, StoreUnavailable, SyncdError

# SQLSTATE classes that mean "not now": connection, resources, operator intervention, system, rollback, read-only
# standby, lock not available, a session that stood still within a transaction. Source: appendix A of the PostgreSQL
# manual.
_NOT_NOW: Final = ("08", "53", "57", "58", "28", "40001", "40P01", "25006", "25P03", "55P03", "3D000")
_NO_RIGHT: Final = "42501"
_DAMAGED: Final = ("42P01", "42703")  # no such table, no such column
_TOO_LONG: Final = "54000"
_CONNECT_SECONDS: Final = 10
_POOL_SECONDS: Final = 30
# A server that fell silent is noticed within about a minute, not after the system's own hours.
_KEEP_ALIVE: Final = {
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 60_000,
}
# A process that stands still within a transaction (a paused container) holds the lease's row: whoever takes over would
# wait for it. The server's own setting goes, where it has one.
_STANDSTILL: Final = """
    SELECT set_config('idle_in_transaction_session_timeout', '60s', false)
    WHERE current_setting('idle_in_transaction_session_timeout') = '0'
"""
_STREAM_ROWS: Final = 500


def database_url(url: str) -> URL:
    """A database URL that names the driver we use. Raises ValueError, without quoting the URL, for one we cannot."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError("the store's url cannot be read: postgresql://user@host:5432/database is expected") from None
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise ValueError(f"the store needs PostgreSQL, not {parsed.get_backend_name()!r}")
    return parsed.set(drivername="postgresql+psycopg")


def make_engine(url: str, *, pool_size: int | None = None) -> Engine:
    """An engine whose sessions speak UTC. Without ``pool_size`` every connection is opened and closed for its use."""
    pooling: dict[str, Any] = {"poolclass": NullPool}
    if pool_size is not None:
        pooling = {"pool_size": pool_size, "max_overflow": 2, "pool_timeout": _POOL_SECONDS, "pool_pre_ping": True}
    parsed = database_url(url)
    arguments = {"connect_timeout": _CONNECT_SECONDS, "application_name": "syncd", **_KEEP_ALIVE}
    engine = create_engine(parsed, connect_args=arguments, hide_parameters=True, **pooling)
    event.listen(engine, "connect", _speak_utc)
    if pool_size is not None:  # readings may wait for their peer within a transaction; what is pooled never does
        event.listen(engine, "connect", _end_standstill)
    return engine


def _speak_utc(connection: Any, _record: object) -> None:
    """Make every timestamp come back as UTC, whatever the server's own zone is."""
    before, connection.autocommit = connection.autocommit, True
    connection.execute("SET TIME ZONE 'UTC'")
    connection.autocommit = before


def _end_standstill(connection: Any, _record: object) -> None:
    """Let the server end a session of ours that stands still within a transaction, so that its locks go."""
    before, connection.autocommit = connection.autocommit, True
    connection.execute(_STANDSTILL)
    connection.autocommit = before


class Database:
    """A pool of connections to one database; the parts of the store build on it."""

    def __init__(self, url: str, pool_size: int = 8) -> None:
        self.engine: Engine = make_engine(url, pool_size=pool_size)
        # Passes and streams hold a connection for as long as a peer takes; they must not starve the pool.
        self.unpooled: Engine = make_engine(url)

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction: committed at the end, rolled back on any error. Raises StoreUnavailable, BadAnswer."""
        with translated(self.engine.url), self.engine.begin() as connection:
            yield connection

    def rows(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> list[RowMapping]:
        """All rows of one read."""
        with self.transaction() as connection:
            return list(connection.execute(statement, parameters or {}).mappings())

    def stream(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> Iterator[RowMapping]:
        """Rows of one read through a server-side cursor on a connection of its own: memory stays flat."""
        with translated(self.unpooled.url), self.unpooled.connect() as connection:
            options = {"stream_results": True, "yield_per": _STREAM_ROWS}
            yield from connection.execute(statement, parameters or {}, execution_options=options).mappings()

    def ping(self) -> None:
        """Prove that the database answers. Raises StoreUnavailable."""
        self.rows(select(1))

    def close(self) -> None:
        """Release connections."""
        self.engine.dispose()
        self.unpooled.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Turn what the driver raises into what the callers act on."""
    try:
        yield
    except (SQLAlchemyError, UnicodeEncodeError) as error:
        known = translate(error, url)
        if known is None:
            raise
        raise known from None  # the driver's own message may quote the connection string


def translate(error: Exception, url: URL) -> SyncdError | None:
    """StoreUnavailable for a database that is away, BadAnswer for text it cannot hold, None for anything else."""
    if isinstance(error, PoolTimeout):
        return StoreUnavailable(f"{_where(url)}: every connection of the pool is busy")
    if isinstance(error, UnicodeEncodeError):
        return BadAnswer("a key holds half of a surrogate pair; no database can store it")
    if not isinstance(error, DBAPIError):
        return None
    state = getattr(error.orig, "sqlstate", None)
    if isinstance(error, DataError):
        return BadAnswer(f"the store cannot hold a value: {_first_line(error, url)}")
    if state == _TOO_LONG:
        return BadAnswer(f"a key is too long to be stored: {_first_line(error, url)}")
    lost = error.connection_invalidated or (state is None and _is_operational(error))
    if lost or state == _NO_RIGHT or (state or "").startswith(_NOT_NOW):
        return StoreUnavailable(f"{_where(url)}: {_first_line(error, url)}")
    if state in _DAMAGED:
        return StoreUnavailable(
            f"{_where(url)}: {_first_line(error, url)}; the schema is not the one it says: restore a backup"
        )
    return None


def _is_operational(error: DBAPIError) -> bool:
    return type(error.orig).__name__ in {"OperationalError", "ConnectionTimeout", "InterfaceError"}


def _where(url: URL) -> str:
    return f"database {url.database!r} at {url.host or url.query.get('host', 'the local socket')}"


def _first_line(error: DBAPIError, url: URL) -> str:
    text = str(error.orig).strip().partition("\n")[0]
    secrets = [url.password, url.query.get("password")]
    for secret in secrets:
        if isinstance(secret, str) and secret:
            text = text.replace(secret, "***")
    return text
