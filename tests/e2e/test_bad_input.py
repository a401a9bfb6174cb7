"""Bad input and faults, from outside: one clear message or one parked record, nothing lost, nothing written by mistake."""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog

from syncd.cli import app as cli
from syncd.core.model import Side
from syncd.errors import SyncdError
from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.server import SandboxServer
from syncd.wiring import SystemClock
from tests.engine.world import MAPPING, SETTINGS, World, built

HUGE = "x" * 10_000_000
SECRETS = ("hush-hush-77", "sandbox-pw")


@pytest.fixture
def world(tmp_path: Path, pg_url: str, store_url: str) -> Iterator[World]:
    """Four linked customers."""
    with built(tmp_path, pg_url, store_url) as made:
        fill(made)
        yield made


@pytest.fixture
def file_world(tmp_path: Path, store_url: str) -> Iterator[World]:
    """The same with an SQLite ERP, which takes any bytes and any type in any column."""
    path = tmp_path / "erp.db"
    with SandboxServer(SandboxConfig(empty=True)) as flowtly:
        made = FileWorld(tmp_path, f"sqlite:///{path}", store_url, flowtly)
        made.erp(
            "CREATE TABLE customers (customer_no TEXT, company_name TEXT, vat_no TEXT, country_code TEXT DEFAULT 'DK', "
            "currency_code TEXT DEFAULT 'DKK', terms INTEGER, city TEXT, phone TEXT, changed_at TIMESTAMP)"
        )
        try:
            made.configure(MAPPING.replace(", cursor: changed_at", ""))
            fill(made)
            yield made
        finally:
            made.close()


class FileWorld(World):
    """People at an SQLite ERP."""

    def erp(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / "erp.db")) as connection, connection:
            return connection.execute(statement.replace("%s", "?"), values).fetchall()


def fill(world: World) -> None:
    for number in range(4):
        world.customer(f"C{number}", company_name=f"Firm {number}", vat_no=f"DK1000000{number}", city="Odense", terms=14)
    world.run(person=True)
    assert len(world.links()) == 4


def spoil(world: World, key: str, **fields: Any) -> None:
    """Give a linked client values that no honest Flowtly has."""
    world.flowtly.state.update("Client", int(world.links()[key].rpartition("/")[2]), fields)


def city(world: World, key: str) -> Any:
    """The city Flowtly has for a customer."""
    return world.clients()[world.links()[key]].get("addressCity")


# ------------------------------------------------------------------ records


def test_a_name_of_ten_megabytes_parks_its_record_and_heals(world: World) -> None:
    world.erp("UPDATE customers SET company_name = %s, city = 'Vejle' WHERE customer_no = 'C0'", HUGE)
    world.customer("C8", company_name=HUGE, vat_no="DK10000008")
    spoil(world, "C1", name=HUGE)
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C2'")
    writes = world.writes()
    world.run()
    assert {one["key"] for one in world.said("record.parked")} == {"C0", "C8", world.links()["C1"]}
    assert all(len(str(one)) < 500 for one in world.said("record.parked"))
    assert city(world, "C2") == "Vejle"
    assert world.writes() == writes + 1
    assert (city(world, "C0"), world.customers()["C1"]["company_name"]) == ("Odense", "Firm 1")
    world.erp("UPDATE customers SET company_name = 'Short ApS' WHERE customer_no IN ('C0', 'C8')")
    spoil(world, "C1", name="Firm 1")
    world.settled()
    assert len(world.links()) == 5
    assert (world.diverged(), world.questions()) == ([], [])


def test_a_nul_byte_in_a_value_parks_its_record_and_heals(file_world: World) -> None:
    world = file_world
    world.erp("UPDATE customers SET company_name = 'A\0B' WHERE customer_no = 'C0'")
    world.erp("UPDATE customers SET city = 'Vejle'")
    world.run()
    assert [one["key"] for one in world.said("record.parked")] == ["C0"]
    assert [city(world, key) for key in sorted(world.links())] == ["Odense", "Vejle", "Vejle", "Vejle"]
    world.erp("UPDATE customers SET company_name = 'AB' WHERE customer_no = 'C0'")
    world.settled()
    assert world.diverged() == []


