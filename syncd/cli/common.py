"""What every command shares: where the configuration is, how long work is shown, how an end becomes an exit code."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from threading import Event, current_thread, main_thread
from types import FrameType
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from syncd import telemetry
from syncd.engine.run import Report
from syncd.wiring import App

CONFIG_VARIABLE: Final = "SYNCD_CONFIG"
_SHOW_AFTER: Final = 2.0  # seconds before progress appears; anything quicker needs none

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)


class Exit(IntEnum):
    """Exit codes, the same for every command."""

    DONE = 0
    ERROR = 1
    PENDING = 2  # changes planned, or questions open
    REFUSED = 3  # a guard refused the plan


ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", help=f"The configuration file. Default: ${CONFIG_VARIABLE}, ./syncd.yaml, config/syncd.yaml."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script instead of a table.")]
MappingOption = Annotated[str | None, typer.Option("--mapping", "-m", help="Only this mapping.")]


def config_path(given: Path | None) -> Path:
    """The configuration file to use: given, from the environment, or at one of the usual places."""
    if given is not None:
        return given
    if os.environ.get(CONFIG_VARIABLE):
        return Path(os.environ[CONFIG_VARIABLE])
    usual = (Path("syncd.yaml"), Path("config/syncd.yaml"))
    return next((path for path in usual if path.exists()), usual[0])


@contextmanager
def opened(config: Path | None, *, level: str | None = None) -> Iterator[App]:
    """The application of a configuration, with logging set up as it says."""
    with App(config_path(config)) as app:
        log = app.settings.log
        masker = telemetry.Masker(app.secrets(), app.personal())
        telemetry.configure(form=log.format, level=level or log.level, masker=masker)
        yield app


def print_json(data: Any) -> None:
    """JSON on standard output, one document."""
    sys.stdout.write(json.dumps(data, indent=2, default=str) + "\n")


class Shown:
    """Progress for a person: a bar on a terminal once work takes longer than two seconds, nothing in a log."""

    def __init__(self) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=err,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._started = time.monotonic()
        self._running = False

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        """Take in how far a stage is."""
        if not err.is_terminal or time.monotonic() - self._started < _SHOW_AFTER:
            return
        if not self._running:
            self._bars.start()
            self._running = True
        if stage not in self._tasks:
            self._tasks[stage] = self._bars.add_task(stage, total=total)
        self._bars.update(self._tasks[stage], completed=done, total=total)

    def close(self) -> None:
        """Take the bars away."""
        if self._running:
            self._bars.stop()


@contextmanager
def progress() -> Iterator[Shown]:
    """Progress for the length of a block."""
    shown = Shown()
    try:
        yield shown
    finally:
        shown.close()


@contextmanager
def interruptible() -> Iterator[Event]:
    """A stop signal for runs: the first Ctrl-C (or SIGTERM) lets the write in hand finish, the second ends at once."""
    stop = Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()
        err.print("stopping after the write in hand; once more to stop at once")

    if current_thread() is not main_thread():  # signals are the main thread's
        yield stop
        return
    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def exit_code(reports: list[Report]) -> Exit:
    """The worst of several runs."""
    if any(report.outcome in {"incomplete", "error", "busy", "stopped"} for report in reports):
        return Exit.ERROR
    if any(report.outcome in {"planned", "awaiting_approval"} and not report.complete for report in reports):
        return Exit.ERROR  # a plan made on half of the records
    if any(report.outcome in {"refused", "fenced"} or report.breaches for report in reports):
        return Exit.REFUSED
    waiting = any(
        report.open_conflicts
        or report.open_operations
        or report.open_removals
        or report.outcome == "awaiting_approval"
        or (report.outcome == "planned" and report.plan is not None and report.plan.pending)
        for report in reports
    )
    return Exit.PENDING if waiting else Exit.DONE
