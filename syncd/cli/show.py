"""How plans, reports and conflicts look to a person. Text from peers is never read as markup."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.markup import escape
from rich.table import Table

from syncd.cli.common import out
from syncd.cli.fates import Fate, Moved
from syncd.core.blast import Radius, Rate, radius, radius_to_json
from syncd.core.match import Fit
from syncd.core.model import Absent, MaybeValue, Side
from syncd.core.plan import Item, Kind, Plan, item_to_json
from syncd.engine.run import Report, nested
from syncd.mapping.links import shown as waited_for

_SHORT = 1.0  # minutes
_LISTED = 40  # items shown before the rest is only counted; --all shows every one


def value_text(value: MaybeValue) -> str:
    """A value for people: null and absent are not the same."""
    if isinstance(value, Absent):
        return "(nothing)"
    if value is None:
        return "(empty)"
    return escape(str(value))


@dataclass(frozen=True, slots=True)
class Edited:
    """That a mapping was edited after a person had approved it; the fields are told by what its links agreed on."""

    since: datetime | None
    new_fields: tuple[str, ...] = ()
    gone_fields: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """One line for a person."""
        parts = [f"edited since it was approved at {self.since:%Y-%m-%d %H:%M}" if self.since else "edited"]
        if self.new_fields:
            parts.append(f"fields that no record has agreed on yet: {', '.join(self.new_fields)}")
        if self.gone_fields:
            parts.append(f"fields it no longer has: {', '.join(self.gone_fields)}")
        return "; ".join(parts)


def plan_json(plan: Plan, rate: Rate | None = None, edited: Edited | None = None) -> dict[str, Any]:
    """A plan as a file holds it, with its blast radius."""
    return {
        "format": 1,
        "mapping": plan.mapping,
        "fingerprint": plan.fingerprint,
        "approved": plan.approved,
        "linked": plan.linked,
        "missing": {str(side): count for side, count in plan.missing.items()},
        "blast": radius_to_json(radius(plan, rate or Rate())),
        "edited": None if edited is None else edited.text,
        "items": [{**item_to_json(item), "id": item.fingerprint} for item in plan.items],
    }


def show_plan(plan: Plan, *, everything: bool = False, rate: Rate | None = None, edited: Edited | None = None) -> None:
    """The plan as a table of counts, how far it reaches, and a list of items with their reasons and values."""
    out.print(_summary(plan))
    if plan.pending:
        out.print(*_reach(radius(plan, rate or Rate())), sep="\n")
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
    if edited is not None:
        out.print(f"[yellow]note[/yellow] this mapping was {escape(edited.text)}")
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
    for kind in (Kind.DELETE, Kind.MARK, Kind.UNLINK):
        if plan.count(kind):
            table.add_row(str(kind), *(str(plan.count(kind, side)) for side in Side))
    for kind in (Kind.LINK, Kind.ASK, Kind.AGREE):
        table.add_row(str(kind), str(plan.count(kind)), "")
    return table


def _reach(found: Radius) -> Iterable[str]:
    """The blast radius in words."""
    if found.linked:
        yield f"touches {found.records} of {found.linked} linked records ({found.share:.1%})"
    requests = ", ".join(f"{count} to {side}" for side, count in found.requests.items())
    rate = found.rate
    how = f"measured in {rate.runs} runs" if rate.runs else "assumed, nothing was measured yet"
    took = f"about {found.minutes:.1f} minutes" if found.minutes >= _SHORT else "less than a minute"
    yield f"requests: {requests}; {took} at {rate.per_second:.1f} writes a second ({how}), besides reading both sides"
    for (side, name), amount in sorted(found.amounts.items()):
        parts = [f"{amount.moved} moved in {amount.changed} records"] if amount.changed else []
        parts += [f"{amount.created} in new ones"] if amount.created else []
        if parts:
            yield f"amounts: {escape(name)} in {side}: {', '.join(parts)}"


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


def show_fates(mapping: str, saved: int, found: list[Fate]) -> None:
    """What of a saved plan was not carried out, and why."""
    table = Table("what", "in", "record", "field", "in the plan", "now", "why", title_justify="left")
    table.title = (
        f"{escape(mapping)}: {len(found)} of {saved} items of the saved plan do not hold any more and were left alone"
    )
    for fate in found:
        item = fate.item
        record = " = ".join(escape(key) for key in (item.external_key, item.flowtly_key) if key is not None)
        field = "" if item.field == "*" else escape(item.field)
        first, *others = fate.moved or (None,)
        where, name, was, now = _moved(first) if first else (str(item.side or ""), field, "", "")
        table.add_row(str(item.kind), where, record, name, was, now, escape(fate.why))
        for other in others:
            where, name, was, now = _moved(other) if other else ("", "", "", "")
            table.add_row("", where, "", name, was, now, "")
    out.print(table)


def _moved(one: Moved) -> tuple[str, str, str, str]:
    return str(one.side), escape(one.field), value_text(one.was), value_text(one.now)


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
