"""A process of its own that runs a scenario's cycles and is killed by SIGKILL at a step. Must never outlive its parent's wait."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from syncd.store.postgres import PostgresStore
from syncd.wiring import App
from tests.crash.inline import one_after_another
from tests.crash.steps import Point, Steps, killed
from tests.crash.world import Cycle, Process

_PATIENCE: Final = 60
_SPAWN: Final = multiprocessing.get_context("forkserver")
_SPAWN.set_forkserver_preload(
    ["tests.crash.child", "syncd.connectors.sql.connector", "syncd.connectors.flowtly.connector"]
)


def died_for_real(config: Path, env: Mapping[str, str], cycles: tuple[Cycle, ...], point: Point) -> int | None:
    """The exit code of a process that should not come back; None for one that had to be ended."""
    process = _SPAWN.Process(target=_live, args=(config, dict(env), cycles, point), daemon=True)
    process.start()
    process.join(_PATIENCE)
    code = process.exitcode
    if code is None:
        process.kill()
        process.join()
    process.close()
    return code


def _live(config: Path, env: dict[str, str], cycles: tuple[Cycle, ...], point: Point) -> None:
    with one_after_another():
        app = App(config, env)
        # The schema was brought up to date when the world was made: doing it at every start is no step of a cycle.
        app._store = PostgresStore(app.database_url())
        process = Process(app, Steps(point, killed))
        for cycle in cycles:
            process.cycle(cycle)
    os._exit(7)
