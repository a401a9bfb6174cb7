"""A company with the books of ``tests.bench.budget_books``, the shipped configuration, and a sandbox Flowtly."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from syncd.engine.context import Options
from syncd.engine.run import Report
from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.iso import currency_iri
from syncd.sandbox.server import SandboxServer
from syncd.wiring import App
from tests.bench.budget_books import ACCOUNTS, EMPLOYEES, EXAMPLE, Ledger, books
from tests.e2e import logbook
from tests.engine.world import plain
from tests.support.commands import run_command

TOKEN = "kept-token-0816"
WRITES = ("POST", "PATCH", "DELETE")


@dataclass
class Company:
    """An ERP, a Flowtly, and the application between them."""

    folder: Path
    flowtly: SandboxServer
    ledger: Ledger
    env: dict[str, str]
    apps: list[App] = field(default_factory=list)

    @property
    def app(self) -> App:
        """The application of the configuration as it is written now."""
        if not self.apps:
            self.apps.append(App(self.folder / "syncd.yaml", self.env))
        return self.apps[-1]

    def configure(self, old: str, new: str, name: str = "allocations/costs.yaml") -> None:
        """Change a text of a configuration file and start over with it."""
        path = self.folder / name
        text = path.read_text()
        assert old in text, old
        path.write_text(text.replace(old, new))
        self.close()

    def close(self) -> None:
        """Release connections."""
        while self.apps:
            self.apps.pop().close()

    def cycle(self, *, person: bool = True, full: bool = False) -> dict[str, Report]:
        """One run of every mapping, parents first."""
        chosen = Options("test", write=True, person=person, full=full)
        return {name: self.app.run(name, chosen) for name in self.app.in_order()}

    def settled(self, most: int = 8) -> int:
        """Cycles until one writes nothing, and leaves nothing to be made again; how many that took."""
        for number in range(1, most + 1):
            before = self.writes()
            reports = self.cycle()
            assert {one.outcome for one in reports.values()} == {"done"}, {n: r.outcome for n, r in reports.items()}
            if self.writes() == before and not any(one.counts.get("external.unlinked") for one in reports.values()):
                return number
        raise AssertionError(f"not at rest after {most} cycles")

    def writes(self) -> int:
        """Writes that Flowtly was asked for."""
        return sum(count for route, count in self.flowtly.requests.items() if route.split()[0] in WRITES)

    def syncd(self, *arguments: str, code: int = 0, answer: str = "") -> str:
        """One command; its output, of both streams unless it is JSON."""
        self.close()
        given = [*arguments, "-c", str(self.folder / "syncd.yaml")]
        done = run_command(given, {**os.environ, **self.env}, self.folder, answer)
        logbook.keep(done.stdout + done.stderr)
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout if "--json" in arguments else done.stdout + done.stderr

    def person(self, resource: str, values: dict[str, Any]) -> str:
        """A person adds a record in Flowtly; its IRI."""
        row = self.flowtly.state.insert(resource, values)
        return self.flowtly.state.resources[resource].iri(row["id"])


@contextmanager
def opened(folder: Path, erp_url: str, store_url: str, postings: int, seed: int = 7) -> Iterator[Company]:
    """A company whose ERP has its books, and whose Flowtly knows its bank accounts and its people.

    Without ``postings`` it has the few that erp.sql itself brings.
    """
    for name in ("syncd.yaml", "mappings", "allocations"):
        copy = shutil.copytree if (EXAMPLE / name).is_dir() else shutil.copy
        copy(EXAMPLE / name, folder / name)
    with (folder / "syncd.yaml").open("a") as settings:
        settings.write("\nlimits: {listing_grace: 0s}\n")
    ledger = Ledger(plain(erp_url))
    ledger.create(postings=not postings)
    ledger.fill(books(seed, postings))
    with SandboxServer(SandboxConfig(empty=True, static_token=TOKEN)) as flowtly:
        env = {"FLOWTLY_URL": flowtly.url, "FLOWTLY_TOKEN": TOKEN, "ERP_DATABASE_URL": plain(erp_url)}
        company = Company(folder, flowtly, ledger, {**env, "SYNCD_DATABASE_URL": plain(store_url)})
        for currency, number in ACCOUNTS.items():
            if currency != "EUR":
                account = {"name": f"{currency} account", "number": number, "currency": currency_iri(currency)}
                company.person("BankAccount", account)
        known = {row["email"] for row in flowtly.state.table("Employee").rows.values()}
        for email in EMPLOYEES:
            if email not in known:
                company.person("Employee", {"firstName": email[:3], "lastName": "Example", "email": email})
        try:
            yield company
        finally:
            company.close()
