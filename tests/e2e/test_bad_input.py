"""Bad input and faults from outside: one clear message or one parked record, nothing lost, nothing written by mistake.

Records, keys and clocks go through the engine; files, answers and the store through the command line.
"""

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
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog

from syncd.cli import app as cli
from syncd.errors import SyncdError
from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.server import SandboxServer
from syncd.store import migrate
from syncd.wiring import SystemClock
from tests.e2e import logbook
from tests.engine.world import MAPPING, PASSWORD, SETTINGS, World, built
from tests.support.postgres import PostgresServer

HUGE = "x" * 10_000_000
CURSOR = ", cursor: changed_at"


class FileWorld(World):
    """People at an SQLite ERP, which takes any bytes and any type in any column."""

    def erp(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / "erp.db")) as connection, connection:
            return connection.execute(statement.replace("%s", "?"), values).fetchall()


class Jumping(SystemClock):
    """A wall clock that somebody sets."""

    by = timedelta(0)

    def now(self) -> datetime:
        return super().now() + self.by


def fill(world: World) -> None:
    """Four linked customers."""
    for number in range(4):
        world.customer(
            f"C{number}", company_name=f"Firm {number}", vat_no=f"DK1000000{number}", city="Odense", terms=14
        )
    world.run(person=True)
    assert len(world.links()) == 4


@pytest.fixture
def world(tmp_path: Path, pg_url: str, store_url: str) -> Iterator[World]:
    """Four linked customers of an ERP on PostgreSQL."""
    with built(tmp_path, pg_url, store_url) as made:
        fill(made)
        yield made


@pytest.fixture
def file_world(tmp_path: Path, store_url: str) -> Iterator[World]:
    """The same with an SQLite ERP whose key column is not even declared as one."""
    with SandboxServer(SandboxConfig(empty=True, password=PASSWORD)) as flowtly:
        made = FileWorld(tmp_path, f"sqlite:///{tmp_path}/erp.db", store_url, flowtly)
        made.erp(
            "CREATE TABLE customers (customer_no TEXT, company_name TEXT, vat_no TEXT, country_code TEXT DEFAULT 'DK', "
            "currency_code TEXT DEFAULT 'DKK', terms INTEGER, city TEXT, phone TEXT)"
        )
        try:
            made.configure(MAPPING.replace(CURSOR, ""))
            fill(made)
            yield made
        finally:
            made.close()


@pytest.fixture(scope="module")
def shared(
    tmp_path_factory: pytest.TempPathFactory, postgres_server: PostgresServer, _migrated_template: str
) -> Iterator[World]:
    """One world with an open conflict, for commands that must change nothing."""
    erp, store = postgres_server.create(), postgres_server.create(template=_migrated_template)
    with built(tmp_path_factory.mktemp("shared"), postgres_server.url(erp), postgres_server.url(store)) as made:
        fill(made)
        spoil(made, "C0", dueDays=20)
        made.erp("UPDATE customers SET terms = 21 WHERE customer_no = 'C0'")
        made.run()
        assert [row.id for row in made.questions()] == [1]
        yield made
    postgres_server.drop(erp)
    postgres_server.drop(store)


@pytest.fixture
def syncd(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., str]]:
    """One command in this process; an error nobody expected would come out as it is."""
    handlers = logging.getLogger().handlers[:]

    def run(world: World, *arguments: str, code: int = 1, config: bool = True) -> str:
        for name, value in world.env.items():
            monkeypatch.setenv(name, value)
        found = cli.run([*arguments, "-c", str(world.config)] if config else [*arguments])
        said = capsys.readouterr()
        text = said.out + said.err
        logbook.keep(text)
        assert found == code, text
        assert PASSWORD not in text
        return text

    yield run
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers


def the_error(text: str) -> str:
    """The only error line of an output."""
    (line,) = [line for line in text.splitlines() if line.startswith("error")]
    assert len(line) < 400
    return line


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


