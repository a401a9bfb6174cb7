"""The connector contract for the SQL connector, on SQLite files and on a real PostgreSQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from syncd.connectors.sql.connector import SqlConnector
from syncd.ports import Query
from tests.connectors.contract import Peer, WriteContract

SECRET = "wrong-horse-battery"

SQLITE = """
CREATE TABLE customers (
  customer_no TEXT PRIMARY KEY,
  company_name TEXT,
  city TEXT,
  terms INTEGER,
  changed_at DATETIME NOT NULL DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now'))
);
CREATE TRIGGER customers_touch AFTER UPDATE ON customers BEGIN
  UPDATE customers SET changed_at = max(strftime('%Y-%m-%d %H:%M:%f', 'now'), strftime('%Y-%m-%d %H:%M:%f', OLD.changed_at, '+0.001 seconds'))
  WHERE customer_no = NEW.customer_no;
END;
"""

POSTGRES = """
CREATE TABLE "Customers" (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  "Company Name" varchar,
  "order" text,
  terms integer NOT NULL DEFAULT 14,
  changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.changed_at := clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON "Customers" FOR EACH ROW EXECUTE FUNCTION touch();
"""


def connector(url: str, **settings: Any) -> SqlConnector:
    chosen = SqlConnector.Settings.model_validate({"url": url, "page_size": 7, **settings})
    return SqlConnector("erp", chosen)


def close_database(url: str, name: str) -> None:
    """Let nobody in any more, and throw out who is in."""
    with psycopg.connect(url, dbname="postgres", autocommit=True) as other:
        other.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


class TestSqlite(WriteContract):
    @pytest.fixture
    def peer(self, tmp_path: Path) -> Iterator[Peer]:
        path = tmp_path / "erp.db"
        with closing(sqlite3.connect(path)) as database:
            database.executescript(SQLITE)

        def seed(rows: Sequence[Mapping[str, Any]]) -> list[str]:
            with closing(sqlite3.connect(path)) as database, database:
                for row in rows:
                    database.execute(
                        "INSERT INTO customers (customer_no, company_name, city) VALUES (?, ?, ?)", [*row.values()]
                    )
            return [row["customer_no"] for row in rows]

        def edit(key: str, fields: Mapping[str, Any]) -> None:
            with closing(sqlite3.connect(path)) as database, database:
                for name, value in fields.items():
                    database.execute(f"UPDATE customers SET {name} = ? WHERE customer_no = ?", [value, key])

        under_test = connector(f"sqlite:///{path}")
        yield Peer(
            connector=under_test,
            query=Query("customers", key="customer_no", cursor_field="changed_at"),
            text="company_name",
            other="city",
            sample=lambda n: {"customer_no": f"C{n:05}", "company_name": f"Company {n}", "city": f"City {n}"},
            seed=seed,
            edit=edit,
            cut=lambda: path.rename(tmp_path / "gone.db") and None,
            unreachable=lambda: connector(f"sqlite:///{tmp_path}/nowhere.db"),
        )
        under_test.close()


class TestPostgres(WriteContract):
    @pytest.fixture
    def peer(self, pg_url: str) -> Iterator[Peer]:
        pg_url = pg_url.replace("+psycopg", "")
        names = {"Company Name": "Company Name", "order": "order"}
        with psycopg.connect(pg_url, autocommit=True) as admin:
            admin.execute(POSTGRES)

            def seed(rows: Sequence[Mapping[str, Any]]) -> list[str]:
                insert = sql.SQL('INSERT INTO "Customers" ("Company Name", "order") VALUES (%s, %s) RETURNING id')
                with admin.transaction():
                    return [str(admin.execute(insert, [row[name] for name in names]).fetchone()[0]) for row in rows]

            def edit(key: str, fields: Mapping[str, Any]) -> None:
                for name, value in fields.items():
                    update = sql.SQL('UPDATE "Customers" SET {} = %s WHERE id = %s').format(sql.Identifier(name))
                    admin.execute(update, [value, int(key)])

            def cut() -> None:
                close_database(pg_url, admin.info.dbname)

            under_test = connector(pg_url)
            yield Peer(
                connector=under_test,
                query=Query("Customers", key="id", cursor_field="changed_at"),
                text="Company Name",
                other="order",
                sample=lambda n: {"Company Name": f"Company {n}", "order": f"Order {n}"},
                seed=seed,
                edit=edit,
                cut=cut,
                secrets=(SECRET,),
                denied=lambda: connector(_with_user(pg_url)),
                unreachable=lambda: connector(f"postgresql://erp:{SECRET}@127.0.0.1:9/erp"),
            )
            under_test.close()


def _with_user(url: str) -> str:
    """The same database as a role that does not exist, with a password."""
    scheme, _, rest = url.partition("://")
    place = rest.partition("@")[2] if "@" in rest else rest
    return f"{scheme}://nobody_at_all:{SECRET}@{place}"
