"""Keeps history within its time: a job that makes the ledger's next months and removes what is old, daily and at start.

Never holds up a mapping and never makes the daemon unready: small transactions, a bounded time, and what could not be
done is told and tried again within the hour.
"""

from __future__ import annotations

from datetime import timedelta
from threading import Event
from typing import Final

from syncd.daemon.worker import Job
from syncd.engine.context import Events
from syncd.engine.run import Report
from syncd.errors import SyncdError
from syncd.wiring import App

JANITOR: Final = "history:sweep"  # no mapping can be called so
_PATIENCE: Final = timedelta(minutes=5)
_AGAIN: Final = timedelta(hours=1)


class Janitor:
    """Remembers when history was swept last."""

    def __init__(self, app: App, events: Events) -> None:
        self._app = app
        self._events = events
        self._every = app.settings.history.every
        self._due = 0.0

    @property
    def job(self) -> Job:
        """The job that looks whether it is time."""
        return Job(min(self._every, _AGAIN), self.turn)

    def turn(self, stop: Event) -> Report:
        """One look; a sweep where it is due."""
        app, now = self._app, self._app.clock.monotonic()
        if now < self._due:
            return Report(JANITOR, "done", None, {}, complete=True)
        try:
            done = app.store.sweep_history(app.retention(), _PATIENCE, stop.is_set)
        except SyncdError as error:  # a database that is away, or a long read of the ledger that was not waited for
            self._events("history.failed", detail=str(error))
            return Report(JANITOR, "incomplete", None, {}, complete=True)
        self._due = now + self._every.total_seconds() - _AGAIN.total_seconds() / 2
        if any(done.values()):
            self._events("history.swept", **done)
        return Report(JANITOR, "done", None, done, complete=True)