def test_bytes_that_are_no_text_park_their_record_and_heal(file_world: World) -> None:
    world = file_world
    world.erp("UPDATE customers SET company_name = %s WHERE customer_no = 'C0'", "A\0B")
    world.erp("UPDATE customers SET company_name = CAST(x'41ff' AS TEXT) WHERE customer_no = 'C1'")
    world.erp("UPDATE customers SET city = 'Vejle'")
    world.run()
    assert {one["key"]: one["field"] for one in world.said("record.parked")} == {"C0": "name", "C1": "name"}
    assert [city(world, key) for key in sorted(world.links())] == ["Odense", "Odense", "Vejle", "Vejle"]
    world.erp("UPDATE customers SET company_name = 'AB' WHERE customer_no IN ('C0', 'C1')")
    world.settled()
    assert world.diverged() == []


@pytest.mark.parametrize(
    "key", ["C\0 9", "K" * 5000, b"K\xff", "", None], ids=["NUL", "long", "bytes", "empty", "none"]
)
def test_a_row_without_a_usable_key_is_told_and_linked_records_go_on(
    file_world: World, key: str | bytes | None
) -> None:
    world = file_world
    world.erp(
        "INSERT INTO customers (customer_no, company_name, vat_no) VALUES (CAST(%s AS TEXT), 'Odd', 'DK20000001')", key
    )
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C0'")
    assert world.run().outcome == "incomplete"
    (trouble,) = world.said("read.incomplete")
    assert "1 rows of customers have no customer_no that can be used: give them one" in trouble["detail"]
    assert city(world, "C0") == "Vejle"
    assert world.named("Odd") == []
    world.erp("UPDATE customers SET customer_no = 'C9' WHERE company_name = 'Odd'")
    world.settled()
    assert "C9" in world.links()


def test_a_wrong_type_in_one_record_parks_it_and_heals(file_world: World) -> None:
    world = file_world
    world.erp("UPDATE customers SET terms = 'soon' WHERE customer_no = 'C0'")
    spoil(world, "C1", name={"first": "Ada"})
    spoil(world, "C2", dueDays="later")
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C3'")
    world.run()
    assert city(world, "C3") == "Vejle"
    terms = {key: one["terms"] for key, one in world.customers().items()}
    assert terms == {"C0": "soon", "C1": 14, "C2": 14, "C3": 14}
    assert world.clients()[world.links()["C0"]]["dueDays"] == 14
    assert world.customers()["C1"]["company_name"] == "Firm 1"
    assert {
        row.external_key: "terms" in row.detail or "dueDays" in row.detail for row in world.questions("refused")
    } == {
        "C0": True,
        "C2": True,
    }
    writes = world.writes()
    world.run()
    assert world.writes() == writes
    world.erp("UPDATE customers SET terms = 30 WHERE customer_no = 'C0'")
    spoil(world, "C1", name="Firm 1")
    spoil(world, "C2", dueDays=60)
    world.settled()
    assert (world.diverged(), world.questions()) == ([], [])


def doubled(world: World) -> None:
    """C0 comes twice out of a view, the same both times."""
    world.erp("CREATE TABLE doubles AS SELECT * FROM customers WHERE customer_no = 'C0'")
    world.erp("CREATE VIEW people AS SELECT * FROM customers UNION ALL SELECT * FROM doubles")
    world.configure(MAPPING.replace("resource: customers", "resource: people") + "direction: to_flowtly\n")
    world.run(person=True)
    assert world.questions() == [], "twice the same row is one row"


def test_different_rows_under_one_key_are_used_by_nobody(world: World) -> None:
    doubled(world)
    world.erp("UPDATE doubles SET city = 'Skive'")
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    world.run(full=True)
    assert (city(world, "C0"), city(world, "C1")) == ("Odense", "Vejle")
    assert [(row.kind, row.external_key) for row in world.questions()] == [("duplicate_key", "C0")]
    assert [one["key"] for one in world.said("record.duplicate_key")] == ["C0"]


def test_records_with_one_match_key_are_asked_about_and_never_doubled(world: World) -> None:
    world.customer("D0", company_name="Twin of C0", vat_no="DK10000000")
    world.customer("E1", company_name="One", vat_no="DK20000001")
    world.customer("E2", company_name="Two", vat_no="DK20000001")
    world.client(name="Either", tinCountry="DK", tin="20000001")
    world.customer("F1", company_name="Fine", vat_no="DK20000002")
    before = len(world.clients())
    for _ in range(2):
        world.run(full=True)
    assert sorted(world.links()) == ["C0", "C1", "C2", "C3", "F1"]
    assert len(world.clients()) == before + 1
    asked = {row.external_key: row.detail for row in world.questions("ambiguous")}
    assert "external C0" in asked["D0"]
    assert "'E1', 'E2'" in asked["E1"]


