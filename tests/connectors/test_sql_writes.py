"""Writes of the SQL connector: what is refused and why, what triggers make of it, what is known after a lost answer."""

from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from syncd.connectors.sql.connector import SqlConnector
from syncd.errors import Denied, Later, NotFound, Refused, Stale, UnknownOutcome
from syncd.ports import Query, Record

TABLE = """
CREATE TABLE countries (code text PRIMARY KEY);
INSERT INTO countries VALUES ('DK');
CREATE SEQUENCE customer_no START 7;
CREATE TABLE customers (
  no text PRIMARY KEY,
  name varchar(20) NOT NULL,
  email text UNIQUE,
  terms smallint CHECK (terms >= 0),
  country text REFERENCES countries,
  price numeric(12, 2),
  share double precision,
  weight real,
  ok boolean,
  born date,
  at timestamptz,
  local timestamp,
  blob bytea,
  doc jsonb,
  guid uuid,
  loud text GENERATED ALWAYS AS (upper(name)) STORED
);
"""
C = Query("customers", key="no")


def connector(url: str, **settings: Any) -> SqlConnector:
    return SqlConnector("erp", SqlConnector.Settings.model_validate({"url": url, "page_size": 7, **settings}))


@pytest.fixture
def url(pg_url: str) -> str:
    return pg_url.replace("+psycopg", "")


@pytest.fixture
def admin(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(TABLE)
        yield database


@pytest.fixture
def erp(url: str, admin: psycopg.Connection[Any]) -> Iterator[SqlConnector]:
    made = connector(url)
    yield made
    made.close()


def rows(admin: psycopg.Connection[Any]) -> int:
    return admin.execute("SELECT count(*) FROM customers").fetchone()[0]


# ------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("fields", "column"),
    [
        ({"no": "C1", "name": "B"}, "no"),
        ({"no": "C2", "name": None}, "name"),
        ({"no": "C2"}, "name"),
        ({"no": "C2", "name": "B", "email": "a@example.com"}, "email"),
        ({"no": "C2", "name": "B", "terms": "abc"}, "terms"),
        ({"no": "C2", "name": "B", "terms": True}, "terms"),
        ({"no": "C2", "name": "B", "terms": Decimal("1.5")}, "terms"),
        ({"no": "C2", "name": "B", "price": "many"}, "price"),
        ({"no": "C2", "name": "B", "ok": "yes"}, "ok"),
        ({"no": "C2", "name": "B", "born": "tomorrow"}, "born"),
        ({"no": "C2", "name": "B", "born": datetime(2026, 1, 1, tzinfo=UTC)}, "born"),
        ({"no": "C2", "name": "B", "at": 5}, "at"),
        ({"no": "C2", "name": "B", "blob": "zz"}, "blob"),
        ({"no": "C2", "name": "B", "guid": "zz"}, "guid"),
        ({"no": "C2", "name": "B", "doc": "{"}, "doc"),
        ({"no": "C2", "name": "B", "loud": "B"}, "loud"),
        ({"name": "B"}, "no"),
    ],
)
def test_a_refusal_names_the_column(
    erp: SqlConnector, admin: psycopg.Connection[Any], fields: dict[str, Any], column: str
) -> None:
    admin.execute("INSERT INTO customers (no, name, email) VALUES ('C1', 'A', 'a@example.com')")
    with pytest.raises(Refused) as caught:
        erp.create(C, fields)
    assert [violation.field for violation in caught.value.violations] == [column]
    assert rows(admin) == 1


@pytest.mark.parametrize(
    "fields", [{"terms": -1}, {"terms": 70_000}, {"country": "XX"}, {"name": "x" * 21}, {"price": Decimal("1e20")}]
)
def test_what_the_database_refuses_is_refused(
    erp: SqlConnector, admin: psycopg.Connection[Any], fields: dict[str, Any]
) -> None:
    with pytest.raises(Refused):
        erp.create(C, {"no": "C1", "name": "A", **fields})
    assert rows(admin) == 0


def test_a_refusal_does_not_repeat_the_values(erp: SqlConnector, admin: psycopg.Connection[Any]) -> None:
    admin.execute("INSERT INTO customers (no, name, email) VALUES ('C1', 'A', 'private@example.com')")
    with pytest.raises(Refused) as caught:
        erp.create(C, {"no": "C2", "name": "B", "email": "private@example.com"})
    assert "private" not in str(caught.value) + repr(caught.value.violations)


