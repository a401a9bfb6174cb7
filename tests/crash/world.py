"""The world in which processes die: people at both ends, and processes of syncd that are started, die, and are started again.

A peer beside Flowtly may be a second sandbox: then both sides are reached over HTTP.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Event
from typing import Any, Final

import psycopg

from syncd import wiring_dedupe
from syncd.engine.allocating.rounds import repeated
from syncd.engine.context import Around, Options
from syncd.engine.dedupe.merging import MergeReport, carry_out
from syncd.engine.run import Engine, Report
from syncd.sandbox.config import SandboxConfig
from syncd.sandbox.server import SandboxServer
from syncd.wiring import App, limits_of, silent
from tests.crash.moment import HOURS, Databases
from tests.crash.steps import Steps
from tests.engine.family import TABLE as ACTIVITIES
from tests.engine.world import PASSWORD, SETTINGS, TABLE, World, plain

ONE_BY_ONE: Final = SETTINGS.replace("limits: {", "limits: {write_threads: 1, ").replace("retries: 1", "retries: 0")
TWO_SANDBOXES: Final = ONE_BY_ONE.replace(
    'erp: {connector: sql, url: "${ERP_DATABASE_URL}", overlap: 1m}',
    'crm: {connector: flowtly, url: "${CRM_URL}", retries: 0, timeout: 5s, deadline: 10s, '
    'login: {username: sync@flowtly.test, password: "${FLOWTLY_PASSWORD}"}}',
)


@dataclass(frozen=True, slots=True)
class Cycle:
    """One cycle of one mapping, as the daemon or a person starts it; ``merge``: one run over a directory's merges."""

    mapping: str = "clients"
    person: bool = False
    full: bool = False
    merge: str | None = None


class Process:
    """One process of syncd: new connectors, a new login, a name that no other process has."""

    def __init__(self, app: App, steps: Steps) -> None:
        self.steps = steps
        self.events: list[tuple[str, dict[str, Any]]] = []
        self._owner = f"crash-{uuid.uuid4().hex[:8]}"
        self._app = app
        self.steps.watch(app)

    def cycle(self, cycle: Cycle) -> Report | MergeReport:
        """Raises Died where this process dies."""
        if cycle.merge is not None:
            desk = replace(wiring_dedupe.desk(self._app, cycle.merge), events=self._note, owner=self._owner)
            return carry_out(desk, Event())
        app, mapping = self._app, self._app.mappings[cycle.mapping]
        limits, around = limits_of(app.settings, mapping), Around(steps=app.budgets.steps())
        engine = Engine(app.store, app.clock, limits, self._note, silent, self._owner, around)
        options = Options("test", write=True, person=cycle.person, full=cycle.full)
        peers, stop = app.peers(mapping), Event()
        return repeated(lambda chosen: engine.run(mapping, peers, chosen, stop), options, stop)

    def close(self) -> None:
        self._app.close()

    def _note(self, event: str, /, **fields: Any) -> None:
        self.events.append((event, fields))


class CrashWorld(World):
    """A world with a clock that can be moved, and perhaps a second sandbox as the external peer."""

    def __init__(
        self, folder: Path, erp_url: str, store_url: str, flowtly: SandboxServer, crm: SandboxServer | None, now: Moving
    ) -> None:
        self.crm = crm
        self._pool: Any = None
        self._now = now
        super().__init__(folder, erp_url, store_url, flowtly)
        self.databases = Databases(self.erp_url, self.env["SYNCD_DATABASE_URL"])

    def configure(self, mapping: str | None = None, settings: str = ONE_BY_ONE, **more: str) -> None:
        self.env["CRM_URL"] = self.crm.url if self.crm is not None else ""
        super().configure(*([] if mapping is None else [mapping]), settings=settings, **more)

    @property
    def sandboxes(self) -> tuple[SandboxServer, ...]:
        return (self.flowtly,) if self.crm is None else (self.flowtly, self.crm)

    @contextmanager
    def process(self, steps: Steps | None = None) -> Iterator[Process]:
        """A process that is gone after the block."""
        process = Process(self._restarted(), steps or Steps())
        try:
            yield process
        finally:
            process.close()

    def _restarted(self) -> App:
        """All that a start makes anew, but for what only costs time: parsed settings and pools of connections.

        Neither remembers anything of a cycle. The children that are killed for real have nothing from before.
        """
        before = self.app
        assert before is not None
        app = App.__new__(App)
        app.env, app.settings, app.clock, app.mappings = before.env, before.settings, before.clock, before.mappings
        app.believe_measured, app._closing, app._connectors = True, ExitStack(), {}
        app._store = before.store
        app.allocations = before.allocations
        app.budgets = replace(
            before.budgets,
            connector=app.connector,
            store=lambda: app.store,
            _allocators={},
            _wanted={},
            _facts=None,
            _signals={},
        )
        if self.crm is None:
            self._keep_pool(app.connector("erp"))
        return app

    def _keep_pool(self, connector: Any) -> None:
        database = connector._database
        if self._pool is None or self._pool.url != database._engine.url:
            self._pool = database._engine
        else:
            database._engine.dispose()
            database._engine = self._pool
        connector._database.close = lambda: None

    def hours_later(self) -> None:
        """Hours go by, everywhere."""
        self._now.moved += HOURS * 3600
        self.databases.hours_later()

    def close(self) -> None:
        super().close()
        if self._pool is not None:
            self._pool.dispose()
            self._pool = None


class Moving:
    """A clock of the sandboxes that can be moved on."""

    def __init__(self) -> None:
        self.moved = 0.0

    def __call__(self) -> float:
        return time.time() + self.moved


@contextmanager
def crash_world(folder: Path, erp_url: str, store_url: str, *, two_sandboxes: bool = False) -> Iterator[CrashWorld]:
    """Empty peers and an empty store."""
    with psycopg.connect(plain(erp_url)) as connection:
        connection.execute(TABLE)
        connection.execute(ACTIVITIES)
    now = Moving()
    config = SandboxConfig(empty=True, password=PASSWORD, now=now)
    flowtly = SandboxServer(config).start()
    crm = SandboxServer(config).start() if two_sandboxes else None
    world = CrashWorld(folder, erp_url, store_url, flowtly, crm, now)
    try:
        yield world
    finally:
        world.close()
        world.databases.close()
        for sandbox in world.sandboxes:
            sandbox.stop()
