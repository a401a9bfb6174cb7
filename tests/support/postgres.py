"""A PostgreSQL server for the tests: one that is named, one in a container, or one of our own. Real in every case."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy.engine import URL, make_url

from syncd.store.embedded import EmbeddedPostgres

VARIABLE = "SYNCD_TEST_DATABASE_URL"
_PREFIX = "syncd-tests-"


class PostgresServer:
    """A server on which databases can be made and dropped."""

    def __init__(self, url: str) -> None:
        self._url = make_url(url).set(drivername="postgresql")

    def url(self, database: str) -> str:
        """The URL of one of its databases."""
        return self._url.set(database=database, drivername="postgresql+psycopg").render_as_string(hide_password=False)

    def create(self, template: str | None = None) -> str:
        """A new database with a name of its own; empty, or a copy of ``template``."""
        name = f"syncd_test_{secrets.token_hex(6)}"
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._execute(made.format(sql.Identifier(name), sql.Identifier(template or "template0")))
        return name

    def drop(self, database: str) -> None:
        """Drop a database, whoever is still connected to it."""
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))

    def _execute(self, statement: sql.Composed) -> None:
        with psycopg.connect(conninfo(self._url), autocommit=True) as connection:
            connection.execute(statement)


def conninfo(url: URL | str) -> str:
    """A URL as libpq reads it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """The server for this test session.

    The one ``SYNCD_TEST_DATABASE_URL`` names (its user may create databases), else a container where a Docker engine
    answers, else an embedded one in memory.
    """
    named = os.environ.get(VARIABLE)
    if named:
        yield PostgresServer(named)
    elif _docker_answers():
        with _container() as url:
            yield PostgresServer(url)
    else:
        with embedded_server() as server:
            yield PostgresServer(server.url("postgres"))


@contextmanager
def embedded_server() -> Iterator[EmbeddedPostgres]:
    """An embedded server in memory where there is room for one, with a directory that is removed afterwards."""
    memory = Path("/dev/shm")
    root = memory if memory.is_dir() and os.access(memory, os.W_OK) else Path(tempfile.gettempdir())
    _sweep(root)
    place = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
    try:
        with EmbeddedPostgres(place / "pg", durable=False) as server:
            yield server
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _sweep(root: Path) -> None:
    """Remove what killed sessions left; a directory in use is locked by its owner."""
    for left in root.glob(f"{_PREFIX}*"):
        with suppress(OSError), (left / "pg.lock").open("r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(left, ignore_errors=True)


def _docker_answers() -> bool:
    if not os.environ.get("DOCKER_HOST") and not Path("/var/run/docker.sock").exists():
        return False
    import docker
    from docker.errors import DockerException

    try:
        client = docker.from_env(timeout=2)
    except DockerException:
        return False
    try:
        return bool(client.ping())
    except (DockerException, OSError):
        return False
    finally:
        client.close()


@contextmanager
def _container() -> Iterator[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            from testcontainers.community.postgres import PostgresContainer
        except ImportError:
            from testcontainers.postgres import PostgresContainer
        with PostgresContainer("postgres:16") as container:
            yield container.get_connection_url(driver=None)
