"""``why``, ``undo`` and ``history``: how a record came to be as it is, a plan to take a run back, what is kept."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import typer
from rich.markup import escape

from syncd.cli import saved
from syncd.cli.answering import usage
from syncd.cli.common import ConfigOption, Exit, JsonOption, exit_code, interruptible, opened, out, print_json, progress
from syncd.cli.show import plan_json, show_plan, show_report, value_text
from syncd.cli.state import link_of, record_of
from syncd.core.model import MaybeValue, Side
from syncd.core.plan import maybe_to_json
from syncd.engine.context import Options
from syncd.mapping.allocation_mappings import made_of
from syncd.ports import LedgerEntry, Link, Operation
from syncd.ports.allocations import Slot, posting_of
from syncd.wiring import App

history = typer.Typer(help="What is kept of the past, and for how long.", no_args_is_help=True)

_PROOF = {"answer": "verified by its answer", "read_back": "its answer was lost, verified by reading the record"}
_HIDDEN_DIGITS = 8

Row = tuple[datetime, int, LedgerEntry]


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(why)
    app.command()(undo)
    app.add_typer(history, name="history")


def why(
    record: str,
    field: Annotated[str | None, typer.Argument(help="Only this field.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> int:
    """Why a record is as it is: who had which value when, which rule decided, which write carried it.

    Example: syncd why clients:C00042 name
    """
    with opened(config, level="warning") as app:
        name, key = record_of(app, record)
        link = link_of(app, name, key)
        external, flowtly = (link.external_key, link.flowtly_key) if link else (key, key)
        rows = [
            row for row in app.store.history(name, external, flowtly) if field is None or row[2].field in {None, field}
        ]
        writes = app.store.requests([entry.operation for _, _, entry in rows if entry.operation is not None])
        requests = {id_: _request(app, name, one) for id_, one in writes.items()}
        pending = {
            side: seen
            for side, key in ((Side.EXTERNAL, external), (Side.FLOWTLY, flowtly))
            if (seen := app.store.observation(name, side, key)) is not None
        }
        sensitive = app.mappings[name].sensitive
        part = _part_of(app, name, external)
    if as_json:
        print_json([_as_json(row, requests) for row in rows])
        return Exit.DONE
    if not rows and not pending and part is None:
        out.print(f"nothing is recorded about {escape(record)}")
    shown: set[UUID] = set()
    for row in rows:
        _show(row, requests, shown)
    if link is not None and field is not None:
        out.print(f"agreed: {_agreed(link, field, hidden=field in sensitive)}")
    for side, seen in pending.items():
        why_not = f": {escape(seen.problem)}" if seen.problem else ""
        out.print(f"now [bold]{seen.status}[/bold] in {side}{why_not}")
    if part is not None:
        target = f"{part.target}, {part.employee}" if part.employee else part.target
        wanted = "not wanted any more" if part.withdrawn else "wanted"
        out.print(
            f"{wanted} by rule [bold]{escape(part.rule)}[/bold] of posting {escape(part.posting)}: {escape(target)}"
        )
    if part is not None and part.skipped:
        out.print(f"left out: {escape(part.skipped)}")
    return Exit.DONE


def _part_of(app: App, name: str, key: str) -> Slot | None:
    """The part of a posting that an allocation keeps under this key; None for anything else."""
    if made_of(app.mappings[name].spec) is None:
        return None
    posting = app.store.postings(name, [posting_of(key)]).get(posting_of(key))
    return next((slot for slot in posting.slots if slot.key == key), None) if posting is not None else None


def undo(
    run: Annotated[int, typer.Argument(help="The run, as syncd why and syncd status --json name it.", min=1)],
    config: ConfigOption = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Save the plan to this file.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="List every item.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Plan to take back what a run wrote, where nobody changed it since. Writes nothing: apply the saved plan.

    Example: syncd undo 1042 -o undo.json, then syncd apply undo.json
    """
    with opened(config, level="warning") as app:
        name, _ = app.store.done_by(run)
        if name is None:
            raise usage(f"run {run} wrote nothing that is still in the ledger")
        app.in_order(name)
        with progress() as shown, interruptible() as stop:
            report = app.run(name, Options("undo", write=False, undo=frozenset({run})), stop, progress=shown)
    if report.plan is None:
        show_report(report)
        return exit_code([report])
    if as_json:
        print_json({"plans": [plan_json(report.plan)]})
    else:
        show_plan(report.plan, everything=everything)
    if output is not None:
        saved.save(output, [report.plan])
    return exit_code([report])


