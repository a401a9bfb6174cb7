"""Daemons as child processes that share one store: started, frozen, thawed, cut off, killed. Never more than it started.

They are forked from the server of ``tests.support.commands``, so one costs a fraction of a second and is the real
command ``syncd run`` all the same.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.error import URLError

import psycopg

from syncd.errors import SyncdError
from tests.engine.world import MAPPING, SETTINGS, World
from tests.support import commands

SCHEDULE = "schedule: {every: 1s, full: 1h}\n"
LIMITS = SETTINGS.replace("limits: {listing_grace: 0s", "limits: {lease: 2s, listing_grace: 1s")


class Daemon:
    """One ``syncd run`` in a process of its own. ``env`` may lead it to the store by another way."""

    def __init__(self, world: World, name: str, env: Mapping[str, str] | None = None) -> None:
        self.name = name
        self.log = world.folder / f"{name}.log"
        config = world.folder / f"{name}.yaml"
        config.write_text(f"{world.config.read_text()}daemon: {{port: {_free_port()}}}\n")
        nothing = world.folder / "nothing"
        nothing.touch()
        streams = [str(nothing), str(world.folder / f"{name}.out"), str(self.log)]
        given = {**os.environ, **world.env, **(env or {})}
        commands._start_server()
        self._process = commands._SPAWN.Process(
            target=commands._command, args=(["run", "-c", str(config)], given, str(world.folder), streams)
        )
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        """False once it has ended."""
        return self._process.is_alive()

    def events(self, *names: str) -> list[dict[str, Any]]:
        """What it said, or of that only the events of these names."""
        if not self.log.exists():
            return []
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.endswith("}")]
        return [line for line in lines if not names or line["event"] in names]

    def freeze(self) -> None:
        """It stands still from now on, wherever it is."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it stood."""
        os.kill(self.pid, signal.SIGCONT)

    def kill(self) -> None:
        """It is gone, at once."""
        self._process.kill()
        self._process.join(30)

    def stop(self) -> None:
        """It ends as an administrator ends it; with force where that takes too long."""
        if self.alive:
            self.thaw()
            os.kill(self.pid, signal.SIGTERM)
            self._process.join(20)
        if self.alive:
            self.kill()
        self._process.close()


@contextmanager
def crew(world: World, *names: str, **env: Mapping[str, str]) -> Iterator[list[Daemon]]:
    """These daemons, running; ended again whatever happens. ``env``: by name, another way to the store."""
    started: list[Daemon] = []
    try:
        started.extend(Daemon(world, name, env.get(name)) for name in names)
        for daemon in started:
            eventually(lambda one=daemon: one.events("daemon.started"))
        yield started
    finally:
        for daemon in started:
            daemon.stop()


def prepare(world: World, limits: str = LIMITS) -> None:
    """An approved mapping with a turn each second, under a lease of two."""
    world.configure(MAPPING + SCHEDULE, limits)
    world.run(person=True)


def eventually(probe: Callable[[], Any], patience: float = 90.0) -> Any:
    """What the probe says as soon as it is true. A store or a peer that is away is not true yet."""
    ends, last = time.monotonic() + patience, None
    while time.monotonic() < ends:
        try:
            last = probe()
            if last:
                return last
        except (URLError, OSError, psycopg.Error, SyncdError) as error:
            last = error
        time.sleep(0.05)
    raise AssertionError(f"not seen in {patience:.0f} s; last: {last!r}")


def holder(world: World, daemons: list[Daemon]) -> Daemon | None:
    """The daemon whose lease on the mapping has not ended, and that has begun a run under it."""
    rows = world.erp_store(
        "SELECT owner FROM lease l WHERE name = 'clients' AND expires_at > clock_timestamp()"
        " AND EXISTS (SELECT 1 FROM run r WHERE r.mapping = l.name AND r.owner = l.owner)"
    )
    pids = {row[0].split(":")[1] for row in rows}
    return next((one for one in daemons if str(one.pid) in pids), None)


def at_work(world: World, daemons: list[Daemon]) -> Daemon:
    """The daemon that holds the lease now or next."""
    found: Daemon = eventually(lambda: holder(world, daemons))
    return found


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
