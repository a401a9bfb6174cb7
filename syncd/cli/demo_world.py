"""The demo's world: an ERP database, a sandbox Flowtly and a configuration between them. Lives in one folder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

import psycopg
from psycopg import sql

from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.demo_erp import erp_customers
from syncd.sandbox.server import SandboxServer
from syncd.store.embedded import ensure

CUSTOMERS: Final = 320
CLIENTS: Final = 260
OVERLAP: Final = 180
DISAGREE: Final = 24
SEED: Final = 7

_TABLE: Final = """
CREATE TABLE customers (
    customer_no text PRIMARY KEY, company_name text NOT NULL, vat_no text, country_code text NOT NULL,
    currency_code text NOT NULL, stage text NOT NULL, terms integer, phone text, street_line text, building_no text,
    city text, zip text, email text, changed_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE SEQUENCE customer_number START 9000;
ALTER TABLE customers ALTER customer_no SET DEFAULT 'C' || lpad(nextval('customer_number')::text, 5, '0');
ALTER TABLE customers ALTER stage SET DEFAULT 'qualified';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.changed_at := clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION touch();
"""

_SETTINGS: Final = """\
flowtly:
  url: ${{FLOWTLY_URL}}
  login: {{username: sync@flowtly.test, password: "${{FLOWTLY_PASSWORD}}"}}
systems:
  erp: {{connector: sql, url: "${{ERP_DATABASE_URL}}"}}
store: {{url: "${{SYNCD_DATABASE_URL}}"}}
limits: {{listing_grace: 1s}}
mappings: [clients.yaml]
"""


@dataclass(frozen=True, slots=True)
class World:
    """Where everything is."""

    config: Path
    env: Mapping[str, str]
    erp_url: str
    flowtly: SandboxServer

    def in_erp(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """A person at the ERP: one statement, its rows if it has any."""
        with psycopg.connect(self.erp_url, autocommit=True) as connection:
            cursor = connection.execute(sql.SQL(statement), values)
            return cursor.fetchall() if cursor.description else []

    def in_flowtly(self, method: str, path: str, fields: dict[str, Any] | None) -> Any:
        """A person in Flowtly's own pages: one record read or edited through the sandbox's back door."""
        body = None if fields is None else json.dumps(fields).encode()
        request = Request(f"{self.flowtly.origin}/_sandbox/records/{path}", body, method=method)  # noqa: S310 - a loopback URL of ours
        with urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            return json.loads(answer.read())


@contextmanager
def world(folder: Path, mapping: str) -> Iterator[World]:
    """Build it, and take it down again."""
    with ExitStack() as closing:
        server = ensure(folder / "var")
        closing.callback(server.stop)
        erp_url = server.url("demo_erp")
        _fill_erp(erp_url)
        flowtly = closing.enter_context(SandboxServer(SandboxConfig(seed=SEED, clients=CLIENTS, envelope="plain")))
        (folder / "clients.yaml").write_text(mapping)
        config = folder / "syncd.yaml"
        config.write_text(_SETTINGS.format())
        env = {
            "FLOWTLY_URL": flowtly.url,
            "FLOWTLY_PASSWORD": "sandbox",
            "ERP_DATABASE_URL": erp_url,
            "SYNCD_DATABASE_URL": server.url("syncd"),
        }
        yield World(config, env, erp_url, flowtly)


def _fill_erp(url: str) -> None:
    rows = erp_customers(seed=SEED, count=CUSTOMERS, overlap=OVERLAP, disagree=DISAGREE)
    columns = list(rows[0])
    insert = sql.SQL("INSERT INTO customers ({}) VALUES ({})").format(
        sql.SQL(", ").join(map(sql.Identifier, columns)), sql.SQL(", ").join(sql.Placeholder() * len(columns))
    )
    with psycopg.connect(url) as connection:
        connection.execute("DROP TABLE IF EXISTS customers; DROP SEQUENCE IF EXISTS customer_number CASCADE")
        connection.execute("DROP FUNCTION IF EXISTS touch CASCADE")
        connection.execute(_TABLE)
        connection.cursor().executemany(insert, [tuple(row[name] for name in columns) for row in rows])