# ------------------------------------------------------------------ clocks


def test_stamps_from_the_future_hide_no_later_change(world: World) -> None:
    world.erp("ALTER TABLE customers DISABLE TRIGGER touch")
    world.erp("UPDATE customers SET city = 'Vejle', changed_at = '2099-01-01' WHERE customer_no = 'C0'")
    world.run()
    world.erp("ALTER TABLE customers ENABLE TRIGGER touch")
    world.erp("UPDATE customers SET city = 'Ribe' WHERE customer_no = 'C1'")
    world.run()
    assert (city(world, "C0"), city(world, "C1")) == ("Vejle", "Ribe")
    writes = world.writes()
    world.run()
    assert world.writes() == writes


def test_a_wall_clock_that_jumps_loses_and_repeats_nothing(world: World) -> None:
    assert world.app is not None
    world.app.clock = clock = Jumping()
    for number, days in enumerate((9000, -9000, 0)):
        clock.by = timedelta(days=days)
        world.erp("UPDATE customers SET city = %s WHERE customer_no = 'C0'", f"Town {number}")
        spoil(world, "C1", addressCity=f"Burg {number}")
        world.settled()
        assert world.diverged() == []
        writes = world.writes()
        world.run(full=True)
        assert world.writes() == writes
    assert len(world.clients()) == 4


# ------------------------------------------------------------------ peers


@pytest.mark.parametrize("kind", ["html", "truncated", "wrong_types"])
def test_an_answer_that_nobody_can_read_is_never_acted_on(world: World, kind: str) -> None:
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C0'")
    before = world.links(), world.customers(), world.writes()
    for method, path in (("POST", "/login"), ("GET", "/countries"), ("GET", "/currencies")):
        world.configure()  # nobody is logged in
        world.flowtly.faults.add(kind, method=method, path=path)
        with pytest.raises(SyncdError, match=path) as caught:
            world.run()
        assert "<" not in str(caught.value)
        world.flowtly.faults.clear()
    world.flowtly.faults.add(kind, method="GET", path=r"^/clients/\d+")
    world.run()
    assert (world.links(), world.customers(), world.writes()) == before
    world.flowtly.faults.clear()
    world.settled()
    assert city(world, "C0") == "Vejle"


def test_an_empty_list_of_countries_parks_what_needs_it_until_it_is_back(world: World) -> None:
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C0'")
    spoil(world, "C1", addressCity="Ribe")
    world.customer("C9", company_name="Nine", vat_no="DK20000009")
    world.flowtly.faults.add("empty_list", method="GET", path="/countries")
    writes = world.writes()
    world.run(full=True)
    assert (world.writes(), len(world.links())) == (writes, 4)
    world.flowtly.faults.clear()
    world.settled()
    assert (world.diverged(), world.questions()) == ([], [])
    assert "C9" in world.links()


def test_an_erp_that_drops_its_connections_in_mid_run_ends_in_neither_loss_nor_doubles(world: World) -> None:
    for number in range(10, 30):
        world.customer(f"C{number}", company_name=f"Firm {number}", vat_no=f"DK200000{number}")
    for key in ("C0", "C1", "C2"):
        spoil(world, key, addressCity="Ribe")
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    for stage in ("reading external", "applying"):
        world.run(progress=lambda now, _done, _total, stage=stage: world.erp(cut) if now == stage else None)
    world.settled()
    assert (len(world.links()), len(world.clients()), world.diverged()) == (24, 24, [])


@pytest.mark.parametrize("column", [None, "city", "changed_at", "customer_no"])
def test_a_table_that_changes_under_a_running_mapping_is_told_and_found_again(world: World, column: str | None) -> None:
    what, back = (f"{column} TO gone", f"gone TO {column}") if column else ("TO gone", "TO customers")
    world.erp(f"ALTER TABLE customers RENAME {what}")
    for _ in range(2):
        try:
            assert world.run().outcome == "incomplete"
            told = world.said("read.incomplete")[-1]["detail"]
        except SyncdError as error:
            told = str(error)
        assert (column or "customers") in told
    world.erp(f"ALTER TABLE {'customers' if column else 'gone'} RENAME {back}")
    spoil(world, "C0", addressCity="Ribe")
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C1'")
    world.settled()
    assert (world.diverged(), len(world.clients()), len(world.customers())) == ([], 4, 4)


