"""``probe``: measure the Flowtly tenant, write ``capabilities.yaml``, show what changed there.

It reads at Flowtly; the one thing it may send is an empty patch, to a record that a person named and agreed to.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from syncd.cli.common import ConfigOption, Exit, JsonOption, err, opened, out, print_json, progress
from syncd.connectors.flowtly.catalogue import Catalogue, Resource
from syncd.connectors.flowtly.drift import Finding
from syncd.connectors.flowtly.measured import REAL, Access, MeasuredResource, Measurement, load_measurement
from syncd.connectors.flowtly.measured_text import as_text
from syncd.daemon.drift import Look, look, recalled, remember
from syncd.errors import ConfigError, Problem
from syncd.mapping.problems import did_you_mean
from syncd.wiring import App


def register(app: typer.Typer) -> None:
    """Add this group's command."""
    app.command()(probe)


def probe(
    config: ConfigOption = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write capabilities.yaml to this file.")] = None,
    resource: Annotated[list[str] | None, typer.Option(help="Only this resource; may be repeated.")] = None,
    compare: Annotated[bool, typer.Option("--compare", help="A quick look: show what changed; 2 if anything.")] = False,
    write: Annotated[
        str | None, typer.Option(metavar="IRI", help="Also send an empty patch, {}, to this one record.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before the empty patch.")] = False,
    as_json: JsonOption = False,
) -> int:
    """Measure the Flowtly tenant by reading: envelope, page sizes, filters, verbs, fields, rights. Drift is told by it.

    Example: syncd probe -o capabilities.yaml
    """
    if compare and (output is not None or resource or write is not None):
        raise _usage("--compare looks at what the mappings use and writes no file: it goes with --json only")
    with opened(config, level="warning") as app:
        if compare:
            return _compare(app, as_json=as_json)
        app.believe_measured = False  # what is measured now must not rest on what was measured before
        measured = _measured(app, resource or [], write, yes=yes)
        seen = look(app, measured)
        remember(app, seen, _baseline(seen))
        remember(app, look(app, measured))  # what only a person can say, an emptied field, stops nothing any more
    if output is not None:
        _save(output, measured, partly=bool(resource))
    if as_json:
        print_json(measured.model_dump(mode="json", exclude_defaults=True))
    else:
        _show(measured, seen)
    return Exit.DONE


def _compare(app: App, *, as_json: bool) -> int:
    seen = look(app)
    # What is new stays new until the daemon or a whole probe has told it; only who is stopped is kept.
    remember(app, seen, recalled(app.store.tenant(seen.measured.tenant.name)))
    if as_json:
        stops = {name: dict(stop) for name, stop in seen.stops.items()}
        print_json({"findings": [_finding_json(one) for one in seen.findings], "stopped": stops})
    else:
        show_drift(seen)
        if not seen.findings and not seen.stops:
            out.print("nothing has changed at Flowtly that concerns the mappings")
    return Exit.PENDING if seen.findings or seen.stops else Exit.DONE


def _measured(app: App, names: list[str], write: str | None, *, yes: bool) -> Measurement:
    """A full measurement of the named resources, or of all."""
    connector = app.flowtly
    chosen = [_named(connector.catalogue, name) for name in names] or list(connector.catalogue.values())
    tool = connector.probe(app.clock.now)
    if write is not None and not yes:
        typer.confirm(f"Send an empty patch, which changes nothing, to {write}?", abort=True, err=True)
    with progress() as shown:
        measured = tool.full(chosen, shown)
    if write is None:
        return measured
    told = next((one for one in connector.catalogue.values() if one.items in write and one.view_of is None), None)
    found = tool.may_write(write)
    out_of = measured.resources.get(told.name) if told is not None else None
    err.print(f"an empty patch of {escape(write)}: {found}")
    if told is None or out_of is None:
        return measured
    written = {**measured.resources, told.name: out_of.model_copy(update={"writes": found})}
    return measured.model_copy(update={"resources": written})


def _named(catalogue: Catalogue, name: str) -> Resource:
    found = catalogue.get(name)
    if found is None:
        raise _usage(f"Flowtly has no resource {name!r} that syncd knows", did_you_mean(name, catalogue))
    return found


def _baseline(seen: Look) -> Measurement:
    """A person has measured: what was found is how it is, also where a field is empty that was not before."""
    known = seen.baseline.resources
    fresh = {name: one for name, one in seen.measured.resources.items() if one.access is not Access.UNKNOWN}
    offered = seen.measured.schema_document
    return seen.baseline.model_copy(update={"resources": {**known, **fresh}, "schema_document": offered})


def _save(file: Path, measured: Measurement, *, partly: bool) -> None:
    """Write the file in one step; of a measurement of some resources, the others stay as they stand there."""
    if partly and file.exists():
        before = load_measurement(file)
        measured = measured.model_copy(update={"resources": {**before.resources, **measured.resources}})
    beside = file.with_name(f".{file.name}.new")
    beside.write_text(as_text(measured), encoding="utf-8")
    beside.replace(file)
    err.print(f"written     {escape(str(file))}")


# ------------------------------------------------------------------ for people


def _show(measured: Measurement, seen: Look) -> None:
    table = Table("resource", "access", "form", "rows", "page", "verbs", "filters that work", "only in items")
    for name, one in sorted(measured.resources.items()):
        table.add_row(escape(name), *(escape(text) for text in _cells(one)))
    out.print(table)
    document = "offered" if measured.schema_document else "not offered: fields are known from rows only"
    out.print(f"schema document {document}")
    show_drift(seen)


def _cells(one: MeasuredResource) -> tuple[str, ...]:
    working = sorted(name for name, kind in one.filters.items() if kind in REAL)
    verbs = "?" if one.verbs is None else " ".join(one.verbs)
    most = "" if one.pages.most is None else str(one.pages.most)
    form = "" if one.envelope is None else str(one.envelope)
    access = str(one.access) if not one.detail else f"{one.access}: {one.detail}"
    return access, form, str(one.rows), most, verbs, " ".join(working), " ".join(one.item_only)


def show_drift(seen: Look) -> None:
    """What stops mappings, and what else changed, a line each."""
    for name, stop in sorted(seen.stops.items()):
        out.print(f"[red]stopped[/red] {escape(name)}: {escape(stop['line'])}")
    for one in seen.findings:
        if not one.stops:
            users = f" (used by {', '.join(one.mappings)})" if one.mappings else ""
            out.print(f"[yellow]{one.kind}[/yellow] {escape(one.resource)}: {escape(one.text + users)}")


def _finding_json(one: Finding) -> dict[str, Any]:
    return {
        "kind": str(one.kind),
        "resource": one.resource,
        "field": one.field or None,
        "text": one.text,
        "mappings": list(one.mappings),
        "stops": {name: str(problem) for name, problem in one.stops.items()},
    }


def _usage(message: str, hint: str = "") -> ConfigError:
    return ConfigError([Problem("command line", 0, 0, message, hint)])
