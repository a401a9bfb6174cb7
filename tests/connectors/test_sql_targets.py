"""Tables that the SQL connector makes and extends, on real PostgreSQL and SQLite, and what it leaves to a person."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from syncd.connectors.sql import targets
from syncd.connectors.sql.connector import SqlConnector
from syncd.connectors.sql.database import Database
from syncd.errors import Later, NotFound, Refused, SyncdError
from syncd.ports import FieldShape, Provision, Provisioner, Query, Shape
from tests.connectors.test_sql_writes import Cutter, through

EVERY = {
    "key": "text", "name": "text", "days": "integer", "amount": "decimal", "open": "boolean", "due": "date",
    "changed": "datetime", "tags": "json",
}  # fmt: skip


@dataclass
class Place:
    """One database: its URL, a person with a console, and connectors that are closed at the end."""

    url: str
    execute: Callable[[str], list[tuple[Any, ...]]]
    made: list[SqlConnector] = field(default_factory=list)

    @property
    def postgres(self) -> bool:
        return self.url.startswith("postgresql")

    def connector(self, **settings: Any) -> SqlConnector:
        found = SqlConnector("bi", SqlConnector.Settings.model_validate({"url": self.url, "page_size": 7, **settings}))
        self.made.append(found)
        return found

    def run(self, statements: str) -> None:
        """What a person does with the statements of an obstacle."""
        for statement in statements.split("; "):
            self.execute(statement)


@pytest.fixture
def postgres(pg_url: str) -> Iterator[Place]:
    url = pg_url.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as admin:

        def execute(statement: str) -> list[tuple[Any, ...]]:
            cursor = admin.execute(statement)
            return cursor.fetchall() if cursor.description else []

        place = Place(url, execute)
        yield place
        for one in place.made:
            one.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Place]:
    path = tmp_path / "bi.db"

    def execute(statement: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(path)) as database, database:
            return database.execute(statement).fetchall()

    execute("SELECT 1")
    place = Place(f"sqlite:///{path}", execute)
    yield place
    for one in place.made:
        one.close()


@pytest.fixture(params=["postgres", "sqlite"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


def query(resource: str = "invoices", key: str = "key", **more: Any) -> Query:
    return Query(resource, key=key, **more)


def shape(**kinds: str) -> Shape:
    """The table invoices; its first column is the key."""
    return shape_of("invoices", next(iter(kinds or EVERY)), kinds or EVERY)


def shape_of(resource: str, key: str, kinds: dict[str, str]) -> Shape:
    fields = {name: FieldShape(name, kind, nullable=name != key) for name, kind in kinds.items()}
    return Shape(resource, fields)


def make(bi: SqlConnector, wanted: Shape, asked: Query | None = None) -> Provision:
    return bi.provision(asked or query(wanted.resource), wanted, write=True)


def obstacle(made: Provision) -> tuple[str, str]:
    """The only obstacle: its message and its statement. With an obstacle nothing is done."""
    assert made.statements == ()
    (one,) = made.obstacles
    return one.message, one.statement


# ------------------------------------------------------------------ a table that is not there


def test_a_missing_table_is_made_once(place: Place) -> None:
    bi = place.connector()
    assert isinstance(bi, Provisioner)
    (statement,) = make(bi, shape()).statements
    plain = statement.replace('"', "")
    assert plain.startswith("CREATE TABLE IF NOT EXISTS invoices ( key TEXT NOT NULL, name TEXT, days BIGINT")
    assert make(bi, shape()) == Provision()
    assert make(place.connector(), shape()) == Provision()
    assert [name for name, one in bi.shape(query()).fields.items() if one.required] == ["key"]
    assert {name: one.type for name, one in bi.shape(query()).fields.items()} == EVERY


def test_a_table_that_is_known_to_fit_costs_nothing(place: Place) -> None:
    make(place.connector(), shape())
    bi = place.connector()
    make(bi, shape())
    looked = bi.requests
    make(bi, shape())
    bi.shape(query())
    assert bi.requests == looked


def test_the_statement_that_is_shown_makes_the_same_table(place: Place) -> None:
    shown = place.connector().provision(query(), shape(), write=False).statements
    place.run("; ".join(shown))
    assert make(place.connector(), shape()) == Provision()


def test_values_of_every_kind_come_back_as_they_went(place: Place) -> None:
    bi = place.connector()
    make(bi, shape())
    full = {
        "key": "/api/invoices/1",
        "name": "Łódź ♥ 'x' \"y\" %s :z",
        "days": 2**63 - 1,
        "amount": Decimal("-9999999999999.99"),
        "open": False,
        "due": date(2024, 2, 29),
        "changed": datetime(2026, 7, 1, 23, 59, 59, tzinfo=UTC),
        "tags": ["a", "ż", 1, True, None],
    }
    empty = {**dict.fromkeys(EVERY), "key": "2"}
    for fields in (full, empty):
        made = bi.create(query(), fields)
        assert made.raw == fields
        assert {name: type(value) for name, value in made.raw.items()} == {n: type(v) for n, v in fields.items()}
        assert bi.read(query(), fields["key"]) == made
        plain = {name: value for name, value in fields.items() if name != "tags"}
        assert list(bi.find(query(), plain)) == [made]
    assert place.execute("SELECT count(*) FROM invoices WHERE tags IS NULL") == [(1,)]
    before = bi.read(query(), "2")
    assert bi.update(query(), "2", {**full, "key": "2"}, before).raw == {**full, "key": "2"}
    changed = bi.read(query(), "2")
    assert bi.update(query(), "2", empty, changed).raw == empty


def test_postgres_keeps_every_digit(postgres: Place) -> None:
    bi = postgres.connector()
    make(bi, shape())
    for number in ("12345678901234567890123456789012345678.123456789012", "0.0000000000000000000000000000000000001"):
        assert bi.create(query(), {"key": number, "amount": Decimal(number)}).raw["amount"] == Decimal(number)


def test_sqlite_keeps_a_number_exactly_or_refuses_it(sqlite: Place) -> None:
    bi = sqlite.connector()
    make(bi, shape())
    for number in ("999999999999999", "0.000123456789012345", "9007199254740993", "-9223372036854775807", "1E+18"):
        assert bi.create(query(), {"key": number, "amount": Decimal(number)}).raw["amount"] == Decimal(number)
    for number in ("12345678901234567.8", "9223372036854775808.5", "92233720368547758089"):
        with pytest.raises(Refused, match="15 digits") as caught:
            bi.create(query(), {"key": number, "amount": Decimal(number)})
        assert caught.value.violations[0].field == "amount"
        with pytest.raises(NotFound):
            bi.read(query(), number)


def test_the_hour_that_a_zone_repeats_is_not_shifted(sqlite: Place) -> None:
    bi = sqlite.connector(timezone="Europe/Warsaw")
    make(bi, shape())
    first, second = datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    assert bi.create(query(), {"key": "1", "changed": first}).raw["changed"] == first
    with pytest.raises(Refused, match="keeps no zone"):
        bi.create(query(), {"key": "2", "changed": second})


@pytest.mark.parametrize(
    "tags",
    [[Decimal("0.1") + Decimal("1E-20")], [date(2026, 1, 1)], [["nested"]], 5, {"a": 1}],
    ids=["digits", "date", "nested", "number", "map"],
)
def test_a_list_that_json_cannot_keep_is_refused(place: Place, tags: Any) -> None:
    bi = place.connector()
    make(bi, shape())
    with pytest.raises(Refused):
        bi.create(query(), {"key": "1", "tags": tags})


def test_json_documents_stay_text(place: Place) -> None:
    bi = place.connector()
    make(bi, shape())
    for number, text in enumerate(('{"a": [1, "ż"]}', '[{"a": 1}]')):
        made = bi.create(query(), {"key": str(number), "tags": text})
        assert made.raw["tags"] == text
        assert bi.read(query(), made.key) == made
    assert bi.create(query(), {"key": "list", "tags": '["x", 0.5]'}).raw["tags"] == ["x", Decimal("0.5")]


# ------------------------------------------------------------------ without writing


def test_what_is_going_to_be_made_reads_as_if_it_were_there(place: Place) -> None:
    bi, asked = place.connector(), query(fields=("key", "name", "amount"), where={"open": True})
    made = bi.provision(asked, shape(), write=False)
    assert len(made.statements) == 1
    assert bi.capabilities(asked).create
    assert [page.records for page in bi.pages(asked, None)] == [()]
    assert list(bi.find(asked, {"key": "1", "amount": Decimal("1.5")})) == []
    assert {name: one.type for name, one in bi.shape(asked).fields.items()} == EVERY
    with pytest.raises(NotFound):
        bi.read(asked, "1")
    with pytest.raises(Refused, match="still to be made"):
        bi.create(asked, {"key": "1"})
    assert bi.provision(asked, shape(), write=False) == made
    assert make(bi, shape()) == made
    assert bi.create(asked, {"key": "1"}).key == "1"


def test_a_column_that_is_going_to_be_made_reads_as_null(place: Place) -> None:
    place.execute("CREATE TABLE invoices (key text PRIMARY KEY, name text, other text)")
    place.execute("INSERT INTO invoices VALUES ('1', 'A', 'kept')")
    bi = place.connector()
    made = bi.provision(query(), shape(), write=False)
    assert len(made.statements) == len(EVERY) - 2
    (record,) = next(iter(bi.pages(query(), None))).records
    assert record.raw == {**dict.fromkeys(EVERY), "key": "1", "name": "A", "other": "kept"}
    assert bi.read(query(where={"name": "A"}), "1") == record
    assert [one.key for one in bi.find(query(), {"amount": None})] == ["1"]
    assert (
        list(bi.find(query(), {"amount": Decimal(1), "open": True, "changed": datetime(2026, 1, 1, tzinfo=UTC)})) == []
    )


def test_what_somebody_else_made_meanwhile_is_read(place: Place) -> None:
    bi = place.connector()
    bi.provision(query(), shape(), write=False)
    other = place.connector()
    make(other, shape())
    other.create(query(), {"key": "1"})
    assert bi.provision(query(), shape(), write=False) == Provision()
    assert bi.read(query(), "1").key == "1"


# ------------------------------------------------------------------ a table that is there


def test_a_new_column_is_added_and_everything_else_left_alone(place: Place) -> None:
    bi = place.connector()
    make(bi, shape(key="text", name="text"))
    bi.create(query(), {"key": "1", "name": "A"})
    place.execute("ALTER TABLE invoices ADD COLUMN theirs text DEFAULT 'x' NOT NULL")
    wanted = shape(key="text", name="text", amount="decimal", due="date")
    assert make(bi, wanted).statements == (
        "ALTER TABLE invoices ADD COLUMN amount NUMERIC",
        "ALTER TABLE invoices ADD COLUMN due DATE",
    )
    record = bi.read(query(), "1")
    assert record.raw == {"key": "1", "name": "A", "theirs": "x", "amount": None, "due": None}
    assert bi.update(query(), "1", {"amount": Decimal("1.5")}, record).raw["amount"] == Decimal("1.5")
    assert make(bi, shape(key="text", name="text")) == Provision()


def test_another_connector_that_knows_the_old_table_sees_the_new_column(place: Place) -> None:
    first, second = place.connector(), place.connector()
    small, large = shape(key="text"), shape(key="text", name="text")
    for one in (first, second):
        make(one, small)
    assert len(make(first, large).statements) == 1
    assert make(second, large) == Provision()
    assert second.create(query(), {"key": "1", "name": "A"}).raw["name"] == "A"


NARROW = [
    ("text", "varchar(20)", "which holds 20 characters", "TEXT"),
    ("text", "uuid", "not TEXT", "TEXT"),
    ("text", "feeling", "not TEXT", "TEXT"),
    ("text", "bytea", "not TEXT", None),
    ("integer", "integer", "too small", "BIGINT"),
    ("integer", "smallint", "too small", "BIGINT"),
    ("integer", "text", "not BIGINT", "BIGINT"),
    ("integer", "double precision", "not BIGINT", "BIGINT"),
    ("decimal", "numeric(12,2)", "which rounds", "NUMERIC"),
    ("decimal", "double precision", "not NUMERIC", "NUMERIC"),
    ("decimal", "bigint", "not NUMERIC", "NUMERIC"),
    ("boolean", "text", "not BOOLEAN", "BOOLEAN"),
    ("date", "timestamptz", "not DATE", "DATE"),
    ("datetime", "timestamp", "keeps no zone", "TIMESTAMP WITH TIME ZONE"),
    ("datetime", "date", "not DATETIME", "TIMESTAMP WITH TIME ZONE"),
    ("json", "text", "not JSON", "JSONB"),
    ("json", "text[]", "not JSON", None),
]


@pytest.mark.parametrize(("kind", "there", "why", "becomes"), NARROW)
def test_a_type_that_cannot_hold_every_value_is_left_to_a_person(
    postgres: Place, kind: str, there: str, why: str, becomes: str | None
) -> None:
    postgres.execute("CREATE TYPE feeling AS ENUM ('good')")
    postgres.execute(f'CREATE TABLE invoices (key text PRIMARY KEY, "Value" {there})')
    bi, wanted = postgres.connector(), shape_of("invoices", "key", {"key": "text", "Value": kind, "added": "text"})
    message, statement = obstacle(make(bi, wanted))
    assert why in message
    assert "'Value'" in message
    assert "added" not in {name for name, *_ in postgres.execute("SELECT attname FROM pg_attribute")}
    if becomes is not None:
        assert statement == f'ALTER TABLE invoices ALTER COLUMN "Value" TYPE {becomes} USING "Value"::{becomes}'
        postgres.run(statement)
        assert make(bi, wanted).statements == ("ALTER TABLE invoices ADD COLUMN added TEXT",)


@pytest.mark.parametrize(
    ("kind", "there"),
    [
        ("text", "varchar"),
        ("integer", "numeric"),
        ("decimal", "numeric"),
        ("json", "json"),
        ("json", "jsonb"),
        ("datetime", "timestamptz(3)"),
    ],
)
def test_a_type_that_holds_every_value_is_good_enough(postgres: Place, kind: str, there: str) -> None:
    postgres.execute(f"CREATE TABLE invoices (key varchar PRIMARY KEY, value {there})")
    assert make(postgres.connector(), shape(key="text", value=kind)) == Provision()


@pytest.mark.parametrize(
    ("kind", "there"), [("decimal", "DOUBLE"), ("integer", "VARCHAR(9)"), ("text", "INTEGER"), ("date", "DATETIME")]
)
def test_sqlite_needs_another_column_for_another_type(sqlite: Place, kind: str, there: str) -> None:
    sqlite.execute(f"CREATE TABLE invoices (key text PRIMARY KEY, value {there})")
    sqlite.execute("INSERT INTO invoices VALUES ('1', '5')")
    bi, wanted = sqlite.connector(), shape(key="text", value=kind)
    message, statement = obstacle(make(bi, wanted))
    assert "'value' is " in message
    sqlite.run(statement)
    assert make(bi, wanted) == Provision()
    assert sqlite.execute("SELECT key, CAST(value AS text) FROM invoices") == [("1", "5")]


def test_sqlite_takes_any_length_and_any_digits(sqlite: Place) -> None:
    sqlite.execute("CREATE TABLE invoices (key varchar(5) PRIMARY KEY, amount decimal(4,1), days smallint)")
    bi = sqlite.connector()
    assert make(bi, shape(key="text", amount="decimal", days="integer")) == Provision()
    fields = {"key": "x" * 20, "amount": Decimal("123456.78"), "days": 2**40}
    assert bi.create(query(), fields).raw == fields


def test_a_column_that_must_have_a_value_is_left_to_a_person(place: Place) -> None:
    place.execute("CREATE TABLE invoices (key text PRIMARY KEY, name text NOT NULL)")
    bi, wanted = place.connector(), shape(key="text", name="text")
    message, statement = obstacle(make(bi, wanted))
    assert "must have a value, and the mapping may have none" in message
    required = Shape("invoices", {**wanted.fields, "name": FieldShape("name", "text", nullable=False)})
    assert make(bi, required) == Provision()
    place.run(statement)
    assert make(bi, wanted) == Provision()


def test_a_column_of_others_that_nobody_fills_is_told(place: Place) -> None:
    place.execute("CREATE TABLE invoices (key text PRIMARY KEY, theirs text NOT NULL, dated text NOT NULL DEFAULT 'x')")
    bi, wanted = place.connector(), shape(key="text")
    message, statement = obstacle(make(bi, wanted))
    assert "'theirs' of the table must have a value" in message
    place.run(statement)
    assert make(bi, wanted) == Provision()
    assert bi.create(query(), {"key": "1"}).raw == {"key": "1", "theirs": None, "dated": "x"}


# ------------------------------------------------------------------ the key


def test_a_missing_key_is_left_to_a_person(place: Place) -> None:
    place.execute("CREATE TABLE invoices (name text)")
    place.execute("INSERT INTO invoices VALUES ('A')")
    bi, wanted = place.connector(), shape(key="text", name="text")
    message, statement = obstacle(make(bi, wanted))
    assert "key is missing" in message
    place.run(statement)
    place.execute("UPDATE invoices SET key = '1'")
    assert make(bi, wanted) == Provision()
    assert bi.read(query(), "1").raw == {"key": "1", "name": "A"}


@pytest.mark.parametrize("table", ["(key text)", "(key text, part text, PRIMARY KEY (key, part))"])
def test_a_key_that_may_stand_twice_is_left_to_a_person(place: Place, table: str) -> None:
    place.execute(f"CREATE TABLE invoices {table}")
    place.execute("CREATE UNIQUE INDEX some_only ON invoices (key) WHERE key > 'a'")
    bi, wanted = place.connector(), shape(key="text", part="text")
    found = {one.field: one for one in make(bi, wanted).obstacles}
    assert "standing twice" in found["key"].message
    place.run(found["key"].statement)
    assert "key" not in {one.field for one in make(bi, wanted).obstacles}


@pytest.mark.parametrize("table", ["(key text UNIQUE)", "(id integer PRIMARY KEY, key text UNIQUE NOT NULL)"])
def test_a_unique_column_is_a_key(sqlite: Place, table: str) -> None:
    sqlite.execute(f"CREATE TABLE invoices {table}")
    assert make(sqlite.connector(), shape(key="text")) == Provision()


def test_a_unique_column_is_a_key_beside_a_number_of_their_own(postgres: Place) -> None:
    postgres.execute("CREATE TABLE invoices (id bigserial PRIMARY KEY, key text UNIQUE NOT NULL)")
    assert make(postgres.connector(), shape(key="text")) == Provision()


def test_a_key_may_be_a_number(place: Place) -> None:
    bi, wanted = place.connector(), shape(id="integer", name="text")
    make(bi, wanted, query(key="id"))
    assert bi.create(query(key="id"), {"id": 5, "name": "A"}).key == "5"
    with pytest.raises(Refused) as caught:
        bi.create(query(key="id"), {"id": 5, "name": "B"})
    assert caught.value.violations[0].field == "id"
    with pytest.raises(Refused):
        bi.create(query(key="id"), {"name": "without a key"})
    assert place.execute("SELECT count(*) FROM invoices") == [(1,)]


# ------------------------------------------------------------------ names

ODD = [
    "select",
    "Order",
    "two  words",
    'quo"te',
    "per%cent",
    "%(x)s",
    "co:lon",
    "ünïcödé ♥",
    "a.b",
    "semi;--",
    "?",
    "'",
]


def test_names_are_kept_as_they_are(place: Place) -> None:
    kinds = {"key": "text", **dict.fromkeys(ODD, "text")}
    for number, name in enumerate(ODD):
        resource = name if "." not in name else f"t{number}"
        bi, wanted = place.connector(), shape_of(resource, "key", kinds)
        asked = query(resource, fields=tuple(kinds), where={ODD[1]: "v1"})
        shown = bi.provision(asked, wanted, write=False).statements
        assert [page.records for page in bi.pages(asked, None)] == [()]
        assert make(bi, wanted, asked).statements == shown
        fields = {"key": "1", **{each: f"v{place}" for place, each in enumerate(ODD)}}
        made = bi.create(asked, fields)
        assert made.raw == fields
        assert bi.update(asked, "1", {ODD[4]: "%s"}, made).raw == {**fields, ODD[4]: "%s"}
        assert [one.raw for one in bi.find(asked, {ODD[4]: "%s"})] == [{**fields, ODD[4]: "%s"}]
        place.execute(f"DROP TABLE {quoted(resource)}")
        place.run("; ".join(shown))
        assert make(place.connector(), wanted, asked) == Provision()


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def test_a_name_that_is_a_keyword_can_be_the_key(place: Place) -> None:
    bi, wanted = place.connector(), shape_of("table", "primary", {"primary": "text", "x": "text"})
    make(bi, wanted, query("table", "primary"))
    assert bi.create(query("table", "primary"), {"primary": "1"}).key == "1"


def test_postgres_takes_63_bytes_of_a_name_and_no_more(postgres: Place) -> None:
    longest = "ż" * 31 + "x"
    bi, wanted = postgres.connector(), shape_of(longest, longest, {longest: "text", longest[1:]: "text"})
    make(bi, wanted, query(longest, longest))
    assert bi.create(query(longest, longest), {longest: "1"}).key == "1"
    for resource, column in (("t", longest + "y"), (longest + "y", "c")):
        made = make(bi, shape_of(resource, "key", {"key": "text", column: "text"}), query(resource))
        message, statement = obstacle(made)
        assert "64 bytes" in message
        assert statement == ""
    assert "64 bytes" in obstacle(make(bi, shape_of("t", "key", {"key": "text", "ż" * 32: "text"}), query("t")))[0]


def test_a_long_name_of_a_key_still_gives_a_statement_that_runs(postgres: Place) -> None:
    longest = "ż" * 31
    postgres.execute(f'CREATE TABLE "{longest}" ("{longest}" text)')
    bi, wanted = postgres.connector(), shape_of(longest, longest, {longest: "text"})
    postgres.run(obstacle(make(bi, wanted, query(longest, longest)))[1])
    assert make(bi, wanted, query(longest, longest)) == Provision()


@pytest.mark.parametrize("name", ["", "a\nb", "a\x00b", "\x1b[2J"])
def test_a_name_with_control_characters_is_refused(place: Place, name: str) -> None:
    bi = place.connector()
    message, _ = obstacle(make(bi, shape_of("t", "key", {"key": "text", name: "text"}), query("t")))
    assert "control character" in message
    assert name == "" or name not in message
    message, _ = obstacle(make(bi, shape_of(f"t{name}\x07", "key", {"key": "text"}), query(f"t{name}\x07")))
    assert "control character" in message


def test_names_that_a_database_keeps_for_itself_are_refused(postgres: Place, sqlite: Place) -> None:
    made = make(postgres.connector(), shape_of("t", "key", {"key": "text", "xmin": "text"}), query("t"))
    assert "PostgreSQL has in every table" in obstacle(made)[0]
    made = make(sqlite.connector(), shape_of("sqlite_t", "key", {"key": "text"}), query("sqlite_t"))
    assert "SQLite itself" in obstacle(made)[0]


def test_postgres_tells_names_apart_by_case(postgres: Place) -> None:
    postgres.execute('CREATE TABLE "Invoices" ("Key" text PRIMARY KEY, "Name" text)')
    bi = postgres.connector()
    assert make(
        bi, shape_of("Invoices", "Key", {"Key": "text", "name": "text"}), query("Invoices", "Key")
    ).statements == ('ALTER TABLE "Invoices" ADD COLUMN name TEXT',)
    assert make(bi, shape(key="text")).statements[0].startswith("CREATE TABLE IF NOT EXISTS invoices")


def test_sqlite_does_not(sqlite: Place) -> None:
    sqlite.execute("CREATE TABLE invoices (key text PRIMARY KEY, Name text)")
    bi = sqlite.connector()
    message, _ = obstacle(make(bi, shape(key="text", name="text")))
    assert "the table calls it 'Name'" in message
    message, _ = obstacle(make(bi, shape_of("other", "key", {"key": "text", "a": "text", "A": "text"}), query("other")))
    assert "differs from 'a' in case only" in message


# ------------------------------------------------------------------ where a table may be made


def test_the_configured_schema_is_used(postgres: Place) -> None:
    bi = postgres.connector(schema="Month End")
    message, statement = obstacle(make(bi, shape()))
    assert "there is no schema 'Month End'" in message
    postgres.run(statement)
    assert make(bi, shape()).statements[0].startswith('CREATE TABLE IF NOT EXISTS "Month End".invoices (')
    bi.create(query(), {"key": "1"})
    assert postgres.execute('SELECT key FROM "Month End".invoices') == [("1",)]


def test_a_resource_may_name_its_schema(postgres: Place) -> None:
    postgres.execute("CREATE SCHEMA bi")
    one, asked = postgres.connector(), query("bi.invoices")
    made = make(one, shape_of("bi.invoices", "key", EVERY), asked)
    assert made.statements[0].startswith("CREATE TABLE IF NOT EXISTS bi.invoices (")
    assert one.create(asked, {"key": "1"}).key == "1"
    assert make(one, shape_of("bi.invoices", "key", EVERY), asked) == Provision()
    assert postgres.execute("SELECT key FROM bi.invoices") == [("1",)]


VIEWS = {
    "view": "CREATE VIEW invoices AS SELECT 'a'::text AS key",
    "updatable view": "CREATE VIEW invoices AS SELECT key FROM plain",
    "materialized view": "CREATE MATERIALIZED VIEW invoices AS SELECT 'a'::text AS key",
    "foreign table": "CREATE FOREIGN TABLE invoices (key text) SERVER elsewhere",
}


@pytest.mark.parametrize("kind", VIEWS)
def test_views_and_foreign_tables_are_never_extended(postgres: Place, kind: str) -> None:
    postgres.run("CREATE FOREIGN DATA WRAPPER nothing; CREATE SERVER elsewhere FOREIGN DATA WRAPPER nothing")
    postgres.run("CREATE TABLE plain (key text PRIMARY KEY); " + VIEWS[kind])
    for wanted in (shape(key="text"), shape(key="text", name="text")):
        message, statement = obstacle(make(postgres.connector(), wanted))
        assert "is a view or a foreign table" in message
        assert statement == ""


def test_a_view_of_sqlite_is_never_extended(sqlite: Place) -> None:
    sqlite.execute("CREATE VIEW invoices AS SELECT 'a' AS key")
    assert "is a view" in obstacle(make(sqlite.connector(), shape(key="text")))[0]


def test_a_partitioned_table_is_a_table(postgres: Place) -> None:
    postgres.execute("CREATE TABLE invoices (key text PRIMARY KEY) PARTITION BY HASH (key)")
    postgres.execute("CREATE TABLE part PARTITION OF invoices FOR VALUES WITH (MODULUS 1, REMAINDER 0)")
    bi = postgres.connector()
    assert len(make(bi, shape(key="text", name="text")).statements) == 1
    assert bi.create(query(), {"key": "1", "name": "A"}).raw["name"] == "A"


def test_a_named_query_is_never_made(place: Place) -> None:
    bi = place.connector(queries={"invoices": "SELECT 'a' AS key"})
    assert "named query" in obstacle(make(bi, shape(key="text")))[0]


@pytest.mark.parametrize("write", [True, False])
def test_nothing_is_made_in_a_read_only_system(place: Place, write: bool) -> None:
    bi = place.connector(read_only=True)
    message, statement = obstacle(bi.provision(query(), shape(), write=write))
    assert "read_only" in message
    with pytest.raises(Refused, match="no table"):
        bi.shape(query())
    place.run(statement)
    assert bi.provision(query(), shape(), write=write) == Provision()


def test_without_the_right_to_make_tables_the_statement_is_given(postgres: Place) -> None:
    role = f"writer_{postgres.execute('SELECT current_database()')[0][0]}"
    scheme, _, rest = postgres.url.partition("://")
    postgres.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'writer-pass'")
    bi = Place(f"{scheme}://{role}:writer-pass@{rest.partition('@')[2]}", postgres.execute).connector()
    try:
        message, statement = obstacle(make(bi, shape()))
        assert "permission denied" in message
        assert "writer-pass" not in message
        postgres.run(statement)
        postgres.execute(f"GRANT ALL ON invoices TO {role}")
        assert make(bi, shape()) == Provision()
        more = shape_of("invoices", "key", {**EVERY, "more": "text"})
        message, statement = obstacle(make(bi, more))
        assert "owner" in message
        postgres.run(statement)
        assert make(bi, more) == Provision()
    finally:
        bi.close()
        postgres.run(f"DROP TABLE invoices; DROP ROLE {role}")


# ------------------------------------------------------------------ at the same time


@pytest.mark.parametrize("there", [False, True], ids=["new table", "new columns"])
def test_several_daemons_at_once_do_no_harm(place: Place, there: bool) -> None:
    if there:
        make(place.connector(), shape(key="text"))
    together, outcomes = threading.Barrier(4), []

    def work(bi: SqlConnector) -> None:
        together.wait(30)
        try:
            outcomes.append(make(bi, shape()))
        except SyncdError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=work, args=(place.connector(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(len(one.statements) for one in outcomes) == [0, 0, 0, len(EVERY) - 1 if there else 1]
    assert [one.obstacles for one in outcomes] == [()] * 4
    assert list(place.connector().shape(query()).fields) == list(EVERY)


def test_a_column_that_somebody_adds_at_the_same_moment_is_taken(
    postgres: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(postgres.connector(), shape(key="text"))
    execute = Database.execute

    def faster(self: Database, connection: Any, statement: Any) -> int:
        if isinstance(statement, targets.AddColumn):
            monkeypatch.undo()
            postgres.execute("ALTER TABLE invoices ADD COLUMN name text")
        return execute(self, connection, statement)

    monkeypatch.setattr(Database, "execute", faster)
    bi = postgres.connector()
    assert make(bi, shape(key="text", name="text")) == Provision()
    assert bi.create(query(), {"key": "1", "name": "A"}).raw["name"] == "A"


def test_a_table_in_use_is_for_later_and_keeps_nobody_waiting(postgres: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets, "_LOCK_PATIENCE", "50ms")
    bi = postgres.connector()
    make(bi, shape(key="text"))
    with psycopg.connect(postgres.url) as reader:
        reader.execute("SELECT * FROM invoices")
        with pytest.raises(Later, match="lock timeout"):
            make(bi, shape(key="text", name="text"))
        assert postgres.execute("SELECT count(*) FROM invoices") == [(0,)]
    assert len(make(bi, shape(key="text", name="text")).statements) == 1


def test_a_locked_file_is_for_later(sqlite: Place, tmp_path: Path) -> None:
    bi = sqlite.connector(statement_timeout="50ms")
    with closing(sqlite3.connect(tmp_path / "bi.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Later, match="locked"):
            make(bi, shape())
        other.execute("ROLLBACK")
    assert len(make(bi, shape()).statements) == 1


@pytest.mark.parametrize(("word", "deliver"), [(b"CREATE TABLE", False), (b"COMMIT", False), (b"COMMIT", True)])
def test_a_connection_lost_meanwhile_is_for_later(postgres: Place, word: bytes, deliver: bool) -> None:
    cutter = Cutter(postgres.url, word, deliver=deliver)
    bi = through(cutter, postgres.url)
    try:
        bi.provision(query(), shape(), write=False)
        cutter.armed = True
        with pytest.raises(Later):
            make(bi, shape())
        cutter.armed = False
        assert cutter.cuts == 1
        make(bi, shape())
        assert bi.create(query(), {"key": "1"}).key == "1"
    finally:
        bi.close()
        cutter.close()