def test_a_deferred_constraint_that_fails_at_commit_is_refused(
    erp: SqlConnector, admin: psycopg.Connection[Any]
) -> None:
    admin.execute("ALTER TABLE customers ADD CONSTRAINT one UNIQUE (share) DEFERRABLE INITIALLY DEFERRED")
    erp.create(C, {"no": "C1", "name": "A", "share": Decimal("0.1")})
    with pytest.raises(Refused):
        erp.create(C, {"no": "C2", "name": "B", "share": Decimal("0.1")})
    assert rows(admin) == 1


def test_what_a_trigger_raises_is_refused_with_its_words(erp: SqlConnector, admin: psycopg.Connection[Any]) -> None:
    admin.execute(
        "CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'closed on Sundays'; END $$"
    )
    admin.execute("CREATE TRIGGER no BEFORE INSERT ON customers FOR EACH ROW EXECUTE FUNCTION no()")
    with pytest.raises(Refused, match="closed on Sundays"):
        erp.create(C, {"no": "C1", "name": "A"})


def test_a_read_only_system_is_never_written(url: str, erp: SqlConnector, admin: psycopg.Connection[Any]) -> None:
    made = erp.create(C, {"no": "C1", "name": "A"})
    reader = connector(url, read_only=True)
    try:
        assert not reader.capabilities(C).create
        assert not any(field.writable for field in reader.shape(C).fields.values())
        with pytest.raises(Denied, match="read_only"):
            reader.create(C, {"no": "C2", "name": "B"})
        with pytest.raises(Denied, match="read_only"):
            reader.update(C, "C1", {"name": "B"}, made)
    finally:
        reader.close()
    assert rows(admin) == 1


def test_a_named_query_is_never_written(url: str, admin: psycopg.Connection[Any]) -> None:
    reader = connector(url, queries={"q": "SELECT no, name FROM customers"})
    try:
        with pytest.raises(Refused, match="only tables can be written"):
            reader.create(Query("q", key="no"), {"no": "C2", "name": "B"})
    finally:
        reader.close()


def test_a_query_cannot_change_anything_by_the_way(url: str, admin: psycopg.Connection[Any]) -> None:
    admin.execute("INSERT INTO customers (no, name) VALUES ('C1', 'A')")
    reader = connector(url, queries={"q": "SELECT nextval('customer_no') AS no"})
    try:
        with pytest.raises(Denied, match="read-only transaction"):
            list(reader.pages(Query("q", key="no"), None))
    finally:
        reader.close()


def test_a_user_without_rights_is_denied(url: str, admin: psycopg.Connection[Any]) -> None:
    role = f"reader_{admin.info.dbname}"
    admin.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'reader-pass'")
    admin.execute(f"GRANT SELECT ON customers TO {role}")
    scheme, _, rest = url.partition("://")
    reader = connector(f"{scheme}://{role}:reader-pass@{rest.partition('@')[2]}")
    try:
        assert next(iter(reader.pages(C, None))).records == ()
        with pytest.raises(Denied, match="permission denied"):
            reader.create(C, {"no": "C1", "name": "A"})
        with pytest.raises(Denied, match="permission denied"):
            list(reader.rows("countries"))
    finally:
        reader.close()
        admin.execute(f"REVOKE ALL ON customers FROM {role}")
        admin.execute(f"DROP ROLE {role}")


# ------------------------------------------------------------------ what is stored


def test_values_of_every_type_are_stored_and_compared_as_read(erp: SqlConnector) -> None:
    fields = {
        "no": "C1", "name": "A", "terms": Decimal(30), "price": Decimal("1.50"), "share": Decimal("0.1"),
        "weight": Decimal("0.1"), "ok": False, "born": date(2026, 1, 2), "at": datetime(2026, 1, 2, 3, tzinfo=UTC),
        "local": datetime(2026, 1, 2, 3, tzinfo=UTC), "blob": "00ff", "doc": '{"a": [1]}',
        "guid": "00000000-0000-0000-0000-00000000000a",
    }  # fmt: skip
    made = erp.create(C, fields)
    assert {name: made.raw[name] for name in fields} == fields
    changed = erp.update(C, "C1", {"name": "B"}, made)
    assert changed.raw == {**made.raw, "name": "B", "loud": "B"}


