"""A sandbox Flowtly that has a company's transactions already: ``python -m tests.bench.budget_flowtly LINKS``.

LINKS is ``linked`` (every transaction has the links that the rules of the example want) or ``bare``. Everything is put
straight into the sandbox's state; the API is not asked. Reads its world from the environment, says its origin once
everything is in, and serves until its standard input ends.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from syncd.budgets.allocate import prepared
from syncd.budgets.model import Posting
from syncd.engine.allocating.compiling import Allocation, allocations_of, posting_of
from syncd.ports import Record
from syncd.sandbox.iso import currency_iri
from syncd.sandbox.sample_bank import decimal
from syncd.sandbox.server import SandboxConfig, SandboxServer
from syncd.sandbox.state import State
from syncd.settings import load
from tests.bench.budget_books import ACCOUNTS, EMPLOYEES, LINE, POSTING, YEAR, Ledger, Row

TOKEN = "bench-token-0816"
_MONTH = len("2026-01")


def allocation() -> Allocation:
    """The example's allocation, ready for work."""
    settings = load(Path(os.environ["BENCH_CONFIG"]), os.environ)
    return allocations_of(settings.allocations, settings.mappings)["costs"]


def raw_postings(ledger: Ledger) -> Iterator[tuple[Record, list[Record]]]:
    """Every posting of the ERP with its lines, as the ERP has them."""
    lines: dict[str, list[Record]] = {}
    for row in ledger.table("posting_lines", LINE):
        lines.setdefault(row["posting_id"], []).append(Record(row["line_id"], row))
    for row in ledger.table("postings", POSTING):
        yield Record(row["posting_id"], row), lines.get(row["posting_id"], [])


class Company:
    """What a company that used Flowtly for a year has there, put into a state that has its reference data."""

    def __init__(self, state: State, ledger: Ledger) -> None:
        self._state, self._ledger = state, ledger
        self._accounts = self._named("BankAccount", "number")
        self._employees = self._named("Employee", "email")
        self._budgets: dict[str, str] = {}

    def settle(self) -> None:
        """Bank accounts, employees, budget groups and budgets."""
        for currency, number in ACCOUNTS.items():
            if number not in self._accounts:
                values = {"name": currency, "number": number, "currency": currency_iri(currency)}
                self._accounts[number] = self._put("BankAccount", values)
        for email in EMPLOYEES:
            if email not in self._employees:
                values = {"firstName": email[:3], "lastName": "Example", "email": email}
                self._employees[email] = self._put("Employee", values)
        rows = self._ledger.rows("SELECT group_no, name FROM cost_centre_groups ORDER BY 1")
        groups = {number: self._put("BudgetGroup", {"name": name}) for number, name in rows}
        first, last = (_stamp(day) for day in (date(YEAR, 1, 1), date(YEAR, 12, 31)))
        dates = {"dateFrom": first, "dateTo": last}
        for number, name, group in self._ledger.rows(
            "SELECT cost_centre_no, name, group_no FROM cost_centres ORDER BY 1"
        ):
            values = {"name": f"{name} {YEAR}", "budgetGroup": groups[group], **dates}
            self._budgets[f"{number}:{YEAR}"] = self._put("Budget", values)

    def book(self, rules: Allocation, *, linked: bool) -> tuple[int, int]:
        """A transaction for each posting, and the links that the rules want of it; how many of both."""
        allocator, transactions, links = prepared(rules.rules), 0, 0
        for record, lines in raw_postings(self._ledger):
            posting = posting_of(rules, record, lines)
            transaction = self._put("Transaction", self._transaction(record.raw, posting))
            transactions += 1
            for part in allocator.allocate(posting).parts if linked else ():
                link = {
                    "budget": self._budgets[part.budget],
                    "transaction": transaction,
                    "employee": self._employees[part.employee] if part.employee else None,
                    "amount": None if part.whole else part.amount,
                }
                self._put("BudgetTransaction", link)
                links += 1
        return transactions, links

    def _transaction(self, raw: Row, posting: Posting) -> dict[str, Any]:
        day = _stamp(posting.on)
        return {
            "bankAccount": self._accounts[raw["account_no"]],
            "execDate": day,
            "orderDate": day,
            "connectedMonth": day[:_MONTH],
            "operationNumber": raw["operation_no"],
            "description": raw["booking_text"],
            "amount": decimal(int(raw["amount"] * 100)),
        }

    def _named(self, resource: str, name: str) -> dict[str, str]:
        found = self._state.resources[resource]
        return {row[name]: found.iri(row["id"]) for row in self._state.rows(resource)}

    def _put(self, resource: str, values: dict[str, Any]) -> str:
        return self._state.resources[resource].iri(self._state.insert(resource, values)["id"])


def _stamp(day: date) -> str:
    return f"{day.isoformat()}T00:00:00+00:00"


@contextmanager
def filled(env: dict[str, str], *, linked: bool) -> Iterator[tuple[str, int, int]]:
    """Such a sandbox in a process of its own: its origin, its transactions and its links."""
    command = [sys.executable, "-m", "tests.bench.budget_flowtly", "linked" if linked else "bare"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the sandbox has no pipes")
    try:
        told = process.stdout.readline().split()
        if not told:
            raise SystemExit("the sandbox could not be filled")
        yield told[0], int(told[1]), int(told[2])
    finally:
        process.stdin.close()
        process.wait(timeout=60)


def main() -> None:
    """Fill and serve."""
    with SandboxServer(SandboxConfig(empty=True, static_token=TOKEN)) as server:
        company = Company(server.state, Ledger(os.environ["ERP_DATABASE_URL"]))
        company.settle()
        transactions, links = company.book(allocation(), linked=sys.argv[1] == "linked")
        sys.stdout.write(f"{server.origin} {transactions} {links}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    main()
