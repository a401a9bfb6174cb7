"""Every shipped mapping at once: config/everything.yaml on a real ERP database, a database for reports, an archive folder
and a sandbox Flowtly with data of its own. Whatever the order, and with parents arriving last, it comes to rest.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from threading import Event
from typing import Any

import psycopg
import pytest

from syncd.engine.context import Options
from syncd.engine.preflight import law_problems, preflight
from syncd.engine.provision import provision
from syncd.engine.run import Report, load_lookups
from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.server import SandboxServer
from syncd.wiring import App
from tests.engine.world import plain
from tests.support.postgres import PostgresServer
from tests.support.thoroughness import one_in

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config"
TOKEN = "kept-token-0815"
WRITES = ("POST", "PATCH", "DELETE")


@dataclass
class Company:
    """An ERP, a database for reports, an archive and a Flowtly, and the application between them."""

    app: App
    flowtly: SandboxServer
    erp_url: str
    bi_url: str
    archive: Path

    def run(self, name: str) -> Report:
        """One cycle of one mapping, approved by a person."""
        return self.app.run(name, Options("test", write=True, person=True))

    def cycle(self, names: list[str]) -> list[Report]:
        return [self.run(name) for name in names]

    def erp(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return rows(self.erp_url, statement, *values)

    def bi(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        return rows(self.bi_url, statement, *values)

    def in_flowtly(self, name: str) -> dict[str, dict[str, Any]]:
        """All records of a resource by IRI, as the sandbox keeps them."""
        resource = self.flowtly.state.resources[name]
        return {resource.iri(key): dict(row) for key, row in self.flowtly.state.table(name).rows.items()}

    def walk(self) -> None:
        """One walk of every watch."""
        for watch in self.app.watches.values():
            self.app.walk(watch, Event())

    def told(self) -> list[str]:
        """The events that wait to be told, oldest first."""
        return [one.event.event for one in reversed(self.app.store.deliveries(None, 1000))]

    def links(self, mapping: str) -> dict[str, str]:
        return {one.external_key: one.flowtly_key for one in list(self.app.store.links(mapping))}

    def writes(self) -> int:
        """Writes that Flowtly was asked for."""
        counted = self.flowtly.requests.items()
        return sum(count for route, count in counted if route.split()[0] in WRITES and "login" not in route)

    def fingerprint(self) -> str:
        """Everything that can be seen of the ERP, the reports and the archive."""
        digest = hashlib.sha256()
        for url in (self.erp_url, self.bi_url):
            tables = rows(
                url, "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"
            )
            for (table,) in tables:
                digest.update(repr(sorted(map(repr, rows(url, f'SELECT xmin::text, t.* FROM "{table}" t')))).encode())
        for path in sorted(self.archive.rglob("*")):
            if path.is_file():
                digest.update(f"{path} {path.stat().st_mtime_ns}".encode())
        return digest.hexdigest()


def rows(url: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement, values or None)  # type: ignore[arg-type]
        return cursor.fetchall() if cursor.description else []


@pytest.fixture
def company(tmp_path: Path, postgres_server: PostgresServer, store_url: str) -> Iterator[Company]:
    """The company of config/examples/erp.sql, and a Flowtly that has sample data."""
    names = [postgres_server.create(), postgres_server.create()]
    erp_url, bi_url = (plain(postgres_server.url(name)) for name in names)
    rows(erp_url, (CONFIG / "examples/erp.sql").read_text())
    archive = tmp_path / "archive"
    archive.mkdir()
    with SandboxServer(SandboxConfig(clients=20, static_token=TOKEN)) as flowtly:
        env = {
            "FLOWTLY_URL": flowtly.url,
            "FLOWTLY_TOKEN": TOKEN,
            "ERP_DATABASE_URL": erp_url,
            "BI_DATABASE_URL": bi_url,
            "ARCHIVE_ROOT": str(archive),
            "SYNCD_DATABASE_URL": plain(store_url),
        }
        with App(CONFIG / "everything.yaml", env) as app:
            yield Company(app, flowtly, erp_url, bi_url, archive)
    for name in names:
        postgres_server.drop(name)


def settle(company: Company, rng: random.Random, cycles: int = 8) -> int:
    """Cycles in random order until one of them has nothing to do; how many it took."""
    names = list(company.app.mappings)
    for number in range(cycles):
        rng.shuffle(names)
        reports = company.cycle(names)
        assert {report.outcome for report in reports} == {"done"}, [one for one in reports if one.outcome != "done"]
        if all(report.plan is not None and not report.plan.pending for report in reports):
            return number
    raise AssertionError(f"not at rest after {cycles} cycles: {[one.plan for one in reports if one.plan.pending]}")  # type: ignore[union-attr]


def test_check_finds_nothing_to_complain_about(company: Company) -> None:
    """The target tables are told as what will be made; every lens keeps its laws on the tenant's own lists."""
    for mapping in company.app.mappings.values():
        peers = company.app.peers(mapping)
        target = provision(mapping, peers, write=False)
        assert target.problems == ()
        assert bool(target.statements) is mapping.spec.external.create
        assert preflight(mapping, peers) == []
        assert list(law_problems(mapping, load_lookups(mapping, company.app.connector("flowtly")))) == []
    assert company.bi("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'") == []