def test_an_erp_that_may_only_be_read_is_left_alone(world: World) -> None:
    name = world.erp("SELECT current_database()")[0][0]
    world.erp(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    world.configure()
    spoil(world, "C0", addressCity="Ribe")
    world.client(name="Here", tinCountry="DK", tin="20000001")
    before = world.customers()
    assert world.run().outcome == "incomplete"
    assert world.customers() == before
    (closed,) = world.said("side.closed")
    assert "read-only" in closed["detail"]
    world.erp(f'BEGIN READ WRITE; ALTER DATABASE "{name}" RESET default_transaction_read_only; COMMIT')
    world.configure()
    world.settled()
    assert (world.diverged(), len(world.customers())) == ([], 5)


# ------------------------------------------------------------------ the command line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("conflicts resolve abc --take flowtly", "Invalid value for 'number'"),
        ("conflicts resolve 99 --take flowtly", "there is no conflict 99"),
        ("conflicts resolve 99999999999999999999 --dismiss", "out of range"),
        ("conflicts resolve 1 --take both", "external or flowtly"),
        ("conflicts resolve 1 --take flowtly --value 3", "exactly one"),
        ("conflicts resolve 1 --value soon", "'soon' is not a int like the values of dueDays"),
        (f"conflicts resolve 1 --value {'9' * 5000}", "is not a int"),
        ("conflicts resolve 1 --link C0=/api/clients/1", "decide on a value"),
        ("conflicts resolve 1 --dismiss", "decide on a value"),
        ("conflicts list -m client", "did you mean 'clients'?"),
        ("operations list -m client", "did you mean 'clients'?"),
        ("operations adopt nonsense x", "Invalid value for 'operation'"),
        ("operations retry 01a1a1a1-0000-4000-8000-000000000000", "there is no operation 01a1a1a1"),
        ("links show nope", "a record is MAPPING:KEY"),
        ("links show client:C0", "did you mean 'clients'?"),
        ("links show clients:nope", "clients:nope is not linked"),
        ("links unlink clients:nope", "clients:nope is not linked"),
        ("links list --limit -1", "Invalid value for '--limit'"),
        ("db upgrade --revision nonsense", "nonsense"),
        ("plan -m clients -o no/such/folder/plan.json", "no/such/folder/plan.json: No such file or directory"),
        ("apply no-such-plan.json --yes", "no-such-plan.json:0:0: cannot be read: No such file"),
    ],
)
def test_nonsense_on_the_command_line_is_one_clear_error_and_changes_nothing(
    shared: World, syncd: Callable[..., str], arguments: str, message: str
) -> None:
    links, writes = shared.links(), shared.writes()
    assert message in the_error(syncd(shared, *arguments.split(" ")))
    assert (shared.links(), shared.writes()) == (links, writes)
    assert [row.id for row in shared.questions()] == [1]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "Is a directory"),
        (b"", "is empty"),
        (b"\xff\xfe", ":1:1: is not UTF-8 text"),
        (b"a: 1\n" * 500_000, "is larger than"),
        (b"- 1", ":1:1: must be a block of keys"),
        (b"a: \0", "a NUL byte"),
    ],
    ids=["folder", "empty", "no text", "2.5 MB", "list", "NUL"],
)
def test_a_configuration_that_is_none_is_one_clear_error(
    shared: World, syncd: Callable[..., str], tmp_path: Path, data: bytes | None, message: str
) -> None:
    path = tmp_path / "other.yaml"
    path.mkdir() if data is None else path.write_bytes(data)
    for command in ("check", "run"):
        line = the_error(syncd(shared, command, "-c", str(path), config=False))
        assert str(path) in line
        assert message in line
    assert "No such file" in the_error(syncd(shared, "plan", "-c", str(tmp_path / "missing"), config=False))
    assert str(path) in the_error(syncd(shared, "init", str(path), config=False)) if data is not None else True


