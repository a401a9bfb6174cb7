"""The tour itself: plan, apply, edits on both sides, a conflict, a lost answer, an idle run, and the proof by numbers.

Every number comes from the peers' own data or counters; nothing is taken from what the engine says of itself alone.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from syncd import telemetry
from syncd.cli.common import Shown, out
from syncd.cli.demo_world import World, world
from syncd.cli.examples import example_files
from syncd.cli.show import show_plan, show_report
from syncd.core.canon import same
from syncd.core.model import Side
from syncd.engine.context import Options
from syncd.engine.run import Report, load_lookups
from syncd.ports import ConflictRow
from syncd.wiring import App

MAPPING = "clients"


class Tour:
    """One walk through; collects what happened for the verdict."""

    def __init__(self, here: World, app: App) -> None:
        self.here = here
        self.app = app
        self.totals: Counter[str] = Counter()
        self.conflicts = 0

    def turn(self, title: str, *, person: bool = False, full: bool = False, show: bool = True) -> Report:
        """One run, shown."""
        shown = Shown()
        try:
            options = Options("demo", write=True, person=person, full=full)
            report = self.app.run(MAPPING, options, progress=shown)
        finally:
            shown.close()
        for name, count in report.counts.items():
            self.totals[name.rpartition(".")[2]] += int(count)
        if show:
            out.print(f"\n[bold]{title}[/bold]")
            show_report(report)
        return report

    def first_plan(self) -> None:
        """Look before anything is written, then approve."""
        report = self.app.run(MAPPING, Options("demo", write=False))
        out.print("[bold]1. The plan: what would be done, before anything is[/bold]")
        if report.plan is not None:
            show_plan(report.plan)
        self.turn("2. Applied", person=True)

    def edits(self) -> None:
        """Different fields on both sides of one record; other records on one side each."""
        first, second, third = self._linked(3)
        self.here.in_erp("UPDATE customers SET phone = '+45 70 10 20 30' WHERE customer_no = %s", first[0])
        self._in_flowtly(first[1], {"addressCity": "Nyborg"})
        self.here.in_erp("UPDATE customers SET terms = 45 WHERE customer_no = %s", second[0])
        self._in_flowtly(third[1], {"dueDays": 60})
        self.turn("3. Edits on both sides, also of one record: all arrive")

    def conflict(self) -> None:
        """The same field on both sides: asked, decided, carried out."""
        ((number, iri),) = self._linked(1)
        self.here.in_erp("UPDATE customers SET city = 'Skagen' WHERE customer_no = %s", number)
        self._in_flowtly(iri, {"addressCity": "Ribe"})
        self.turn("4. The same field edited on both sides: nothing is overwritten, somebody is asked", show=False)
        (row,) = [one for one in self._questions() if one.kind == "field" and one.external_key == number]
        out.print("\n[bold]4. The same field edited on both sides: nothing is overwritten, somebody is asked[/bold]")
        out.print(f"   {row.field}: external has {escape(str(row.external))}, flowtly has {escape(str(row.flowtly))}")
        self.app.store.resolve(row.id, Side.EXTERNAL, None, "demo")
        self.turn("   decided for external, and carried out")

    def lost_answer(self) -> None:
        """A create that Flowtly stored and answered with 504."""
        self.here.in_erp(
            "INSERT INTO customers (company_name, vat_no, country_code, currency_code) VALUES (%s, %s, 'DK', 'DKK')",
            "Lost Answer Demo ApS",
            "DK35408002",
        )
        self.here.flowtly.faults.add("status_after", method="POST", path="/clients", times=1, status=504)
        self.turn("5. A new customer; Flowtly stores it and answers 504: looked up and adopted, not sent again")
        self.here.flowtly.faults.clear()

    def idle(self) -> int:
        """A full run over unchanged data; returns the writes that the peers saw."""
        sent, versions = self._sent(), self._versions()
        self.turn("6. An idle full run", full=True)
        rewritten = set(self._versions().items()) ^ set(versions.items())
        return self._sent() - sent + len(rewritten)

    def converged(self) -> bool:
        """Read both sides afresh: every mapped field of every link is equal, or is in an open question."""
        mapping = self.app.mappings[MAPPING]
        peers = self.app.peers(mapping)
        lookups = load_lookups(mapping, peers[Side.FLOWTLY])
        open_fields = {(row.external_key, row.field) for row in self._questions()}
        clients = {f"/api/clients/{record['id']}": record for record in self._clients()}
        rows = self._customers()
        for link in list(self.app.store.links(MAPPING)):
            left = mapping.projection(Side.EXTERNAL).document(rows[link.external_key], lookups)
            right = mapping.projection(Side.FLOWTLY).document(clients[link.flowtly_key], lookups)
            for field in mapping.rules.fields:
                if not same(left.get(field), right.get(field)) and (link.external_key, field) not in open_fields:
                    return False
        return True

    def duplicates(self) -> int:
        """Clients beyond the first under one VAT number, and links that share a record."""
        numbers = Counter(
            f"{client.get('tinCountry')}{client['tin']}" for client in self._clients() if client.get("tin")
        )
        links = list(self.app.store.links(MAPPING))
        shared = 2 * len(links) - len({one.external_key for one in links}) - len({one.flowtly_key for one in links})
        return sum(count - 1 for count in numbers.values()) + shared

    def _linked(self, count: int) -> list[tuple[str, str]]:
        """Linked records without an open question, a different one at each call."""
        asked = {row.external_key for row in self._questions()}
        pairs = [
            (one.external_key, one.flowtly_key)
            for one in list(self.app.store.links(MAPPING))
            if one.external_key not in asked and one.base.external.get("addressCity")
        ]
        start = self.totals["chosen"]
        self.totals["chosen"] += count
        return pairs[start : start + count]

    def _questions(self) -> list[ConflictRow]:
        return self.app.store.conflicts(MAPPING, open_only=True)

    def _in_flowtly(self, iri: str, fields: dict[str, Any]) -> None:
        """A person in Flowtly's own pages."""
        self.here.in_flowtly("PATCH", f"clients/{iri.rpartition('/')[2]}", fields)

    def _clients(self) -> list[dict[str, Any]]:
        return list(self.here.in_flowtly("GET", "clients", None))

    def _customers(self) -> dict[str, dict[str, Any]]:
        mapping = self.app.mappings[MAPPING]
        names = mapping.projection(Side.EXTERNAL).inputs
        columns = ", ".join(f'"{name}"' for name in names)
        rows = self.here.in_erp(f"SELECT customer_no, {columns} FROM customers")  # noqa: S608 - names of our own mapping
        return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}

    def _sent(self) -> int:
        """Writes that Flowtly was asked for."""
        asked = self.here.flowtly.requests
        return sum(n for route, n in asked.items() if route.startswith(("POST", "PATCH")) and "login" not in route)

    def _versions(self) -> dict[str, str]:
        """The transaction that last wrote each ERP row."""
        return {row[0]: row[1] for row in self.here.in_erp("SELECT customer_no, xmin::text FROM customers")}


