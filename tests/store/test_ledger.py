"""The ledger: append-only whatever is tried, split by month, an edit entered once, sensitive values as hashes only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from syncd.core.model import Side
from syncd.ports import LedgerEntry, Retention, Settlement
from syncd.store import migrate
from syncd.store.database import make_engine
from syncd.store.history import Month
from syncd.store.postgres import PostgresStore
from tests.store.kit import EXTERNAL, FLOWTLY, MAPPING, NOW, Kit, iri

YEAR = timedelta(days=365)
KEEP = Retention(YEAR, YEAR, YEAR, YEAR, YEAR)


def execute(kit: Kit, *statements: str) -> None:
    """Statements by a person with full rights, in one transaction."""
    with kit.store.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def enter(kit: Kit, *entries: LedgerEntry) -> None:
    """Entries of a settlement."""
    kit.settle(Settlement("a", iri("a"), ledger=entries))


def edit(before: str, after: str, seen_at: datetime = NOW) -> LedgerEntry:
    """An edit as it was seen."""
    return LedgerEntry("seen", "a", iri("a"), EXTERNAL, "tin", before, after, "edit", seen_at=seen_at)


def aged(kit: Kit, table: str, column: str, days: int) -> None:
    """Everything in a table happened so many days ago."""
    execute(kit, f"UPDATE {table} SET {column} = {column} - interval '{days} days'")


# ---------------------------------------------------------------- append only


@pytest.mark.parametrize("where", ["ledger", "partition"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET rule = 'x'", "DELETE FROM {}"])
def test_no_row_is_changed_or_removed_also_not_in_its_partition(kit: Kit, where: str, statement: str) -> None:
    enter(kit, LedgerEntry("linked", "a", iri("a")))
    table = "ledger" if where == "ledger" else kit.scalar("SELECT tableoid::regclass::text FROM ledger")
    with pytest.raises(DBAPIError, match="append-only"):
        execute(kit, statement.format(table))
    assert kit.scalar("SELECT count(*) FROM ledger WHERE rule = ''") == 1


def test_the_ledger_is_not_emptied(kit: Kit) -> None:
    enter(kit, LedgerEntry("linked", "a", iri("a")))
    with pytest.raises(DBAPIError, match="append-only"):
        execute(kit, "TRUNCATE ledger")


def test_a_month_that_is_made_later_is_append_only_too(kit: Kit) -> None:
    execute(kit, "INSERT INTO ledger (at, mapping, event, rule) VALUES ('2020-02-10', 'clients', 'linked', '')")
    kit.store.make_months()
    for table in ("ledger_y2020m02", "ledger"):
        with pytest.raises(DBAPIError, match="append-only"):
            execute(kit, f"DELETE FROM {table} WHERE at < '2021-01-01'")


def test_an_entry_is_removed_on_request_by_the_owner_as_the_guide_says(kit: Kit) -> None:
    enter(kit, LedgerEntry("patched", "a", iri("a"), FLOWTLY, "tin", "1", "2"))
    execute(
        kit,
        "ALTER TABLE ledger DISABLE TRIGGER ledger_is_append_only",
        "UPDATE ledger SET before = NULL, after = NULL",
        "ALTER TABLE ledger ENABLE TRIGGER ledger_is_append_only",
    )
    assert kit.scalar("SELECT count(*) FROM ledger WHERE after IS NULL") == 1
    with pytest.raises(DBAPIError, match="append-only"):
        execute(kit, "DELETE FROM ledger")


# ---------------------------------------------------------------- months


def test_an_entry_goes_into_its_month(kit: Kit) -> None:
    enter(kit, LedgerEntry("linked", "a", iri("a")))
    month = Month.of(kit.scalar("SELECT at FROM ledger"))
    assert kit.scalar("SELECT tableoid::regclass::text FROM ledger") == month.partition


def test_months_are_made_ahead_once(kit: Kit) -> None:
    now = Month.of(kit.scalar("SELECT now()"))
    execute(kit, *(f"DROP TABLE {now.after(one).partition}" for one in (1, 2)))
    assert kit.store.make_months() == 2
    assert kit.store.make_months() == 0
    assert kit.scalar("SELECT to_regclass(:name)::text", name=now.after(2).partition) is not None


def test_an_entry_without_a_month_is_taken_and_moved_later(kit: Kit) -> None:
    now = Month.of(kit.scalar("SELECT now()"))
    execute(kit, *(f"DROP TABLE {now.after(one).partition}" for one in range(3)))
    enter(kit, LedgerEntry("linked", "a", iri("a"), rule="first"))
    assert kit.scalar("SELECT tableoid::regclass::text FROM ledger") == "ledger_rest"
    before = kit.rows("SELECT * FROM ledger ORDER BY id")
    assert kit.store.make_months() == 3
    assert kit.rows("SELECT * FROM ledger ORDER BY id") == before
    assert kit.scalar("SELECT tableoid::regclass::text FROM ledger") == now.partition
    assert kit.scalar("SELECT count(*) FROM ledger_rest") == 0
    enter(kit, LedgerEntry("linked", "a", iri("a"), rule="second"))
    assert [entry.rule for _, _, entry in kit.store.history(MAPPING, "a", None)] == ["first", "second"]


def test_whole_months_are_dropped_and_no_other(kit: Kit) -> None:
    at = ["2020-01-31 23:59:59+00", "2020-02-01 00:00:00+00"]
    execute(kit, *(f"INSERT INTO ledger (at, mapping, event, rule) VALUES ('{one}', 'x', 'linked', '')" for one in at))
    kit.store.make_months()
    age = kit.scalar("SELECT now()") - datetime(2020, 2, 1, tzinfo=UTC)
    keep = Retention(age, YEAR, YEAR, YEAR, YEAR)
    assert kit.store.sweep_history(keep)["months_dropped"] == 1
    assert [row[0].isoformat() for row in kit.rows("SELECT at FROM ledger")] == ["2020-02-01T00:00:00+00:00"]
    assert kit.store.sweep_history(keep)["months_dropped"] == 0


def test_two_who_make_months_at_once_make_each_once(kit: Kit, store_url: str) -> None:
    from concurrent.futures import ThreadPoolExecutor

    now = Month.of(kit.scalar("SELECT now()"))
    execute(kit, *(f"DROP TABLE {now.after(one).partition}" for one in (1, 2)))
    with PostgresStore(store_url) as other, ThreadPoolExecutor(4) as pool:
        made = [pool.submit(store.make_months) for store in (kit.store, other, kit.store, other)]
        assert sorted(one.result(timeout=60) for one in made) == [0, 0, 0, 2]


def test_the_migration_keeps_every_row_and_number_both_ways(pg_url: str) -> None:
    migrate.upgrade(pg_url, "0004")
    engine = make_engine(pg_url)
    insert = "INSERT INTO ledger (at, mapping, event, rule, before) VALUES (:at, 'x', 'linked', 'r', '\"v\"')"
    chosen = "SELECT id, at, mapping, event, rule, before FROM ledger ORDER BY id"
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT setval('ledger_id_seq', 40)"))
            for at in ("2019-11-30 23:59:59+00", "2019-12-01 00:00:00+00", "2031-01-01 00:00:00+00"):
                connection.execute(text(insert), {"at": at})
            before = connection.execute(text(chosen)).all()
        assert [row.id for row in before] == [41, 42, 43]
        for step, number in ((migrate.upgrade, 44), (lambda url: migrate.downgrade(url, "0004"), 45)):
            step(pg_url)
            with engine.begin() as connection:
                assert connection.execute(text(chosen)).all()[: len(before)] == before
                new = connection.execute(text(f"{insert} RETURNING id"), {"at": "2019-12-24"}).scalar_one()
                assert new == number, "numbers go on where they were"
    finally:
        engine.dispose()


# ---------------------------------------------------------------- an edit is entered once


def test_an_edit_that_stays_pending_is_entered_once(kit: Kit) -> None:
    for after, seen_at in (("2", NOW), ("2", NOW), ("3", NOW), ("2", NOW), ("2", NOW + timedelta(hours=1))):
        enter(kit, edit("1", after, seen_at))
    assert [entry.after for _, _, entry in kit.store.history(MAPPING, "a", None)] == ["2", "3", "2", "2"]


def test_the_same_edit_of_another_record_field_or_side_is_another_one(kit: Kit) -> None:
    one = edit("1", "2")
    enter(kit, one, LedgerEntry(**{**_fields(one), "field": "name"}), LedgerEntry(**{**_fields(one), "side": FLOWTLY}))
    kit.settle(Settlement("b", iri("b"), ledger=(LedgerEntry(**{**_fields(one), "external_key": "b"}),)))
    assert kit.scalar("SELECT count(*) FROM ledger") == 4


def _fields(entry: LedgerEntry) -> dict[str, object]:
    return {name: getattr(entry, name) for name in LedgerEntry.__dataclass_fields__}


# ---------------------------------------------------------------- sensitive fields


def test_a_sensitive_value_is_nowhere_in_the_ledger_and_equal_ones_stay_equal(kit: Kit) -> None:
    kit.store.protect({MAPPING: frozenset({"tin"})})
    enter(
        kit,
        edit("secret-one", "secret-two"),
        LedgerEntry("patched", "a", iri("a"), FLOWTLY, "tin", None, "secret-two"),
        LedgerEntry("patched", "a", iri("a"), FLOWTLY, "name", "secret-two", "open"),
    )
    seen, patched, name = (entry for _, _, entry in kit.store.history(MAPPING, "a", None))
    assert seen.after == patched.after
    assert seen.before not in {seen.after, None}
    assert (seen.hidden, patched.hidden, patched.before) == (True, True, None)
    assert (name.hidden, name.before) == (False, "secret-two")
    raw = kit.scalar("SELECT string_agg(concat_ws(' ', before, after, rule), ' ') FROM ledger WHERE field = 'tin'")
    assert "secret" not in raw


def test_a_pending_sensitive_edit_is_entered_once_too(kit: Kit) -> None:
    kit.store.protect({MAPPING: frozenset({"tin"})})
    for _ in range(2):
        enter(kit, edit("1", "2"))
    assert kit.scalar("SELECT count(*) FROM ledger") == 1


def test_the_salt_is_made_once_and_another_installation_has_another(kit: Kit, pg_url: str) -> None:
    salt = kit.scalar("SELECT salt FROM ledger_salt")
    assert len(salt) >= 16
    migrate.upgrade(pg_url)
    engine = make_engine(pg_url)
    try:
        with engine.connect() as connection:
            other = connection.execute(text("SELECT salt FROM ledger_salt")).scalar_one()
    finally:
        engine.dispose()
    assert other != salt


def test_a_field_is_sensitive_in_the_mapping_that_says_so(kit: Kit) -> None:
    kit.store.protect({"contacts": frozenset({"tin"})})
    enter(kit, edit("1", "2"))
    (found,) = kit.store.history(MAPPING, "a", None)
    assert (found[2].hidden, found[2].after, found[2].side) == (False, "2", Side.EXTERNAL)