@pytest.mark.parametrize(
    ("known", "mistyped"),
    [("resource: customers", "custmers"), ("resource: clients", "client"), ("lookup: countries", "contries")],
)
def test_a_resource_that_does_not_exist_is_named_with_the_nearest_one(
    shared: World, syncd: Callable[..., str], known: str, mistyped: str
) -> None:
    good = known.split()[1]
    mapping = shared.folder / "clients.yaml"
    try:
        mapping.write_text(MAPPING.replace(known, known.replace(good, mistyped)))
        for command in ("check", "plan", "once"):
            line = the_error(syncd(shared, command))
            assert repr(mistyped) in line
            assert f"did you mean {good!r}?" in line
    finally:
        mapping.write_text(MAPPING)


def test_a_plan_file_that_is_not_as_it_was_saved_is_refused_as_a_whole(
    world: World, syncd: Callable[..., str], tmp_path: Path
) -> None:
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C0'")
    file = tmp_path / "plan.json"
    syncd(world, "plan", "-o", str(file), code=2)
    good, writes = file.read_text(), world.writes()
    plans = json.loads(good)["plans"]
    for bad, message in (
        (good.replace("Vejle", "Ribe"), "item 1 (C0) is not as it was saved"),
        (good.replace('"format": 1', '"format": 9'), "another version"),
        (good[: len(good) // 2], "is not a saved plan"),
        ("[" * 100_000, "is not a saved plan"),
        (json.dumps({"plans": []}), "is not a saved plan"),
        (json.dumps({"plans": [{**plans[0], "items": [{"id": "1"}]}]}), "is not a saved plan"),
        (json.dumps({"plans": [{**plans[0], "mapping": "other"}]}), "is a plan for other"),
    ):
        file.write_text(bad)
        line = the_error(syncd(world, "apply", str(file), "--yes"))
        assert message in line
        assert str(file) in line
    assert world.writes() == writes
    file.write_text(good)
    syncd(world, "apply", str(file), "--yes", code=0)
    assert city(world, "C0") == "Vejle"


def test_a_plan_made_on_half_of_the_records_does_not_end_as_if_nothing_were_to_do(
    world: World, syncd: Callable[..., str]
) -> None:
    world.flowtly.faults.add("html", path="/clients")
    assert "read.incomplete" in syncd(world, "plan")
    assert "read.incomplete" in syncd(world, "once")
    world.flowtly.faults.clear()
    world.flowtly.faults.add("empty_list", path="/clients")
    assert "saw nothing while 4 records are linked" in syncd(world, "plan", code=0)


def test_an_empty_value_may_be_an_answer(world: World, syncd: Callable[..., str]) -> None:
    spoil(world, "C0", addressCity="Ribe")
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C0'")
    world.run()
    (question,) = world.questions()
    syncd(world, "conflicts", "resolve", str(question.id), "--value", "", code=0)
    world.settled()
    assert (world.customers()["C0"]["city"], city(world, "C0")) == (None, None)


def test_ctrl_c_in_apply_finishes_the_write_in_hand_and_loses_nothing(world: World, syncd: Callable[..., str]) -> None:
    for number in range(10, 30):
        world.customer(f"C{number}", company_name=f"Firm {number}", vat_no=f"DK200000{number}")
    world.flowtly.faults.add("latency", method="POST", path="/clients", seconds=0.1)
    over, writes = threading.Event(), world.writes()

    def press() -> None:
        while world.writes() == writes and not over.wait(0.005):
            pass
        if not over.is_set():
            os.kill(os.getpid(), signal.SIGINT)

    person = threading.Thread(target=press)
    person.start()
    try:
        said = syncd(world, "apply", "--yes")
    finally:
        over.set()
        person.join()
    assert "stopping after the write in hand" in said
    made = len(world.clients())
    assert 4 < made < 24
    assert len(world.links()) == made
    world.flowtly.faults.clear()
    syncd(world, "once", code=0)
    assert (len(world.links()), len(world.clients())) == (24, 24)


# ------------------------------------------------------------------ the store


def test_a_store_that_cannot_be_used_is_one_clear_error(world: World, syncd: Callable[..., str]) -> None:
    url = world.env["SYNCD_DATABASE_URL"]

    def store(statement: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    store("UPDATE alembic_version SET version_num = 'ffff'")
    for command in (("status",), ("db", "upgrade"), ("run",)):
        assert "a newer version has been here" in the_error(syncd(world, *command))
    store(f"UPDATE alembic_version SET version_num = '{migrate.head()}'")
    store("ALTER TABLE observation RENAME TO gone")
    for command in (("status",), ("once",)):
        line = the_error(syncd(world, *command))
        assert 'relation "observation" does not exist' in line
        assert "restore a backup" in line
    store("ALTER TABLE gone RENAME TO observation")
    syncd(world, "status", code=0)
    for wrong, message in (
        (f"mysql://x:{PASSWORD}@127.0.0.1/none", "syncd.yaml:0:0: store.url: the store needs PostgreSQL, not 'mysql'"),
        ("nonsense", "syncd.yaml:0:0: store.url: the store's url cannot be read"),
        (f"postgresql://x:{PASSWORD}@127.0.0.1:9/none", "Connection refused"),
        (f"postgresql://x:{PASSWORD}@127.0.0.1:99999/none", "port number"),
    ):
        world.env["SYNCD_DATABASE_URL"] = wrong
        assert message in the_error(syncd(world, "status"))


def test_a_port_that_is_taken_is_one_clear_error(shared: World, syncd: Callable[..., str]) -> None:
    text = shared.config.read_text()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        try:
            shared.config.write_text(f"{text}daemon: {{port: {port}}}\n")
            assert f"cannot listen on 127.0.0.1:{port}" in the_error(syncd(shared, "run"))
        finally:
            shared.config.write_text(text)
    assert "port must be 0-65535" in the_error(syncd(shared, "sandbox", "--port", "99999", config=False))


# ------------------------------------------------------------------ clocks, doubled keys, lost tables, failed writes


def test_a_clock_that_runs_ahead_does_not_end_the_doubt_about_a_create(world: World) -> None:
    world.configure(settings=SETTINGS.replace("listing_grace: 0s", "listing_grace: 1h"))
    assert world.app is not None
    world.app.clock = clock = Jumping()
    world.flowtly.faults.add("status_after", method="POST", path="/clients", times=1, status=504)
    world.flowtly.faults.add("listing_delay", method="POST", path="/clients", times=1, seconds=60)
    world.customer("C9", company_name="Once ApS", vat_no="DK20000009")
    world.run()
    clock.by = timedelta(days=1)
    world.run()
    assert len(world.named("Once ApS")) == 1


def test_a_record_parked_under_a_wrong_clock_is_tried_again_under_the_right_one(world: World) -> None:
    assert world.app is not None
    world.app.clock = clock = Jumping()
    clock.by = timedelta(days=9000)
    world.erp("UPDATE customers SET company_name = repeat('x', 300) WHERE customer_no = 'C0'")
    world.run()
    clock.by = timedelta(days=1)
    writes = world.writes()
    world.run()
    assert world.writes() > writes


def test_rows_under_one_key_stay_unused_between_full_passes(world: World) -> None:
    doubled(world)
    world.erp("UPDATE doubles SET city = 'Skive'")
    world.run(full=True)
    for number in range(3):
        world.erp("UPDATE doubles SET city = %s, changed_at = clock_timestamp()", f"Skive {number}")
        world.run()
        assert city(world, "C0") == "Odense"


@pytest.mark.parametrize(
    "loser",
    [
        pytest.param("customers"),
        "doubles",
    ],
)
def test_rows_under_one_key_heal_when_one_of_them_goes(world: World, loser: str) -> None:
    doubled(world)
    world.erp("UPDATE doubles SET city = 'Skive'")
    world.run(full=True)
    world.erp(f"DELETE FROM {loser} WHERE customer_no = 'C0'")
    for _ in range(3):
        world.run(full=True)
    assert city(world, "C0") == ("Skive" if loser == "customers" else "Odense")
    assert world.questions() == []


def test_a_table_that_is_gone_parks_no_record(world: World) -> None:
    spoil(world, "C0", addressCity="Ribe")
    world.erp("ALTER TABLE customers RENAME TO gone")
    world.run()
    world.erp("ALTER TABLE gone RENAME TO customers")
    world.run()
    assert world.questions() == []
    assert world.diverged() == []


def test_a_write_that_failed_for_now_is_told(world: World) -> None:
    world.erp("UPDATE customers SET city = 'Vejle' WHERE customer_no = 'C0'")
    world.flowtly.faults.add("html", method="GET", path=r"^/clients/\d+")
    report = world.run()
    told = [fields for name, fields in world.events if name.startswith("write.") and "C0" in str(fields)]
    assert told
    assert report.outcome == "incomplete"
