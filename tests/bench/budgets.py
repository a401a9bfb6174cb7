"""Costs on budgets, measured: ``python -m tests.bench.budgets [POSTINGS]`` prints a table; ``make bench`` writes it to
docs/budgets-measured.md. Everything is made by syncd itself, so 100,000 postings take the better part of an hour.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import structlog

from syncd import __version__
from syncd.budgets.allocate import prepared
from syncd.engine.allocating.compiling import posting_of
from syncd.engine.context import Options
from syncd.engine.run import Report
from syncd.ports import Record
from syncd.ports.budget_links import Calibration, Unit
from syncd.store.embedded import ensure
from syncd.wiring import App
from tests.bench.budget_books import ACCOUNTS, EMPLOYEES, EXAMPLE, LINE, POSTING, Ledger, books
from tests.bench.budget_edits import Bookkeeper
from tests.bench.peers import sandbox

PAGE = Path(__file__).resolve().parents[2] / "docs" / "budgets-measured.md"
WRITE = Options("bench", write=True, person=True, beyond_caps=True)
CHANGED = 50


class World:
    """A company with its books, its Flowtly, and the application between them."""

    def __init__(self, app: App, ledger: Ledger, flowtly: str) -> None:
        self.app, self.ledger, self._flowtly = app, ledger, flowtly

    def run(self, name: str, options: Options = WRITE) -> tuple[Report, float, Counter[str]]:
        """One run; what it took in seconds, and its requests to Flowtly by method and route."""
        before, started = self._requests(), time.perf_counter()
        report = self.app.run(name, options)
        seconds = time.perf_counter() - started
        if report.outcome not in {"done", "planned"}:
            raise SystemExit(f"{name}: {report.outcome}: {report}")
        return report, seconds, self._requests() - before

    def _requests(self) -> Counter[str]:
        with urlopen(f"{self._flowtly}/_sandbox/requests", timeout=30) as answer:
            counted: Any = json.loads(answer.read())
        return Counter(counted.get("requests", counted))


def measured(postings: int) -> list[list[str]]:
    """The rows of the table."""
    rows: list[list[str]] = []
    with _world(postings) as world:
        rows.append(_rules(world))
        for name in ("budget-groups", "budgets", "transactions"):
            _, seconds, _ = world.run(name)
        rows.append([f"{postings:,} transactions made in Flowtly", f"{seconds:.1f} s", "for comparison: one POST each"])
        plan, seconds, _ = world.run("costs", Options("bench", write=False, person=True))
        rows.append(_planned(world, plan, seconds, postings))
        decided = Calibration(Unit.MINOR, -1, {}, "bench", datetime.now(UTC))
        world.app.store.calibrate("costs", decided)
        _, seconds, sent = world.run("costs")
        links = sent["POST /budget-transactions"]
        told = f"{links / seconds:,.0f} links a second; {sum(sent.values()) / max(links, 1):.2f} requests a link, walks included"
        rows.append([f"first cycle: {links:,} links", f"{seconds:.1f} s", told])
        rows.extend(_cycles(world))
    return rows


def _rules(world: World) -> list[str]:
    """The rules alone, on one core: rows of the ERP in, parts out."""
    allocation = world.app.allocations["costs"]
    lines: dict[str, list[Record]] = {}
    for row in world.ledger.table("posting_lines", LINE):
        lines.setdefault(row["posting_id"], []).append(Record(row["line_id"], row))
    records = [Record(row["posting_id"], row) for row in world.ledger.table("postings", POSTING)]
    started = time.process_time()
    postings = [posting_of(allocation, one, lines.get(one.key, ())) for one in records]
    read = time.process_time() - started
    allocator, started = prepared(allocation.rules), time.process_time()
    parts = sum(len(allocator.allocate(one).parts) for one in postings)
    seconds = time.process_time() - started
    how = f"one core; {len(postings):,} postings became {parts:,} parts in {seconds:.2f} s; aim >= 20,000. Reading them out of raw rows: {len(postings) / read:,.0f} a second"
    return ["rules applied", f"{len(postings) / seconds:,.0f} postings/s", how]


def _planned(world: World, plan: Report, seconds: float, postings: int) -> list[str]:
    wanted = world.app.store.allocation_counts("costs").get("wanted", 0)
    items = len(plan.plan.items) if plan.plan is not None else 0
    how = f"postings read, rules applied, {wanted:,} parts kept in PostgreSQL, {items:,} links planned: {postings / seconds:,.0f} postings/s"
    return [f"first derivation and plan of {postings:,} postings", f"{seconds:.1f} s", how]


def _cycles(world: World) -> Iterator[list[str]]:
    """An idle cycle, and one after changes: what goes beyond the walk of the links is for the changed ones."""
    _, seconds, idle = world.run("costs")
    written = sum(count for route, count in idle.items() if not route.startswith("GET"))
    yield [
        "idle cycle",
        f"{seconds:.1f} s",
        f"{sum(idle.values())} requests, the walk of the links; {written} writes; aim 0",
    ]
    keeper = Bookkeeper(world.ledger, 5)
    for number in range(CHANGED):
        (keeper.move, keeper.amount, keeper.split, keeper.move_line)[number % 4]()
    world.run("transactions")
    _, seconds, sent = world.run("costs")
    changed = sum(
        sent[f"{verb} /budget-transactions{path}"]
        for verb, path in (("POST", ""), ("PATCH", "/{id}"), ("DELETE", "/{id}"))
    )
    walks = idle["GET /budget-transactions"]
    beyond = sum(sent.values()) - sent["GET /budget-transactions"]
    passes = sent["GET /budget-transactions"] / max(walks, 1)
    yield [
        f"cycle with {CHANGED} changed postings",
        f"{beyond / max(changed, 1):.2f} requests a changed link",
        f"{changed} links written, {beyond} requests beyond {passes:.1f} walks of {walks} pages; {seconds:.1f} s; aim <= 3",
    ]


@contextmanager
def _world(postings: int) -> Iterator[World]:
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as name, sandbox(0, empty=True) as flowtly:
        folder = Path(name)
        server = ensure(folder / "pg")
        try:
            ledger = Ledger(server.url("erp"))
            ledger.create()
            ledger.fill(books(7, postings))
            _people(flowtly)
            with App(_configured(folder), _environment(flowtly, ledger, server.url("store"))) as app:
                yield World(app, ledger, flowtly)
        finally:
            server.stop()


def _configured(folder: Path) -> Path:
    for name in ("mappings", "allocations"):
        shutil.copytree(EXAMPLE / name, folder / name)
    text = (EXAMPLE / "syncd.yaml").read_text()
    login = 'login: {username: sync@flowtly.test, password: "${PASSWORD}"}'
    settings = folder / "syncd.yaml"
    settings.write_text(text.replace("token: ${FLOWTLY_TOKEN}", login) + "\nlimits: {listing_grace: 1s}\n")
    return settings


def _environment(flowtly: str, ledger: Ledger, store: str) -> dict[str, str]:
    named = {"FLOWTLY_URL": f"{flowtly}/api", "PASSWORD": "sandbox", "ERP_DATABASE_URL": ledger.url}
    return {**os.environ, **named, "SYNCD_DATABASE_URL": store}


def _people(flowtly: str) -> None:
    """Bank accounts and employees, as a person would set them up."""
    with urlopen(f"{flowtly}/_sandbox/records/currencies", timeout=30) as answer:
        codes = {one["code"]: one["id"] for one in json.loads(answer.read())}
    for currency, number in ACCOUNTS.items():
        if currency != "EUR":
            _made(flowtly, "bank-accounts", name=currency, number=number, currency=f"/api/currencies/{codes[currency]}")
    for email in EMPLOYEES[1:]:
        _made(flowtly, "employees", firstName=email[:3], lastName="Example", email=email)


def _made(flowtly: str, resource: str, **fields: Any) -> None:
    url = f"{flowtly}/_sandbox/records/{resource}"
    with urlopen(Request(url, json.dumps(fields).encode(), method="POST"), timeout=30) as answer:
        answer.read()


def page(rows: list[list[str]], postings: int) -> str:
    """The measurements as a page."""
    head = f"""# Budgets, measured

Written by `make bench`, version {__version__}, Python {platform.python_version()}, {os.cpu_count()} cores, embedded
PostgreSQL. config/budgets with the books of `tests/bench/budget_books.py`: {postings:,} postings of a year in three
currencies. Flowtly is a sandbox in a process of its own on the same machine, so read the ratios, not the seconds.

| what | measured | how |
|---|---|---|
"""
    return head + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main(postings: int, *, keep: bool) -> None:
    """Measure, print, and write the page where ``keep``."""
    text = page(measured(postings), postings)
    if keep:
        PAGE.write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, keep=len(sys.argv) == 1)