@history.command("sweep")
def sweep(config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """Remove now what is older than the configuration says; the daemon does the same every day.

    Example: syncd history sweep --json
    """
    with opened(config, level="warning") as app, interruptible() as stop:
        done = app.store.sweep_history(app.retention(), app.settings.limits.run_time, stop.is_set)
    if as_json:
        print_json(done)
    else:
        for name, count in done.items():
            out.print(f"{name.replace('_', ' ')}: {count}")
    return Exit.DONE


def _request(app: App, name: str, operation: Operation) -> str:
    """What was asked of the peer, as far as it is known: the method and path at Flowtly, else what and where."""
    mapping, intent = app.mappings[name], operation.intent
    fields = ", ".join(sorted(intent.payload))
    if intent.side is Side.FLOWTLY:
        method = {"create": "POST", "patch": "PATCH", "replace": "DELETE, then POST"}.get(
            intent.kind, intent.kind.upper()
        )
        where = intent.target_key or mapping.resource(Side.FLOWTLY)
    else:
        method = f"{app.system_of(mapping)}: {intent.kind}"
        where = " ".join(part for part in (mapping.resource(Side.EXTERNAL), intent.target_key) if part)
    return f"{method} {where} ({fields}), intended {operation.created_at:%Y-%m-%d %H:%M:%S}"


def _show(row: Row, requests: Mapping[UUID, str], shown: set[UUID]) -> None:
    """One entry; below the first one of a write, its request."""
    at, run, entry = row
    what = ""
    if entry.field:
        before, after = (_text(value, hidden=entry.hidden) for value in (entry.before, entry.after))
        what = f" {escape(entry.field)}: {before} -> {after}"
    where = f" in {entry.side}" if entry.side else ""
    notes = [escape(entry.rule)] if entry.rule else []
    if entry.seen_at is not None:
        notes.append(f"first seen {entry.seen_at:%Y-%m-%d %H:%M:%S}")
    if entry.changed_at is not None:
        notes.append(f"changed there {entry.changed_at:%Y-%m-%d %H:%M:%S}")
    if entry.verified:
        notes.append(_PROOF.get(entry.verified, escape(entry.verified)))
    told = f"  ({', '.join(notes)})" if notes else ""
    out.print(f"{at:%Y-%m-%d %H:%M:%S} run {run} [bold]{entry.event}[/bold]{where}{what}{told}")
    if entry.operation is not None and entry.operation not in shown:
        shown.add(entry.operation)
        request = requests.get(entry.operation, "no longer kept")
        out.print(f"    operation {entry.operation}: {escape(request)}")


def _text(value: MaybeValue, *, hidden: bool) -> str:
    """A value, or the first digits of its hash: the same digits mean the same value."""
    if hidden and isinstance(value, str):
        return f"(hidden {value[:_HIDDEN_DIGITS]})"
    return value_text(value)


def _agreed(link: Link, field: str, *, hidden: bool) -> str:
    if hidden:
        return "(hidden)"
    return ", ".join(f"{side} {value_text(link.base.of(side).get(field))}" for side in Side)


def _as_json(row: Row, requests: Mapping[UUID, str]) -> dict[str, Any]:
    at, run, entry = row
    return {
        "at": at.isoformat(),
        "run": run,
        "event": entry.event,
        "side": entry.side,
        "field": entry.field,
        "before": maybe_to_json(entry.before),
        "after": maybe_to_json(entry.after),
        "hidden": entry.hidden,
        "rule": entry.rule,
        "seen_at": None if entry.seen_at is None else entry.seen_at.isoformat(),
        "changed_at": None if entry.changed_at is None else entry.changed_at.isoformat(),
        "verified": entry.verified,
        "operation": entry.operation,
        "request": None if entry.operation is None else requests.get(entry.operation),
    }
