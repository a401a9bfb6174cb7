"""Carries one turn of one mapping and survives whatever happens in it. Logs the first failure and the recovery."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from threading import Condition, Event

from syncd.daemon.metrics import Metrics
from syncd.engine.context import Events
from syncd.engine.run import Report
from syncd.errors import SyncdError


@dataclass(frozen=True, slots=True)
class Job:
    """What to run and how often."""

    every: timedelta
    run: Callable[[Event], Report]


class Worker:
    """Runs jobs by name; knows when nothing is in hand."""

    def __init__(self, jobs: Mapping[str, Job], metrics: Metrics, events: Events) -> None:
        self.stop = Event()
        self._jobs = jobs
        self._metrics = metrics
        self._events = events
        self._idle = Condition()
        self._active = 0
        self._state: dict[str, str] = {}

    def work(self, name: str) -> None:
        """One turn. Never raises: the schedule goes on."""
        if self.stop.is_set():
            return
        with self._idle:
            self._active += 1
        try:
            report = self._jobs[name].run(self.stop)
            self._metrics.ran(report)
            self._note(name, report.outcome if report.outcome == "busy" else "ok")
        except SyncdError as error:
            self._failed(name, error)
        except Exception as error:  # noqa: BLE001 - one mapping's bug must not end the daemon; it is logged with its trace
            self._failed(name, error)
        finally:
            with self._idle:
                self._active -= 1
                self._idle.notify_all()

    def wait_idle(self, patience: timedelta) -> bool:
        """True when nothing is in hand any more, False when patience ran out."""
        with self._idle:
            return self._idle.wait_for(lambda: self._active == 0, timeout=patience.total_seconds())

    def _failed(self, name: str, error: Exception) -> None:
        self._metrics.failed(name)
        detail = f"{type(error).__name__}: {error}"
        known = isinstance(error, SyncdError)
        if self._state.get(name) != detail:
            self._events("run.failed", mapping=name, detail=detail, exc_info=None if known else error)
        self._state[name] = detail

    def _note(self, name: str, state: str) -> None:
        """Say what changed, not what stayed."""
        before = self._state.get(name, "ok")
        if before == state:
            return
        self._state[name] = state
        if state == "busy":
            self._events("run.waiting", mapping=name, detail="another daemon holds the lease")
        else:
            self._events("run.recovered", mapping=name, detail=before)
