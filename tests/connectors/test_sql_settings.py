"""Settings of the SQL connector, its cursor arithmetic, and databases whose INSERT answers with nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from syncd.connectors.sql.connector import SqlConnector
from syncd.connectors.sql.cursors import Reach, begin, ceiling, earlier, later, parse, spell
from syncd.connectors.sql.settings import SqlSettings
from syncd.errors import Denied, Later, Refused
from syncd.ports import Query
from tests.connectors.contract import RealClock

SECRET = "correct-horse-battery"
REACH = Reach(timedelta(minutes=5), 10, ZoneInfo("UTC"))
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("postgresql://u@127.0.0.1/erp", "postgresql+psycopg"),
        ("postgres://u@127.0.0.1/erp", "postgresql+psycopg"),
        ("postgresql+psycopg://u@127.0.0.1/erp", "postgresql+psycopg"),
        ("sqlite:///erp.db", "sqlite"),
    ],
)
def test_a_postgresql_url_uses_psycopg_3(url: str, driver: str) -> None:
    assert SqlSettings.model_validate({"url": url}).database_url().drivername == driver


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"url": f"not a url {SECRET}"}, "url"),
        ({"timezone": "Europe/Atlantis"}, "timezone"),
        ({"timezone": "../etc"}, "timezone"),
        ({"page_size": 0}, "page_size"),
        ({"page_size": "500"}, "page_size"),
        ({"overlap": 5}, "overlap"),
        ({"overlap": "5 parsecs"}, "overlap"),
        ({"overlap_versions": -1}, "overlap_versions"),
        ({"statement_timeout": "0s"}, "statement_timeout"),
        ({"queries": {"q": 5}}, "queries"),
        ({"read_only": "no"}, "read_only"),
        ({"schemas": "x"}, "schemas"),
    ],
)
def test_a_wrong_setting_is_named_without_its_value(settings: dict[str, Any], word: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SqlSettings.model_validate({"url": "sqlite:///erp.db", **settings})
    assert {problem["loc"][0] for problem in caught.value.errors()} == {word}
    assert SECRET not in str(caught.value)


def test_the_password_is_in_no_text(tmp_path: Path) -> None:
    settings = SqlSettings.model_validate({"url": f"postgresql://erp:{SECRET}@127.0.0.1:9/erp"})
    connector = SqlConnector.from_settings("erp", settings, RealClock())
    with pytest.raises(Later) as caught:
        connector.check()
    connector.close()
    assert SECRET not in repr(settings) + str(settings) + repr(connector) + str(caught.value)
    assert str(caught.value).startswith("erp: ")


def test_a_database_without_its_driver_is_told_at_once() -> None:
    with pytest.raises(Denied, match="no driver is installed"):
        SqlConnector("erp", SqlSettings.model_validate({"url": "oracle+nodriver://u@127.0.0.1/erp"}))


def test_a_database_that_answers_an_insert_with_nothing_still_tells_the_key(tmp_path: Path) -> None:
    path = tmp_path / "erp.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE t (no integer PRIMARY KEY, name text)")
        database.execute("CREATE TABLE named (no text PRIMARY KEY, name text)")
    erp = SqlConnector("erp", SqlSettings.model_validate({"url": f"sqlite:///{path}"}))
    try:
        erp._database._engine.dialect.insert_returning = False
        assert erp.create(Query("t"), {"name": "A"}).key == "1"
        assert erp.create(Query("t"), {"name": "B"}).raw == {"no": 2, "name": "B"}
        assert erp.create(Query("named"), {"no": "C1", "name": "B"}).key == "C1"
        with pytest.raises(Refused, match="does not tell"):
            erp.create(Query("named", options={"key_default": "'C' || 2"}), {"name": "B"})
        assert [record.key for page in erp.pages(Query("named"), None) for record in page.records] == ["C1"]
    finally:
        erp.close()


def test_a_missing_sqlite_file_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "erp.db"
    erp = SqlConnector("erp", SqlSettings.model_validate({"url": f"sqlite:///{path}"}))
    with pytest.raises(Later, match="no database file"):
        erp.check()
    erp.close()
    assert not path.exists()


def test_check_tells_the_kind_of_database_and_the_access(tmp_path: Path) -> None:
    path = tmp_path / "erp.db"
    path.touch()
    erp = SqlConnector("erp", SqlSettings.model_validate({"url": f"sqlite:///{path}", "read_only": True}))
    assert erp.check() == f"sqlite {sqlite3.sqlite_version}, read only"
    assert erp.requests >= 1
    erp.close()


def moment(*parts: int) -> datetime:
    """A time without a zone, as databases keep them."""
    return datetime(*parts, tzinfo=UTC).replace(tzinfo=None)


naive = st.datetimes(moment(1990, 1, 1), moment(2090, 1, 1))
stamps = st.one_of(
    naive,
    naive.map(lambda stamp: stamp.replace(tzinfo=UTC)),
    naive.map(datetime.date),
    st.integers(0, 1 << 60),
    st.decimals(0, 1 << 60, places=0),
    naive.map(lambda stamp: stamp.isoformat(" ")),
)


@given(stamps)
def test_a_cursor_is_read_back_as_it_was_spelled(stamp: Any) -> None:
    again = parse(spell(stamp), stamp)
    assert again == stamp
    assert type(again) is type(stamp)


@given(stamps)
def test_an_incremental_read_begins_before_its_cursor(stamp: Any) -> None:
    start = begin(stamp, stamp, REACH)
    assert earlier(start, stamp) == start
    assert start != stamp
    assert later(start, stamp) == stamp


@given(stamps)
def test_a_ceiling_is_never_above_the_newest_stamp(stamp: Any) -> None:
    top = ceiling(stamp, NOW, ZoneInfo("Europe/Warsaw"))
    assert earlier(top, stamp) == top


@pytest.mark.parametrize(
    ("newest", "top"),
    [
        (moment(2999, 1, 1), moment(2026, 6, 1, 14)),
        (datetime(2999, 1, 1, tzinfo=UTC), NOW),
        (date(2999, 1, 1), date(2026, 6, 1)),
        ("2999-01-01 00:00:00", "2026-06-01 14:00:00"),
        (moment(2026, 6, 2, 13), moment(2026, 6, 2, 13)),
        (1 << 60, 1 << 60),
        ("zzz", "zzz"),
    ],
)
def test_a_stamp_days_ahead_of_the_database_holds_the_cursor(newest: Any, top: Any) -> None:
    assert ceiling(newest, NOW, ZoneInfo("Europe/Warsaw")) == top
    assert ceiling(newest, NOW.replace(tzinfo=None), ZoneInfo("Europe/Warsaw")) == top


@pytest.mark.parametrize(
    ("text", "newest"),
    [
        ("yesterday", NOW),
        ("2026-06-01", 5),
        ("2026-06-01T12:00:00", NOW),
        ("2026-06-01T12:00:00+00:00", NOW.replace(tzinfo=None)),
        ("x", Decimal(5)),
        ("1e999999999999", 5),
        ("NaN", 5),
        ("NaN", Decimal(5)),
        ("5", date(2026, 1, 1)),
    ],
)
def test_a_cursor_that_does_not_fit_the_column_is_none(text: str, newest: Any) -> None:
    assert parse(text, newest) is None