@pytest.mark.parametrize("seed", one_in(3, [1, 2, 3]))
def test_all_mappings_come_to_rest_in_any_order_with_parents_arriving_last(company: Company, seed: int) -> None:
    rng = random.Random(seed)
    parents = ("customers", "suppliers", "departments")
    for child, column in (
        ("contacts", "customer_no"), ("activities", "customer_no"), ("suppliers", "customer_no"),
        ("cost_centres", "department_no"), ("bank_postings", "supplier_no"),
    ):  # fmt: skip
        company.erp(f"ALTER TABLE {child} DROP CONSTRAINT {child}_{column}_fkey")
    company.erp(
        "INSERT INTO bank_postings (account_no, booked_on, ordered_on, operation_no, booking_text, amount, supplier_no) "
        "VALUES (%s, '2026-02-03', '2026-02-02', 'OP-1', 'Paper', -1250.50, 'S00001'), "
        "(%s, '2026-02-04', '2026-02-04', 'OP-2', 'Iron', 990, NULL)",
        *[next(iter(company.in_flowtly("BankAccount").values()))["number"]] * 2,
    )
    for table in parents:
        company.erp(f"CREATE TABLE late_{table} AS SELECT * FROM {table}")
        company.erp(f"DELETE FROM {table}")
    children_first = sorted(
        company.app.mappings, key=lambda name: name in {"clients", "counterparties", "budget-groups"}
    )
    company.cycle(children_first)
    second = company.links("transactions")["2"].rpartition("/")[2]
    company.flowtly.state.update("Transaction", second, {"note": None})  # a person takes the mark away
    for table in parents:
        company.erp(f"INSERT INTO {table} SELECT * FROM late_{table}")
        company.erp(f"DROP TABLE late_{table}")
    settle(company, rng)
    _everything_is_there(company)
    company.walk()
    assert company.told() == []
    before = company.writes(), company.fingerprint()
    reports = company.cycle(list(company.app.mappings))
    assert (company.writes(), company.fingerprint()) == before
    assert not any(report.plan is None or report.plan.pending for report in reports)
    edit(company)
    settle(company, rng)
    _everything_is_there(company)
    assert_edits_arrived(company)
    company.walk()
    assert sorted(company.told()) == ["budget.changed", "budget.changed", "invoice.status_changed"]


