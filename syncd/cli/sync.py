"""``plan``, ``apply``, ``once`` and ``run``: the commands that move values."""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from syncd import telemetry
from syncd.cli.common import ConfigOption, Exit, JsonOption, MappingOption, err, exit_code, opened, print_json, progress
from syncd.cli.show import plan_json, report_json, show_plan, show_report
from syncd.core.plan import FORMAT
from syncd.daemon.metrics import Metrics
from syncd.daemon.service import Daemon
from syncd.daemon.worker import Job, Worker
from syncd.engine.context import Options
from syncd.engine.run import Report
from syncd.errors import ConfigError, Problem
from syncd.wiring import App

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
        reports = _run_all(app, mapping, Options("plan", write=False, full=full))
    plans = [report.plan for report in reports if report.plan is not None]
    if output is not None:
        output.write_text(json.dumps({"plans": [plan_json(one) for one in plans]}, indent=1))
    if as_json:
        print_json({"plans": [plan_json(one) for one in plans]})
    else:
        for one in plans:
            show_plan(one, everything=everything)
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
    only = _saved(file) if file is not None else {}
    with opened(config, level="warning") as app:
        if not yes:
            reports = _run_all(app, mapping, Options("plan", write=False, full=full))
            for report in reports:
                if report.plan is not None:
                    show_plan(report.plan)
            if not any(report.plan is not None and report.plan.pending for report in reports):
                err.print("nothing to apply")
            typer.confirm("Apply this plan?", abort=True, err=True)
        reports = []
        for name in app.in_order(mapping):
            if only and name not in only:
                continue
            options = Options("apply", write=True, person=True, beyond_caps=beyond_caps, full=full, only=only.get(name))
            with progress() as shown:
                reports.append(app.run(name, options, progress=shown))
    _print(reports, as_json=as_json)
    if only:
        _print_refused(reports, only)
    return exit_code(reports)


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
        options = Options("once", write=True, person=yes, beyond_caps=beyond_caps, full=full)
        reports = _run_all(app, mapping, options)
    _print(reports, as_json=as_json)
    return exit_code(reports)


def run(config: ConfigOption = None) -> int:
    """The daemon: every mapping on its schedule, until SIGTERM.

    Example: syncd run -c /etc/syncd/syncd.yaml
    """
    with opened(config) as app:
        metrics = Metrics(app.clock.now)
        jobs = {
            name: Job(mapping.spec.schedule.every, app.runner(name, Options("schedule", write=True)))
            for name, mapping in app.mappings.items()
        }
        store = app.store  # opened (and migrated) before the schedule starts, so that a failure here ends the process
        _remember_freshness(app, metrics)
        daemon = Daemon(
            jobs,
            Worker(jobs, metrics, telemetry.emit),
            metrics,
            telemetry.emit,
            store.ping,
            app.clock.now,
            host=app.settings.daemon.host,
            port=app.settings.daemon.port,
        )
        shutdown: timedelta = app.settings.daemon.shutdown
        if not daemon.run(shutdown):
            # A request hangs in a thread. Every write has its intent in the store, so ending here loses nothing.
            sys.stderr.flush()
            os._exit(Exit.ERROR)
    return Exit.DONE


def _remember_freshness(app: App, metrics: Metrics) -> None:
    """After a restart the age of the last complete pass goes on counting."""
    for name in app.mappings:
        known = app.store.state(name).last_full
        if len(known) == len(app.peers(app.mappings[name])):
            metrics.complete(name, min(known.values()))


def _run_all(app: App, mapping: str | None, options: Options) -> list[Report]:
    with progress() as shown:
        return [app.run(name, options, progress=shown) for name in app.in_order(mapping)]


def _print(reports: list[Report], *, as_json: bool) -> None:
    if as_json:
        print_json({"runs": [report_json(report) for report in reports]})
        return
    for report in reports:
        show_report(report)


def _saved(file: Path) -> dict[str, frozenset[str]]:
    """The item ids of a saved plan by mapping. Raises ConfigError for a file that is not one."""
    try:
        data: Any = json.loads(file.read_text())
        plans = data["plans"]
        if any(one["format"] != FORMAT for one in plans):
            raise ConfigError([Problem(str(file), 0, 0, "the plan was saved by another version", "make a new one")])
        return {one["mapping"]: frozenset(item["id"] for item in one["items"]) for one in plans}
    except OSError as error:
        raise ConfigError([Problem(str(file), 0, 0, f"cannot be read: {error.strerror}")]) from None
    except (ValueError, KeyError, TypeError):
        raise ConfigError(
            [Problem(str(file), 0, 0, "is not a saved plan", "make one with syncd plan -o FILE")]
        ) from None


def _print_refused(reports: list[Report], only: dict[str, frozenset[str]]) -> None:
    """Items of a saved plan that did not hold any more."""
    for report in reports:
        if report.plan is None:
            continue
        held = {item.fingerprint for item in report.plan.items}
        gone = len(only[report.mapping] - held)
        if gone:
            err.print(f"{report.mapping}: {gone} items of the saved plan do not hold any more and were left alone")
