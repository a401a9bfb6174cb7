"""A database that is away says so as StoreUnavailable, never with the password, and the store recovers when it is back."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from syncd.core.model import Base
from syncd.errors import BadAnswer, StoreUnavailable
from syncd.ports import Settlement
from syncd.store import migrate
from syncd.store.database import database_url, translate
from syncd.store.embedded import EmbeddedPostgres
from syncd.store.postgres import PostgresStore
from tests.store.kit import EXTERNAL, MAPPING, NOW, Kit, digest, rest
from tests.support.postgres import embedded_server

PASSWORD = "s3cr3t-word"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("query", ["", "?sslmode=disable", f"?password={PASSWORD}"])
def test_nobody_listening_is_unavailable_and_the_password_is_not_told(query: str) -> None:
    url = f"postgresql://somebody:{PASSWORD}@127.0.0.1:{free_port()}/syncd{query}"
    with PostgresStore(url) as store:
        for act in _everything(store):
            with pytest.raises(StoreUnavailable) as caught:
                act()
            assert PASSWORD not in str(caught.value)
            assert caught.value.__cause__ is None
            assert caught.value.__suppress_context__
    with pytest.raises(StoreUnavailable) as caught:
        migrate.current(url)
    assert PASSWORD not in str(caught.value)


def _everything(store: PostgresStore) -> list[Callable[[], object]]:
    return [
        lambda: store.state(MAPPING),
        lambda: store.cursor(MAPPING, EXTERNAL),
        lambda: store.begin_pass(MAPPING, EXTERNAL, 1, full=True),
        lambda: list(store.links(MAPPING)),
        lambda: list(store.work(MAPPING, NOW)),
        lambda: store.counts(MAPPING),
        lambda: store.conflicts(None, open_only=True),
    ]


@pytest.mark.parametrize("url", [f"postgresql://u:{PASSWORD}@h:port/db", "", f"sqlite:///{PASSWORD}"])
def test_a_url_that_cannot_be_used_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(ValueError, match="store") as caught:
        PostgresStore(url)
    assert PASSWORD not in str(caught.value)


def test_a_database_that_does_not_exist_is_unavailable(store_url: str) -> None:
    nowhere = PostgresStore(store_url.replace("syncd_test_", "nowhere_"))
    with nowhere as store, pytest.raises(StoreUnavailable, match="nowhere_"):
        store.state(MAPPING)


@pytest.fixture
def own_server() -> EmbeddedPostgres:
    with embedded_server() as server:
        yield server


def test_a_server_that_stops_in_the_middle_is_unavailable_and_works_again_when_it_is_back(
    own_server: EmbeddedPostgres,
) -> None:
    url = own_server.url("syncd")
    migrate.upgrade(url)
    with PostgresStore(url) as store:
        kit = Kit.on(store)
        kit.link("a", "b")
        passing = store.begin_pass(MAPPING, EXTERNAL, kit.run, full=True)
        passing.differing({"a": digest(1)})
        stream = store.links(MAPPING)
        next(stream)
        own_server.stop()
        for act in _everything(store):
            with pytest.raises(StoreUnavailable):
                act()
        with pytest.raises(StoreUnavailable):
            kit.settle(Settlement("c", "/c", Base({}, {}), "certain", rest(), rest()))
        own_server.start()
        for _ in range(2):
            with pytest.raises(StoreUnavailable):
                passing.differing({"b": digest(1)})
        with pytest.raises(StoreUnavailable):
            passing.finish(total=None, complete=True, reason="", shrink_limit=0.3)
        passing.close()
        stream.close()
        kit.settle(Settlement("c", "/c", Base({}, {}), "certain", rest(), rest()))
        assert store.counts(MAPPING)["links"] == 3


def test_connections_that_the_server_closed_are_replaced_silently(kit: Kit) -> None:
    kit.store.state(MAPPING)
    with kit.store.unpooled.begin() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    assert kit.store.state(MAPPING).approved_fingerprint is None


def test_keys_that_no_database_can_hold_are_named_as_a_bad_answer(kit: Kit) -> None:
    for key in ("a\x00b", "half \ud83d"):
        with kit.store.begin_pass(MAPPING, EXTERNAL, kit.run, full=False) as passing, pytest.raises(BadAnswer):
            passing.differing({key: digest(1)})
        with pytest.raises(BadAnswer):
            kit.store.observations(MAPPING, EXTERNAL, [key])


def test_many_threads_share_the_store(kit: Kit) -> None:
    together = Barrier(12)

    def work(number: int) -> None:
        together.wait(timeout=30)
        for turn in range(5):
            kit.link(f"t{number}-{turn}")
            kit.store.counts(MAPPING)

    with ThreadPoolExecutor(12) as pool:
        for done in [pool.submit(work, number) for number in range(12)]:
            done.result(timeout=60)
    assert kit.store.counts(MAPPING)["links"] == 60


def test_a_driver_that_quotes_the_password_is_not_quoted() -> None:
    url = database_url(f"postgresql://u:{PASSWORD}@127.0.0.1:1/db")
    said = psycopg.OperationalError(f"cannot connect with password={PASSWORD}\nand more")
    known = translate(OperationalError(None, None, said), url)
    assert isinstance(known, StoreUnavailable)
    assert str(known) == "database 'db' at 127.0.0.1: cannot connect with password=***"


def test_passwords_are_not_in_the_representation_of_an_engine(tmp_path: Path) -> None:
    with PostgresStore(f"postgresql://u:{PASSWORD}@127.0.0.1:1/db") as store:
        assert PASSWORD not in repr(store.engine)
        assert PASSWORD not in repr(store)