def _everything_is_there(company: Company) -> None:
    """Both peers' own data, compared record by record by way of the links."""
    clients, contacts = company.links("clients"), company.in_flowtly("ClientContact")
    linked = company.links("contacts")
    for key, customer, email in company.erp("SELECT contact_id, customer_no, email FROM contacts"):
        if customer in clients:
            assert contacts[linked[str(key)]]["client"] == clients[customer]
            assert contacts[linked[str(key)]]["email"] == email
        else:
            assert str(key) not in linked
    assert len(set(linked.values())) == len(linked)
    billing = company.links("billing-contacts")
    assert set(billing) == {"C00001:invoices", "C00001:reminders", "C00003:invoices"}
    assert {contacts[iri]["type"] for iri in billing.values()} == {"billing"}
    notes = company.in_flowtly("ClientNote")
    me = next(iri for iri, one in company.in_flowtly("Employee").items() if one["email"] == "sync@flowtly.test")
    mine = [notes[iri] for iri in company.links("notes").values()]
    told = company.erp("SELECT customer_no, summary FROM activities WHERE kind IN ('call', 'meeting')")
    assert {(one["client"], one["note"], one["employee"]) for one in mine} == {
        (clients[customer], summary, me) for customer, summary in told if customer in clients
    }
    assert len(mine) >= 2
    parties, suppliers = company.in_flowtly("Counterparty"), company.links("counterparties")
    assert parties[suppliers["S00002"]]["client"] == clients["C00002"]
    assert parties[suppliers["S00003"]].get("client") == clients.get("C00004")  # a prospect at first
    budgets, groups = company.in_flowtly("Budget"), company.links("budget-groups")
    years = {key: budgets[iri] for key, iri in company.links("budgets").items()}
    assert set(years) == {f"{centre}:{year}" for centre in ("4100", "4200", "5100", "9000") for year in (2026, 2027)}
    for centre, department in company.erp("SELECT cost_centre_no, department_no FROM cost_centres"):
        assert years[f"{centre}:2026"].get("budgetGroup") == (None if department is None else groups[department])
    assert years["5100:2027"]["name"] == "Workshop 2027"
    assert str(years["5100:2027"]["dateFrom"]).startswith("2027-01-01")
    assert [years[key]["type"] for key in ("4100:2026", "4200:2026")] == ["global", "employee"]
    assert [years[key]["granularity"] for key in ("4100:2026", "4200:2026")] == ["month", "quarter"]
    assert [years[key]["config"] for key in ("4100:2026", "4200:2026")] == [["spend_alerts", "auto-freeze"], []]
    _allocations_agree(company)
    _bank_agrees(company)
    _reports_agree(company)
    _archive_agrees(company)


def allocated(company: Company, mapping: str, resource: str, other: str, named: str) -> set[tuple[str, str]]:
    """What Flowtly has of one kind of budget link that is ours: (budget key, what it ties to it)."""
    keys = {iri: key for key, iri in company.links("budgets").items()}
    things = {iri: one[named] for kind in (other,) for iri, one in company.in_flowtly(kind).items()}
    links, field = company.in_flowtly(resource), other.lower()
    ours = [links[iri] for iri in company.links(mapping).values()]
    return {(keys[one["budget"]], things[one[field]]) for one in ours}


def _allocations_agree(company: Company) -> None:
    """Every link resource has exactly what the ERP's tables say, for each open year."""
    years = [year for (year,) in company.erp("SELECT year FROM budget_years")]
    staff = company.erp("SELECT cost_centre_no, email FROM cost_centre_staff JOIN employees USING (employee_no)")
    tables: dict[str, tuple[str, str, str, list[tuple[Any, ...]]]] = {
        "budget-employees": ("BudgetEmployee", "Employee", "email", staff),
        "budget-projects": ("BudgetProject", "Project", "name", company.erp("SELECT * FROM cost_centre_projects")),
        "budget-contractors": (
            "BudgetContractor",
            "Cost",
            "name",
            company.erp("SELECT * FROM cost_centre_contractors"),
        ),
    }
    for mapping, (resource, other, named, rows_) in tables.items():
        wanted = {(f"{centre}:{year}", thing) for centre, thing in rows_ for year in years}
        assert allocated(company, mapping, resource, other, named) == wanted
    invoices = set(company.erp("SELECT budget_key, invoice_no FROM budget_invoices"))
    assert allocated(company, "budget-invoices", "BudgetInvoice", "Invoice", "name") == invoices


def _bank_agrees(company: Company) -> None:
    transactions, linked = company.in_flowtly("Transaction"), company.links("transactions")
    suppliers = company.links("counterparties")
    ((made,),) = company.erp("SELECT posting_id FROM bank_postings WHERE operation_no = 'OP-1'")
    assert set(linked.values()) == set(transactions)
    for key, amount, text, supplier in company.erp(
        "SELECT posting_id, amount, booking_text, supplier_no FROM bank_postings"
    ):
        there = transactions[linked[str(key)]]
        assert Decimal(str(there["amount"])) == amount
        assert " ".join(there["description"].split()) == text
        assert (f"[syncd:{key}]" in (there.get("note") or "")) is (key == made)
        assert there.get("counterparty") == (None if supplier is None else suppliers[supplier])