def run_demo(keep: Path | None) -> bool:
    """The whole tour. Returns whether everything was as it must be; the last line printed is one JSON object."""
    started = time.monotonic()
    telemetry.configure(form="console", level="error")
    with ExitStack() as closing:
        folder = keep or Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="syncd-demo-")))
        folder.mkdir(parents=True, exist_ok=True)
        files = example_files("sql")
        here = closing.enter_context(world(folder, files["mappings/clients.yaml"]))
        app = closing.enter_context(App(here.config, {**os.environ, **here.env}))
        verdict = _walk(Tour(here, app), started)
    sys.stdout.write(json.dumps({"demo": verdict}) + "\n")
    return bool(verdict["converged"] and not verdict["duplicates"] and not verdict["idle_writes"])


def _walk(tour: Tour, started: float) -> dict[str, Any]:
    tour.first_plan()
    tour.edits()
    tour.conflict()
    tour.lost_answer()
    idle = tour.idle()
    verdict: dict[str, Any] = {
        "linked": tour.totals["linked"] + tour.totals["created"] + tour.totals["adopted"],
        "created": tour.totals["created"] + tour.totals["adopted"],
        "patched": tour.totals["patched"],
        "conflicts": len(tour.app.store.conflicts(MAPPING, open_only=False)),
        "duplicates": tour.duplicates(),
        "idle_writes": idle,
        "converged": tour.converged(),
        "seconds": round(time.monotonic() - started, 1),
    }
    table = Table(title="The result", title_justify="left")
    table.add_column("what")
    table.add_column("value", justify="right")
    for name, value in verdict.items():
        table.add_row(name, str(value))
    out.print()
    out.print(table)
    return verdict
