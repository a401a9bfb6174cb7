"""The daemon's own worker in this process, without its schedule: as many turns as wanted, by a clock that can be moved.

What one turn cost and said is kept in numbers only, so that watching does not grow with what is watched.
"""

from __future__ import annotations

import gc
import os
import resource
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from typing import Any, NamedTuple

from syncd.core.model import Side
from syncd.daemon.metrics import Metrics
from syncd.daemon.worker import Job, Worker
from syncd.engine.context import Options
from syncd.engine.run import Engine, Report
from syncd.wiring import limits_of, silent
from tests.engine.world import World


class MovedClock:
    """Begins now and goes only when it is moved; a sleep moves it and takes no time."""

    def __init__(self) -> None:
        self._now = datetime.now(UTC)
        self._gone = 0.0

    def now(self) -> datetime:
        """The time it shows."""
        return self._now + timedelta(seconds=self._gone)

    def seconds(self) -> float:
        """The same as seconds since 1970, as the sandbox wants it."""
        return self.now().timestamp()

    def monotonic(self) -> float:
        """Seconds that it was moved by."""
        return self._gone

    def sleep(self, seconds: float) -> None:
        """Move on."""
        self._gone += seconds


class Size(NamedTuple):
    """What this process holds now."""

    megabytes: float
    files: int
    threads: int


class Watchman:
    """Carries turns of a world's mapping as the daemon does: whatever happens in one, the next one comes."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._worker = Worker(
            {"clients": Job(timedelta(seconds=1), self._run)}, Metrics(world.app.clock.now), self._note
        )
        self._now: Counter[str] = Counter()
        self.turns = 0
        self.outcomes: Counter[str] = Counter()
        self.said: Counter[str] = Counter()
        self.most_said = 0
        self.most_asked = 0

    def turn(self) -> None:
        """One turn. Never raises for what happens in it."""
        self._now.clear()
        asked = sum(self._world.flowtly.requests.values())
        self._worker.work("clients")
        self.turns += 1
        self.said += self._now
        self.most_said = max(self.most_said, sum(self._now.values()))
        self.most_asked = max(self.most_asked, sum(self._world.flowtly.requests.values()) - asked)

    def _run(self, stop: Event) -> Report:
        app: Any = self._world.app
        mapping = app.mappings["clients"]
        limits = limits_of(app.settings, mapping)
        engine = Engine(app.store, app.clock, limits, self._note, silent, f"watchman:{os.getpid()}:{self.turns}")
        return engine.run(mapping, {side: app.peers(mapping)[side] for side in Side}, Options("test", write=True), stop)

    def _note(self, event: str, /, **fields: Any) -> None:
        self._now[event] += 1
        if event == "run.finished":
            self.outcomes[fields["outcome"]] += 1


def size() -> Size:
    """What this process holds, after collecting garbage."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return Size(
        round(pages * resource.getpagesize() / 1e6, 1),
        len(list(Path("/proc/self/fd").iterdir())),
        threading.active_count(),
    )


def rows(world: World) -> dict[str, int]:
    """How many rows each table of the store has."""
    names = world.erp_store(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
    )
    return {name: int(world.erp_store(f'SELECT count(*) FROM "{name}"')[0][0]) for (name,) in sorted(names)}


@contextmanager
def with_clock(world: World, clock: MovedClock) -> Iterator[None]:
    """The world's application lives by this clock; for the beginning, before anything is connected."""
    world.app.clock = clock
    yield
