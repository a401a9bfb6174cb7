"""``events``: what was told to whom, what waits, what was given up."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from syncd.cli.common import ConfigOption, Exit, JsonOption, opened, out, print_json
from syncd.cli.show import value_text
from syncd.core.model import ABSENT, Document
from syncd.core.plan import maybe_to_json
from syncd.errors import ConfigError, Problem
from syncd.mapping.problems import did_you_mean
from syncd.ports import Delivery, DeliveryState, OutboxEvent

events = typer.Typer(help="Changes that were told to others, or wait to be.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.add_typer(events, name="events")


@events.command("list")
def list_events(
    config: ConfigOption = None,
    state: Annotated[str | None, typer.Option(help="Only pending, delivered or dead ones.")] = None,
    limit: Annotated[int, typer.Option(help="At most this many.", min=1, max=10_000)] = 50,
    as_json: JsonOption = False,
) -> int:
    """Deliveries, newest first. Ends with 2 when one of those shown was given up.

    Example: syncd events list --state dead
    """
    chosen = _state(state)
    with opened(config, level="warning") as app:
        found = app.store.deliveries(chosen, limit)
    if as_json:
        print_json([{**_event_json(one.event), **_delivery_json(one)} for one in found])
    else:
        for one in found:
            detail = f": {escape(one.detail)}" if one.detail else ""
            out.print(
                f"{one.event.id}  {one.event.at:%Y-%m-%d %H:%M:%S}  [bold]{escape(one.event.event)}[/bold] of "
                f"{escape(one.event.key)} to {escape(one.target)}: {one.state} after {one.attempts} attempts{detail}"
            )
    return Exit.PENDING if any(one.state is DeliveryState.DEAD for one in found) else Exit.DONE


@events.command("show")
def show_event(
    number: Annotated[str, typer.Argument(metavar="ID")], config: ConfigOption = None, as_json: JsonOption = False
) -> int:
    """One event: the record before and after, and how telling it went.

    Example: syncd events show 6a8f0c1e-5c0a-4b8e-9f0e-0c6f4d2b7a11
    """
    identity = _identity(number)
    with opened(config, level="warning") as app:
        found = app.store.deliveries_of(identity)
    if not found:
        raise _usage(f"no delivery is known of event {identity}")
    told = found[0].event
    if as_json:
        print_json({**_event_json(told), "deliveries": [_delivery_json(one) for one in found]})
        return Exit.DONE
    out.print(
        f"[bold]{escape(told.event)}[/bold] of {escape(told.key)} ({escape(told.source)}), {told.at:%Y-%m-%d %H:%M:%S}"
    )
    if told.level is not None:
        out.print(f"passed {told.level}")
    _show_documents(told)
    for one in found:
        detail = f": {escape(one.detail)}" if one.detail else ""
        out.print(f"{escape(one.target)}: [bold]{one.state}[/bold] after {one.attempts} attempts{detail}")
    return Exit.DONE


@events.command("retry")
def retry(
    number: Annotated[str | None, typer.Argument(metavar="[ID]", help="One event; without it see --dead.")] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Every delivery that was given up.")] = False,
    target: Annotated[str | None, typer.Option(help="Only for this target.")] = None,
    config: ConfigOption = None,
) -> int:
    """Try again now what was given up, with all attempts before it. The daemon does it at its next look.

    Example: syncd events retry --dead --target reminders
    """
    if (number is None) != dead:
        raise _usage("give either an ID or --dead")
    identity = None if number is None else _identity(number)
    with opened(config, level="warning") as app:
        known = app.settings.events.targets
        if target is not None and target not in known:
            raise _usage(f"there is no target {target!r}", did_you_mean(target, known))
        count = app.store.retry_deliveries(identity, target)
    out.print(f"{count} deliveries will be tried again")
    return Exit.DONE


def _show_documents(told: OutboxEvent) -> None:
    table = Table("field", "before", "after")
    before, after = told.before or {}, told.after or {}
    for field in sorted({*before, *after}):
        mark = "*" if field in told.changed else ""
        table.add_row(escape(field) + mark, *(value_text(one.get(field, ABSENT)) for one in (before, after)))
    out.print(table)


def _event_json(told: OutboxEvent) -> dict[str, Any]:
    return {
        "id": str(told.id),
        "event": told.event,
        "at": told.at.isoformat(),
        "source": told.source,
        "record": dict(told.subject),
        "changed": list(told.changed),
        "level": None if told.level is None else str(told.level),
        "before": _document(told.before),
        "after": _document(told.after),
    }


def _delivery_json(one: Delivery) -> dict[str, Any]:
    return {
        "target": one.target,
        "state": str(one.state),
        "attempts": one.attempts,
        "due_at": None if one.due_at is None else one.due_at.isoformat(),
        "ended_at": None if one.ended_at is None else one.ended_at.isoformat(),
        "detail": one.detail,
    }


def _document(document: Document | None) -> dict[str, Any] | None:
    return None if document is None else {name: maybe_to_json(value) for name, value in document.items()}


def _state(text: str | None) -> DeliveryState | None:
    if text is None:
        return None
    known = [str(state) for state in DeliveryState]
    if text not in known:
        raise _usage(f"--state is one of {', '.join(known)}", did_you_mean(text, known))
    return DeliveryState(text)


def _identity(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise _usage(f"{text!r} is no event id: it is a UUID, see syncd events list") from None


def _usage(message: str, hint: str = "") -> ConfigError:
    return ConfigError([Problem("command line", 0, 0, message, hint)])