def _reports_agree(company: Company) -> None:
    invoices = company.in_flowtly("Invoice")
    client_of = {iri: key for key, iri in company.links("clients").items()}
    found = company.bi("SELECT invoice_id, status, due_date, amount_gross, customer_no FROM invoices")
    assert {
        (f"/api/invoices/{key}", status, due, amount, customer) for key, status, due, amount, customer in found
    } == {
        (iri, one["status"], date.fromisoformat(str(one["dueDate"])[:10]), Decimal(str(one["amount"])), client_of[one["client"]])
        for iri, one in invoices.items()
    }  # fmt: skip
    transactions = company.in_flowtly("Transaction")
    posted = company.bi("SELECT transaction_id, month, amount FROM month_end_transactions")
    assert {(f"/api/transactions/{key}", month, amount) for key, month, amount in posted} == {
        (iri, one.get("connectedMonth"), Decimal(str(one["amount"])))
        for iri, one in transactions.items()
        if not one.get("ignored")
    }


def _archive_agrees(company: Company) -> None:
    attachments = company.in_flowtly("TransactionAttachment")
    contents = {iri: company.flowtly.state.blobs[iri] for iri in attachments if iri in company.flowtly.state.blobs}
    files = [path for path in company.archive.rglob("*") if path.is_file() and ".syncd" not in path.parts]
    assert len(files) == len(contents)
    assert sorted(path.read_bytes() for path in files) == sorted(contents.values())
    assert set(company.links("attachments").values()) == set(attachments)


def edit(company: Company) -> None:
    """People go on working on both sides."""
    company.erp("UPDATE contacts SET customer_no = 'C00002', job_title = 'Director' WHERE email = 'jens@example.com'")
    company.erp("UPDATE customers SET stage = 'qualified' WHERE customer_no = 'C00004'")
    company.erp("UPDATE cost_centres SET department_no = 'D2' WHERE cost_centre_no = '9000'")
    company.erp("UPDATE bank_postings SET remark = 'checked' WHERE operation_no = 'OP-1'")
    company.erp("UPDATE budget_invoices SET budget_key = '5100:2026' WHERE invoice_no = 'FV/2/2025'")
    company.erp("UPDATE cost_centre_staff SET employee_no = 'E2' WHERE cost_centre_no = '5100'")
    state = company.flowtly.state
    invoice = next(key for key, row in state.table("Invoice").rows.items() if row["status"] != "paid")
    state.update("Invoice", invoice, {"status": "paid"})
    posting = company.links("transactions")["2"].rpartition("/")[2]
    state.update("Transaction", posting, {"note": "seen by finance"})


def assert_edits_arrived(company: Company) -> None:
    contacts, clients = company.in_flowtly("ClientContact"), company.links("clients")
    (jens,) = [one for one in contacts.values() if one["email"] == "jens@example.com"]
    assert (jens["client"], jens["title"]) == (clients["C00002"], "Director")
    (ida,) = [one for one in contacts.values() if one["email"] == "ida@example.com"]
    assert ida["client"] == clients["C00004"]
    parties, suppliers = company.in_flowtly("Counterparty"), company.links("counterparties")
    assert parties[suppliers["S00003"]]["client"] == clients["C00004"]
    budgets = company.links("budgets")
    assert company.in_flowtly("Budget")[budgets["9000:2027"]]["budgetGroup"] == company.links("budget-groups")["D2"]
    transactions, postings = company.in_flowtly("Transaction"), company.links("transactions")
    assert transactions[postings["1"]]["note"] == "checked [syncd:1]"
    # Another budget for an invoice: Flowtly cannot change the link, so it was made anew under another address.
    (one,) = [iri for key, iri in company.links("budget-invoices").items() if key == "FV/2/2025"]
    assert company.in_flowtly("BudgetInvoice")[one]["budget"] == budgets["5100:2026"]
    assert company.erp("SELECT remark FROM bank_postings WHERE operation_no = 'OP-2'") == [("seen by finance",)]
    assert company.bi("SELECT count(*) FROM invoices WHERE status = 'paid'")[0][0] >= 1
