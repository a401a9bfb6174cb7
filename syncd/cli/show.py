"""How plans, reports and conflicts look to a person. Text from peers is never read as markup."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.markup import escape
from rich.table import Table

from syncd.cli.common import out
from syncd.core.match import Fit
from syncd.core.model import Absent, MaybeValue, Side
from syncd.core.plan import Item, Kind, Plan, item_to_json
from syncd.engine.run import Report, nested
from syncd.mapping.links import shown as waited_for

_LISTED = 40  # items shown before the rest is only counted; --all shows every one


def value_text(value: MaybeValue) -> str:
    """A value for people: null and absent are not the same."""
    if isinstance(value, Absent):
        return "(nothing)"
    if value is None:
        return "(empty)"
    return escape(str(value))


def plan_json(plan: Plan) -> dict[str, Any]:
    """A plan as a file holds it."""
    return {
        "format": 1,
        "mapping": plan.mapping,
        "fingerprint": plan.fingerprint,
        "approved": plan.approved,
        "linked": plan.linked,
        "missing": {str(side): count for side, count in plan.missing.items()},
        "items": [{**item_to_json(item), "id": item.fingerprint} for item in plan.items],
    }


def show_plan(plan: Plan, *, everything: bool = False) -> None:
    """The plan as a table of counts and a list of items with their reasons and values."""
    out.print(_summary(plan))
    shown = [item for item in plan.items if everything or not _obvious(item)]
    limit = len(shown) if everything else _LISTED
    for item in shown[:limit]:
        out.print(*_lines(item), sep="\n")
    if len(shown) > limit:
        out.print(f"... and {len(shown) - limit} more (--all shows them, -o FILE saves them)")
    if plan.waiting:
        out.print(f"{plan.waiting} of these wait until the record they refer to is linked")
    for side, count in plan.missing.items():
        if count:
            out.print(f"[yellow]note[/yellow] {count} linked records are not in {side} any more: reported, not deleted")
    if plan.pending and not plan.approved:
        out.print("This mapping has no approved plan yet. Look at it, then: [bold]syncd apply[/bold]")


def _obvious(item: Item) -> bool:
    """Counted, but not worth a line: an agreement, or a link by the certain key."""
    return item.kind is Kind.AGREE or (item.kind is Kind.LINK and item.reason.startswith(Fit.CERTAIN))


def _summary(plan: Plan) -> Table:
    table = Table(title=f"plan for {escape(plan.mapping)} ({plan.linked} linked)", title_justify="left")
    table.add_column("what")
    table.add_column("in external", justify="right")
    table.add_column("in flowtly", justify="right")
    for kind in (Kind.CREATE, Kind.PATCH):
        table.add_row(str(kind), *(str(plan.count(kind, side)) for side in Side))
    for kind in (Kind.LINK, Kind.ASK, Kind.AGREE):
        table.add_row(str(kind), str(plan.count(kind)), "")
    return table


def _lines(item: Item) -> Iterable[str]:
    where = f" in {item.side}" if item.side else ""
    keys = " = ".join(escape(key) for key in (item.external_key, item.flowtly_key) if key is not None)
    field = f" {escape(item.field)}" if item.field != "*" else ""
    yield f"[bold]{item.kind}[/bold]{where} {keys}{field}  ({escape(item.reason)})"
    for change in item.changes:
        lost = "  [yellow]overwrites an edit[/yellow]" if change.overwrites_edit else ""
        yield f"    {escape(change.field)}: {value_text(change.before)} -> {value_text(change.after)}{lost}"
    for name, value in (item.document or {}).items():
        yield f"    {escape(name)}: {value_text(value)}"
    if item.waits_for is not None:
        yield f"    [yellow]waits for {escape(waited_for(item.waits_for))}[/yellow]"
    if item.detail:
        yield f"    {escape(item.detail)}"


def report_json(report: Report) -> dict[str, Any]:
    """A finished run for a script."""
    return {
        "mapping": report.mapping,
        "outcome": report.outcome,
        "counts": nested(report.counts),
        "open_conflicts": report.open_conflicts,
        "open_operations": report.open_operations,
        "reasons": list(report.reasons),
        "seconds": report.seconds,
    }


def show_report(report: Report) -> None:
    """A finished run as a short table."""
    table = Table(title=f"{escape(report.mapping)}: {report.outcome}, {report.seconds:.1f} s", title_justify="left")
    table.add_column("")
    for side in Side:
        table.add_column(str(side), justify="right")
    names = sorted({name.partition(".")[2] for name in report.counts if "." in name})
    for name in names:
        table.add_row(name, *(str(report.counts.get(f"{side}.{name}", 0)) for side in Side))
    out.print(table)
    for name in ("linked", "conflicts"):
        if report.counts.get(name):
            out.print(f"{name}: {report.counts[name]}")
    if report.open_conflicts:
        out.print(f"{report.open_conflicts} open questions: [bold]syncd conflicts list[/bold]")
    if report.open_operations:
        out.print(f"{report.open_operations} writes with an unknown outcome: [bold]syncd operations list[/bold]")
    for reason in report.reasons if report.outcome != "error" else ():  # an error was told when it happened
        out.print(f"[red]refused[/red] {escape(reason)}")