@pytest.mark.parametrize("key", ["C\0 9", "K" * 5000, "\udcff"], ids=["nul", "long", "surrogate"])
def test_a_key_that_no_store_can_hold_stops_nobody_else(file_world: World, key: str) -> None:
    world = file_world
    world.erp("INSERT INTO customers (customer_no, company_name, vat_no) VALUES (%s, 'Odd ApS', 'DK10000009')", key)
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C0'")
    world.run()
    print(world.events)
    assert city(world, "C0") == "Vejle"
    assert world.named("Odd ApS") == []
    world.erp("UPDATE customers SET customer_no = 'C9' WHERE company_name = 'Odd ApS'")
    world.settled()
    assert "C9" in world.links()


def test_a_wrong_type_in_one_record_parks_it_and_heals(file_world: World) -> None:
    world = file_world
    world.erp("UPDATE customers SET terms = 'soon' WHERE customer_no = 'C0'")
    spoil(world, "C1", name={"first": "Ada"})
    spoil(world, "C2", dueDays="later")
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C3'")
    world.run()
    print(world.events)
    assert city(world, "C3") == "Vejle"
    terms = {key: one["terms"] for key, one in world.customers().items()}
    assert terms == {"C0": "soon", "C1": 14, "C2": 14, "C3": 14}
    assert world.clients()[world.links()["C0"]]["dueDays"] == 14
    assert world.customers()["C1"]["company_name"] == "Firm 1"
    assert len(world.questions("refused")) == 2
    writes = world.writes()
    world.run()
    assert world.writes() == writes
    world.erp("UPDATE customers SET terms = 30 WHERE customer_no = 'C0'")
    spoil(world, "C1", name="Firm 1")
    spoil(world, "C2", dueDays=60)
    world.settled()
    assert (world.diverged(), world.questions()) == ([], [])


@pytest.mark.parametrize("cursor", ["", ", cursor: changed_at"], ids=["walked", "with a cursor"])
def test_different_rows_under_one_key_are_used_by_nobody_and_heal(world: World, cursor: str) -> None:
    world.erp("CREATE TABLE doubles AS SELECT * FROM customers WHERE customer_no = 'C0'")
    world.erp("CREATE VIEW people AS SELECT * FROM customers UNION ALL SELECT * FROM doubles")
    source = "resource: people, key: customer_no" + cursor
    world.configure(MAPPING.replace("resource: customers, key: customer_no, cursor: changed_at", source).replace("direction: both", "") + "direction: to_flowtly\n")
    world.run(person=True)
    assert world.questions() == [], "twice the same row is one row"
    world.erp("UPDATE doubles SET city = 'Skive', changed_at = clock_timestamp()")
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    for full in (False, True, False, True):
        world.run(full=full)
        print(full, city(world, "C0"), [q.kind for q in world.questions()])
    assert city(world, "C0") == "Odense"
    assert city(world, "C1") == "Vejle"
    assert [(row.kind, row.external_key) for row in world.questions()] == [("duplicate_key", "C0")]
    world.erp("DELETE FROM doubles")
    world.erp("UPDATE customers SET city = 'Ribe', changed_at = clock_timestamp() WHERE customer_no = 'C0'")
    for _ in range(3):
        world.run(full=True)
    assert city(world, "C0") == "Ribe"
    assert world.questions() == []


def test_different_rows_under_one_key_heal_without_another_edit(world: World) -> None:
    world.erp("CREATE TABLE doubles AS SELECT * FROM customers WHERE customer_no = 'C0'")
    world.erp("CREATE VIEW people AS SELECT * FROM customers UNION ALL SELECT * FROM doubles")
    world.configure(MAPPING.replace("resource: customers, key: customer_no, cursor: changed_at", "resource: people, key: customer_no") + "direction: to_flowtly\n")
    world.run(person=True)
    world.erp("UPDATE doubles SET city = 'Skive'")
    world.run()
    world.erp("DELETE FROM customers WHERE customer_no = 'C0'")
    for _ in range(3):
        world.run(full=True)
    assert city(world, "C0") == "Skive"
    assert world.questions() == []


