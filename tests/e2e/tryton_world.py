"""A real Tryton on PostgreSQL, a sandbox Flowtly, the shipped Tryton example between them, and an invented cast.

Both peers are read here through their own interfaces and translated by hand: nothing of the product helps to judge it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any

import httpx
import psycopg
import pytest

from syncd.core.model import Side
from syncd.engine.context import Options
from syncd.engine.run import Engine, Report
from syncd.ports import ConflictRow, Observation
from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.server import SandboxServer
from syncd.wiring import App, limits_of, silent
from tests.e2e.tryton_cast import (
    FIELDS,
    ONLY_FLOWTLY,
    ONLY_TRYTON,
    SHARED,
    Facts,
    in_flowtly_at_first,
    in_tryton_at_first,
)
from tests.support.commands import run_command
from tests.support.postgres import PostgresServer, conninfo
from tests.support.tryton_server import TrytonServer, TrytonTrouble, environment, tryton_server

MAPPING = "tryton-clients"
TOKEN = "static-token-of-a-sandbox"
_NO_INDEX = ("connection broken by", "Failed to establish a new connection", "Temporary failure in name resolution")
"""What pip says where it cannot reach its index."""
ANY_STATE = ["active", "in", [True, False]]
TABLES = ("party_party", "party_address", "party_identifier", "party_contact_mechanism")
STAMPS = ("id", "create_date", "write_date")


@dataclass
class World:
    """People at both ends, and the engine between them."""

    folder: Path
    erp: TrytonServer
    erp_url: str
    flowtly: SandboxServer
    env: dict[str, str]
    client: httpx.Client
    countries: dict[str, int]
    """Tryton's ids by code."""
    apart: set[str] = field(default_factory=set)
    """Linked parties that are known to differ from their clients."""
    alone: set[str] = field(default_factory=set)
    """Parties that are known to have no client."""
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    app: App | None = None

    # -------------------------------------------------------------- the product

    @property
    def config(self) -> Path:
        """The configuration that ``syncd init`` wrote."""
        return self.folder / "syncd.yaml"

    def syncd(self, *arguments: str, code: int = 0) -> str:
        """One command of an administrator; its standard output."""
        done = run_command(arguments, {**os.environ, **self.env}, self.folder)
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    @property
    def opened(self) -> App:
        """The configuration, opened once."""
        if self.app is None:
            self.app = App(self.config, self.env)
        return self.app

    def close(self) -> None:
        """Release connections."""
        self.client.close()
        if self.app is not None:
            self.app.close()
            self.app = None

    def run(self, name: str = MAPPING, *, full: bool = False, person: bool = False) -> Report:
        """One cycle of a mapping, as the daemon does it, or as a person does who approves it."""
        app = self.opened
        mapping = app.mappings[name]
        limits = limits_of(app.settings, mapping)
        engine = Engine(app.store, app.clock, limits, self._note, silent, f"test-{id(self)}")
        report = engine.run(mapping, app.peers(mapping), Options("test", write=True, full=full, person=person), Event())
        assert report.outcome == "done", (report.outcome, report.reasons, self.events[-5:])
        return report

    def settled(self, *names: str) -> None:
        """Runs of these mappings, in this order, until none has anything to do; at most five of each."""
        for _ in range(5):
            reports = [self.run(name) for name in names or (MAPPING,)]
            if all(one.plan is not None and not one.plan.pending and one.open_operations == 0 for one in reports):
                return
        raise AssertionError(f"did not settle in five runs: {self.events[-12:]}")

    def _note(self, event: str, /, **fields: Any) -> None:
        self.events.append((event, fields))

    def said(self, event: str) -> list[dict[str, Any]]:
        """The fields of every event of this name."""
        return [fields for name, fields in self.events if name == event]

    def links(self, mapping: str = MAPPING) -> dict[str, str]:
        """Party id to the IRI of what is linked with it: a client, unless another mapping is asked for."""
        return {one.external_key: one.flowtly_key for one in list(self.opened.store.links(mapping))}

    def questions(self, mapping: str = MAPPING) -> list[ConflictRow]:
        """Open questions."""
        return self.opened.store.conflicts(mapping, open_only=True)

    def pending(self, side: Side, key: str, mapping: str = MAPPING) -> Observation | None:
        """What is pending of a record."""
        return self.opened.store.observation(mapping, side, key)

    # -------------------------------------------------------------- people in Tryton

    def add_parties(self, companies: list[Facts], using: TrytonServer | None = None) -> list[str]:
        """A person imports companies, in one transaction; their ids."""
        made = (using or self.erp).parties([self._party(one) for one in companies])
        return [str(party) for party in made]

    def _party(self, known: Facts) -> dict[str, Any]:
        address = {
            "street": known["addressStreetLine"],
            "postal_code": known["addressPostCode"],
            "city": known["addressCity"],
            "country": self.countries[str(known["country"])],
        }
        values: dict[str, Any] = {"name": known["name"], "addresses": [["create", [address]]]}
        if known["vatNumber"]:
            values["identifiers"] = [["create", [{"type": "eu_vat", "code": known["vatNumber"]}]]]
        contacts = {"phone": known["addressPhoneNumber"], "email": known.get("email")}
        if any(contacts.values()):
            made = [{"type": kind, "value": value} for kind, value in contacts.items() if value]
            values["contact_mechanisms"] = [["create", made]]
        return values

    def write_party(self, key: str, **values: Any) -> None:
        """A person edits the party itself."""
        self.erp.rpc("model.party.party.write", [int(key)], values)

    def write_child(self, model: str, key: str, **values: Any) -> None:
        """A person edits the first address, identifier or contact of a party, and not the party."""
        self._write_first(model, [["party", "=", int(key)]], values)

    def write_contact(self, key: str, kind: str, **values: Any) -> None:
        """A person edits the first phone or mail address of a party."""
        self._write_first("contact_mechanism", [["party", "=", int(key)], ["type", "=", kind]], values)

    def add_contact(self, key: str, kind: str, value: str) -> None:
        """A person adds a phone or a mail address to a party."""
        self.erp.rpc("model.party.contact_mechanism.create", [{"party": int(key), "type": kind, "value": value}])

    def _write_first(self, model: str, domain: list[Any], values: dict[str, Any]) -> None:
        (child,) = self.erp.rpc(f"model.party.{model}.search", domain, 0, 1, [["id", "ASC"]])
        self.erp.rpc(f"model.party.{model}.write", [child], values)

    def raw_parties(self) -> dict[str, dict[str, Any]]:
        """Every party with its children and all their stamps, as Tryton tells them."""
        fields = [
            *("name", "active", "replaced_by", *STAMPS),
            *(f"addresses.{name}" for name in ("street", "postal_code", "city", "country.code", *STAMPS)),
            *(f"identifiers.{name}" for name in ("type", "code", *STAMPS)),
            *(f"contact_mechanisms.{name}" for name in ("type", "value", *STAMPS)),
        ]
        rows = self.erp.rpc("model.party.party.search_read", [ANY_STATE], 0, None, [["id", "ASC"]], fields)
        return {str(row["id"]): row for row in rows}

    def parties(self) -> dict[str, Facts]:
        """Every party by id."""
        return {key: _party_facts(row) for key, row in self.raw_parties().items()}

    def erp_sql(self) -> psycopg.Connection[Any]:
        """A connection to Tryton's own database."""
        return psycopg.connect(self.erp_url)

    # -------------------------------------------------------------- people in Flowtly

    def in_flowtly(self, method: str, path: str, fields: Any = None) -> Any:
        """A person in Flowtly's pages, through the sandbox's back door."""
        answer = self.client.request(method, f"{self.flowtly.origin}/_sandbox/records/{path}", json=fields)
        assert answer.is_success, answer.text
        return answer.json()

    def add_client(self, known: Facts) -> str:
        """A person adds a client; its IRI."""
        vat = known["vatNumber"]
        fields = {name: known[name] for name in FIELDS if name != "vatNumber"}
        number = {"tinCountry": vat[:2], "tin": vat[2:]} if vat else {}
        made = self.in_flowtly("POST", "clients", {**fields, **number, "currency": "EUR", "tinType": "vat"})
        return str(made["@id"])

    def edit_client(self, iri: str, **fields: Any) -> None:
        """A person edits a client."""
        self.in_flowtly("PATCH", f"clients/{iri.rpartition('/')[2]}", fields)

    def clients(self) -> dict[str, Facts]:
        """Every client by IRI, read page by page from Flowtly's API."""
        codes = {row["@id"]: row["code"] for row in self._listed("countries")}
        return {row["@id"]: _client_facts(row, codes) for row in self._listed("clients")}

    def _listed(self, path: str) -> Iterator[dict[str, Any]]:
        for page in range(1, 100):
            query = {"page": page, "itemsPerPage": 100}
            headers = {"Accept": "application/ld+json", "Authorization": f"Bearer {TOKEN}"}
            answer = self.client.get(f"{self.flowtly.url}/{path}", params=query, headers=headers).json()
            yield from answer["member"]
            if page * 100 >= answer["totalItems"]:
                return

    def flowtly_writes(self) -> dict[str, int]:
        """Everything but reading that Flowtly's API was asked for."""
        return {route: count for route, count in self.flowtly.requests.items() if not route.startswith("GET ")}

    # -------------------------------------------------------------- the judgement

    def differences(self) -> list[tuple[str, str, str | None, str | None]]:
        """Mapped fields of linked records that differ without an open question about them."""
        parties, clients = self.parties(), self.clients()
        asked = {(row.external_key, row.field) for row in self.questions()}
        return [
            (key, name, parties[key][name], clients[iri][name])
            for key, iri in self.links().items()
            for name in FIELDS
            if parties[key][name] != clients[iri][name] and (key, name) not in asked
        ]

    def strangers(self) -> tuple[set[str], set[str]]:
        """Parties and clients that no link ties."""
        links = self.links()
        return set(self.parties()) - set(links), set(self.clients()) - set(links.values())

    def duplicates(self) -> list[str]:
        """VAT numbers and names that one side has more than once, and records that are linked twice."""
        twice: list[str] = []
        for side in (self.parties(), self.clients()):
            for name in ("vatNumber", "name"):
                counted = Counter(one[name] for one in side.values())
                twice += [str(value) for value, count in counted.items() if value is not None and count > 1]
        counted_iris = Counter(self.links().values())
        return twice + [iri for iri, count in counted_iris.items() if count > 1]

    def assert_converged(self) -> None:
        """Full dumps of both sides: linked one to one, equal in every mapped field but for open questions."""
        differences = self.differences()
        assert [one for one in differences if one[0] not in self.apart] == []
        assert {one[0] for one in differences} == self.apart
        assert self.strangers() == (self.alone, set())
        assert self.duplicates() == []


