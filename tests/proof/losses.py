"""Section: thousands of creates at peers without idempotency keys, while a fifth of all answers is lost. Law 2.

What counts is told by the peers themselves, through their back doors: never by what the daemon says about it.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any
from urllib.request import Request, urlopen

import psycopg

from syncd.engine.context import Options
from syncd.engine.run import Engine, Report
from syncd.store import migrate
from syncd.wiring import App, limits_of, silent
from tests.bench.peers import PASSWORD, sandbox
from tests.engine.world import TABLE, plain
from tests.proof.lossy import Relay, relay
from tests.proof.section import Ask, Section

SHARE = 0.2
EACH = 0.10557  # two independent rules of this share act on a fifth of the requests together: 1 - (1 - x)^2 = 0.2
READS = 0.02
RUNS = 60  # bound on the runs until all is quiet

SETTINGS = """
flowtly: {url: "${FLOWTLY}/api", login: {username: sync@flowtly.test, password: "${PASSWORD}"}}
systems:
  erp: {connector: sql, url: "${ERP}"}
store: {url: "${STORE}"}
limits: {listing_grace: 2s, max_changes: 1000000, max_creates: 1000000}
mappings: [clients.yaml]
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
  addressCity: city
  status: {constant: {flowtly: active}}
  tinType: {constant: {flowtly: vat}}
"""


@dataclass
class Lossy:
    """Both peers, what loses their answers, and the daemon's engine between them."""

    flowtly: str
    erp: str
    relay: Relay
    app: App
    said: Counter[str] = field(default_factory=Counter)
    counted: Counter[str] = field(default_factory=Counter)
    runs: int = 0

    def run(self, *, person: bool = False, full: bool = False) -> Report:
        """One cycle, as the daemon does it."""
        mapping = self.app.mappings["clients"]
        limits = limits_of(self.app.settings, mapping)
        engine = Engine(self.app.store, self.app.clock, limits, self._note, silent, "proof")
        chosen = Options("proof", write=True, person=person, beyond_caps=True, full=full)
        report = engine.run(mapping, self.app.peers(mapping), chosen, Event())
        self.counted.update({name: count for name, count in report.counts.items() if isinstance(count, int)})
        self.runs += 1
        return report

    def _note(self, event: str, /, **_: Any) -> None:
        self.said[event] += 1

    def faults(self, **rule: Any) -> None:
        """Set a rule at Flowtly."""
        _ask(f"{self.flowtly}/_sandbox/faults", rule)

    def acted(self) -> dict[str, int]:
        """How often each kind of rule acted on a create."""
        rules = _ask(f"{self.flowtly}/_sandbox/faults")
        return {rule["kind"]: rule["acted"] for rule in rules if rule["method"] == "POST"}

    def clients(self) -> list[dict[str, Any]]:
        """All clients, through the back door."""
        found: list[dict[str, Any]] = _ask(f"{self.flowtly}/_sandbox/records/clients")
        return found

    def customers(self) -> list[tuple[Any, ...]]:
        """All customers: number, name, VAT number, city."""
        with psycopg.connect(self.erp) as connection:
            return connection.execute("SELECT customer_no, company_name, vat_no, city FROM customers").fetchall()

    def sent(self) -> int:
        """Creates that Flowtly was sent."""
        counted: dict[str, int] = _ask(f"{self.flowtly}/_sandbox/requests")
        return dict(counted.get("requests", counted)).get("POST /clients", 0)  # type: ignore[call-overload,no-any-return]


def prove(ask: Ask) -> Section:
    """Create, lose, settle, count."""
    here, there = (160, 40) if ask.quick else (10_000, 1_000)
    started = time.perf_counter()
    with _world(ask) as world:
        _fill(world, here, there)
        _lose(world, ask.seed)
        report = _until_quiet(world, ask)
        lost = world.acted()
        _ask(f"{world.flowtly}/_sandbox/faults", method="DELETE")
        world.relay.on = False
        failures = list(_judge(world, here, there, report))
        quarantined = _quarantined(world)
        numbers: dict[str, int | float | str] = {
            "creates into Flowtly": here,
            "creates into the ERP": there,
            "requests to create at Flowtly": world.sent(),
            "Flowtly: request never arrived": lost.get("reset", 0),
            "Flowtly: stored, answer lost": lost.get("reset_after", 0),
            "commits of the ERP": world.relay.commits,
            "ERP: commit never arrived": world.relay.never_arrived,
            "ERP: committed, answer lost": world.relay.applied,
            "found by a look and adopted": world.counted["flowtly.adopted"] + world.counted["external.adopted"],
            "duplicates": sum(_duplicates(world)),
            "quarantined": quarantined,
            "requests to Flowtly in all": world.counted["flowtly.requests"],
            "runs": world.runs,
            "seconds": round(time.perf_counter() - started),
        }
        if not numbers["Flowtly: stored, answer lost"] or not numbers["ERP: committed, answer lost"]:
            failures.append(f"no answer was lost, so nothing was shown: {numbers}")
    return Section("Creates while answers are lost", _text(numbers), numbers, tuple(failures))