def test_what_a_trigger_writes_after_us_is_in_the_answer(erp: SqlConnector, admin: psycopg.Connection[Any]) -> None:
    admin.execute(
        "CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF pg_trigger_depth() = 1 THEN"
        " UPDATE customers SET email = lower(name) || '@example.com' WHERE no = NEW.no; END IF; RETURN NULL; END $$"
    )
    admin.execute("CREATE TRIGGER later AFTER INSERT OR UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION later()")
    made = erp.create(C, {"no": "C1", "name": "Ann"})
    assert made.raw["email"] == "ann@example.com"
    assert erp.update(C, "C1", {"name": "Bob"}, made).raw["email"] == "bob@example.com"


def test_a_key_can_come_from_an_expression(erp: SqlConnector, admin: psycopg.Connection[Any]) -> None:
    query = Query("customers", key="no", options={"key_default": "'C' || lpad(nextval('customer_no')::text, 5, '0')"})
    assert erp.create(query, {"name": "A"}).key == "C00007"
    assert erp.create(query, {"name": "B"}).key == "C00008"
    assert erp.create(query, {"no": "X", "name": "B"}).key == "X"


def test_stamps_without_a_zone_are_written_in_the_configured_one(url: str, admin: psycopg.Connection[Any]) -> None:
    warsaw = connector(url, timezone="Europe/Warsaw")
    try:
        made = warsaw.create(C, {"no": "C1", "name": "A", "local": datetime(2026, 7, 1, 10, tzinfo=UTC)})
        assert made.raw["local"] == datetime(2026, 7, 1, 10, tzinfo=UTC)
        again = warsaw.update(C, "C1", {"local": datetime(2026, 7, 1, 11, tzinfo=UTC)}, made)
        assert again.raw["local"] == datetime(2026, 7, 1, 11, tzinfo=UTC)
    finally:
        warsaw.close()
    assert admin.execute("SELECT local::text FROM customers").fetchone()[0] == "2026-07-01 13:00:00"


def test_a_write_may_take_a_record_out_of_scope(erp: SqlConnector, admin: psycopg.Connection[Any]) -> None:
    query = Query("customers", key="no", where={"name": "A"})
    made = erp.create(query, {"no": "C1", "name": "A"})
    assert erp.update(query, "C1", {"name": "B"}, made).raw["name"] == "B"
    assert erp.create(query, {"no": "C2", "name": "B"}).key == "C2"
    assert erp.read(query, "C1").raw["name"] == "B"


# ------------------------------------------------------------------ compare and set


def test_a_mapped_column_that_moved_makes_an_update_stale(erp: SqlConnector, admin: psycopg.Connection[Any]) -> None:
    query = Query("customers", fields=("name", "email"), key="no")
    made = erp.create(query, {"no": "C1", "name": "A"})
    admin.execute("UPDATE customers SET email = 'new@example.com'")
    with pytest.raises(Stale, match="email"):
        erp.update(query, "C1", {"name": "B"}, made)


def test_a_column_that_is_not_mapped_may_move(erp: SqlConnector, admin: psycopg.Connection[Any]) -> None:
    query = Query("customers", fields=("name",), key="no")
    made = erp.create(query, {"no": "C1", "name": "A"})
    admin.execute("UPDATE customers SET email = 'new@example.com'")
    assert erp.update(query, "C1", {"name": "B"}, made).raw["name"] == "B"


def test_a_null_that_was_seen_is_compared_as_well(erp: SqlConnector, admin: psycopg.Connection[Any]) -> None:
    made = erp.create(C, {"no": "C1", "name": "A"})
    admin.execute("UPDATE customers SET terms = 3")
    with pytest.raises(Stale, match="terms"):
        erp.update(C, "C1", {"terms": 5}, made)