def _party_facts(row: dict[str, Any]) -> Facts:
    address: dict[str, Any] = next(iter(row["addresses."]), {})
    country = address.get("country.")
    return {
        "name": row["name"],
        "vatNumber": next((item["code"] for item in row["identifiers."] if item["type"] == "eu_vat"), None),
        "country": country["code"] if country else None,
        "status": "active" if row["active"] else "archived",
        "addressStreetLine": address.get("street") or None,
        "addressPostCode": address.get("postal_code") or None,
        "addressCity": address.get("city") or None,
        "addressPhoneNumber": next(
            (one["value"] for one in row["contact_mechanisms."] if one["type"] == "phone"), None
        ),
    }


def _client_facts(row: dict[str, Any], codes: dict[str, str]) -> Facts:
    values = {name: row.get(name) for name in FIELDS}
    return {
        **values,
        "vatNumber": f"{row['tinCountry']}{row['tin']}" if row.get("tin") else None,
        "country": codes[row["country"]],
    }


def require_tryton() -> None:
    """Skip the test where Tryton is not installed yet and the package index cannot be reached."""
    try:
        environment("8.2")
    except TrytonTrouble as trouble:
        if any(words in str(trouble) for words in _NO_INDEX):
            reason = str(trouble).strip().splitlines()[-1]
            pytest.skip(f"Tryton is not installed yet, and the package index cannot be reached: {reason}")
        raise


