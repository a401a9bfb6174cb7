"""``conflicts`` and ``operations``: questions for a person, and their answers."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Final
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from syncd.cli.common import ConfigOption, Exit, JsonOption, MappingOption, err, opened, out, print_json
from syncd.cli.show import value_text
from syncd.core.model import Side, Value
from syncd.core.plan import maybe_to_json
from syncd.engine.strangers import LINK_ANSWER, PAIR_MARK
from syncd.errors import ConfigError, Problem
from syncd.mapping.records import Unfit, clean
from syncd.ports import ConflictRow, Operation
from syncd.wiring import App

conflicts = typer.Typer(help="Fields and records that a person has to decide.", no_args_is_help=True)
operations = typer.Typer(help="Writes, and those whose outcome is unknown.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.add_typer(conflicts, name="conflicts")
    app.add_typer(operations, name="operations")


@conflicts.command("list")
def list_conflicts(
    config: ConfigOption = None,
    mapping: MappingOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Also the resolved ones.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Open questions, oldest first.

    Example: syncd conflicts list -m clients
    """
    with opened(config, level="warning") as app:
        app.in_order(mapping)
        rows = app.store.conflicts(mapping, open_only=not everything)
    if as_json:
        print_json([_conflict_json(row) for row in rows])
    else:
        _table(rows)
    return Exit.PENDING if any(row.resolved_at is None for row in rows) else Exit.DONE