def test_two_records_with_one_match_key_are_asked_about_and_heal(world: World) -> None:
    world.customer("D0", company_name="Twin of C0", vat_no="DK10000000")
    world.customer("E1", company_name="One", vat_no="DK20000001")
    world.customer("E2", company_name="Two", vat_no="DK20000001")
    world.client(name="Either", tinCountry="DK", tin="20000001")
    world.customer("F1", company_name="Fine", vat_no="DK20000002")
    before = len(world.clients())
    world.run()
    assert sorted(world.links()) == ["C0", "C1", "C2", "C3", "F1"]
    assert len(world.clients()) == before + 1
    assert {row.kind for row in world.questions()} == {"ambiguous"}
    world.erp("UPDATE customers SET vat_no = 'DK20000009' WHERE customer_no = 'D0'")
    world.erp("UPDATE customers SET vat_no = 'DK20000008' WHERE customer_no = 'E2'")
    for _ in range(4):
        world.run()
    print(world.events[-20:])
    assert sorted(world.links()) == ["C0", "C1", "C2", "C3", "D0", "E1", "E2", "F1"]
    assert world.questions() == []


def test_a_row_without_a_key_is_named_and_linked_records_go_on(file_world: World) -> None:
    world = file_world
    world.erp("INSERT INTO customers (company_name, vat_no) VALUES ('Nameless', 'DK10000009')")
    world.erp("INSERT INTO customers (customer_no, company_name, vat_no) VALUES ('C9', 'Nine', 'DK10000019')")
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C0'")
    report = world.run()
    (trouble,) = world.said("read.incomplete")
    assert "1 rows of customers have no customer_no: give them one" in trouble["detail"]
    assert report.outcome == "incomplete"
    assert city(world, "C0") == "Vejle"
    print(world.events, world.links())
    world.erp("UPDATE customers SET customer_no = 'C8' WHERE customer_no IS NULL")
    world.settled()
    assert {"C8", "C9"} <= set(world.links())
    assert len(world.clients()) == 6


# ------------------------------------------------------------------ clocks


class Jumping(SystemClock):
    """A wall clock that somebody sets."""

    def __init__(self) -> None:
        self.by = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.by


def test_stamps_from_the_future_hide_no_later_change(world: World) -> None:
    world.erp("ALTER TABLE customers DISABLE TRIGGER touch")
    world.erp("UPDATE customers SET city = 'Vejle', changed_at = '2099-01-01' WHERE customer_no = 'C0'")
    world.run()
    world.erp("ALTER TABLE customers ENABLE TRIGGER touch")
    world.erp("UPDATE customers SET city = 'Ribe' WHERE customer_no = 'C1'")
    world.run()
    assert (city(world, "C0"), city(world, "C1")) == ("Vejle", "Ribe")
    assert world.run().counts.get("flowtly.patched", 0) == 0


def test_a_wall_clock_that_jumps_loses_nothing(world: World) -> None:
    assert world.app is not None
    clock = Jumping()
    world.app.clock = clock
    for number, by in enumerate((timedelta(days=9000), timedelta(days=-9000), timedelta(0))):
        clock.by = by
        world.erp("UPDATE customers SET city = %s WHERE customer_no = 'C0'", f"Town {number}")
        spoil(world, "C1", addressCity=f"Burg {number}")
        world.settled()
        assert world.diverged() == []
    assert len(world.clients()) == 4


def test_a_record_parked_under_a_wrong_clock_is_tried_again_under_the_right_one(world: World) -> None:
    assert world.app is not None
    clock = Jumping()
    world.app.clock = clock
    clock.by = timedelta(days=9000)
    world.flowtly.faults.add("status", method="PATCH", path="/clients", status=422) if False else None
    world.erp("UPDATE customers SET currency_code = 'XXX' WHERE customer_no = 'C0'")
    world.erp("UPDATE customers SET company_name = repeat('x', 300) WHERE customer_no = 'C1'")
    world.run()
    assert world.questions("refused")
    clock.by = timedelta(days=1)
    print(world.erp_store("select key, status, due_at, problem from observation"))
    world.run()
    print(world.erp_store("select key, status, due_at, problem from observation"))
    assert 0


