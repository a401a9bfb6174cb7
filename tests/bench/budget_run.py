"""One step of the measurement of budgets, in a process of its own so that its peak memory is its own.

``python -m tests.bench.budget_run TASK`` reads its world from the environment and prints one JSON object.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import structlog

from syncd.budgets.allocate import prepared
from syncd.connectors.flowtly.connector import FlowtlyConnector
from syncd.engine.allocating.compiling import posting_of
from syncd.engine.allocating.steps import AllocationSteps
from syncd.engine.context import Context, Options
from syncd.ports import Page, Query
from syncd.ports.budget_links import Calibration, Unit
from syncd.wiring import App
from tests.bench.budget_books import Ledger
from tests.bench.budget_flowtly import allocation, raw_postings

ROUNDS = 3
PARENTS = ("budget-groups", "budgets", "transactions")


class Clocks:
    """What the parts of a run take, measured from outside: walks, their pages, and seconds of the derivation."""

    def __init__(self) -> None:
        self.walks: Counter[str] = Counter()
        self.pages: Counter[str] = Counter()
        self.derive = 0.0
        self._before, self._walk = AllocationSteps.before, FlowtlyConnector.pages

    def start(self) -> None:
        """Measure from here on."""

        def before(steps: AllocationSteps, ctx: Context) -> str:
            started = time.perf_counter()
            try:
                return self._before(steps, ctx)
            finally:
                self.derive += time.perf_counter() - started

        def pages(connector: FlowtlyConnector, query: Query, cursor: str | None) -> Iterator[Page]:
            self.walks[query.resource] += 1
            for page in self._walk(connector, query, cursor):
                self.pages[query.resource] += 1
                yield page

        setattr(AllocationSteps, "before", before)  # noqa: B010 - a measurement looks on from outside
        setattr(FlowtlyConnector, "pages", pages)  # noqa: B010 - as above


def rules() -> dict[str, Any]:
    """The rules alone, on one core: rows of the ERP in, parts out."""
    here = allocation()
    raw = list(raw_postings(Ledger(os.environ["ERP_DATABASE_URL"])))
    started = time.process_time()
    postings = [posting_of(here, record, lines) for record, lines in raw]
    read = time.process_time() - started
    allocator, parts, taken = prepared(here.rules), 0, []
    for _ in range(ROUNDS):
        started = time.process_time()
        parts = sum(len(allocator.allocate(one).parts) for one in postings)
        taken.append(time.process_time() - started)
    return {"postings": len(postings), "parts": parts, "read": read, "seconds": median(taken)}


def calibrate() -> dict[str, Any]:
    """The answer of a person who looked: links count minor units, and a cost is negative at its transaction."""
    with App(Path(os.environ["BENCH_CONFIG"])) as app:
        app.store.calibrate("costs", Calibration(Unit.MINOR, -1, {}, "bench", datetime.now(UTC)))
    return {}


def cycle(*names: str, person: bool = False, full: bool = False) -> dict[str, Any]:
    """One cycle of these mappings, one after the other."""
    options = Options("bench", write=True, person=person, beyond_caps=person, full=full)
    clocks = Clocks()
    clocks.start()
    with App(Path(os.environ["BENCH_CONFIG"])) as app:
        app.store.stops()  # opened and brought up to date before the clock starts
        counts: Counter[str] = Counter()
        breaches, conflicts, removals, started = 0, 0, 0, time.perf_counter()
        for name in names:
            report = app.run(name, options)
            if report.outcome != "done":
                raise SystemExit(f"{name}: {report.outcome}: {report.reasons} {dict(report.counts)}")
            counts.update(report.counts)
            breaches += len(report.breaches)
            conflicts += report.open_conflicts
            removals += report.open_removals
        seconds = time.perf_counter() - started
        parts = app.store.allocation_counts("costs").get("wanted", 0)
    told = {"seconds": seconds, "derive": clocks.derive, "walks": dict(clocks.walks), "pages": dict(clocks.pages)}
    left = {"breaches": breaches, "conflicts": conflicts, "removals": removals}
    return {**told, "counts": dict(counts), "parts": parts, **left}


def approved() -> dict[str, Any]:
    """A person says yes to every deletion that waits for a word; then one cycle."""
    with App(Path(os.environ["BENCH_CONFIG"])) as app:
        said = app.store.approve_removals([one.id for one in app.store.removals("costs", open_only=True)], "bench")
    return {**cycle("costs", person=True), "approved": said}


def peak_mb() -> float:
    """The most memory this process had at once. Linux keeps it for the program alone, without its parent's."""
    status = Path("/proc/self/status")
    found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text()) if status.exists() else None
    return (int(found[1]) if found else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss) / 1024


TASKS: dict[str, Callable[[], dict[str, Any]]] = {
    "rules": rules,
    "calibrate": calibrate,
    "parents": partial(cycle, *PARENTS, person=True),
    "transactions": partial(cycle, "transactions", person=True),
    "first": partial(cycle, "costs", person=True),
    "full": partial(cycle, "costs", full=True),
    "idle": partial(cycle, "costs"),
    "approved": approved,
}


def main() -> None:
    """Run one task and print what it took."""
    structlog.configure(
        processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.ReturnLoggerFactory()
    )
    found = TASKS[sys.argv[1]]()
    found["peak_mb"] = peak_mb()
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
