"""A whole small world for engine tests: an ERP table on PostgreSQL, a sandbox Flowtly, the store, and one mapping.

Every part is real. ``World.run`` is one cycle, as the daemon would do it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psycopg

from syncd.core.model import Side
from syncd.engine.context import Options
from syncd.engine.run import Engine, Report
from syncd.ports import ConflictRow
from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.server import SandboxServer
from syncd.wiring import App, limits_of, silent

PASSWORD = "kept-secret-4711"

TABLE = """
CREATE TABLE customers (
    customer_no text PRIMARY KEY, company_name text, vat_no text, country_code text DEFAULT 'DK',
    currency_code text DEFAULT 'DKK', terms integer, city text, phone text, note text,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE SEQUENCE numbers START 5000;
ALTER TABLE customers ALTER customer_no SET DEFAULT 'N' || nextval('numbers');
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN NEW.changed_at := clock_timestamp(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION touch();
"""

SETTINGS = """
flowtly:
  url: "${FLOWTLY_URL}"
  login: {username: sync@flowtly.test, password: "${FLOWTLY_PASSWORD}"}
  timeout: 5s
  deadline: 10s
  retries: 1
systems:
  erp: {connector: sql, url: "${ERP_DATABASE_URL}", overlap: 1m}
store: {url: "${SYNCD_DATABASE_URL}"}
limits: {listing_grace: 0s, max_creates: 100, max_changes: 100}
mappings:
"""

MAPPING = """
mapping: clients
external: {resource: customers, key: customer_no, cursor: changed_at}
flowtly: {resource: clients}
match: [[vat], [name, country]]
fields:
  vat: {external: vat_no, through: vat_number}
  name: company_name
  country: {external: country_code, through: {lookup: countries, by: code}}
  currency: {external: currency_code, through: {lookup: currencies, by: code}}
  dueDays: terms
  addressCity: city
  addressPhoneNumber: phone
  status: {constant: {flowtly: active}}
  tinType: {constant: {flowtly: vat}}
"""


def plain(url: str) -> str:
    """A database URL as psycopg itself reads it."""
    return url.replace("postgresql+psycopg://", "postgresql://")


class World:
    """People at both ends, and the engine between them."""

    def __init__(self, folder: Path, erp_url: str, store_url: str, flowtly: SandboxServer) -> None:
        self.folder = folder
        self.erp_url = plain(erp_url)
        self.flowtly = flowtly
        self.config = folder / "syncd.yaml"
        self.env = {
            "FLOWTLY_URL": flowtly.url,
            "FLOWTLY_PASSWORD": PASSWORD,
            "ERP_DATABASE_URL": plain(erp_url),
            "SYNCD_DATABASE_URL": plain(store_url),
        }
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.app: App | None = None
        self.configure()

    def configure(self, mapping: str = MAPPING, settings: str = SETTINGS, **more: str) -> None:
        """Write the configuration and start over with it; the store keeps what it knows. ``more``: further mappings."""
        self.close()
        files = {"clients": mapping, **more}
        for name, text in files.items():
            (self.folder / f"{name}.yaml").write_text(text)
        listed = "".join(f"  - {name}.yaml\n" for name in files)
        self.config.write_text(f"{settings.rstrip()}\n{listed}")
        self.app = App(self.config, self.env)

    def close(self) -> None:
        """Release connections."""
        if self.app is not None:
            self.app.close()
            self.app = None

    @property
    def store(self) -> Any:
        """The mapping store."""
        assert self.app is not None
        return self.app.store

    # ------------------------------------------------------------------ syncd

    def run(
        self,
        name: str = "clients",
        *,
        write: bool = True,
        person: bool = False,
        full: bool = False,
        progress: Callable[[str, int, int | None], None] = silent,
        **options: Any,
    ) -> Report:
        """One cycle of one mapping."""
        assert self.app is not None
        mapping = self.app.mappings[name]
        engine = Engine(
            self.store,
            self.app.clock,
            limits_of(self.app.settings, mapping),
            self.note,
            progress,
            f"test-{id(self)}",
            self.app.around(),
        )
        chosen = Options("test", write=write, person=person, full=full, **options)
        return engine.run(mapping, self.app.peers(mapping), chosen, Event())

    def note(self, event: str, /, **fields: Any) -> None:
        """The engine's events."""
        self.events.append((event, fields))

    def said(self, event: str) -> list[dict[str, Any]]:
        """The fields of every event of this name."""
        return [fields for name, fields in self.events if name == event]

    def settled(self, name: str = "clients") -> Report:
        """Runs until a run has nothing to do; at most five."""
        for _ in range(5):
            report = self.run(name)
            if report.plan is not None and not report.plan.pending and report.open_operations == 0:
                return report
        raise AssertionError(f"did not settle in five runs: {self.events[-12:]}")

    def later(self) -> None:
        """Hours go by: whatever was set aside until later is due."""
        with psycopg.connect(self.env["SYNCD_DATABASE_URL"], autocommit=True) as connection:
            connection.execute("UPDATE observation SET due_at = now() WHERE due_at IS NOT NULL")

    def questions(self, kind: str | None = None, name: str = "clients") -> list[ConflictRow]:
        """Open questions."""
        rows: list[ConflictRow] = self.store.conflicts(name, open_only=True)
        return [row for row in rows if kind is None or row.kind == kind]

    def links(self, name: str = "clients") -> dict[str, str]:
        """External key to Flowtly key."""
        return {one.external_key: one.flowtly_key for one in list(self.store.links(name))}

    # ------------------------------------------------------------------ people

    def erp(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """A person at the ERP."""
        with psycopg.connect(self.erp_url, autocommit=True) as connection:
            cursor = connection.execute(statement, values)  # type: ignore[arg-type]
            return cursor.fetchall() if cursor.description else []

    def erp_store(self, statement: str) -> list[tuple[Any, ...]]:
        """A look into the mapping store's own tables."""
        with psycopg.connect(self.env["SYNCD_DATABASE_URL"], autocommit=True) as connection:
            return connection.execute(statement).fetchall()  # type: ignore[arg-type]

    def customer(self, key: str, **fields: Any) -> None:
        """A person adds a customer."""
        columns = {"customer_no": key, **fields}
        names, marks = ", ".join(columns), ", ".join(["%s"] * len(columns))
        self.erp(f"INSERT INTO customers ({names}) VALUES ({marks})", *columns.values())

    def customers(self) -> dict[str, dict[str, Any]]:
        """All customers by number."""
        names = "customer_no, company_name, vat_no, country_code, currency_code, terms, city, phone"
        rows = self.erp(f"SELECT {names} FROM customers")
        return {row[0]: dict(zip(names.split(", "), row, strict=True)) for row in rows}

    def in_flowtly(self, method: str, path: str, fields: Any = None) -> Any:
        """A person in Flowtly's pages, through the sandbox's back door."""
        body = None if fields is None else json.dumps(fields).encode()
        request = Request(f"{self.flowtly.origin}/_sandbox/records/{path}", body, method=method)
        try:
            with urlopen(request, timeout=30) as answer:
                text = answer.read()
        except HTTPError as error:
            raise AssertionError(error.read().decode()) from error
        return json.loads(text) if text else None

    def client(self, **fields: Any) -> str:
        """A person adds a client; its IRI."""
        made = self.in_flowtly(
            "POST",
            "clients",
            {"country": "DK", "currency": "DKK", "tinType": "vat", "status": "active", **fields},
        )
        return f"/api/clients/{made['id']}"

    def edit(self, iri: str, **fields: Any) -> None:
        """A person edits a client."""
        self.in_flowtly("PATCH", f"clients/{iri.rpartition('/')[2]}", fields)

    def clients(self) -> dict[str, dict[str, Any]]:
        """All clients by IRI."""
        return {f"/api/clients/{one['id']}": one for one in self.in_flowtly("GET", "clients")}

    def named(self, name: str) -> list[str]:
        """IRIs of the clients with this name."""
        return [iri for iri, one in self.clients().items() if one["name"] == name]

    def writes(self) -> int:
        """Writes that Flowtly was asked for."""
        return sum(
            count
            for route, count in self.flowtly.requests.items()
            if route.split()[0] in {"POST", "PATCH"} and "login" not in route
        )

    def diverged(self) -> list[tuple[str, str, Any, Any]]:
        """Mapped plain fields of linked records that differ between the peers' own data."""
        customers, clients = self.customers(), self.clients()
        pairs = (
            ("company_name", "name"),
            ("terms", "dueDays"),
            ("city", "addressCity"),
            ("phone", "addressPhoneNumber"),
        )
        return [
            (key, field, customers[key][column], clients[iri].get(field))
            for key, iri in self.links().items()
            for column, field in pairs
            if customers[key][column] != clients[iri].get(field)
        ]


@contextmanager
def built(folder: Path, erp_url: str, store_url: str, **config: Any) -> Iterator[World]:
    """A world with an empty ERP and an empty Flowtly."""
    with psycopg.connect(plain(erp_url)) as connection:
        connection.execute(TABLE)
    with SandboxServer(SandboxConfig(empty=True, password=PASSWORD, **config)) as flowtly:
        world = World(folder, erp_url, store_url, flowtly)
        try:
            yield world
        finally:
            world.close()


SIDES = tuple(Side)
