"""``operations``: writes, those whose outcome is unknown, and what a person says of them. Sends none of them."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import typer
from rich.markup import escape
from rich.table import Table

from syncd.cli.answering import usage as _usage
from syncd.cli.answering import who as _who
from syncd.cli.common import ConfigOption, Exit, JsonOption, MappingOption, opened, out, print_json
from syncd.cli.conflicts import conflicts
from syncd.core.model import Side
from syncd.engine.context import query_of
from syncd.errors import NotFound, Refused
from syncd.mapping.compiled import CompiledMapping
from syncd.ports import Operation
from syncd.wiring import App

__all__ = ["_usage", "_who", "operations", "register"]

operations = typer.Typer(help="Writes, and those whose outcome is unknown.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.add_typer(conflicts, name="conflicts")
    app.add_typer(operations, name="operations")


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
        found = next((one for one in app.store.operations(None, open_only=True) if one.id == operation), None)
        named = key if found is None else _same_key(app, found, key)
        app.store.decide_operation(operation, "adopt", named)
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


def _same_key(app: App, found: Operation, key: str) -> str:
    """The key of a record that may be adopted, as its peer spells it. Raises ConfigError for one that may not.

    A wrong key would be believed for ever: the source would be tied to it, or wait for it for good.
    """
    mapping, side = app.mappings.get(found.mapping), found.intent.side
    if mapping is None:
        raise _usage(f"operation {found.id} is of mapping {found.mapping}, which this configuration does not have")
    if app.store.observation(found.mapping, side, key) is None:
        key = _read_key(app, mapping, side, key)
    tied = app.store.links_by_key(found.mapping, side, [key]).get(key)
    if tied is not None and tied.key(side.other) != found.intent.source_key:
        raise _usage(f"{key} is linked already, to {tied.key(side.other)} in {side.other}")
    return key


def _read_key(app: App, mapping: CompiledMapping, side: Side, key: str) -> str:
    try:
        record = app.peers(mapping)[side].read(query_of(mapping, side), key)
    except (NotFound, Refused) as none:
        raise _usage(f"{side} has no {mapping.resource(side)} record {key!r}: {none}") from None
    if not mapping.projection(side).in_scope(record.raw):
        raise _usage(f"{side} record {key!r} is outside the mapping {mapping.name}: its filter leaves it out")
    return record.key


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
