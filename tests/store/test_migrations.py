"""The schema goes up from nothing and from each revision before, goes down again, and is what the queries believe."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from syncd.store import migrate, migrating
from syncd.store.database import make_engine
from syncd.store.tables import metadata

REVISIONS = [script.revision for script in reversed(list(ScriptDirectory(str(migrate.scripts())).walk_revisions()))]


def objects(url: str) -> list[tuple[str, str]]:
    """Everything in the schema but Alembic's own table, with definitions."""
    engine = make_engine(url)
    statement = text(
        "SELECT c.relname, coalesce(pg_get_indexdef(c.oid), '') || coalesce((SELECT string_agg(a.attname || ' ' || "
        "format_type(a.atttypid, a.atttypmod) || ' ' || a.attnotnull, ', ' ORDER BY a.attnum) FROM pg_attribute a "
        "WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), '') FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace "
        "AND c.relname NOT LIKE 'alembic%' UNION ALL "
        "SELECT p.proname, pg_get_functiondef(p.oid) FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace "
        "ORDER BY 1, 2"
    )
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(statement)]
    finally:
        engine.dispose()


def test_an_empty_database_goes_up_and_everything_goes_down_again(pg_url: str) -> None:
    assert migrate.current(pg_url) is None
    assert migrate.status(pg_url)[0] == f"schema empty: {len(REVISIONS)} to apply"
    migrate.upgrade(pg_url)
    assert migrate.current(pg_url) == migrate.head() == REVISIONS[-1]
    assert migrate.status(pg_url) == [f"schema {migrate.head()}: up to date"]
    migrate.downgrade(pg_url, "base")
    assert migrate.current(pg_url) is None
    assert objects(pg_url) == []


def test_the_newest_revision_is_told_by_the_names_of_the_files() -> None:
    assert migrate.head() == ScriptDirectory(str(migrate.scripts())).get_current_head()


def test_a_schema_that_is_up_to_date_is_not_migrated(pg_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrating, "upgrade", lambda *_: pytest.fail("there is nothing to migrate"))
    with pytest.raises(pytest.fail.Exception):
        migrate.upgrade(pg_url)
    monkeypatch.undo()
    migrate.upgrade(pg_url)
    monkeypatch.setattr(migrating, "upgrade", lambda *_: pytest.fail("there is nothing to migrate"))
    migrate.upgrade(pg_url)


@pytest.mark.parametrize("revision", REVISIONS)
def test_each_revision_goes_up_from_the_one_before_and_back_to_exactly_that(pg_url: str, revision: str) -> None:
    before = REVISIONS[REVISIONS.index(revision) - 1] if revision != REVISIONS[0] else None
    if before is not None:
        migrate.upgrade(pg_url, before)
    left = objects(pg_url)
    migrate.upgrade(pg_url, revision)
    there = objects(pg_url)
    assert there != left
    migrate.downgrade(pg_url, before or "base")
    assert objects(pg_url) == left
    migrate.upgrade(pg_url, revision)
    assert objects(pg_url) == there


def test_upgrading_twice_changes_nothing(store_url: str) -> None:
    before = objects(store_url)
    migrate.upgrade(store_url)
    assert objects(store_url) == before


def test_several_who_upgrade_at_once_do_it_once(pg_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(migrate.upgrade, pg_url) for _ in range(4)]:
            done.result(timeout=60)
    assert migrate.current(pg_url) == migrate.head()


def test_the_tables_that_the_queries_use_are_the_ones_that_the_migrations_make(store_url: str) -> None:
    engine = make_engine(store_url)
    try:
        with engine.connect() as connection:
            # Expressions in indexes are reported, not compared; the test of their effect is elsewhere.
            # The months of the ledger are its partitions: a table for each, with the ledger's own columns.
            options = {
                "include_object": lambda _object, name, *_: (
                    name != "conflict_one_open_question" and not re.match(r"ledger_(y\d+m\d+|rest)", name or "")
                )
            }
            context = MigrationContext.configure(connection, opts={**options, "compare_server_default": True})
            assert compare_metadata(context, metadata) == []
    finally:
        engine.dispose()


def test_a_schema_from_the_future_is_named_as_such(store_url: str) -> None:
    engine = make_engine(store_url)
    try:
        with engine.begin() as connection:
            connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    finally:
        engine.dispose()
    assert "a newer version has been here" in migrate.status(store_url)[0]


def test_the_statements_in_the_guide_work(store_url: str) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "store.md").read_text()
    statements = [line.strip() for line in re.findall(r"(?m)^    (.*)$", guide)]
    engine = make_engine(store_url)
    try:
        with engine.begin() as connection:
            for statement in " ".join(statements).split(";"):
                connection.execute(text(statement)) if statement.strip() else None
    finally:
        engine.dispose()
    assert len(statements) >= 3


def test_no_extension_is_needed(store_url: str) -> None:
    engine = make_engine(store_url)
    try:
        with engine.connect() as connection:
            found = connection.execute(text("SELECT extname FROM pg_extension")).scalars().all()
    finally:
        engine.dispose()
    assert found == ["plpgsql"]
