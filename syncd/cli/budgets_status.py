"""The part of ``status`` about allocations: where postings stand, what is off, what is spent. Asks no peer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from rich.markup import escape

from syncd.engine.allocating.audit import sentence
from syncd.engine.allocating.control import budget_rows
from syncd.engine.allocating.scales import Names
from syncd.engine.allocating.spending import spend_rows
from syncd.wiring import App


def allocations_of(app: App) -> list[dict[str, Any]]:
    """Every allocation at a glance, as JSON data: postings and parts by state, totals, open incidents, spending."""
    return [_allocation(app, name) for name in sorted(app.budgets.allocations)]


def lines_of(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The same for a person, marked up."""
    for row in rows:
        name = escape(row["allocation"])
        yield f"allocation {name}: {_counted(row['counts'])}"
        if row["totals"]:
            yield f"allocation {name}: totals: {_counted(row['totals'])} ([bold]syncd budgets totals[/bold])"
        for incident in row["incidents"]:
            frozen = f"; not written to: {', '.join(incident['budgets'])}" if incident["budgets"] else ""
            yield f"[red]off[/red] {name} since {incident['since']}: {escape(incident['line'] + frozen)}"
        for spent in row["spending"]:
            if spent["passed"] is not None:
                told = f"{spent['used']} of {spent['planned']} {spent['currency']}"
                share = "" if spent["share"] is None else f" ({spent['share']} %)"
                where = f"budget {spent['budget']}, {spent['period']}"
                yield f"[yellow]spent[/yellow] {name}: {escape(f'{where}: {told}{share}')}"


def _allocation(app: App, name: str) -> dict[str, Any]:
    return {
        "allocation": name,
        "counts": app.store.allocation_counts(name),
        "totals": _totals(app, name),
        "incidents": [
            {
                "id": one.id,
                "since": one.opened_at.isoformat(timespec="seconds"),
                "line": sentence(one),
                "budgets": list(one.breach.targets),
            }
            for one in app.store.incidents(name, open_only=True)
        ],
        "spending": [
            {key: value if value is None or key == "passed" else str(value) for key, value in row.items()}
            for row in spend_rows(app.store.spending(name))
        ],
    }


def _totals(app: App, name: str) -> dict[str, int]:
    """How many budgets and months agree, as last read; nothing where names of budgets had to be asked of Flowtly."""
    scales = app.budgets.scales(name)
    if scales.lookup is not None:
        return {}
    found = Counter(row.state for row in budget_rows(app.store, scales, Names(scales, app.store, {})))
    return {state: found[state] for state in ("agrees", "pending", "off") if found[state]}


def _counted(counts: Mapping[str, int]) -> str:
    """``allocated 12, refused 1``."""
    return ", ".join(f"{what} {count}" for what, count in counts.items() if count) or "nothing yet"
