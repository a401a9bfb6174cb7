"""``conflicts``: questions for a person, and the answers, one or many at a time.

Answers nothing that was not looked at: a question whose values changed since it was shown stays open.
"""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any, Final

import typer
from rich.markup import escape
from rich.table import Table

from syncd.cli import where
from syncd.cli.answering import side_of, typed, usage, who
from syncd.cli.common import ConfigOption, Exit, JsonOption, MappingOption, err, opened, out, print_json
from syncd.cli.pairs import pair
from syncd.cli.show import value_text
from syncd.core.model import Side, Value
from syncd.core.plan import maybe_to_json
from syncd.engine.following import MERGED
from syncd.engine.whoiswho import LINK_ANSWER
from syncd.errors import NotFound, Stale
from syncd.ports import APART, WHO_IS_WHO, ConflictRow
from syncd.wiring import App

conflicts = typer.Typer(help="Fields and records that a person has to decide.", no_args_is_help=True)

_ABOUT_A_FIELD: Final = "about a field: answer them with --take or --value"
_ABOUT_A_RECORD: Final = "about a whole record: use --link, --apart or --dismiss"
_PREVIEW: Final = 10  # questions that a preview lists; the others are counted
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        "--where",
        help="Only questions that fit: NAME=PATTERN (with * and ?) or NAME~TEXT (a part). Names: mapping, kind, field, "
        "rule, key, external, flowtly. May be repeated; all must fit.",
    ),
]


@conflicts.command("list")
def list_conflicts(
    config: ConfigOption = None,
    mapping: MappingOption = None,
    everything: Annotated[bool, typer.Option("--all", help="Also the resolved ones.")] = False,
    only: WhereOption = None,
    as_json: JsonOption = False,
) -> int:
    """Open questions, oldest first.

    Example: syncd conflicts list -m clients --where field=city
    """
    filters = _filters(only)
    with opened(config, level="warning") as app:
        app.in_order(mapping)
        rows = where.chosen(app.store.conflicts(mapping, open_only=not everything), filters)
    if as_json:
        print_json([conflict_json(row) for row in rows])
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
        print_json(conflict_json(row))
        return Exit.DONE
    out.print(
        f"[bold]#{row.id}[/bold] {row.kind} in {escape(row.mapping)}, run {row.run_id}, {row.opened_at:%Y-%m-%d %H:%M}"
    )
    out.print(f"record   external {escape(row.external_key or '-')}   flowtly {escape(row.flowtly_key or '-')}")
    if row.field != "*":
        out.print(f"field    {escape(row.field)}")
        out.print(f"agreed   external {value_text(row.base_external)}   flowtly {value_text(row.base_flowtly)}")
        out.print(f"now      external {value_text(row.external)}   flowtly {value_text(row.flowtly)}")
    if row.detail:
        out.print(escape(row.detail))
    out.print("open" if row.resolved_at is None else f"resolved: {escape(row.resolution or '')}")
    return Exit.DONE


@conflicts.command("resolve")
def resolve(
    number: Annotated[list[int] | None, typer.Argument(help="One or more questions.")] = None,
    take: Annotated[str | None, typer.Option(help="external or flowtly: this side's value stands.")] = None,
    value: Annotated[str | None, typer.Option(help="A value to write to both sides.")] = None,
    link: Annotated[
        str | None,
        typer.Option(
            help="For a question about who is who: EXTERNAL_KEY=FLOWTLY_KEY belong together. A Flowtly record that is "
            "linked already gets one more external record."
        ),
    ] = None,
    apart: Annotated[
        bool, typer.Option("--apart", help="For a question about who is who: they are different ones, for good.")
    ] = False,
    dismiss: Annotated[bool, typer.Option("--dismiss", help="Close it without doing anything.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Every open question that --where leaves.")] = False,
    only: WhereOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --all: do not ask; you have looked at them.")] = False,
    config: ConfigOption = None,
) -> int:
    """Answer questions; the next run carries it out, and the same pair of values is never asked again.

    Examples: syncd conflicts resolve 12 --take external

              syncd conflicts resolve --all --where field=city --take flowtly

              syncd conflicts resolve 14 --apart
    """
    given = {"take": take, "value": value, "link": link, "apart": apart or None, "dismiss": dismiss or None}
    chosen = [name for name, answer in given.items() if answer is not None]
    if len(chosen) != 1:
        raise usage("give exactly one of --take, --value, --link, --apart, --dismiss")
    numbers = list(dict.fromkeys(number or []))
    if bool(numbers) == everything:
        raise usage("name the questions by their numbers, or give --all")
    if only and not everything:
        raise usage("--where goes with --all")
    side, filters = side_of(take), _filters(only)
    with opened(config, level="warning") as app:
        if chosen == ["link"]:
            _tie(app, numbers, link or "")
            return Exit.DONE
        word = {"apart": APART, "dismiss": "dismissed"}.get(chosen[0], "")
        rows = _many(app, filters, word) if everything else [_answerable(app, one, word) for one in numbers]
        values = {row.id: typed(row, value) for row in rows}
        if everything and not _agreed_to(rows, _how(take, value, word), yes=yes):
            return Exit.DONE
        left = _answer(app, rows, side, values, word)
    return Exit.PENDING if left else Exit.DONE