def test_an_update_waits_for_the_other_transaction_and_sees_what_it_left(
    erp: SqlConnector, admin: psycopg.Connection[Any], url: str
) -> None:
    made = erp.create(C, {"no": "C1", "name": "A"})
    outcome: list[BaseException] = []

    def ours() -> None:
        try:
            erp.update(C, "C1", {"name": "ours"}, made)
        except Stale as error:
            outcome.append(error)

    with psycopg.connect(url) as person:
        person.execute("UPDATE customers SET name = 'theirs'")
        waiting = threading.Thread(target=ours)
        waiting.start()
        wait_for_lock(admin)
        person.commit()
    waiting.join()
    assert len(outcome) == 1
    assert erp.read(C, "C1").raw["name"] == "theirs"


def test_two_updates_at_once_leave_one_stale(erp: SqlConnector) -> None:
    made = erp.create(C, {"no": "C1", "name": "A"})
    results: list[str] = []

    def write(value: str) -> None:
        try:
            results.append(str(erp.update(C, "C1", {"name": value}, made).raw["name"]))
        except Stale:
            results.append("stale")

    threads = [threading.Thread(target=write, args=(f"writer {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count("stale") == 3
    assert erp.read(C, "C1").raw["name"] in results


def test_an_update_that_would_meet_two_rows_is_refused(url: str, admin: psycopg.Connection[Any]) -> None:
    admin.execute("CREATE TABLE poor (no integer, name text)")
    admin.execute("INSERT INTO poor VALUES (1, 'A'), (1, 'B')")
    erp = connector(url)
    query = Query("poor", key="no")
    try:
        with pytest.raises(Refused, match="is no key"):
            erp.read(query, "1")
        with pytest.raises(Refused, match="is no key"):
            erp.update(query, "1", {"name": "C"}, Record("1", {}))
        with pytest.raises(Refused, match="is no key"):
            erp.create(query, {"no": 1, "name": "C"})
    finally:
        erp.close()
    assert admin.execute("SELECT string_agg(name, '') FROM poor").fetchone()[0] == "AB"


def test_a_row_deleted_in_between_is_not_found(erp: SqlConnector, admin: psycopg.Connection[Any]) -> None:
    made = erp.create(C, {"no": "C1", "name": "A"})
    admin.execute("DELETE FROM customers")
    with pytest.raises(NotFound):
        erp.update(C, "C1", {"name": "B"}, made)


# ------------------------------------------------------------------ lost connections


class Cutter:
    """A relay in front of PostgreSQL that drops a connection when the client sends a certain word."""

    def __init__(self, url: str, word: bytes, *, deliver: bool) -> None:
        info = conninfo_to_dict(url)
        self._host, self._port = str(info["host"]), str(info.get("port", 5432))
        self._word, self._deliver = word, deliver
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.armed = False
        self.cuts = 0
        self._answered = threading.Event()
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(5)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = self._upstream()
            for source, target, watched in ((client, server, True), (server, client, False)):
                thread = threading.Thread(target=self._relay, args=(source, target, watched), daemon=True)
                self._threads.append(thread)
                thread.start()

    def _upstream(self) -> socket.socket:
        if self._host.startswith("/"):
            server = socket.socket(socket.AF_UNIX)
            server.connect(f"{self._host}/.s.PGSQL.{self._port}")
            return server
        return socket.create_connection((self._host, int(self._port)))

    def _relay(self, source: socket.socket, target: socket.socket, watched: bool) -> None:
        with closing(source), closing(target):
            while data := self._take(source):
                if watched and self.armed and self._word in data:
                    self.cuts += 1
                    if self._deliver:
                        target.sendall(data)
                        self._answered.wait(10)
                    break
                if not watched and self.armed and self.cuts:
                    self._answered.set()  # the server has carried it out; its answer goes nowhere
                    break
                try:
                    target.sendall(data)
                except OSError:
                    break
            for end in (source, target):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _take(self, source: socket.socket) -> bytes:
        try:
            return source.recv(65536)
        except OSError:
            return b""


def through(cutter: Cutter, url: str) -> SqlConnector:
    info = conninfo_to_dict(url)
    secret = f":{info['password']}" if "password" in info else ""
    return connector(f"postgresql://{info.get('user', '')}{secret}@127.0.0.1:{cutter.port}/{info['dbname']}")


@pytest.mark.parametrize(
    ("word", "deliver", "error", "stored"),
    [
        (b"INSERT", False, Later, 0),
        (b"INSERT", True, Later, 0),
        (b"COMMIT", False, UnknownOutcome, 0),
        (b"COMMIT", True, UnknownOutcome, 1),
    ],
)
def test_a_lost_create_is_in_doubt_only_when_its_commit_was_sent(
    url: str, admin: psycopg.Connection[Any], word: bytes, deliver: bool, error: type[Exception], stored: int
) -> None:
    cutter = Cutter(url, word, deliver=deliver)
    erp = through(cutter, url)
    try:
        assert next(iter(erp.pages(C, None))).records == ()
        cutter.armed = True
        with pytest.raises(error) as caught:
            erp.create(C, {"no": "C1", "name": "A"})
        assert type(caught.value) is error
        cutter.armed = False
        assert cutter.cuts == 1
        wait_for_idle(admin)
        assert rows(admin) == stored
        assert len(list(erp.find(C, {"name": "A"}))) == stored  # the pool has recovered, and a probe finds the truth
    finally:
        erp.close()
        cutter.close()


def test_a_lost_update_is_in_doubt_only_when_its_commit_was_sent(url: str, admin: psycopg.Connection[Any]) -> None:
    admin.execute("INSERT INTO customers (no, name) VALUES ('C1', 'A')")
    for word, error in ((b"UPDATE customers", Later), (b"COMMIT", UnknownOutcome)):
        cutter = Cutter(url, word, deliver=True)
        erp = through(cutter, url)
        try:
            seen = erp.read(C, "C1")
            cutter.armed = True
            with pytest.raises(error):
                erp.update(C, "C1", {"name": f"after {error.__name__}"}, seen)
        finally:
            erp.close()
            cutter.close()
        wait_for_idle(admin)
    assert admin.execute("SELECT name FROM customers").fetchone()[0] == "after UnknownOutcome"


def test_a_statement_that_takes_too_long_is_for_later(url: str, admin: psycopg.Connection[Any]) -> None:
    slow = connector(url, statement_timeout="50ms", queries={"q": "SELECT 1 AS no, pg_sleep(5)::text AS nap"})
    try:
        with pytest.raises(Later, match="statement timeout"):
            list(slow.pages(Query("q", key="no"), None))
    finally:
        slow.close()


def test_a_locked_sqlite_file_is_for_later(tmp_path: Path) -> None:
    path = tmp_path / "erp.db"
    with closing(sqlite3.connect(path)) as person:
        person.execute("CREATE TABLE t (no integer PRIMARY KEY, name text)")
        person.commit()
        erp = connector(f"sqlite:///{path}", statement_timeout="50ms")
        try:
            person.execute("BEGIN EXCLUSIVE")
            with pytest.raises(Later, match="locked"):
                erp.create(Query("t"), {"name": "A"})
            person.rollback()
            assert erp.create(Query("t"), {"name": "A"}).key == "1"
        finally:
            erp.close()


def test_a_sqlite_row_without_its_key_is_refused_and_not_stored(tmp_path: Path) -> None:
    """SQLite would store NULL in a text key."""
    path = tmp_path / "erp.db"
    with closing(sqlite3.connect(path)) as person:
        person.execute("CREATE TABLE t (no text PRIMARY KEY, name text)")
        erp = connector(f"sqlite:///{path}")
        try:
            with pytest.raises(Refused, match="key_default"):
                erp.create(Query("t"), {"name": "A"})
        finally:
            erp.close()
        assert person.execute("SELECT count(*) FROM t").fetchone() == (0,)


def wait_for_lock(admin: psycopg.Connection[Any]) -> None:
    """Until some other connection to this database waits for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    _poll(admin, waiting, 1)


def wait_for_idle(admin: psycopg.Connection[Any]) -> None:
    """Until no other connection to this database is inside a transaction."""
    busy = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend' AND state <> 'idle'"
    )
    _poll(admin, busy, 0)


def _poll(admin: psycopg.Connection[Any], question: str, wanted: int) -> None:
    pause = threading.Event()
    for _ in range(500):
        if admin.execute(question).fetchone()[0] == wanted:
            return
        pause.wait(0.01)
    pytest.fail(f"never {wanted}: {question}")
