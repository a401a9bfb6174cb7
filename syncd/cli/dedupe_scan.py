"""``dedupe scan`` of what the configuration names: read, compare, open cases, one summary. Writes to no peer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from rich.markup import escape
from rich.table import Table

from syncd import wiring_dedupe
from syncd.cli.answering import usage
from syncd.cli.common import Exit, err, interruptible, opened, out, print_json, progress
from syncd.cli.dedupe_review import directories
from syncd.engine.dedupe.scan import ScanReport
from syncd.wiring import App


def scan_directories(
    name: str | None, config: Path | None, *, whole: bool, shrunk_is_right: bool, as_json: bool
) -> int:
    """Search one directory, or all of them."""
    if shrunk_is_right and name is None:
        raise usage("--shrunk-is-right is said of one directory: name it")
    found: list[ScanReport] = []
    with opened(config, level="warning") as app, interruptible() as stop, progress() as shown:
        for one in directories(app, name):
            if stop.is_set():
                break
            found += [wiring_dedupe.scan(app, one, stop, shown, whole=whole, shrunk_is_right=shrunk_is_right)]
        counts = open_cases(app)
    if as_json:
        print_json([{**asdict(report), "open": counts.get(report.directory, 0)} for report in found])
    else:
        _show(found, counts)
    if any(report.outcome != "done" for report in found):
        return Exit.ERROR
    return Exit.PENDING if any(counts.get(report.directory) for report in found) else Exit.DONE


def open_cases(app: App) -> dict[str, int]:
    """By directory, how many cases wait for a person."""
    return {name: told["cases"]["open"] for name, told in app.store.dedupe_counts().items()}


def _show(found: Sequence[ScanReport], counts: Mapping[str, int]) -> None:
    table = Table("directory", "outcome", "read", "changed", "gone", "pairs", "new cases", "closed", "open now")
    for one in found:
        numbers = (one.read, one.changed, len(one.gone), one.pairs, one.opened, one.closed)
        open_now = counts.get(one.directory, 0)
        table.add_row(escape(one.directory), one.outcome, *map(str, (*numbers, open_now)))
    out.print(table)
    for one in found:
        if one.reason:
            err.print(f"[yellow]{one.outcome}[/yellow] {escape(one.directory)}: {escape(one.reason)}")
        if one.capped:
            told = "keys brought no pair together because too many records share them (`block_cap`)"
            err.print(f"{escape(one.directory)}: {one.capped} {told}")
    if any(counts.get(one.directory) for one in found):
        out.print("[bold]syncd dedupe review[/bold] lists the open cases")
