"""The daemon: one job per mapping on a schedule, until a signal says stop. Plans, then applies; never the reverse."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Event, Thread
from types import FrameType

from apscheduler.jobstores.base import JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler

from syncd.daemon.drift import Drift
from syncd.daemon.health import Answer, HealthServer, as_json
from syncd.daemon.hooks import Hooks
from syncd.daemon.metrics import CONTENT_TYPE, Metrics
from syncd.daemon.worker import Job, Worker
from syncd.engine.context import Events
from syncd.errors import StoreUnavailable

_SIGNAL_NOTICED = 0.5  # seconds until a signal is noticed at the latest
_STALE_AFTER = 3  # a mapping is not ready when it has missed this many turns of its schedule


class Daemon:
    """Runs every mapping's job until ``stop``; a write in hand is finished first."""

    def __init__(
        self,
        jobs: Mapping[str, Job],
        worker: Worker,
        drift: Drift,
        hooks: Hooks,
        metrics: Metrics,
        events: Events,
        ping: Callable[[], None],
        now: Callable[[], datetime],
        *,
        host: str,
        port: int,
    ) -> None:
        self._jobs = jobs
        self._worker = worker
        self._drift = drift
        self._metrics = metrics
        self._events = events
        self._ping = ping
        self._now = now
        self._wake = Event()
        # A thread of its own: a job that changes the schedule would wait for a shutdown that waits for the job.
        self._looking = Thread(target=self._look, name="drift", daemon=True)
        self._scheduler = BackgroundScheduler(timezone="UTC")
        worker.wake = self.wake
        hooks.wake = self.wake
        self._health = HealthServer(
            host, port, {"/healthz": self._alive, "/readyz": self._ready, "/metrics": self._metrics_page}, hooks
        )

    @property
    def health_port(self) -> int:
        """Where health is answered."""
        return self._health.port

    def run(self, shutdown: timedelta) -> bool:
        """Serve until SIGTERM or SIGINT (or ``stop``), then finish within ``shutdown``; True when all was finished."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        self.start()
        # Not one endless wait: the system may give a signal to another thread, and then nothing ends the wait.
        while not self._wake.wait(_SIGNAL_NOTICED):
            continue
        return self.finish(shutdown)

    def start(self) -> None:
        """Start the schedule and the health server."""
        self._health.start()
        self._scheduler.start()
        self._looking.start()
        self._events("daemon.started", mappings=sorted(self._jobs), health_port=self.health_port)

    def _look(self) -> None:
        """Look at the tenant, first before any turn: what reads as cleared may be a field that is gone."""
        _, delay = self._drift.turn()
        if not self._worker.stop.is_set():
            self._schedule_turns()
        while not self._worker.stop.wait(delay.total_seconds()):
            back, delay = self._drift.turn()
            for name in back:
                self.wake(name)

    def _schedule_turns(self) -> None:
        for name, job in self._jobs.items():
            self._scheduler.add_job(
                self._turn,
                "interval",
                args=[name],
                id=name,
                seconds=job.every.total_seconds(),
                max_instances=2,  # a turn asked for during a turn must be noticed; the worker carries one at a time
                coalesce=True,
                misfire_grace_time=None,
                next_run_time=self._now(),
            )

    def _turn(self, name: str) -> None:
        """A mapping's turn, unless a change at Flowtly has stopped it; ``mapping.stopped`` said so."""
        if name not in self._drift.stopped:
            self._worker.work(name)

    def wake(self, name: str, delay: timedelta = timedelta(0)) -> None:
        """Let a mapping's turn begin now, or soon, instead of at its time. Harmless for a name without a job."""
        if not self._scheduler.running or self._worker.stop.is_set():
            return
        begins, job = self._now() + delay, self._scheduler.get_job(name)
        if job is None or (job.next_run_time is not None and job.next_run_time <= begins):
            return
        with suppress(JobLookupError):
            self._scheduler.modify_job(name, next_run_time=begins)

    def stop(self) -> None:
        """Ask the daemon to end."""
        self._worker.stop.set()
        self._wake.set()

    def finish(self, shutdown: timedelta) -> bool:
        """Stop the schedule, wait for the write in hand (at most ``shutdown``), stop answering."""
        self._worker.stop.set()
        self._scheduler.pause()
        ends = time.monotonic() + shutdown.total_seconds()
        idle = self._worker.wait_idle(shutdown)
        self._looking.join(max(ends - time.monotonic(), 0))
        idle = idle and not self._looking.is_alive()
        self._scheduler.shutdown(wait=False)  # nothing is in hand, and a turn that ends now may want to wake another
        self._health.stop()
        self._events("daemon.stopped", clean=idle)
        return idle

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._events("daemon.stopping", signal=signal.Signals(number).name)
        self.stop()

    def _alive(self) -> Answer:
        """Alive: the scheduler runs. A peer or store in trouble is no reason to be restarted."""
        return as_json(self._scheduler.running, {"mappings": len(self._jobs)})

    def _ready(self) -> Answer:
        """Ready: the store answers and no mapping is behind its schedule."""
        try:
            self._ping()
        except StoreUnavailable as error:
            return as_json(False, {"store": str(error)})
        behind = {}
        for name, job in self._jobs.items():
            if not job.watched:
                continue
            age = self._metrics.freshness(name)
            if age is None:
                behind[name] = "not read completely yet"
            elif age > max(60.0, job.every.total_seconds() * _STALE_AFTER):
                behind[name] = f"last complete pass {age:.0f} s ago"
        return as_json(not behind, {"store": "answers", "behind": behind})

    def _metrics_page(self) -> Answer:
        return Answer(200, CONTENT_TYPE, self._metrics.render())
