"""``status`` and ``links``: what syncd knows."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from syncd.cli.budgets_status import allocations_of, lines_of
from syncd.cli.common import ConfigOption, Exit, JsonOption, MappingOption, opened, out, print_json
from syncd.cli.decide import _usage, _who
from syncd.cli.show import value_text
from syncd.cli.watched import lines_of_lists, lists_of
from syncd.core.model import Document, Side
from syncd.core.plan import maybe_to_json
from syncd.ports import Link, Status
from syncd.wiring import App

links = typer.Typer(help="Which external record is which Flowtly record.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(status)
    app.add_typer(links, name="links")


def status(config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """Every mapping at a glance: links, what is pending, open questions, how fresh it is, the last run.

    Example: syncd status --json
    """
    with opened(config, level="warning") as app:
        rows = [_status_of(app, name) for name in app.in_order()]
        events = app.store.outbox_counts()
        found = app.store.dedupe_counts() if app.settings.dedupe else {}
        duplicates = {name: found[name] for name in app.settings.dedupe if name in found}
        allocations = allocations_of(app)
        lists = lists_of(app)
    if as_json:
        known = {"mappings": rows, "events": events, "dedupe": duplicates}
        print_json({**known, "allocations": allocations, "lists": lists})
    else:
        table = Table("mapping", "links", "pending", "questions", "in doubt", "missing", "read completely", "last run")
        for row in rows:
            table.add_row(
                escape(row["mapping"]),
                *(str(row[name]) for name in ("links", "pending", "conflicts", "operations")),
                f"{row['missing']} ({row['removals']} proven gone)" if row["removals"] else str(row["missing"]),
                row["last_full"] or "never",
                f"{row['last_run']['outcome']} {row['last_run']['finished_at']}" if row["last_run"] else "never",
            )
        out.print(table)
        for row in rows:
            if row["stopped"] is not None:
                stop = row["stopped"]
                out.print(f"[red]stopped[/red] {escape(row['mapping'])} since {stop['since']}: {escape(stop['line'])}")
            for reason in row["fenced"]:
                told = f"{escape(row['mapping'])}: {escape(reason)}"
                out.print(f"[red]fenced[/red] {told} ([bold]syncd accept-epoch[/bold])")
        for target, states in events.items():
            out.print(f"events for {escape(target)}: {states['pending']} pending, {states['dead']} given up")
        for directory, counts in duplicates.items():
            out.print(f"duplicates in {escape(directory)}: {', '.join(_duplicates(counts)) or 'nothing waits'}")
        for line in (*lines_of_lists(lists), *lines_of(allocations)):
            out.print(line)
    asking = ("conflicts", "operations", "stopped", "fenced")
    waits = any(row[name] for row in rows for name in asking) or any(map(_duplicates, duplicates.values()))
    waits = waits or any(row["incidents"] for row in allocations)
    return Exit.PENDING if waits else Exit.DONE


def _duplicates(told: Mapping[str, Mapping[str, int]]) -> list[str]:
    """What of the search for duplicates waits for a person, in words."""
    cases, merges = told["cases"], told["merges"]
    lines = (
        (cases["open"], "open cases"),
        (merges["proposed"], "merges to approve"),
        (merges["approved"], "merges approved"),
        (merges["unclear"], "[red]merges unclear[/red]"),
    )
    return [f"{count} {what}" for count, what in lines if count]


def _status_of(app: App, name: str) -> dict[str, Any]:
    counts = app.store.counts(name)
    state = app.store.state(name)
    runs = app.store.runs(name, 1)
    full = state.last_full
    return {
        "mapping": name,
        "approved": state.approved_fingerprint == app.mappings[name].fingerprint,
        "links": counts.get("links", 0),
        "pending": sum(counts[f"{side}.{one}"] for side in Side for one in Status if one is not Status.SETTLED_ALONE),
        "conflicts": counts.get("conflicts", 0),
        "operations": counts.get("operations", 0),
        "missing": sum(counts[f"{side}.missing"] for side in Side),
        "removals": counts.get("removals", 0),
        "counts": counts,
        "stopped": app.store.stops().get(name),
        "fenced": list(fence.reasons) if (fence := app.store.fence(name)) is not None else [],
        "last_full": min(full.values()).isoformat(timespec="seconds") if len(full) == len(Side) else None,
        "last_run": {key: _plain(value) for key, value in runs[0].items()} if runs else None,
    }


def _plain(value: Any) -> Any:
    return value.isoformat(timespec="seconds") if hasattr(value, "isoformat") else value


@links.command("list")
def list_links(
    config: ConfigOption = None,
    mapping: MappingOption = None,
    limit: Annotated[int, typer.Option(help="At most this many.", min=1)] = 100,
    as_json: JsonOption = False,
) -> int:
    """Links in the order of their external keys.

    Example: syncd links list -m clients --limit 20
    """
    with opened(config, level="warning") as app:
        rows = [(name, link) for name in app.in_order(mapping) for link in islice(app.store.links(name), limit)]
        beside = {name: app.store.aliases_of(name, [one.external_key for _, one in rows]) for name in dict(rows)}
    if as_json:
        print_json(
            [
                {
                    "mapping": name,
                    "external_key": one.external_key,
                    "flowtly_key": one.flowtly_key,
                    "aliases": [alias.external_key for alias in beside[name].get(one.external_key, [])],
                }
                for name, one in rows
            ]
        )
    else:
        table = Table("mapping", "external", "flowtly")
        for name, one in rows:
            table.add_row(escape(name), escape(one.external_key), escape(one.flowtly_key))
            for alias in beside[name].get(one.external_key, []):
                table.add_row(escape(name), escape(alias.external_key), f"alias of {escape(one.external_key)}")
        out.print(table)
    return Exit.DONE


@links.command("show")
def show_link(record: str, config: ConfigOption = None, as_json: JsonOption = False) -> int:
    """One link and what both sides last agreed on. RECORD is MAPPING:KEY with the key of either side.

    Example: syncd links show clients:C00042
    """
    with opened(config, level="warning") as app:
        name, key = record_of(app, record)
        link = link_of(app, name, key)
        found = app.store.alias(name, key) if link is None else None
        if found is not None:
            link = link_of(app, name, found.primary)
        beside = [] if link is None else app.store.aliases_of(name, [link.external_key]).get(link.external_key, [])
    if link is None:
        raise _usage(f"{record} is not linked")
    if as_json:
        base = {str(side): {f: maybe_to_json(v) for f, v in link.base.of(side).items()} for side in Side}
        aliases = [
            {"external_key": one.external_key, "since": _plain(one.since), "by": one.by, "base": _document(one.base)}
            for one in beside
        ]
        keys = {"external_key": link.external_key, "flowtly_key": link.flowtly_key}
        print_json({**keys, "base": base, "aliases": aliases})
        return Exit.DONE
    table = Table("field", f"external {escape(link.external_key)}", f"flowtly {escape(link.flowtly_key)}")
    for field in sorted({*link.base.external, *link.base.flowtly}):
        table.add_row(
            escape(field), value_text(link.base.external.get(field)), value_text(link.base.flowtly.get(field))
        )
    out.print(table)
    for one in beside:
        out.print(f"alias {escape(one.external_key)}, since {_plain(one.since)}, by {escape(one.by)}")
    return Exit.DONE


@links.command("unlink")
def unlink(record: str, config: ConfigOption = None) -> int:
    """Take two records apart. Neither is deleted, and neither is linked or created again until it changes.

    Of an alias only the alias is taken apart; with the link of its primary all aliases of that end too.

    Example: syncd links unlink clients:C00042
    """
    with opened(config, level="warning") as app:
        name, key = record_of(app, record)
        link = link_of(app, name, key)
        if link is None:
            done = app.store.part_alias(name, key, _who())
        else:
            done = app.store.unlink(name, link.external_key, _who())
        if not done:
            raise _usage(f"{record} is not linked")
    out.print(f"{record} is not linked any more")
    return Exit.DONE


def _document(document: Document) -> dict[str, Any]:
    return {field: maybe_to_json(value) for field, value in document.items()}


def record_of(app: App, record: str) -> tuple[str, str]:
    """MAPPING:KEY taken apart."""
    name, mark, key = record.partition(":")
    if not mark or not key:
        raise _usage("a record is MAPPING:KEY, for example clients:C00042")
    app.in_order(name)
    return name, key


def link_of(app: App, mapping: str, key: str) -> Link | None:
    """The link of a record by its key on either side."""
    for side in Side:
        found = app.store.links_by_key(mapping, side, [key]).get(key)
        if found is not None:
            return found
    return None
