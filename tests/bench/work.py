"""What is measured, each in a process of its own so that peak memory belongs to it alone.

``python -m tests.bench.work TASK`` reads its world from the environment and prints one JSON object.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg

from syncd.core.model import Side
from syncd.engine.context import Options, query_of
from syncd.engine.run import Report
from syncd.ports import Query
from syncd.wiring import App


def app() -> App:
    """The configuration of the measurement."""
    return App(Path(os.environ["BENCH_CONFIG"]))


def bare_walk() -> dict[str, Any]:
    """The floor: the same pages of both sides with the same client and parsing, both at once, and nothing else."""
    with app() as here:
        mapping = here.mappings["clients"]
        peers = here.peers(mapping)

        def walk(side: Side) -> int:
            return sum(len(page.records) for page in peers[side].pages(query_of(mapping, side), None))

        started = time.perf_counter()
        with ThreadPoolExecutor(2) as pool:
            records = sum(pool.map(walk, Side))
        return {"records": records, "seconds": time.perf_counter() - started}


def long_walk() -> dict[str, Any]:
    """One walk of BENCH_RESOURCE at Flowtly, each record read as any walk reads it and then let go."""
    name = os.environ["BENCH_RESOURCE"]
    with app() as here:
        flowtly = here.connector(Side.FLOWTLY)
        flowtly.check()
        before, started, pages, records = flowtly.requests, time.perf_counter(), 0, 0
        peak_before = _peak_mb()
        for page in flowtly.pages(Query(name), None):
            pages += 1
            records += len(page.records)
        seconds = time.perf_counter() - started
        return {
            "records": records,
            "pages": pages,
            "requests": flowtly.requests - before,
            "seconds": seconds,
            "grew_mb": _peak_mb() - peak_before,
        }


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run(options: Options) -> Callable[[], dict[str, Any]]:
    """One cycle with these options."""

    def measured() -> dict[str, Any]:
        with app() as here:
            store = here.store
            here.peers(here.mappings["clients"])  # opened before the clock starts, as for the bare walk
            wal = _wal()
            started = time.perf_counter()
            report: Report = here.run("clients", options)
            seconds = time.perf_counter() - started
            counts = dict(report.counts)
            store.close()
        return {
            "seconds": seconds,
            "outcome": report.outcome,
            "counts": counts,
            "conflicts": report.open_conflicts,
            "wal_bytes": _wal() - wal,
        }

    return measured


def _wal() -> int:
    with psycopg.connect(os.environ["SYNCD_DATABASE_URL"]) as connection:
        row = connection.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint").fetchone()
    return int(row[0]) if row else 0


TASKS: dict[str, Callable[[], dict[str, Any]]] = {
    "bare": bare_walk,
    "long": long_walk,
    "apply": run(Options("bench", write=True, person=True, beyond_caps=True)),
    "idle": run(Options("bench", write=True, full=True)),
    "once": run(Options("bench", write=True)),
}


def main() -> None:
    """Run one task and print what it took."""
    found = TASKS[sys.argv[1]]()
    found["peak_mb"] = _peak_mb()
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
