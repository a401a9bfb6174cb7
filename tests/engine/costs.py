"""A small company with costs: an ERP in SQLite, a sandbox Flowtly, budgets, bank postings, and an allocation."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import psycopg

from syncd.engine.allocating.rounds import repeated
from syncd.engine.context import Options
from syncd.engine.run import Engine, Report
from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.server import SandboxServer
from syncd.wiring import App, limits_of, silent
from tests.engine.world import plain

TOKEN = "kept-token-4711"
ACCOUNT = "DK11 0001"
WRITES = ("POST", "PATCH", "DELETE")

TABLES = """
CREATE TABLE cost_centres (key TEXT PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE postings (
    posting_id TEXT PRIMARY KEY, account_no TEXT NOT NULL DEFAULT 'DK11 0001', booked_on TEXT DEFAULT '2026-02-03',
    amount TEXT, currency TEXT DEFAULT 'DKK', cost_centre TEXT, kind TEXT, employee_mail TEXT,
    status TEXT NOT NULL DEFAULT 'posted', changed_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));
CREATE TABLE posting_lines (
    line_id TEXT PRIMARY KEY, posting_id TEXT NOT NULL, amount TEXT NOT NULL, cost_centre TEXT,
    changed_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')));
CREATE TRIGGER touched AFTER UPDATE ON postings WHEN NEW.changed_at = OLD.changed_at BEGIN
    UPDATE postings SET changed_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE posting_id = NEW.posting_id; END;
CREATE TRIGGER touched_line AFTER UPDATE ON posting_lines WHEN NEW.changed_at = OLD.changed_at BEGIN
    UPDATE posting_lines SET changed_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE line_id = NEW.line_id; END;
"""

SETTINGS = """
flowtly: {url: "${FLOWTLY_URL}", token: "${FLOWTLY_TOKEN}", timeout: 5s, deadline: 10s, retries: 1}
systems:
  erp: {connector: sql, url: "${ERP_URL}", overlap: 1m}
store: {url: "${SYNCD_DATABASE_URL}"}
limits: {listing_grace: 0s, max_creates: 200, max_changes: 200, max_removals: 50, max_removal_share: 1.0}
mappings: [budgets.yaml, transactions.yaml]
allocations: [costs.yaml]
"""

BUDGETS = """
mapping: budgets
external: {resource: cost_centres, key: key}
flowtly: {resource: budgets}
direction: to_flowtly
match: [[name]]
fields:
  name: {external: name, required: true}
  type: {constant: {flowtly: global}}
  granularity: {constant: {flowtly: month}}
"""

TRANSACTIONS = """
mapping: transactions
external: {resource: postings, key: posting_id, cursor: changed_at}
flowtly: {resource: transactions}
direction: to_flowtly
match: [[operationNumber]]
fields:
  operationNumber: {external: posting_id, required: true}
  bankAccount: {external: account_no, through: {lookup: bank-accounts, by: number}, required: true}
  execDate: {external: booked_on, through: date, required: true}
  orderDate: {external: booked_on, through: date, required: true}
  description: {external: posting_id, required: true}
  amount: {external: amount, through: {decimal: 2}, required: true}
"""

COSTS = """
allocation: costs
postings:
  of: transactions
  amount: amount
  currency: currency
  date: booked_on
  account: account_no
  sign: negative
  where: {status: posted}
  lines: {resource: posting_lines, key: line_id, posting: posting_id, amount: amount, cursor: changed_at}
links:
  target: {mapping: budgets}
  employee: {lookup: employees, by: email}
  unit: minor
rules:
  - {rule: invoices, when: {kind: lines}, split: {lines: {budget: "{line.cost_centre}"}}}
  - {rule: private, when: {kind: private}, leave: unassigned}
  - rule: shared
    when: {kind: shared}
    split:
      - {budget: "4100", share: 60%}
      - {budget: "4200", rest: true}
  - {rule: own, when: {employee_mail: {empty: false}}, budget: "{cost_centre}", employee: "{employee_mail}"}
  - {rule: nobodys, when: {cost_centre: {empty: false}}, budget: "{cost_centre}"}
"""


class Costs:
    """People at both ends, and the engine between them."""

    def __init__(self, folder: Path, store_url: str, flowtly: SandboxServer) -> None:
        self.folder, self.flowtly = folder, flowtly
        self.database = folder / "erp.sqlite"
        self.env = {
            "FLOWTLY_URL": flowtly.url,
            "FLOWTLY_TOKEN": TOKEN,
            "ERP_URL": f"sqlite:///{self.database}",
            "SYNCD_DATABASE_URL": plain(store_url),
        }
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.over: list[str] = []
        self.app: App | None = None
        with self._erp() as connection:
            connection.executescript(TABLES)
        self.configure()

    def configure(self, costs: str = COSTS, transactions: str = TRANSACTIONS, settings: str = SETTINGS) -> None:
        """Write the configuration and start over with it; the store keeps what it knows."""
        self.close()
        files = {"syncd": settings, "budgets": BUDGETS, "transactions": transactions, "costs": costs}
        for name, text in files.items():
            (self.folder / f"{name}.yaml").write_text(text)
        self.app = App(self.folder / "syncd.yaml", self.env)

    def close(self) -> None:
        """Release connections."""
        if self.app is not None:
            self.app.close()
            self.app = None

    # ------------------------------------------------------------------ syncd

    def run(self, name: str, *, write: bool = True, person: bool = False, full: bool = False, **more: Any) -> Report:
        """One cycle of one mapping, as ``App.run`` does it, with the events kept."""
        assert self.app is not None
        mapping = self.app.mappings[name]
        limits = limits_of(self.app.settings, mapping)
        engine = Engine(
            self.app.store, self.app.clock, limits, self.note, silent, f"test-{id(self)}", self.app.around()
        )
        peers, stop = self.app.peers(mapping), Event()
        chosen = Options("test", write=write, person=person, full=full, **more)
        return repeated(lambda options: engine.run(mapping, peers, options, stop), chosen, stop)

    def cycle(self, **options: Any) -> dict[str, Report]:
        """One cycle of every mapping, parents first."""
        assert self.app is not None
        return {name: self.run(name, **options) for name in self.app.in_order()}

    def started(self) -> Costs:
        """Everything approved and linked once."""
        assert {one.outcome for one in self.cycle(person=True).values()} == {"done"}, self.events
        self.events.clear()
        return self

    def note(self, event: str, /, **fields: Any) -> None:
        """The engine's events."""
        self.events.append((event, fields))

    def said(self, event: str) -> list[dict[str, Any]]:
        """The fields of every event of this name."""
        return [fields for name, fields in self.events if name == event]

    @property
    def store(self) -> Any:
        """The mapping store."""
        assert self.app is not None
        return self.app.store

    # ------------------------------------------------------------------ people

    @contextmanager
    def _erp(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.database)
        try:
            yield connection
            connection.commit()
        finally:
            connection.close()

    def erp(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """A person at the ERP."""
        with self._erp() as connection:
            return connection.execute(statement, values).fetchall()

    def add(self, table: str, **fields: Any) -> None:
        """A person adds a row."""
        names, marks = ", ".join(fields), ", ".join("?" * len(fields))
        self.erp(f"INSERT INTO {table} ({names}) VALUES ({marks})", *fields.values())

    def post(self, key: str, amount: str | None, cost_centre: str | None = None, **fields: Any) -> None:
        """A person posts a cost of this amount (a negative one is a reversal)."""
        self.add("postings", posting_id=key, amount=negated(amount), cost_centre=cost_centre, **fields)

    def edit(self, key: str, **fields: Any) -> None:
        """A person corrects a posting."""
        if "amount" in fields:
            fields["amount"] = negated(fields["amount"])
        sets = ", ".join(f"{name} = ?" for name in fields)
        self.erp(f"UPDATE postings SET {sets} WHERE posting_id = ?", *fields.values(), key)

    def time_passes(self) -> None:
        """Everything that is set aside is due."""
        with psycopg.connect(self.env["SYNCD_DATABASE_URL"]) as connection:
            connection.execute("UPDATE observation SET due_at = now() WHERE due_at IS NOT NULL")

    def by_hand(self, posting: str, budget: str, amount: int | None) -> None:
        """A person in Flowtly links a posting's transaction to a budget, which is made if there is none."""
        state = self.flowtly.state
        (made,) = (row for row in state.rows("Transaction") if row["operationNumber"] == posting)
        found = next((row for row in state.rows("Budget") if row["name"] == budget), None)
        found = found or state.insert("Budget", {"name": budget, "type": "global", "granularity": "month"})
        names = {"transaction": f"/api/transactions/{made['id']}", "budget": f"/api/budgets/{found['id']}"}
        state.insert("BudgetTransaction", {**names, "amount": amount})

    def writes(self) -> dict[str, int]:
        """Writes that Flowtly was asked for, by route."""
        return {route: n for route, n in self.flowtly.requests.items() if route.split()[0] in WRITES and n}

    def wrote(self) -> dict[str, int]:
        """The writes to budget links since the last question, by method."""
        found: dict[str, int] = defaultdict(int)
        for route, count in self.writes().items():
            if "budget-transactions" in route:
                found[route.split()[0]] += count
        self.flowtly.reset_requests()
        return dict(found)

    # ------------------------------------------------------------------ looking

    def links(self) -> dict[str, dict[str, int | None]]:
        """Budget links at Flowtly: posting to budget's name (with the employee's address, if any) to the amount."""
        state = self.flowtly.state
        found: dict[str, dict[str, int | None]] = defaultdict(dict)
        for row in state.rows("BudgetTransaction"):
            transaction, budget = state.lookup(row["transaction"]), state.lookup(row["budget"])
            employee = state.lookup(row["employee"]) if row.get("employee") else None
            assert transaction is not None and budget is not None
            name = budget["name"] if employee is None else f"{budget['name']} {employee['email']}"
            assert name not in found[transaction["operationNumber"]], "two links for one key"
            found[transaction["operationNumber"]][name] = row.get("amount")
        return dict(found)

    def watch(self) -> None:
        """From now on note every moment at which a transaction's links add up to more than it is."""
        self.flowtly.state.changed = self._look

    def _look(self) -> None:
        state = self.flowtly.state
        sums: dict[str, int] = defaultdict(int)
        for row in state.table("BudgetTransaction").rows.values():
            transaction = state.lookup(row["transaction"]) or {}
            whole = int(Decimal(str(transaction["amount"])) * -100)
            sums[row["transaction"]] += whole if row.get("amount") is None else row["amount"]
            if abs(sums[row["transaction"]]) > abs(whole):
                self.over.append(f"{transaction['operationNumber']}: {sums[row['transaction']]} of {whole}")


def negated(amount: str | None) -> str | None:
    """As the bank writes it."""
    try:
        return None if amount is None else str(-Decimal(amount))
    except ArithmeticError:
        return amount


@contextmanager
def company(folder: Path, store_url: str) -> Iterator[Costs]:
    """An ERP with two cost centres, and a Flowtly with one bank account and two people."""
    with SandboxServer(SandboxConfig(empty=True, static_token=TOKEN)) as flowtly:
        account = next(iter(flowtly.state.rows("BankAccount")))
        flowtly.state.update("BankAccount", account["id"], {"number": ACCOUNT})
        for mail in ("ada@flowtly.test", "bob@flowtly.test"):
            flowtly.state.insert("Employee", {"firstName": mail[:3], "lastName": "Test", "email": mail})
        made = Costs(folder, store_url, flowtly)
        for number in ("4100", "4200"):
            made.add("cost_centres", key=number, name=f"B{number}")
        try:
            yield made
        finally:
            made.close()