@conflicts.command("show")
def show_conflict(number: int, config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """One question with base, both values, and when it came up.

    Example: syncd conflicts show 12
    """
    with opened(config, level="warning") as app:
        row = _found(app, number)
    if as_json:
        print_json(_conflict_json(row))
        return Exit.DONE
    out.print(
        f"[bold]#{row.id}[/bold] {row.kind} in {escape(row.mapping)}, run {row.run_id}, {row.opened_at:%Y-%m-%d %H:%M}"
    )
    out.print(f"record   external {escape(row.external_key or '-')}   flowtly {escape(row.flowtly_key or '-')}")
    if row.kind == "field":
        out.print(f"field    {escape(row.field)}")
        out.print(f"agreed   external {value_text(row.base_external)}   flowtly {value_text(row.base_flowtly)}")
        out.print(f"now      external {value_text(row.external)}   flowtly {value_text(row.flowtly)}")
    if row.detail:
        out.print(escape(row.detail))
    out.print("open" if row.resolved_at is None else f"resolved: {escape(row.resolution or '')}")
    return Exit.DONE


@conflicts.command("resolve")
def resolve(
    number: int,
    take: Annotated[str | None, typer.Option(help="external or flowtly: this side's value stands.")] = None,
    value: Annotated[str | None, typer.Option(help="A value to write to both sides.")] = None,
    link: Annotated[
        str | None, typer.Option(help="For a question about who is who: EXTERNAL_KEY=FLOWTLY_KEY belong together.")
    ] = None,
    dismiss: Annotated[bool, typer.Option("--dismiss", help="Close it without doing anything.")] = False,
    config: ConfigOption = None,
) -> int:
    """Answer a question; the next run carries it out, and the same pair of values is never asked again.

    Example: syncd conflicts resolve 12 --take external
    """
    given = {"take": take, "value": value, "link": link, "dismiss": dismiss or None}
    chosen = [name for name, answer in given.items() if answer is not None]
    if len(chosen) != 1:
        raise _usage("give exactly one of --take, --value, --link, --dismiss")
    with opened(config, level="warning") as app:
        row = _found(app, number)
        if row.resolved_at is not None:
            raise _usage(f"conflict {number} is resolved already: {row.resolution}")
        if chosen[0] == "dismiss":
            app.store.dismiss(number, "dismissed", _who())
        elif chosen[0] == "link":
            app.store.dismiss(number, _pair(app, row, link or ""), _who())
        elif row.kind != "field":
            raise _usage(f"conflict {number} is about a whole record: use --link or --dismiss")
        else:
            app.store.resolve(number, _side(take), _typed(row, value), _who())
    out.print(f"conflict {number} answered; the next run carries it out")
    return Exit.DONE


@operations.command("list")
def list_operations(
    config: ConfigOption = None,
    mapping: MappingOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Also the finished ones (the latest 500).")] = False,
    as_json: JsonOption = False,
) -> int:
    """Writes whose outcome is not known, or all of the latest.

    Example: syncd operations list --all
    """
    with opened(config, level="warning") as app:
        app.in_order(mapping)
        rows = app.store.operations(mapping, open_only=not everything)
    if as_json:
        print_json([_operation_json(row) for row in rows])
    else:
        table = Table("id", "mapping", "kind", "in", "from", "to", "state", "since", "detail")
        for row in rows:
            intent = row.intent
            table.add_row(
                str(row.id),
                escape(row.mapping),
                intent.kind,
                str(intent.side),
                escape(intent.source_key),
                escape(intent.target_key or "-"),
                str(row.state),
                f"{row.created_at:%Y-%m-%d %H:%M}",
                escape(row.detail),
            )
        out.print(table)
    return Exit.PENDING if any(row.state.open for row in rows) else Exit.DONE


@operations.command("adopt")
def adopt(operation: UUID, key: str, config: ConfigOption = None) -> int:
    """Say that this record (its key at the target) is the result of a create whose answer was lost.

    Example: syncd operations adopt 01a1... /api/clients/66
    """
    with opened(config, level="warning") as app:
        app.store.decide_operation(operation, "adopt", key)
    out.print("noted; the next run links it")
    return Exit.DONE


@operations.command("retry")
def retry(operation: UUID, config: ConfigOption = None) -> int:
    """Say that a create whose answer was lost did not happen: it may be sent again.

    Example: syncd operations retry 01a1...
    """
    with opened(config, level="warning") as app:
        app.store.decide_operation(operation, "retry", None)
    out.print("noted; the next run may create it again")
    return Exit.DONE


@operations.command("reject")
def reject(operation: UUID, config: ConfigOption = None) -> int:
    """Give up a create: it is neither looked for nor sent again until its source changes.

    Example: syncd operations reject 01a1...
    """
    with opened(config, level="warning") as app:
        app.store.decide_operation(operation, "reject", None)
    out.print("rejected")
    return Exit.DONE


def _table(rows: list[ConflictRow]) -> None:
    if not rows:
        out.print("no open questions")
        return
    table = Table("#", "mapping", "kind", "external", "flowtly", "field", "external has", "flowtly has", "since")
    for row in rows:
        table.add_row(
            str(row.id),
            escape(row.mapping),
            row.kind,
            escape(row.external_key or "-"),
            escape(row.flowtly_key or "-"),
            escape(row.field),
            value_text(row.external) if row.kind == "field" else escape(row.detail),
            value_text(row.flowtly) if row.kind == "field" else "",
            f"{row.opened_at:%Y-%m-%d %H:%M}",
        )
    out.print(table)


def _found(app: App, number: int) -> ConflictRow:
    row = app.store.conflict(number)
    if row is None:
        raise _usage(f"there is no conflict {number}; syncd conflicts list shows them")
    return row


def _side(take: str | None) -> Side | None:
    if take is None:
        return None
    if take not in set(Side):
        raise _usage(f"--take is external or flowtly, not {take!r}")
    return Side(take)


def _typed(row: ConflictRow, text: str | None) -> Value:
    """A typed value in the type of the values it replaces."""
    if text is None:
        return None
    like = next((value for value in (row.external, row.flowtly) if value is not None), None)
    try:
        return clean(_READERS.get(type(like), _as_text)(text))
    except (ValueError, KeyError, ArithmeticError):
        raise _usage(f"{text[:_SHOWN]!r} is not a {type(like).__name__} like the values of {row.field}") from None
    except Unfit as unfit:
        raise _usage(f"--value: {unfit.message}") from None


_SHOWN: Final = 60  # characters of a wrong value that a message repeats


def _as_text(text: str) -> Value:
    return text or None


_READERS: Final[Mapping[type, Callable[[str], Value]]] = {
    bool: lambda text: {"true": True, "false": False}[text.lower()],
    int: int,
    Decimal: Decimal,
    date: date.fromisoformat,
    datetime: datetime.fromisoformat,
}


def _pair(app: App, row: ConflictRow, text: str) -> str:
    external, mark, flowtly = text.partition("=")
    if not mark:
        raise _usage("--link wants EXTERNAL_KEY=FLOWTLY_KEY")
    for side, key in ((Side.EXTERNAL, external), (Side.FLOWTLY, flowtly)):
        if app.store.observation(row.mapping, side, key) is None:
            raise _usage(f"{side} has no record {key!r} that waits for a link")
    return f"{LINK_ANSWER}{external}{PAIR_MARK}{flowtly}"


def _usage(message: str) -> ConfigError:
    return ConfigError([Problem("command line", 0, 0, message)])


def _who() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        err.print("note: no user name here; the answer is recorded as 'operator'")
        return "operator"


def _conflict_json(row: ConflictRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "mapping": row.mapping,
        "kind": row.kind,
        "external_key": row.external_key,
        "flowtly_key": row.flowtly_key,
        "field": row.field,
        "base_external": maybe_to_json(row.base_external),
        "base_flowtly": maybe_to_json(row.base_flowtly),
        "external": maybe_to_json(row.external),
        "flowtly": maybe_to_json(row.flowtly),
        "detail": row.detail,
        "opened_at": row.opened_at.isoformat(),
        "run": row.run_id,
        "resolved_at": None if row.resolved_at is None else row.resolved_at.isoformat(),
        "resolution": row.resolution,
    }


def _operation_json(row: Operation) -> dict[str, Any]:
    return {
        "id": str(row.id),
        "mapping": row.mapping,
        "kind": row.intent.kind,
        "side": str(row.intent.side),
        "source_key": row.intent.source_key,
        "target_key": row.intent.target_key,
        "state": str(row.state),
        "created_at": row.created_at.isoformat(),
        "run": row.run_id,
        "detail": row.detail,
    }