@contextmanager
def _world(ask: Ask) -> Iterator[Lossy]:
    databases = ask.server.create(), ask.server.create()
    erp, store = (plain(ask.server.url(name)) for name in databases)
    with ExitStack() as stack:
        for name in databases:
            stack.callback(ask.server.drop, name)
        migrate.upgrade(ask.server.url(databases[1]))
        with psycopg.connect(erp) as connection:
            connection.execute(TABLE)
        flowtly = stack.enter_context(sandbox(0, empty=True))
        lossy = stack.enter_context(relay(erp, SHARE, ask.seed))
        env = {"FLOWTLY": flowtly, "PASSWORD": PASSWORD, "ERP": lossy.url, "STORE": store}
        yield Lossy(flowtly, erp, lossy, stack.enter_context(App(_configured(ask.folder), env)))


def _configured(folder: Path) -> Path:
    (folder / "clients.yaml").write_text(MAPPING)
    config = folder / "syncd.yaml"
    config.write_text(SETTINGS)
    return config


def _fill(world: Lossy, here: int, there: int) -> None:
    """Companies that only one side knows. Every fourth has no VAT number and is known by name and country."""
    with psycopg.connect(world.erp) as connection, connection.cursor() as cursor:
        with cursor.copy("COPY customers (customer_no, company_name, vat_no, city) FROM STDIN") as copy:
            for number in range(here):
                copy.write_row((f"C{number}", f"Here {number}", _vat(1, number), "Odense"))
        cursor.execute("ANALYZE customers")
    for number in range(there):
        tin = (_vat(2, number) or "")[2:]
        fields = {"name": f"There {number}", "country": "DK", "currency": "DKK", "tinType": "vat", "status": "active"}
        if tin:
            fields |= {"tinCountry": "DK", "tin": tin}
        _ask(f"{world.flowtly}/_sandbox/records/clients", {**fields, "addressCity": "Vejle"})


def _vat(first: int, number: int) -> str | None:
    return None if number % 4 == 3 else f"DK{first}{number:07}"


def _lose(world: Lossy, seed: int) -> None:
    """A fifth of all creates, and some of the reads, and every new record is listed half a second late."""
    for kind in ("reset", "reset_after"):
        world.faults(kind=kind, method="POST", path="^/clients$", share=EACH, seed=seed)
    world.faults(kind="reset", method="GET", path="/clients", share=READS, seed=seed)
    world.faults(kind="listing_delay", path="/clients", params={"seconds": 0.5})
    world.relay.on = True


def _until_quiet(world: Lossy, ask: Ask) -> Report:
    """Runs, as the daemon would make them, until one has nothing left to do; bounded."""
    report = world.run(person=True)
    for number in range(RUNS):
        ask.say(f"run {number + 1}: {world.said['record.created']:,} created, {report.open_operations:,} in doubt")
        if report.outcome == "done" and not report.open_operations and report.plan is not None:
            if not report.plan.pending:
                break
        elif report.open_operations:
            time.sleep(1)  # the listing grace of the intents that were not listed yet
        report = world.run(person=not report.complete)
    return report


def _judge(world: Lossy, here: int, there: int, report: Report) -> Iterator[str]:
    """What is wrong in the end, if anything."""
    if report.outcome != "done" or report.open_operations:
        yield f"did not converge in {world.runs} runs: {report.outcome}, {report.open_operations} in doubt"
    clients, customers = world.clients(), world.customers()
    doubled = _duplicates(world)
    if any(doubled):
        yield f"duplicates: {doubled[0]} in Flowtly, {doubled[1]} in the ERP"
    if (len(clients), len(customers)) != (here + there, here + there):
        yield f"{len(clients)} clients and {len(customers)} customers instead of {here + there} each"
    if Counter(map(_client, clients)) != Counter(row[1:] for row in customers):
        yield "the peers hold different records in the end"
    if len(list(world.app.store.links("clients"))) != here + there:
        yield "not every record is linked"
    before = world.sent(), len(customers)
    world.run(full=True)
    if (world.sent(), len(world.customers())) != before:
        yield "a further run made more records"


def _client(row: dict[str, Any]) -> tuple[Any, ...]:
    tin = row.get("tin")
    return row["name"], f"{row['tinCountry']}{tin}" if tin else None, row.get("addressCity")


def _duplicates(world: Lossy) -> tuple[int, int]:
    """Records beyond the first of their name, at Flowtly and in the ERP. Every name was given once."""
    clients = Counter(row["name"] for row in world.clients())
    customers = Counter(row[1] for row in world.customers())
    return clients.total() - len(clients), customers.total() - len(customers)


def _quarantined(world: Lossy) -> int:
    return sum(str(one.state) == "quarantined" for one in world.app.store.open_operations("clients"))


def _ask(url: str, data: Any = None, method: str | None = None) -> Any:
    body = None if data is None else json.dumps(data).encode()
    with urlopen(Request(url, body, method=method), timeout=300) as answer:
        text = answer.read()
    return json.loads(text) if text else None


def _text(numbers: dict[str, int | float | str]) -> str:
    head = (
        f"Records that only one side knows are made on the other: in Flowtly over HTTP, in the ERP by SQL. Of the "
        f"creates {SHARE:.0%} get no answer, half of them because the request never arrived, half although they were "
        f"carried out; {READS:.0%} of the reads fail; a new record appears in lists half a second late. Every fourth "
        f"company has no VAT number. Counted through the peers' back doors.\n\n| what | count |\n|---|---:|\n"
    )
    return head + "".join(f"| {name} | {value:,} |\n" for name, value in numbers.items())
