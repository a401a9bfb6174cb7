"""``plan``, ``apply``, ``once`` and ``run``: the commands that move values."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from pathlib import Path
from threading import Event
from typing import Annotated, Final

import typer
from rich.markup import escape

from syncd import telemetry
from syncd.cli import saved
from syncd.cli.common import (
    ConfigOption,
    Exit,
    JsonOption,
    MappingOption,
    err,
    exit_code,
    interruptible,
    opened,
    print_json,
    progress,
)
from syncd.cli.fates import Fate, fate_to_json, fates
from syncd.cli.show import Edited, plan_json, report_json, show_fates, show_plan, show_report
from syncd.core.blast import Rate, rate_of
from syncd.core.plan import Plan
from syncd.daemon import budgeting, deduping
from syncd.daemon.drift import Drift
from syncd.daemon.hooks import Hooks
from syncd.daemon.janitor import JANITOR, Janitor
from syncd.daemon.metrics import Metrics
from syncd.daemon.service import Daemon
from syncd.daemon.telling import jobs_of
from syncd.daemon.worker import Job, Worker
from syncd.engine.context import Options
from syncd.engine.run import Report
from syncd.engine.undo import runs_named
from syncd.errors import BadAnswer, ConfigError, Denied, GuardRefused, Later, NotFound, Problem, ReadCut, Refused
from syncd.ports import Link
from syncd.wiring import App

_RATED_RUNS: Final = 20  # the latest runs that say how quickly a mapping is written
_SAMPLE: Final = 200  # links that tell which fields were agreed on
FullOption = Annotated[bool, typer.Option("--full", help="Read both sides completely, whatever the schedule says.")]
BeyondOption = Annotated[bool, typer.Option("--beyond-caps", help="Accept this plan although it is over the caps.")]


def register(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(plan)
    app.command()(apply)
    app.command()(once)
    app.command()(run)


def plan(
    config: ConfigOption = None,
    mapping: MappingOption = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Save the plan to this file.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="List every item.")] = False,
    full: FullOption = False,
    as_json: JsonOption = False,
) -> int:
    """Read both sides and show what would be done. Writes nothing to either side.

    Example: syncd plan -m clients -o plan.json
    """
    with opened(config, level="warning") as app:
        _look_first(app)
        reports = _run_all(app, app.in_order(mapping), Options("plan", write=False, full=full))
        plans = [report.plan for report in reports if report.plan is not None]
        rates = {one.mapping: _rate(app, one.mapping) for one in plans}
        edits = {one.mapping: _edited(app, one) for one in plans}
    if as_json:
        print_json({"plans": [plan_json(one, rates[one.mapping], edits[one.mapping]) for one in plans]})
    else:
        for one in plans:
            show_plan(one, everything=everything, rate=rates[one.mapping], edited=edits[one.mapping])
        for report in reports:
            if report.outcome in {"refused", "fenced"}:
                show_report(report)
    if output is not None:
        saved.save(output, plans, rates)
    return exit_code(reports)


def apply(
    file: Annotated[Path | None, typer.Argument(help="A saved plan: apply its items where they still hold.")] = None,
    config: ConfigOption = None,
    mapping: MappingOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask; you have looked at the plan.")] = False,
    beyond_caps: BeyondOption = False,
    full: FullOption = False,
    as_json: JsonOption = False,
) -> int:
    """Plan, show the plan, ask, apply it. Applying approves the mapping for the daemon.

    Example: syncd apply plan.json --yes
    """
    plans = saved.load(file) if file is not None else None
    chosen = saved.chosen(plans) if plans is not None else None
    undo = runs_named(item.reason for one in (plans or {}).values() for item in one.items)
    with opened(config, level="warning") as app:
        names = _named(app, mapping, file, chosen)
        plans = {name: plans[name] for name in names} if plans is not None else None
        if plans is not None:
            saved.require_same_mapping(plans, app.mappings)
        _look_first(app)
        failed: list[Report] = []
        if not yes:
            reports = _run_all(app, names, Options("plan", write=False, full=full, undo=undo))
            for report in reports:
                if report.plan is not None:
                    part = _part(report.plan, chosen)
                    show_plan(part, rate=_rate(app, part.mapping), edited=_edited(app, part))
                else:
                    show_report(report)
            for one in _not_held(app, reports, plans):
                show_fates(*one)
            if not any(report.plan is not None and _part(report.plan, chosen).pending for report in reports):
                err.print("nothing to apply")
            typer.confirm("Apply this plan?", abort=True, err=True)
            # What was shown and nothing else: a change that arrived meanwhile waits for its own plan.
            plans = plans if plans is not None else saved.shown(reports)
            chosen = saved.chosen(plans)
            failed = [report for report in reports if report.mapping not in chosen]
            names = [name for name in names if name in chosen]
        options = Options(
            "apply", write=True, person=True, beyond_caps=beyond_caps, full=full, strict=file is not None, undo=undo
        )
        applied = _run_all(app, names, options, chosen)
        reports = [*failed, *applied]
        left = _left(app, applied, plans)
    _print(reports, as_json=as_json, left=left)
    code = exit_code(reports)
    refused = any(not fate.done for _, _, found in left for fate in found)
    return Exit.PENDING if refused and code == Exit.DONE else code


def once(
    config: ConfigOption = None,
    mapping: MappingOption = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Approve the plan unseen, also a first one that creates records.")
    ] = False,
    beyond_caps: BeyondOption = False,
    full: FullOption = False,
    as_json: JsonOption = False,
) -> int:
    """One cycle of every mapping, as the daemon would do it, then stop.

    Example: syncd once --full
    """
    with opened(config) as app:
        _look_first(app)
        options = Options("once", write=True, person=yes, beyond_caps=beyond_caps, full=full)
        reports = _run_all(app, app.in_order(mapping), options)
    _print(reports, as_json=as_json)
    return exit_code(reports)


def run(config: ConfigOption = None) -> int:
    """The daemon: every mapping on its schedule, until SIGTERM.

    Example: syncd run -c /etc/syncd/syncd.yaml
    """
    with opened(config) as app:
        metrics = Metrics(app.clock.now)
        jobs = {
            name: Job(
                mapping.spec.schedule.every,
                app.runner(name, Options("schedule", write=True)),
                tuple(app.children(name)),
            )
            for name, mapping in app.mappings.items()
        }
        jobs.update(jobs_of(app))
        jobs.update(deduping.jobs_of(app))
        jobs.update(budgeting.jobs_of(app))
        jobs[JANITOR] = Janitor(app, telemetry.emit).job
        store = app.store  # opened (and migrated) before the schedule starts, so that a failure here ends the process
        _remember_freshness(app, metrics)
        daemon = _daemon(app, jobs, metrics, store.ping)
        shutdown: timedelta = app.settings.daemon.shutdown
        if not daemon.run(shutdown):
            # A request hangs in a thread. Every write has its intent in the store, so ending here loses nothing.
            sys.stderr.flush()
            os._exit(Exit.ERROR)
    return Exit.DONE


def _daemon(app: App, jobs: dict[str, Job], metrics: Metrics, ping: Callable[[], None]) -> Daemon:
    """The daemon, listening. Raises ConfigError when its address cannot be had."""
    own = app.settings.daemon
    worker = Worker(jobs, metrics, telemetry.emit)
    try:
        drift = Drift(app, telemetry.emit, worker.stop)
        hooks = Hooks(app.settings.hooks, telemetry.emit, app.clock.now, app.clock.monotonic)
        return Daemon(
            jobs, worker, drift, hooks, metrics, telemetry.emit, ping, app.clock.now, host=own.host, port=own.port
        )
    except (OSError, UnicodeError) as error:
        what = f"daemon: cannot listen on {own.host}:{own.port}: {getattr(error, 'strerror', None) or 'no such host'}"
        raise ConfigError([Problem(str(app.settings.file), 0, 0, what, "set daemon.host and daemon.port")]) from None


def _remember_freshness(app: App, metrics: Metrics) -> None:
    """After a restart the age of the last complete pass goes on counting."""
    for name in app.mappings:
        known = app.store.state(name).last_full
        if len(known) == len(app.peers(app.mappings[name])):
            metrics.complete(name, min(known.values()))
    for watch in app.watches.values():
        last = app.store.last_walk(watch.spec.name)
        if last is not None:
            metrics.complete(watch.job, last)


def _look_first(app: App) -> None:
    """As the daemon does at its start: what reads as cleared may be a field that is gone, and stops its mapping."""
    Drift(app, telemetry.emit, Event()).turn()


def _run_all(app: App, names: list[str], options: Options, chosen: saved.Chosen | None = None) -> list[Report]:
    """One run of each mapping, until somebody presses Ctrl-C; with a saved plan only its items.

    A mapping that cannot run (a right that is missing, a list that cannot be read) does not hold back the others.
    """
    reports: list[Report] = []
    with progress() as shown, interruptible() as stop:
        for name in names:
            own = options if chosen is None else replace(options, only=chosen[name])
            try:
                reports.append(app.run(name, own, stop, progress=shown))
            except GuardRefused as error:
                reports.append(Report(name, "refused", None, {}, reasons=error.reasons))
            except (Denied, Refused, Later, BadAnswer, ReadCut, NotFound) as error:
                reason = f"{type(error).__name__}: {error}"
                err.print(f"[red]error[/red] {escape(name)}: {escape(reason)}")
                reports.append(Report(name, "error", None, {}, reasons=(reason,)))
            if stop.is_set():
                break
    return reports


def _named(app: App, mapping: str | None, file: Path | None, chosen: saved.Chosen | None) -> list[str]:
    """The mappings to apply, in order. Raises ConfigError for a saved plan that is about others."""
    names = app.in_order(mapping)
    if chosen is None:
        return names
    strange = [name for name in chosen if name not in app.mappings]
    if strange or not chosen.keys() & set(names):
        about = ", ".join(strange or chosen)
        hint = "" if strange else f"-m {mapping} leaves nothing of it"
        text = f"is a plan for {about}" + (", which is no mapping of this configuration" if strange else "")
        raise ConfigError([Problem(str(file), 0, 0, text, hint)])
    return [name for name in names if name in chosen]


def _part(plan: Plan, chosen: saved.Chosen | None) -> Plan:
    """What of a plan would be applied: with a saved plan, those of its items that still hold."""
    if chosen is None:
        return plan
    return replace(plan, items=tuple(item for item in plan.items if item.fingerprint in chosen[plan.mapping]))


Left = tuple[str, int, list[Fate]]
"""A mapping, how many items its saved plan has, and those that were left alone."""


def _left(app: App, reports: list[Report], plans: Mapping[str, saved.Saved] | None) -> list[Left]:
    """Per mapping what of a saved plan was not carried out, with the reasons."""
    if plans is None:
        return []
    found = []
    for report in reports:
        if report.outcome == "refused":  # by a guard, and that is told
            continue
        items = plans[report.mapping].items
        left = fates(app.store, app.mappings[report.mapping], items, report)
        if left:
            found.append((report.mapping, len(items), left))
    return found


def _not_held(app: App, reports: list[Report], plans: Mapping[str, saved.Saved] | None) -> list[Left]:
    """Before anything is applied: what of a saved plan does not hold any more."""
    here = {report.mapping: report.plan for report in reports if report.plan is not None}
    found = []
    for name, count, left in _left(app, reports, plans):
        held = {item.fingerprint for item in here[name].items} if name in here else set()
        gone = [fate for fate in left if fate.item.fingerprint not in held]
        if gone:
            found.append((name, count, gone))
    return found


def _rate(app: App, name: str) -> Rate:
    """How quickly the latest runs of a mapping wrote."""
    return rate_of(one["counts"] for one in app.store.runs(name, _RATED_RUNS))


def _edited(app: App, plan: Plan) -> Edited | None:
    """What can be told of an edit that nobody approved yet; None for a mapping that is new or as it was approved."""
    state = app.store.state(plan.mapping)
    if plan.approved or not state.approved_fingerprint:  # empty: a fence took it back, nobody edited anything
        return None
    fields = set(app.mappings[plan.mapping].rules.fields)
    agreed = {name for link in islice(app.store.links(plan.mapping), _SAMPLE) for name in _agreed_fields(link)}
    new = tuple(sorted(fields - agreed)) if agreed else ()
    return Edited(state.approved_at, new, tuple(sorted(agreed - fields)))


def _agreed_fields(link: Link) -> set[str]:
    return {*link.base.external, *link.base.flowtly}


def _print(reports: list[Report], *, as_json: bool, left: Sequence[Left] = ()) -> None:
    if as_json:
        refused = [fate_to_json(name, fate) for name, _, found in left for fate in found]
        print_json({"runs": [report_json(report) for report in reports], "left_alone": refused})
        return
    for report in reports:
        show_report(report)
    for one in left:
        show_fates(*one)
