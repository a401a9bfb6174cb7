"""Walks of the SQL connector where rows are easily lost: ties, nulls, late commits, clocks that jump, poor keys."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from syncd.connectors.sql.connector import SqlConnector
from syncd.errors import ReadCut, Refused
from syncd.ports import Query
from tests.connectors.contract import final_cursor


class Lab:
    """A database that a test fills by hand, and connectors on it."""

    def __init__(self, url: str, execute: Callable[..., Any]) -> None:
        self.url = url
        self.execute = execute
        self._open: list[SqlConnector] = []

    def connector(self, **settings: Any) -> SqlConnector:
        chosen = {"url": self.url, "page_size": 7, **settings}
        made = SqlConnector("erp", SqlConnector.Settings.model_validate(chosen))
        self._open.append(made)
        return made

    def close(self) -> None:
        for each in self._open:
            each.close()


@pytest.fixture
def lite(tmp_path: Path) -> Iterator[Lab]:
    path = tmp_path / "erp.db"
    with closing(sqlite3.connect(path)) as database:

        def execute(statement: str, *values: Any) -> None:
            database.execute(statement, values)
            database.commit()

        lab = Lab(f"sqlite:///{path}", execute)
        yield lab
        lab.close()


@pytest.fixture
def pg(pg_url: str) -> Iterator[Lab]:
    url = pg_url.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as database:
        lab = Lab(url, lambda statement, *values: database.execute(statement, values))
        yield lab
        lab.close()


@pytest.fixture(params=["lite", "pg"])
def lab(request: pytest.FixtureRequest) -> Lab:
    found: Lab = request.getfixturevalue(request.param)
    return found


def keys(connector: SqlConnector, query: Query, cursor: str | None = None) -> list[str]:
    return [record.key for page in connector.pages(query, cursor) for record in page.records]


def stamped(lab: Lab, count: int, stamp: str | None, start: int = 0, kind: str = "timestamp") -> None:
    lab.execute(f"CREATE TABLE IF NOT EXISTS t (no integer PRIMARY KEY, at {kind})")
    value = "NULL" if stamp is None else f"'{stamp}'"
    for number in range(start, start + count):
        lab.execute(f"INSERT INTO t VALUES ({number}, {value})")


T = Query("t", key="no", cursor_field="at")


def test_fifty_rows_of_one_stamp_are_given_once_over_pages_of_seven(lab: Lab) -> None:
    stamped(lab, 1, "2026-01-01 08:00:00", start=1000)
    stamped(lab, 50, "2026-01-01 10:00:00")
    stamped(lab, 1, "2026-01-01 11:00:00", start=2000)
    found = keys(lab.connector(overlap="1s"), T, "2026-01-01T09:00:00")
    assert sorted(found, key=int) == [*map(str, range(50)), "2000"]


def test_a_walk_stopped_inside_a_tie_goes_on_without_loss(lab: Lab) -> None:
    stamped(lab, 50, "2026-01-01 10:00:00")
    connector = lab.connector(overlap="0s")
    pages = connector.pages(T, "2026-01-01T09:00:00")
    cursor = next(pages).cursor
    pages.close()
    assert set(keys(connector, T, cursor)) == {str(number) for number in range(50)}


def test_rows_without_a_stamp_are_given_in_every_pass(lab: Lab) -> None:
    stamped(lab, 3, "2026-01-01 10:00:00")
    stamped(lab, 9, None, start=100)
    connector = lab.connector()
    cursor = final_cursor(list(connector.pages(T, None)), None)
    for _ in range(2):
        assert {str(number) for number in range(100, 109)} <= set(keys(connector, T, cursor))


def test_a_table_of_nulls_only_is_given_whole_every_time(lab: Lab) -> None:
    stamped(lab, 9, None)
    connector = lab.connector()
    pages = list(connector.pages(T, None))
    assert final_cursor(pages, None) is None
    assert len(keys(connector, T, "2026-01-01T10:00:00")) == 9


def test_a_late_commit_behind_the_cursor_is_seen_within_the_overlap(lab: Lab) -> None:
    stamped(lab, 1, "2026-01-01 10:10:00")
    connector = lab.connector(overlap="15m")
    cursor = final_cursor(list(connector.pages(T, None)), None)
    stamped(lab, 5, "2026-01-01 10:00:00", start=10)
    assert {str(number) for number in range(10, 15)} <= set(keys(connector, T, cursor))
    assert "10" not in keys(lab.connector(overlap="1m"), T, cursor)


def test_an_interrupted_full_walk_gives_no_cursor(lab: Lab) -> None:
    stamped(lab, 20, "2026-01-01 10:00:00")
    pages = lab.connector().pages(T, None)
    assert [next(pages).cursor for _ in range(2)] == [None, None]
    assert next(pages).cursor is not None


def test_a_full_walk_ends_at_the_stamp_that_was_newest_when_it_began(lab: Lab) -> None:
    stamped(lab, 20, "2026-01-01 10:00:00")
    connector = lab.connector(overlap="0s")
    pages = connector.pages(T, None)
    next(pages)
    lab.execute("UPDATE t SET at = '2026-01-01 12:00:00' WHERE no = 0")  # behind the walk
    lab.execute("UPDATE t SET at = '2026-01-01 12:30:00' WHERE no = 19")  # before it
    cursor = final_cursor(list(pages), None)
    assert set(keys(connector, T, cursor)) >= {"0", "19"}


def test_an_incremental_walk_ends_although_rows_keep_changing(lab: Lab) -> None:
    stamped(lab, 14, "2026-01-01 10:00:00")
    connector = lab.connector(overlap="0s")
    seen = 0
    for page in connector.pages(T, "2026-01-01T09:00:00"):
        for record in page.records:
            seen += 1
            lab.execute(f"UPDATE t SET at = '2026-01-01 11:00:{seen:02}' WHERE no = {record.key}")
    assert seen <= 14
    assert len(set(keys(connector, T, "2026-01-01T10:00:00"))) == 14


def test_a_stamp_from_the_far_future_does_not_hide_later_changes(lab: Lab) -> None:
    stamped(lab, 2, "2026-01-01 10:00:00")
    stamped(lab, 1, "2999-01-01 00:00:00", start=9)
    connector = lab.connector()
    cursor = final_cursor(list(connector.pages(T, None)), None)
    assert cursor is not None
    assert datetime.fromisoformat(cursor).year < 2900
    lab.execute("UPDATE t SET at = CURRENT_TIMESTAMP WHERE no = 1")
    found = list(connector.pages(T, cursor))
    assert {record.key for page in found for record in page.records} >= {"1", "9"}
    assert datetime.fromisoformat(final_cursor(found, None) or "").year < 2900


def test_a_cursor_that_followed_a_jumped_clock_is_drawn_back(lab: Lab) -> None:
    stamped(lab, 2, "2026-01-01 10:00:00")
    connector = lab.connector()
    pages = list(connector.pages(T, "2999-01-01T00:00:00"))
    assert {record.key for page in pages for record in page.records} == {"0", "1"}
    assert (final_cursor(pages, None) or "").startswith("2026-01-01")


def test_a_cursor_of_another_type_reads_everything(lab: Lab) -> None:
    stamped(lab, 10, "2026-01-01 10:00:00")
    for cursor in ("17", "", "2026-13-45"):
        assert set(keys(lab.connector(), T, cursor)) == {str(number) for number in range(10)}


@pytest.mark.parametrize("stop", range(2, 6))
def test_a_key_that_is_not_unique_loses_no_row(lab: Lab, stop: int) -> None:
    """Duplicate keys that would straddle two pages: both rows come, so that the duplicate can be seen."""
    lab.execute("CREATE TABLE t (no integer, at integer)")
    for number in range(10):
        lab.execute(f"INSERT INTO t VALUES ({number}, 1)")
    lab.execute(f"INSERT INTO t VALUES ({stop}, 2)")
    found = keys(lab.connector(page_size=stop), Query("t", key="no"))
    assert sorted(found, key=int) == sorted([*map(str, range(10)), str(stop)], key=int)


def test_a_column_that_is_no_key_at_all_is_refused(lab: Lab) -> None:
    lab.execute("CREATE TABLE t (no integer, name text)")
    for number in range(9):
        lab.execute(f"INSERT INTO t VALUES (1, 'Company {number}')")
    with pytest.raises((Refused, ReadCut), match="is no key"):
        keys(lab.connector(), Query("t", key="no"))


def test_rows_without_a_key_end_the_walk_after_all_others(lab: Lab) -> None:
    lab.execute("CREATE TABLE t (no text, at timestamp)")
    for key in ("'a'", "''", "NULL", "'b'", "NULL"):
        lab.execute(f"INSERT INTO t VALUES ({key}, '2026-01-01 10:00:00')")
    for query, cursor in ((Query("t", key="no"), None), (T, "2026-01-01T09:00:00")):
        seen: list[str] = []
        with pytest.raises(ReadCut, match="3 rows of t have no no"):
            _collect(lab.connector(page_size=2), query, cursor, seen)
        assert seen == ["a", "b"]


def _collect(connector: SqlConnector, query: Query, cursor: str | None, seen: list[str]) -> None:
    for page in connector.pages(query, cursor):
        seen.extend(record.key for record in page.records)


def test_a_version_number_is_a_cursor_and_reaches_back(lab: Lab) -> None:
    lab.execute("CREATE TABLE t (no integer PRIMARY KEY, at bigint)")
    for number in range(20):
        lab.execute(f"INSERT INTO t VALUES ({number}, {100 + number})")
    connector = lab.connector(overlap_versions=5)
    assert final_cursor(list(connector.pages(T, None)), None) == "119"
    assert not connector.capabilities(T).trusted_time
    assert keys(connector, T, "119") == ["14", "15", "16", "17", "18", "19"]


def test_a_date_is_a_cursor_and_reaches_back_a_day(pg: Lab) -> None:
    stamped(pg, 3, "2026-01-01", kind="date")
    stamped(pg, 3, "2026-01-03", start=10, kind="date")
    stamped(pg, 3, "2026-01-02", start=20, kind="date")
    connector = pg.connector()
    assert final_cursor(list(connector.pages(T, None)), None) == "2026-01-03"
    assert set(keys(connector, T, "2026-01-03")) == {"10", "11", "12", "20", "21", "22"}


def test_a_column_that_tells_no_change_is_refused_as_cursor(pg: Lab) -> None:
    pg.execute("CREATE TABLE t (no integer PRIMARY KEY, at bytea)")
    pg.execute("INSERT INTO t VALUES (1, 'abc')")
    for cursor in (None, "x"):
        with pytest.raises(Refused, match=r"cannot serve as cursor|function max"):
            keys(pg.connector(), T, cursor)


def test_stamps_without_a_zone_are_read_in_the_configured_one(lab: Lab) -> None:
    stamped(lab, 1, "2026-07-01 12:00:00")
    record = lab.connector(timezone="Europe/Warsaw").read(T, "0")
    assert record.raw["at"] == record.changed_at == datetime(2026, 7, 1, 10, 0, tzinfo=UTC)


def test_the_hour_that_a_zone_repeats_is_read_again(lab: Lab) -> None:
    """2026-10-25 03:00 summer time is 02:00 winter time in Warsaw: a change stamped 02:10 may be newer than 02:59."""
    stamped(lab, 1, "2026-10-25 02:59:00")
    connector = lab.connector(timezone="Europe/Warsaw", overlap="1m")
    cursor = final_cursor(list(connector.pages(T, None)), None)
    stamped(lab, 1, "2026-10-25 02:10:00", start=5)
    assert "5" in keys(connector, T, cursor)


def test_both_iso_spellings_of_a_stamp_may_stand_in_one_sqlite_column(lite: Lab) -> None:
    stamped(lite, 3, "2026-01-01 10:00:00")
    stamped(lite, 3, "2026-01-01T10:00:00.5Z", start=10)
    connector = lite.connector(overlap="1s")
    assert len(keys(connector, T, "2026-01-01T10:00:00.5Z")) == 6
    assert connector.read(T, "10").changed_at == datetime(2026, 1, 1, 10, 0, 0, 500_000, tzinfo=UTC)


def test_only_rows_in_scope_are_walked(lab: Lab) -> None:
    lab.execute("CREATE TABLE t (no integer PRIMARY KEY, stage text)")
    for number, stage in enumerate(("'new'", "NULL", "'won'", "'new'")):
        lab.execute(f"INSERT INTO t VALUES ({number}, {stage})")
    connector = lab.connector()

    def scope(value: Any) -> list[str]:
        return keys(connector, Query("t", key="no", where={"stage": value}))

    assert scope("new") == ["0", "3"]
    assert scope(None) == ["1"]
    assert scope(["won", "new"]) == ["0", "2", "3"]
    assert scope(["won", None]) == ["1", "2"]
    assert scope([]) == []
    with pytest.raises(Refused, match="stage cannot equal"):
        scope(5)


def test_a_named_query_is_walked_like_a_table(lab: Lab) -> None:
    stamped(lab, 20, "2026-01-01 10:00:00")
    sql = "SELECT 'T:' || no AS \"The Key\", at FROM t WHERE '10:30' <> ':x' AND no % 2 = 0; "
    connector = lab.connector(queries={"even": sql})
    query = Query("even", key="The Key", cursor_field="at")
    assert len(keys(connector, query)) == 10
    cursor = final_cursor(list(connector.pages(query, None)), None)
    assert len(keys(connector, query, cursor)) == 10
    assert connector.read(query, "T:4").key == "T:4"
    assert not connector.capabilities(query).update
    assert [row["@key"] for row in connector.rows("even")][:2] == ["T:0", "T:10"]


def test_a_named_query_with_two_columns_of_one_name_is_refused(lab: Lab) -> None:
    stamped(lab, 1, "2026-01-01 10:00:00")
    with pytest.raises(Refused, match="two columns one name"):
        lab.connector(queries={"q": "SELECT no, at AS no FROM t"}).check()


def test_a_broken_named_query_is_refused_by_check(lab: Lab) -> None:
    with pytest.raises(Refused):
        lab.connector(queries={"q": "SELECT FROM WHERE"}).check()


def test_lookup_rows_carry_their_key(lab: Lab) -> None:
    lab.execute("CREATE TABLE countries (code varchar(2) PRIMARY KEY, name text)")
    lab.execute("INSERT INTO countries VALUES ('DK', 'Denmark'), ('PL', 'Poland')")
    assert list(lab.connector().rows("countries")) == [
        {"code": "DK", "name": "Denmark", "@key": "DK"},
        {"code": "PL", "name": "Poland", "@key": "PL"},
    ]


def test_a_composite_key_is_refused_with_a_way_out(lab: Lab) -> None:
    lab.execute("CREATE TABLE t (a integer, b integer, PRIMARY KEY (a, b))")
    with pytest.raises(Refused, match=r"composite \(a, b\)"):
        keys(lab.connector(), Query("t"))


def test_unknown_names_are_refused_with_the_nearest(lab: Lab) -> None:
    lab.execute('CREATE TABLE "Order Lines" (no integer PRIMARY KEY, "Unit Price" integer)')
    connector = lab.connector()
    with pytest.raises(Refused, match="did you mean 'Order Lines'"):
        keys(connector, Query("OrderLines"))
    for query in (
        Query("Order Lines", fields=("Unit Prise",)),
        Query("Order Lines", cursor_field="Unit Prise"),
        Query("Order Lines", key="Unit Prise"),
        Query("Order Lines", where={"Unit Prise": 1}),
    ):
        with pytest.raises(Refused, match="did you mean 'Unit Price'"):
            keys(connector, query)


def test_a_column_added_later_is_found_after_the_first_complaint(lab: Lab) -> None:
    lab.execute("CREATE TABLE t (no integer PRIMARY KEY, old text)")
    lab.execute("INSERT INTO t VALUES (1, 'x')")
    connector = lab.connector()
    assert keys(connector, Query("t")) == ["1"]
    lab.execute("ALTER TABLE t RENAME COLUMN old TO new")
    with pytest.raises(Refused):
        keys(connector, Query("t"))
    assert keys(connector, Query("t", fields=("new",))) == ["1"]


def test_only_the_named_columns_are_asked_for(lab: Lab) -> None:
    lab.execute("CREATE TABLE t (no integer PRIMARY KEY, a text, b text)")
    lab.execute("INSERT INTO t VALUES (1, 'x', 'y')")
    assert set(lab.connector().read(Query("t", fields=("a",)), "1").raw) == {"no", "a"}


def test_another_schema_can_be_named(pg: Lab) -> None:
    pg.execute("CREATE SCHEMA sales")
    pg.execute("CREATE TABLE sales.t (no integer PRIMARY KEY)")
    pg.execute("INSERT INTO sales.t VALUES (5)")
    assert keys(pg.connector(schema="sales"), Query("t")) == ["5"]
    assert keys(pg.connector(), Query("sales.t")) == ["5"]
    with pytest.raises(Refused, match="no table 't'"):
        keys(pg.connector(), Query("t"))


def test_a_view_is_a_resource_whose_key_must_be_named(pg: Lab) -> None:
    stamped(pg, 3, "2026-01-01 10:00:00")
    pg.execute("CREATE VIEW v AS SELECT no, at FROM t")
    assert keys(pg.connector(), Query("v", key="no")) == ["0", "1", "2"]
    with pytest.raises(Refused, match="no primary key"):
        keys(pg.connector(), Query("v"))


def test_values_of_every_type_become_plain_ones(pg: Lab) -> None:
    pg.execute("CREATE TYPE mood AS ENUM ('good', 'bad')")
    pg.execute(
        "CREATE TABLE t (no uuid PRIMARY KEY, price numeric(12, 2), weight real, share double precision, ok boolean,"
        " born date, at timestamptz, local timestamp, blob bytea, doc jsonb, list text[], pause interval, noon time,"
        " feel mood, ip inet, odd numeric)"
    )
    pg.execute(
        "INSERT INTO t VALUES ('00000000-0000-0000-0000-00000000000a', 1.50, 0.1, 0.1, true, '2026-01-02',"
        " '2026-01-02 03:04:05+02', '2026-01-02 03:04:05', '\\x00ff', '{\"b\": [1, \"ż\"], \"a\": null}', '{x,y}', '1 day',"
        " '12:00', 'good', '127.0.0.1', 'NaN')"
    )
    found = pg.connector().read(Query("t"), "00000000-0000-0000-0000-00000000000a").raw
    assert found == {
        "no": "00000000-0000-0000-0000-00000000000a",
        "price": Decimal("1.50"),
        "weight": Decimal("0.1"),
        "share": Decimal("0.1"),
        "ok": True,
        "born": date(2026, 1, 2),
        "at": datetime(2026, 1, 2, 1, 4, 5, tzinfo=UTC),
        "local": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "blob": "00ff",
        "doc": '{"a": null, "b": [1, "ż"]}',
        "list": ["x", "y"],
        "pause": str(timedelta(days=1)),
        "noon": "12:00:00",
        "feel": "good",
        "ip": "127.0.0.1",
        "odd": "NaN",
    }


def test_stamps_that_no_calendar_holds_are_text_and_stop_nobody(pg: Lab) -> None:
    pg.execute("CREATE TABLE t (no integer PRIMARY KEY, a timestamp, b timestamptz, c date)")
    pg.execute("INSERT INTO t VALUES (1, 'infinity', '-infinity', 'infinity'), (2, '20000-01-01', NULL, NULL)")
    first, second = (record.raw for page in pg.connector().pages(Query("t"), None) for record in page.records)
    assert (first["a"], first["b"], first["c"]) == ("infinity", "-infinity", "infinity")
    assert str(second["a"]).startswith("20000-01-01")


def test_the_shape_tells_types_nulls_and_what_must_be_given(pg: Lab) -> None:
    pg.execute("CREATE TABLE countries (code text PRIMARY KEY)")
    pg.execute(
        "CREATE TABLE t (no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL,"
        " terms integer NOT NULL DEFAULT 14, price numeric, born date, at timestamptz, ok boolean,"
        " country text REFERENCES countries, loud text GENERATED ALWAYS AS (upper(name)) STORED)"
    )
    shape = pg.connector().shape(Query("t")).fields
    assert {name: field.type for name, field in shape.items()} == {
        "no": "integer", "name": "text", "terms": "integer", "price": "decimal", "born": "date",
        "at": "datetime", "ok": "boolean", "country": "text", "loud": "text",
    }  # fmt: skip
    assert [name for name, field in shape.items() if field.required] == ["name"]
    assert [name for name, field in shape.items() if not field.writable] == ["no", "loud"]
    assert shape["country"].reference == "countries"
    assert not shape["name"].nullable