def test_a_clock_that_runs_ahead_does_not_end_the_doubt_about_a_create(world: World) -> None:
    world.configure(settings=SETTINGS.replace("listing_grace: 0s", "listing_grace: 1h"))
    assert world.app is not None
    clock = Jumping()
    world.app.clock = clock
    world.flowtly.faults.add("status_after", method="POST", path="/clients", times=1, status=504)
    world.flowtly.faults.add("listing_delay", method="POST", path="/clients", times=1, seconds=30)
    world.customer("C9", company_name="Once ApS", vat_no="DK10000009")
    world.run()
    clock.by = timedelta(days=1)
    world.run()
    print(world.events[-10:])
    assert len(world.named("Once ApS")) == 1


# ------------------------------------------------------------------ peers


@pytest.mark.parametrize(("kind", "params"), [("html", {}), ("truncated", {}), ("wrong_types", {}), ("wrong_types", {"field": "name"})])
@pytest.mark.parametrize("path", [r"^/clients/\d+", "/countries", "/currencies", "/login"])
def test_an_answer_nobody_can_read(world: World, kind: str, params: dict, path: str) -> None:
    world.configure()  # nobody is logged in
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C0'")
    links, customers, writes = world.links(), world.customers(), world.writes()
    world.flowtly.faults.add(kind, method="GET" if "login" not in path else "POST", path=path, **params)
    try:
        report = world.run(full=True)
        print(path, kind, report.outcome, world.events)
    except SyncdError as e:
        print(path, kind, type(e), e)
    assert (world.links(), world.customers(), world.writes()) == (links, customers, writes)
    world.flowtly.faults.clear()
    world.configure()
    world.settled()
    assert city(world, "C0") == "Vejle"


def test_empty_lookups(world: World) -> None:
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C0'")
    spoil(world, "C1", addressCity="Ribe")
    world.customer("C9", company_name="Nine", vat_no="DK10000019")
    world.flowtly.faults.add("empty_list", method="GET", path="/countries")
    world.run(full=True)
    print(world.events)
    world.flowtly.faults.clear()
    world.settled()
    assert world.diverged() == []
    assert "C9" in world.links()


@pytest.mark.parametrize("stage", ["reading external", "applying"])
def test_erp_connections_killed_in_mid_run(world: World, stage: str) -> None:
    for number in range(10, 30):
        world.customer(f"C{number}", company_name=f"Firm {number}", vat_no=f"DK100000{number}")
    for key in ("C0", "C1", "C2"):
        spoil(world, key, addressCity="Ribe")
    name = world.erp_url.rpartition("/")[2].partition("?")[0]

    def kill(now: str, done: int, total: int | None) -> None:
        if now == stage:
            world.erp("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()")

    report = world.run(progress=kill)
    print(report.outcome, world.events)
    world.settled()
    assert len(world.links()) == 24
    assert len(world.clients()) == 24
    assert world.diverged() == []


@pytest.mark.parametrize(("breaks", "mends"), [
    ("ALTER TABLE customers RENAME TO gone", "ALTER TABLE gone RENAME TO customers"),
    ("ALTER TABLE customers RENAME city TO town", "ALTER TABLE customers RENAME town TO city"),
    ("ALTER TABLE customers RENAME changed_at TO was", "ALTER TABLE customers RENAME was TO changed_at"),
    ("ALTER TABLE customers RENAME customer_no TO was", "ALTER TABLE customers RENAME was TO customer_no"),
])
def test_a_table_that_changes_under_a_mapping(world: World, breaks: str, mends: str) -> None:
    spoil(world, "C0", addressCity="Ribe")
    world.erp(breaks)
    for _ in range(2):
        try:
            report = world.run()
            print(report.outcome, world.events[-5:])
        except SyncdError as e:
            print(type(e), e)
    world.erp(mends)
    world.settled()
    assert world.diverged() == []
    assert len(world.clients()) == 4


def test_a_read_only_erp(world: World) -> None:
    name = world.erp("SELECT current_database()")[0][0]
    world.erp(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    world.configure()
    spoil(world, "C0", addressCity="Ribe")
    world.client(name="Here", tinCountry="DK", tin="30000001")
    report = world.run()
    print(report.outcome, world.events)
    with psycopg.connect(world.erp_url, autocommit=True) as c:
        c.execute("SET default_transaction_read_only = off")
        c.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
    world.configure()
    world.settled()
    assert world.diverged() == []
    assert len(world.customers()) == 5
