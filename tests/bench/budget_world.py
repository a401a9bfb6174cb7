"""A company of a measurement: its books in PostgreSQL, its Flowtly, a configuration, and steps of syncd between them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from syncd.store.embedded import ensure
from tests.bench.budget_books import EXAMPLE, Books, Ledger, books
from tests.bench.budget_flowtly import TOKEN, filled

ROOT = Path(__file__).resolve().parents[2]
SEED = 7


@dataclass
class World:
    """A company with its books and its Flowtly; every step runs in a process of its own."""

    env: dict[str, str]
    ledger: Ledger
    flowtly: str
    transactions: int
    links: int

    def step(self, task: str) -> tuple[dict[str, Any], Counter[str]]:
        """One step: what it told, and its requests to Flowtly by method and route."""
        before = self._requests()
        command = [sys.executable, "-m", "tests.bench.budget_run", task]
        done = subprocess.run(command, cwd=ROOT, env=self.env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"{task} failed:\n{done.stdout}\n{done.stderr}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found, self._requests() - before

    def _requests(self) -> Counter[str]:
        with urlopen(f"{self.flowtly}/_sandbox/requests", timeout=60) as answer:
            counted: Any = json.loads(answer.read())
        return Counter(counted)


@contextmanager
def company(postings: int, *, linked: bool) -> Iterator[World]:
    """Such a company; ``linked``: its links are there already, and ``own: all`` takes them over."""
    with tempfile.TemporaryDirectory(prefix="syncd-bench-") as name:
        folder = Path(name)
        server = ensure(folder / "pg")
        try:
            ledger = Ledger(server.url("erp"))
            ledger.create()
            _fill(ledger, books(SEED, postings))
            given = {"FLOWTLY_URL": "http://127.0.0.1:9/api", "FLOWTLY_TOKEN": TOKEN, "ERP_DATABASE_URL": ledger.url}
            given["SYNCD_DATABASE_URL"] = server.url("store")
            given["BENCH_CONFIG"] = str(_configured(folder, own_all=linked))
            env = {**os.environ, **given}
            with filled(env, linked=linked) as (origin, transactions, links):
                yield World({**env, "FLOWTLY_URL": f"{origin}/api"}, ledger, origin, transactions, links)
        finally:
            server.stop()


def _fill(ledger: Ledger, made: Books) -> None:
    """Books of yesterday: what was booked a moment ago is read again by every reading for a while, on purpose."""
    tables = ("postings", "posting_lines")
    for table in tables:
        ledger.run(f"ALTER TABLE {table} ALTER changed_at SET DEFAULT clock_timestamp() - interval '1 day'")
    ledger.fill(made)
    for table in tables:
        ledger.run(f"ALTER TABLE {table} ALTER changed_at SET DEFAULT clock_timestamp()")


def _configured(folder: Path, *, own_all: bool) -> Path:
    """The example as it is shipped; ``own: all`` lets it take over the links that are there."""
    for name in ("mappings", "allocations"):
        shutil.copytree(EXAMPLE / name, folder / name)
    settings = Path(shutil.copy(EXAMPLE / "syncd.yaml", folder / "syncd.yaml"))
    settings.write_text(settings.read_text() + "\nlimits: {listing_grace: 1s}\n")
    costs = folder / "allocations" / "costs.yaml"
    if own_all:
        costs.write_text(costs.read_text().replace("\nlinks:\n", "\nlinks:\n  own: all\n"))
    return settings
