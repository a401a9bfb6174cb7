"""The jobs of duplicates, one for each directory: search when it is time, plan merges, carry out what is approved.

Never merges what neither a person nor a tier switched on has approved; that is the engine's rule, and no turn asks
otherwise. A search in trouble never makes the daemon unready.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from threading import Event
from typing import Final

from syncd import wiring_dedupe
from syncd.daemon.worker import Job
from syncd.engine.dedupe import merging, proposing
from syncd.engine.dedupe.desk import Desk
from syncd.engine.dedupe.merging import BEGUN
from syncd.engine.dedupe.scan import PREFIX
from syncd.engine.run import Report
from syncd.errors import SyncdError
from syncd.mapping.directories import DirectorySpec
from syncd.wiring import App

_LOOK: Final = timedelta(minutes=5)  # how soon an approved merge, or a search that could not be had, is tried again


def jobs_of(app: App) -> Iterator[tuple[str, Job]]:
    """Every job by its name; none where the configuration searches nothing."""
    for name, spec in app.settings.dedupe.items():
        yield PREFIX + name, Deduping(app, name, spec).job


class Deduping:
    """Remembers when a directory was searched last."""

    def __init__(self, app: App, name: str, spec: DirectorySpec) -> None:
        self._app, self._name, self._spec = app, name, spec
        self._due = 0.0
        self._desk: Desk | None = None

    @property
    def job(self) -> Job:
        """The job that looks whether it is time."""
        return Job(min(self._spec.every, _LOOK), self.turn, watched=False)

    def turn(self, stop: Event) -> Report:
        """One look: a search where it is due, then what follows from cases and approvals. Raises SyncdError."""
        clock = self._app.clock
        started, searched = clock.monotonic(), False
        if started >= self._due:
            found = wiring_dedupe.scan(self._app, self._name, stop)
            if found.outcome == "busy":
                return self._report("busy", started)
            searched = found.outcome == "done"
            if searched:
                self._due = started + self._spec.every.total_seconds() - _early(self._spec.every)
        if not stop.is_set() and (self._spec.merge is not None or self._app.store.merges(self._name, BEGUN, 1)):
            self._merge(stop, planning=searched and self._spec.merge is not None)
        return self._report("done", started, searched=searched)

    def _merge(self, stop: Event, *, planning: bool) -> None:
        """Plans are made after a search only: in between no case was opened or closed by it.

        Without a merge block there are none, and what was begun before it was taken out is brought to its end.
        """
        if self._desk is None:
            self._desk = wiring_dedupe.desk(self._app, self._name, stop)
        trouble: SyncdError | None = None
        if planning:
            try:
                proposing.propose(self._desk, stop)
            except SyncdError as error:  # what is approved already does not wait for new plans
                trouble = error
        merging.carry_out(self._desk, stop)
        if trouble is not None:
            raise trouble

    def _report(self, outcome: str, started: float, *, searched: bool = False) -> Report:
        told = self._app.store.dedupe_counts().get(self._name, {})
        counts = {f"{what}.{state}": number for what, states in told.items() for state, number in states.items()}
        counts["searched"] = int(searched)
        seconds = round(self._app.clock.monotonic() - started, 3)
        return Report(PREFIX + self._name, outcome, None, counts, seconds=seconds, complete=True)


def _early(every: timedelta) -> float:
    """Half a look: the look that comes about when it is time must find that it is time."""
    return min(every, _LOOK).total_seconds() / 2
