"""Fixtures for every test: a real PostgreSQL, and a guard that no test speaks to anything but this machine."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from syncd.store import migrate
from syncd.store.postgres import PostgresStore
from tests.support.postgres import PostgresServer, running_server


@pytest.fixture(scope="session", autouse=True)
def only_this_machine() -> Iterator[None]:
    """Refuse every connection that would leave the loopback interface."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex

    def guarded_connect(self: socket.socket, address: Any) -> None:
        _require_loopback(self, address)
        connect(self, address)

    def guarded_connect_ex(self: socket.socket, address: Any) -> int:
        _require_loopback(self, address)
        return connect_ex(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded_connect)
    patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    """A command that ran in this process has set up logging to a stream that is gone after its test."""
    yield
    structlog.reset_defaults()


def _require_loopback(used: socket.socket, address: Any) -> None:
    if used.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    host = address[0]
    try:
        allowed = ipaddress.ip_address(host).is_loopback
    except ValueError:
        allowed = host == "localhost"
    if not allowed:
        raise AssertionError(f"a test wanted to connect to {host}")


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """One PostgreSQL server for the whole session."""
    with running_server() as server:
        yield server


@pytest.fixture(scope="session")
def _migrated_template(postgres_server: PostgresServer) -> Iterator[str]:
    """A migrated database that nobody is connected to, to be copied."""
    name = postgres_server.create()
    migrate.upgrade(postgres_server.url(name))
    yield name
    postgres_server.drop(name)


@pytest.fixture
def pg_url(postgres_server: PostgresServer) -> Iterator[str]:
    """The URL of a fresh, empty database."""
    name = postgres_server.create()
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture
def store_url(postgres_server: PostgresServer, _migrated_template: str) -> Iterator[str]:
    """The URL of a fresh database with the store's schema."""
    name = postgres_server.create(template=_migrated_template)
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture
def store(store_url: str) -> Iterator[PostgresStore]:
    """A store on a fresh database; fails a test that leaves one of its connections in use."""
    with PostgresStore(store_url) as opened:
        yield opened
        assert opened.engine.pool.checkedout() == 0, "a connection was not given back"
