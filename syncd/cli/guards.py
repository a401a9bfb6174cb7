"""``accept-epoch`` and ``rewrites``: the fence of a mapping, and what peers make of values. Writes to no peer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Table

from syncd.cli.answering import who
from syncd.cli.common import ConfigOption, Exit, JsonOption, MappingOption, err, opened, out, print_json
from syncd.cli.show import value_text
from syncd.core.plan import maybe_to_json
from syncd.core.rewriting import Habit, habit
from syncd.ports.guards import Fence, Rewrite

_SAMPLES: Final = 20_000
_EXAMPLES: Final = 3


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command("accept-epoch")(accept_epoch)
    app.command()(rewrites)


def accept_epoch(
    mapping: Annotated[str, typer.Option("--mapping", "-m", help="The fenced mapping.")],
    config: ConfigOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; you have looked at the evidence.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Show why a mapping is fenced, and take what its peers hold now for the truth.

    Nothing is written by this. The mapping's approval is withdrawn: look at `syncd plan`, then `syncd apply`.

    Example: syncd accept-epoch -m clients
    """
    with opened(config, level="warning") as app:
        app.in_order(mapping)
        fence = app.store.fence(mapping)
        if fence is None:
            err.print(f"mapping {escape(mapping)} is not fenced")
            return Exit.DONE
        if as_json:
            print_json(_fence_json(fence))
        else:
            _show(fence)
        if not yes:
            err.print("A plan has to be applied by hand afterwards; nothing is written before.")
            typer.confirm("Is what the peers hold now right?", abort=True, err=True)
        app.store.accept_epoch(mapping, who())
    err.print(f"accepted; next: syncd plan -m {escape(mapping)}, then syncd apply -m {escape(mapping)}")
    return Exit.DONE


def _show(fence: Fence) -> None:
    out.print(f"[bold]{escape(fence.mapping)}[/bold] is fenced since {fence.since:%Y-%m-%d %H:%M}, run {fence.run_id}")
    for reason in fence.reasons:
        out.print(f"[red]why[/red] {escape(reason)}")
    for name, value in sorted(fence.evidence.items()):
        if name == "examples":
            for example in value:
                out.print(f"    {escape(str(example))}")
        else:
            out.print(f"{escape(name)}: {escape(str(value))}")


def _fence_json(fence: Fence) -> dict[str, Any]:
    return {
        "mapping": fence.mapping,
        "since": fence.since.isoformat(timespec="seconds"),
        "run": fence.run_id,
        "reasons": list(fence.reasons),
        "evidence": dict(fence.evidence),
    }


def rewrites(config: ConfigOption = None, mapping: MappingOption = None, as_json: JsonOption = False) -> int:
    """What peers keep otherwise than they were sent, field by field, and the lens that would do the same.

    Example: syncd rewrites -m clients
    """
    with opened(config, level="warning") as app:
        app.in_order(mapping)
        rows = app.store.rewrites(mapping, _SAMPLES)
    fields = [list(group) for _, group in groupby(rows, key=lambda row: (row.mapping, row.side, row.field))]
    if as_json:
        print_json([_field_json(group) for group in fields])
        return Exit.DONE
    if not fields:
        out.print("no peer changed a value that it was sent")
        return Exit.DONE
    table = Table("mapping", "side", "field", "times", "sent -> kept", "suggestion")
    for group in fields:
        one = group[0]
        table.add_row(
            escape(one.mapping),
            str(one.side),
            escape(one.field),
            str(sum(row.count for row in group)),
            "\n".join(f"{value_text(row.sent)} -> {value_text(row.got)}" for row in group[:_EXAMPLES]),
            escape(_suggestion(one, _habit(group))),
        )
    out.print(table)
    return Exit.DONE


def _habit(group: list[Rewrite]) -> Habit | None:
    return habit([(row.sent, row.got) for row in group])


def _suggestion(one: Rewrite, known: Habit | None) -> str:
    if known is None:
        return "-"
    advice = f"; add `through: {known.lens}` to {one.field}" if known.lens else ""
    return f"{one.side} {known.words}{advice}"


def _field_json(group: list[Rewrite]) -> dict[str, Any]:
    one, known = group[0], _habit(group)
    return {
        "mapping": one.mapping,
        "side": str(one.side),
        "field": one.field,
        "count": sum(row.count for row in group),
        "last": max(row.last for row in group).isoformat(timespec="seconds"),
        "examples": list(_examples(group)),
        "habit": None if known is None else known.words,
        "lens": None if known is None or not known.lens else known.lens,
    }


def _examples(group: list[Rewrite]) -> Iterator[dict[str, Any]]:
    for row in group[:_EXAMPLES]:
        yield {"sent": maybe_to_json(row.sent), "got": maybe_to_json(row.got), "count": row.count}
