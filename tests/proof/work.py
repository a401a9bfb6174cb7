"""Runs sections in worker processes, each with a PostgreSQL server of its own. Must never wait for ever for one.

What a section prints goes to a file, of which the end is shown when it fails: its parts are noisy by nature.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import queue
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from tests.proof.catalogue import longest_first
from tests.proof.section import Ask, Result
from tests.support.postgres import PostgresServer, running_server

_LAST = 30  # lines of output shown of a section that raised
_LONGEST = {True: 1200.0, False: 5400.0}  # seconds for everything together, quick or not: a hanging section ends here

Say = Callable[[str], None]


@dataclass(frozen=True)
class _Orders:
    quick: bool
    seed: int
    folder: str


def prove_all(chosen: Sequence[str], *, quick: bool, seed: int, workers: int, say: Say) -> list[Result]:
    """Run the sections, ``workers`` at a time; results in the order in which they were named."""
    context = multiprocessing.get_context("spawn")
    todo, told = context.Queue(), context.Queue()
    for name in longest_first(chosen):
        todo.put(name)
    with tempfile.TemporaryDirectory(prefix="syncd-proof-", ignore_cleanup_errors=True) as folder:
        orders = _Orders(quick, seed, folder)
        staff = [context.Process(target=_work, args=(orders, todo, told)) for _ in range(min(workers, len(chosen)))]
        for one in staff:
            todo.put(None)
            one.start()
        try:
            results = _gather(set(chosen), staff, told, say, time.monotonic() + _LONGEST[quick])
        finally:
            _dismiss(staff)
    return [results[name] for name in dict.fromkeys(chosen)]


def _gather(waiting: set[str], staff: Sequence[Any], told: Any, say: Say, until: float) -> dict[str, Result]:
    """Results as they come; a section whose worker died, or that never ends, fails."""
    results: dict[str, Result] = {}
    silent_since_death = 0
    while waiting - results.keys():
        if time.monotonic() > until:
            break
        try:
            message = told.get(timeout=1)
        except queue.Empty:
            silent_since_death = 0 if any(one.is_alive() for one in staff) else silent_since_death + 1
            if silent_since_death > 2:
                break
            continue
        if isinstance(message, Result):
            results[message.name] = message
            say(f"[{message.name}] {'proven' if message.proven else 'NOT PROVEN'} after {message.seconds:.0f} s")
        else:
            say(message)
    for name in waiting - results.keys():
        results[name] = Result(name, 0, None, "it did not come to an end: its process died, or it took far too long")
    return results


def _dismiss(staff: Sequence[Any]) -> None:
    for one in staff:
        one.join(timeout=10)
        if one.is_alive():
            one.terminate()
            one.join(timeout=20)
        if one.is_alive():
            one.kill()


def _work(orders: _Orders, todo: Any, told: Any) -> None:
    """A worker: sections one after the other, until there are none."""
    signal.signal(signal.SIGTERM, _leave)
    with running_server() as server:
        while (name := todo.get()) is not None:
            told.put(_one(name, orders, server, told))


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(1)


def _one(name: str, orders: _Orders, server: PostgresServer, told: Any) -> Result:
    """Run one section in a folder of its own. Whatever it raises is a failure of this section alone."""
    folder = Path(orders.folder) / name
    folder.mkdir()
    log = Path(orders.folder) / f"{name}.log"
    started = time.monotonic()

    def say(line: str) -> None:
        told.put(f"[{name} {time.monotonic() - started:.0f} s] {line}")

    ask = Ask(orders.quick, orders.seed, folder, server, say)
    with log.open("w") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    try:
        section = importlib.import_module(f"tests.proof.{name}").prove(ask)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a worker goes on with the next section
        sys.stdout.flush()
        end = "\n".join(log.read_text(errors="replace").splitlines()[-_LAST:])
        lines = "".join(traceback.format_exception(error))
        trouble = f"it raised {type(error).__name__}\n{lines}\nthe end of what it printed:\n{end}"
        return Result(name, time.monotonic() - started, None, trouble)
    return Result(name, time.monotonic() - started, section)
