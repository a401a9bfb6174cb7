"""``operations removals`` and ``operations approve``: proven losses, and a person's yes. Deletes nothing itself."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from syncd.cli.answering import usage, who
from syncd.cli.common import ConfigOption, Exit, JsonOption, MappingOption, opened, out, print_json
from syncd.cli.decide import operations
from syncd.core.removal import Action
from syncd.engine.removing import delete_rule
from syncd.ports import Removal
from syncd.wiring import App


def register(_app: typer.Typer) -> None:
    """Add the commands to their group."""
    operations.command("removals")(list_removals)
    operations.command("approve")(approve)


def list_removals(
    config: ConfigOption = None,
    mapping: MappingOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are over (the latest 500).")] = False,
    as_json: JsonOption = False,
) -> int:
    """Records that are proven gone on one side, with the proof, and what became of it.

    Example: syncd operations removals -m clients
    """
    with opened(config, level="warning") as app:
        app.in_order(mapping)
        rows = app.store.removals(mapping, open_only=not everything)
        waits = any(row.state.open and _followed(app, row) for row in rows)
    if as_json:
        print_json([_json(row) for row in rows])
    elif not rows:
        out.print("nothing is proven gone and waits")
    else:
        table = Table("#", "mapping", "gone in", "external", "flowtly", "readings", "since then", "state", "evidence")
        for row in rows:
            table.add_row(
                str(row.id),
                escape(row.mapping),
                str(row.side),
                escape(row.external_key),
                escape(row.flowtly_key),
                f"{row.first_certificate}, {row.second_certificate}",
                str(row.passes),
                f"{row.state}{f' by {escape(row.approved_by)}' if row.approved_by else ''}",
                escape(row.detail or row.evidence),
            )
        out.print(table)
    return Exit.PENDING if waits else Exit.DONE


def approve(
    numbers: Annotated[list[int] | None, typer.Argument(help="Numbers from `syncd operations removals`.")] = None,
    config: ConfigOption = None,
    mapping: MappingOption = None,
    everything: Annotated[bool, typer.Option("--all", help="All of one mapping; needs -m.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """Say that proven losses may be followed although they are over the caps. The next run looks again, then acts.

    A record that comes back or is edited meanwhile is not removed, whatever was approved. Once the mapping is
    edited, the loss has to be proven and approved anew.

    Example: syncd operations approve 12 13
    """
    if bool(numbers) == everything or (everything and mapping is None):
        raise usage("give numbers, or --all with -m MAPPING")
    with opened(config, level="warning") as app:
        app.in_order(mapping)
        rows = app.store.removals(mapping, open_only=True)
        waiting = {row.id: row for row in rows if not everything or _followed(app, row)}
        chosen = sorted(waiting) if everything else list(dict.fromkeys(numbers or []))
        unknown = [str(number) for number in chosen if number not in waiting]
        if unknown:
            raise usage(f"no removal {', '.join(unknown)} waits; syncd operations removals shows which do")
        for number in chosen:
            row = waiting[number]
            pair = f"{escape(row.external_key)} = {escape(row.flowtly_key)}"
            out.print(f"#{number} {escape(row.mapping)}: {pair}: {escape(_meaning(app, row))} in {row.side.other}")
        if chosen and not yes:
            typer.confirm(f"Approve {len(chosen)} removals?", abort=True, err=True)
        said = app.store.approve_removals(chosen, who())
    out.print(f"{said} approved; the next run looks again and follows them")
    return Exit.DONE


def _followed(app: App, row: Removal) -> bool:
    """False for a loss that the configuration ignores: nothing waits for a person there."""
    mapping = app.mappings.get(row.mapping)
    return mapping is not None and delete_rule(mapping, row.side).action is not Action.IGNORE


def _meaning(app: App, row: Removal) -> str:
    """What the mapping does about this loss: that is what a person says yes to."""
    mapping = app.mappings.get(row.mapping)
    if mapping is None:
        raise usage(f"removal {row.id} is of mapping {row.mapping}, which the configuration does not have")
    return delete_rule(mapping, row.side).meaning


def _json(row: Removal) -> dict[str, Any]:
    return {
        "id": row.id,
        "mapping": row.mapping,
        "gone_in": str(row.side),
        "external_key": row.external_key,
        "flowtly_key": row.flowtly_key,
        "certificates": [row.first_certificate, row.second_certificate],
        "passes_since": row.passes,
        "verified_at": row.verified_at.isoformat(),
        "evidence": row.evidence,
        "state": str(row.state),
        "approved_by": row.approved_by,
        "opened_at": row.opened_at.isoformat(),
        "ended_at": None if row.ended_at is None else row.ended_at.isoformat(),
        "detail": row.detail,
    }