def _answer(app: App, rows: list[ConflictRow], side: Side | None, values: dict[int, Value], word: str) -> int:
    """Answer each, whole records with a word; how many stay open because they moved meanwhile."""
    by, left = who(), 0
    for row in rows:
        try:
            if word:
                app.store.dismiss(row.id, word, by)
            else:
                app.store.resolve(row.id, side, values[row.id], by, seen=row)
        except (Stale, NotFound) as moved:
            left += 1
            err.print(f"[yellow]left open[/yellow] {escape(str(moved))}")
    done = len(rows) - left
    what = f"conflict {rows[0].id}" if len(rows) == 1 and done else f"{done} of {len(rows)} conflicts"
    out.print(f"{what} answered; the next run carries it out")
    return left


def _tie(app: App, numbers: list[int], text: str) -> None:
    if len(numbers) != 1:
        raise usage("--link answers one question")
    row = _answerable(app, numbers[0], LINK_ANSWER)
    app.store.dismiss(row.id, pair(app, row, text), who())
    out.print(f"conflict {row.id} answered; the next run carries it out")


def _many(app: App, filters: list[where.Filter], word: str) -> list[ConflictRow]:
    """Every open question that fits and that this answer can be given to."""
    known = app.store.conflicts(None, open_only=True)
    fitting = where.chosen(known, filters)
    rows = [row for row in fitting if not _unfit(row, word)]
    other = Counter(_unfit(row, word) for row in fitting if _unfit(row, word))
    for why, count in sorted(other.items()):
        err.print(f"{count} that fit are {why}; they are left alone")
    return rows


def _agreed_to(rows: list[ConflictRow], how: str, *, yes: bool) -> bool:
    """Show what would be answered, and ask. False when there is nothing to answer. Raises Abort for a no."""
    if not rows:
        out.print("no open question fits")
        return False
    for (mapping, field), count in sorted(Counter((row.mapping, row.field) for row in rows).items()):
        out.print(f"{count} in {escape(mapping)}, {'the whole record' if field == '*' else escape(field)}")
    _table(rows[:_PREVIEW])
    if len(rows) > _PREVIEW:
        out.print(f"... and {len(rows) - _PREVIEW} more: syncd conflicts list with the same --where shows them")
    if not yes:
        typer.confirm(f"Answer {len(rows)} questions: {how}?", abort=True, err=True)
    return True


def _how(take: str | None, value: str | None, word: str) -> str:
    if take is not None:
        return f"the value of {take} stands"
    if word == APART:
        return "they are different ones, for good"
    return "close without doing anything" if value is None else f"{value[: _PREVIEW * 6]!r} is written to both sides"


def _is_whole(row: ConflictRow) -> bool:
    return row.field == "*"


def _unfit(row: ConflictRow, word: str) -> str:
    """Why an answer cannot be given to a question; empty when it can. ``word``: what is said of whole records."""
    if word and not _is_whole(row):
        return _ABOUT_A_FIELD
    if not word and _is_whole(row):
        return _ABOUT_A_RECORD
    if word == APART and row.kind not in (*WHO_IS_WHO, MERGED):
        return f"not about who is who ({row.kind}): use --dismiss"
    return ""


def _answerable(app: App, number: int, word: str) -> ConflictRow:
    """An open question that this kind of answer is for. Raises ConfigError."""
    row = _found(app, number)
    if row.resolved_at is not None:
        raise usage(f"conflict {number} is resolved already: {row.resolution}")
    if word and not _is_whole(row):
        raise usage(f"conflict {number} is about the field {row.field!r}: decide on a value")
    if why := _unfit(row, word):
        raise usage(f"conflict {number} is {why}")
    return row


def _found(app: App, number: int) -> ConflictRow:
    row = app.store.conflict(number)
    if row is None:
        raise usage(f"there is no conflict {number}; syncd conflicts list shows them")
    return row


def _filters(given: list[str] | None) -> list[where.Filter]:
    try:
        return where.parse(given or [])
    except ValueError as bad:
        raise usage(str(bad)) from None


def _table(rows: list[ConflictRow]) -> None:
    if not rows:
        out.print("no open questions")
        return
    table = Table("#", "mapping", "kind", "external", "flowtly", "field", "external has", "flowtly has", "since")
    for row in rows:
        table.add_row(
            str(row.id),
            escape(row.mapping),
            escape(row.kind),
            escape(row.external_key or "-"),
            escape(row.flowtly_key or "-"),
            escape(row.field),
            escape(row.detail) if _is_whole(row) else value_text(row.external),
            "" if _is_whole(row) else value_text(row.flowtly),
            f"{row.opened_at:%Y-%m-%d %H:%M}",
        )
    out.print(table)


def conflict_json(row: ConflictRow) -> dict[str, Any]:
    """A question for a script."""
    return {
        "id": row.id,
        "mapping": row.mapping,
        "kind": row.kind,
        "rule": row.rule,
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
