"""Carries one turn of one mapping and survives whatever happens in it. Logs the first failure and the recovery."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from threading import Condition, Event

from syncd.daemon.metrics import Metrics
from syncd.engine.context import Events
from syncd.engine.run import Report
from syncd.errors import ConfigError, SyncdError


@dataclass(frozen=True, slots=True)
class Job:
    """What to run and how often; ``children`` are the jobs whose records may wait for those that this one links.

    The daemon is not ready while a job that is ``watched`` is behind its schedule.
    """

    every: timedelta
    run: Callable[[Event], Report]
    children: tuple[str, ...] = ()
    watched: bool = True


class Worker:
    """Runs jobs by name, each one turn at a time; knows when nothing is in hand."""

    def __init__(self, jobs: Mapping[str, Job], metrics: Metrics, events: Events) -> None:
        self.stop = Event()
        self._jobs = jobs
        self._metrics = metrics
        self._events = events
        self._idle = Condition()
        self._active: set[str] = set()
        self._again: set[str] = set()
        self._state: dict[str, str] = {}
        self.wake: Callable[[str], None] = lambda _: None
        """Starts a job's turn soon; set by whoever has the schedule."""

    def work(self, name: str) -> None:
        """One turn; asked for during a turn of the same job, another one follows it. Never raises."""
        with self._idle:
            if self.stop.is_set():
                return
            if name in self._active:
                self._again.add(name)
                return
            self._active.add(name)
        soon: set[str] = set()
        try:
            report = self._jobs[name].run(self.stop)
            self._metrics.ran(report)
            self._note(name, report.outcome if report.outcome == "busy" else "ok")
            soon.update(self._jobs[name].children if report.links_made else ())
        except SyncdError as error:
            self._failed(name, error)
        except Exception as error:  # noqa: BLE001 - one mapping's bug must not end the daemon; it is logged with its trace
            self._failed(name, error)
        finally:
            with self._idle:
                self._active.discard(name)
                if name in self._again:
                    self._again.discard(name)
                    soon.add(name)
                self._idle.notify_all()
        for other in sorted(soon):
            self.wake(other)

    def wait_idle(self, patience: timedelta) -> bool:
        """True when nothing is in hand any more, False when patience ran out."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._active, timeout=patience.total_seconds())

    def _failed(self, name: str, error: Exception) -> None:
        self._metrics.failed(name)
        detail = f"{type(error).__name__}: {error}"
        known = isinstance(error, SyncdError | ConfigError)
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
