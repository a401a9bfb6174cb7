"""``budgets totals`` and ``budgets incidents``: whether both sides add up, and what does not. Changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from syncd.budgets.money import told
from syncd.budgets.totals import Sums
from syncd.cli.budgets_explain import AllocationOption
from syncd.cli.budgets_reading import chosen
from syncd.cli.common import ConfigOption, Exit, JsonOption, opened, out, print_json
from syncd.core.model import Side
from syncd.engine.allocating.compiling import Allocation
from syncd.engine.allocating.control import Row, account_rows, budget_rows
from syncd.engine.allocating.scales import Names, scales_of
from syncd.engine.run import load_lookups
from syncd.ports.incidents import Incident
from syncd.wiring import App

_AMOUNTS = {3, 5, 7}
"""Columns with sums."""
_COLOURS = {"agrees": "green", "pending": "yellow", "off": "red"}


def totals_command(
    allocation: AllocationOption = None,
    month: Annotated[str | None, typer.Option(help="Only this month, such as 2026-01.")] = None,
    accounts: Annotated[bool, typer.Option("--accounts", help="By bank account as well.")] = False,
    differing: Annotated[bool, typer.Option("--differing", help="Only what differs.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Both sides by budget and month: what the rules want, and what Flowtly holds of ours and of people's.

    As both sides were last read. Ends with 3 where they differ by more than what is pending, with 2 for the latter.

    Example: syncd budgets totals --month 2026-01
    """
    with opened(config, level="warning") as app:
        found = {one.name: (one, _rows(app, one, accounts=accounts)) for one in chosen(app, allocation)}
    shown = {
        name: (one, [row for row in rows if _asked(row, month, differing=differing)])
        for name, (one, rows) in found.items()
    }
    if as_json:
        print_json({name: [_json(row, one) for row in rows] for name, (one, rows) in shown.items()})
    else:
        for name, (one, rows) in shown.items():
            _table(name, one, rows)
    states = {row.state for _, rows in shown.values() for row in rows}
    return Exit.REFUSED if "off" in states else Exit.PENDING if "pending" in states else Exit.DONE


def incidents_command(
    allocation: AllocationOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over (the latest 500).")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Control totals that do not agree, with the records by name. The budgets they are about are not written to.

    An incident is over by itself once both sides agree again. Ends with 3 while one is open.

    Example: syncd budgets incidents -a costs
    """
    with opened(config, level="warning") as app:
        names = [one.name for one in chosen(app, allocation)]
        rows = [one for name in names for one in app.store.incidents(name, open_only=not everything)]
    if as_json:
        print_json([_incident_json(one) for one in rows])
    elif not rows:
        out.print("everything agrees: no incident is open")
    else:
        for one in rows:
            _show_incident(one)
    return Exit.REFUSED if any(one.cleared_at is None for one in rows) else Exit.DONE


def _rows(app: App, allocation: Allocation, *, accounts: bool) -> list[Row]:
    scales = scales_of(allocation, app.mappings[allocation.of], app.store)
    asked = scales.lookup is not None
    lookups = load_lookups(app.mappings[allocation.name], app.connector(Side.FLOWTLY)) if asked else {}
    rows = budget_rows(app.store, scales, Names(scales, app.store, lookups))
    return [*rows, *(account_rows(app.store, scales) if accounts else ())]


def _asked(row: Row, month: str | None, *, differing: bool) -> bool:
    return (month is None or row.month == month) and (not differing or row.wanted != row.found)


def _table(name: str, allocation: Allocation, rows: Sequence[Row]) -> None:
    out.print(f"[bold]{escape(name)}[/bold]: {len(rows)} totals")
    table = Table("", "month", "wanted", "", "in Flowtly", "", "people's", "", "")
    for number, column in enumerate(table.columns):  # where it is narrow something is folded, and no sum is cut off
        column.overflow, column.no_wrap = "fold", number in _AMOUNTS
    for row in rows:
        sides = (cell for sums in (row.wanted, row.found, row.theirs) for cell in _cells(sums, row, allocation))
        colour = _COLOURS[row.state]
        table.add_row(escape(row.place), row.month, *sides, f"[{colour}]{row.state}[/{colour}]")
    out.print(table)


def _cells(sums: Sums, row: Row, allocation: Allocation) -> tuple[str, str]:
    if not sums.count:
        return "", ""
    return str(sums.count), escape(told(sums.amount, row.currency, allocation.exponents))


def _json(row: Row, allocation: Allocation) -> dict[str, Any]:
    def side(sums: Sums) -> dict[str, Any]:
        amount = told(sums.amount, row.currency, allocation.exponents).partition(" ")[0]
        return {"count": sums.count, "amount": amount}

    return {
        "kind": str(row.kind),
        "of": row.place,
        "month": row.month,
        "currency": row.currency,
        "wanted": side(row.wanted),
        "flowtly": side(row.found),
        "people": side(row.theirs),
        "state": row.state,
    }


def _incident_json(one: Incident) -> dict[str, Any]:
    return {
        "id": one.id,
        "allocation": one.allocation,
        "kind": one.breach.kind,
        "scope": one.breach.scope,
        "frozen": list(one.breach.targets) if one.cleared_at is None else [],
        "detail": dict(one.breach.detail),
        "opened_at": one.opened_at.isoformat(timespec="seconds"),
        "cleared_at": None if one.cleared_at is None else one.cleared_at.isoformat(timespec="seconds"),
    }


def _show_incident(one: Incident) -> None:
    breach = one.breach
    state = "[red]open[/red]" if one.cleared_at is None else f"over since {one.cleared_at:%Y-%m-%d %H:%M}"
    head = escape(f"{one.allocation}: {breach.kind}: {breach.scope}")
    out.print(f"[bold]incident {one.id}[/bold] {state}, found {one.opened_at:%Y-%m-%d %H:%M}: {head}")
    for name, value in breach.detail.items():
        if name == "records":
            for record in value:
                out.print(
                    f"    {escape(', '.join(f'{key} {text}' for key, text in record.items() if text is not None))}"
                )
        elif value:
            out.print(f"  {escape(name)}: {escape(_words(value))}")
    if breach.targets and one.cleared_at is None:
        out.print(f"  not written to meanwhile: {escape(', '.join(breach.targets))}")


def _words(value: Any) -> str:
    """A detail for a person: a side's count and amount, a list, or itself."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {each}" for key, each in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
