"""Flowtly's published example on the wire: a supplier invoice linked to a budget and an employee, amount 125000.

The peer is a small server with the ids of the published page; everything of ours is real.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest

from syncd.engine.context import Options
from syncd.wiring import App
from tests.engine.world import plain

LINKED = {
    "budget": "/api/budgets/bgt_fy25",
    "transaction": "/api/transactions/txn_904",
    "employee": "/api/employees/emp_777",
    "amount": 125000,
}
TRANSACTION = {
    "@id": "/api/transactions/txn_904",
    "@type": "Transaction",
    "id": "txn_904",
    "bankAccount": "/api/bank-accounts/ba_1",
    "statementNumber": 12,
    "operationNumber": "INV-2025-0904",
    "description": "Supplier invoice",
    "amount": -1250,
    "endingBalance": 98750,
    "orderDate": "2025-09-04T00:00:00+00:00",
    "execDate": "2025-09-04T00:00:00+00:00",
    "ignored": 0,
    "connectedMonth": "2025-09",
    "budgetTransactions": [],
}
RECORDS: dict[str, list[dict[str, Any]]] = {
    "/api/bank-accounts": [{"@id": "/api/bank-accounts/ba_1", "id": "ba_1", "number": "DK01", "currency": "EUR"}],
    "/api/budgets": [{"@id": "/api/budgets/bgt_fy25", "id": "bgt_fy25", "name": "FY25", "type": "global"}],
    "/api/employees": [{"@id": "/api/employees/emp_777", "id": "emp_777", "email": "ada@example.test"}],
    "/api/transactions": [TRANSACTION],
    "/api/budget-transactions": [],
    "/api/budget-contractors": [],
    "/api/counterparties": [],
    "/api/currencies": [],
}

SETTINGS = """
flowtly: {url: "${FLOWTLY_URL}", token: "${FLOWTLY_TOKEN}", retries: 0}
systems:
  erp: {connector: sql, url: "${ERP_DATABASE_URL}"}
store: {url: "${SYNCD_DATABASE_URL}"}
mappings:
  - mapping: budgets
    external: {resource: cost_centres, key: centre}
    flowtly: {resource: budgets}
    direction: to_flowtly
    match: [[name]]
    fields: {name: name}
  - mapping: transactions
    external: {resource: payments, key: payment}
    flowtly: {resource: transactions}
    direction: to_flowtly
    match: [[operationNumber]]
    fields: {operationNumber: invoice}
allocations:
  - allocation: costs
    postings: {of: transactions, amount: amount, currency: {constant: EUR}, date: paid_on, sign: negative}
    links: {target: {mapping: budgets}, employee: {lookup: employees, by: email}, unit: minor, whole: write}
    rules:
      - {rule: suppliers, budget: "{centre}", employee: "{buyer}"}
"""

BOOKS = """
CREATE TABLE cost_centres (centre text PRIMARY KEY, name text);
INSERT INTO cost_centres VALUES ('4100', 'FY25');
CREATE TABLE payments (payment text PRIMARY KEY, invoice text, amount numeric(12, 2), paid_on date, centre text,
    buyer text);
INSERT INTO payments VALUES ('PAY-1', 'INV-2025-0904', -1250.00, '2025-09-04', '4100', 'ada@example.test');
"""


class Published(ThreadingHTTPServer):
    """A peer with the records of the published page. ``wire``: every write, as (method, path, content type, body)."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.records: dict[str, list[dict[str, Any]]] = {path: list(some) for path, some in RECORDS.items()}
        self.wire: list[tuple[str, str, str | None, bytes]] = []
        self.asked: list[str] = []


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Published

    def do_GET(self) -> None:
        """A collection, a record, or the API's own 404."""
        path = urlsplit(self.path).path
        self.server.asked.append(f"GET {path}")
        records = self.server.records.get(path)
        if records is not None:
            self._answer(200, {"@id": path, "@type": "Collection", "totalItems": len(records), "member": records})
            return
        known = {one["@id"]: one for some in self.server.records.values() for one in some}
        if path in known:
            self._answer(200, known[path])
        else:
            self._answer(404, {"status": 404, "title": "An error occurred", "detail": "Not Found"}, problem=True)

    def do_POST(self) -> None:
        """Store the link, and answer it as recorded: its transaction comes embedded."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.asked.append(f"POST {self.path}")
        self.server.wire.append(("POST", self.path, self.headers["content-type"], body))
        made = {"@id": f"{self.path}/btr_11", "@type": "BudgetTransaction", "id": "btr_11", **json.loads(body)}
        self.server.records[self.path].append({**made, "transaction": TRANSACTION})
        self._answer(201, self.server.records[self.path][-1])

    def _answer(self, status: int, data: Any, *, problem: bool = False) -> None:
        text = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("content-type", "application/problem+json" if problem else "application/ld+json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's own name
        """Say nothing."""


@pytest.fixture
def peer() -> Iterator[Published]:
    """The peer, answering."""
    with Published() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_the_published_link_goes_out_exactly_as_published(
    tmp_path: Path, pg_url: str, store_url: str, peer: Published
) -> None:
    with psycopg.connect(plain(pg_url)) as erp:
        erp.execute(BOOKS)
    config = tmp_path / "syncd.yaml"
    config.write_text(SETTINGS)
    env = {
        "FLOWTLY_URL": f"http://127.0.0.1:{peer.server_address[1]}/api",
        "FLOWTLY_TOKEN": "kept-token-0904",
        "ERP_DATABASE_URL": plain(pg_url),
        "SYNCD_DATABASE_URL": plain(store_url),
    }
    with App(config, env) as app:
        for name in app.in_order():
            assert app.run(name, Options("test", write=True, person=True)).outcome == "done"
        ((method, path, kind, body),) = peer.wire
        assert (method, path, kind) == ("POST", "/api/budget-transactions", "application/ld+json")
        assert json.loads(body) == LINKED
        assert sorted(body.decode()) == sorted(json.dumps(LINKED, separators=(",", ":")))  # nothing else, no 125000.0
        posted = peer.asked.index("POST /api/budget-transactions")
        assert peer.asked[posted - 1] == "GET /api/transactions/txn_904"  # who else links it is looked at first
        assert [one.flowtly_key for one in app.store.links("costs")] == ["/api/budget-transactions/btr_11"]
        report = app.run("costs", Options("test", write=True))
        assert report.plan is not None
        assert not report.plan.pending
        assert len(peer.wire) == 1