@contextmanager
def built(folder: Path, postgres: PostgresServer, fill: Callable[[World], object]) -> Iterator[World]:
    """A world that ``fill`` has filled, and of which the product knows nothing yet."""
    with ExitStack() as closing:
        plain = conninfo(postgres.url("postgres"))
        erp = closing.enter_context(tryton_server(folder / "erp", postgres_url=plain))
        sandbox = SandboxConfig(empty=True, envelope="plain", static_token=TOKEN)
        flowtly = closing.enter_context(SandboxServer(sandbox))
        name = postgres.create()
        closing.callback(postgres.drop, name)
        env = {
            "FLOWTLY_URL": flowtly.url,
            "FLOWTLY_TOKEN": TOKEN,
            "TRYTON_URL": erp.url,
            "TRYTON_DATABASE": erp.database,
            "TRYTON_USER": erp.username,
            "TRYTON_PASSWORD": erp.password,
            "SYNCD_DATABASE_URL": conninfo(postgres.url(name)),
        }
        client = httpx.Client(timeout=60)
        rows = erp.rpc("model.country.country.search_read", [], 0, None, [], ["code"])
        countries = {row["code"]: row["id"] for row in rows}
        world = World(folder, erp, conninfo(postgres.url(erp.database)), flowtly, env, client, countries)
        closing.callback(world.close)
        fill(world)
        yield world


def fill_with_cast(world: World) -> None:
    """Everybody at their place since last week."""
    at_first = [in_tryton_at_first(number) for number in (*SHARED, *ONLY_TRYTON)]
    keys = world.add_parties(at_first)
    resting = [int(key) for key, one in zip(keys, at_first, strict=True) if one["status"] == "archived"]
    # Tryton takes no name for a party that is inactive from the start.
    world.erp.rpc("model.party.party.write", resting, {"active": False})
    with world.erp_sql() as connection:
        for table in TABLES:
            connection.execute(
                f"UPDATE {table} SET create_date = create_date - interval '7 days',"
                " write_date = write_date - interval '7 days'"
            )
    for number in (*SHARED, *ONLY_FLOWTLY):
        world.add_client(in_flowtly_at_first(number))
