"""Counts what a process does to the world, step by step, and lets it die at one of them. Must never be caught.

A step is one COMMIT of the store, or one exchange with a peer: an HTTP request, an SQL statement, an SQL COMMIT. After
death every further step dies too, in any thread: what a dead process would still do must not happen.
"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock
from types import FrameType
from typing import Any, Final, TypeVar

import httpx
import psycopg
from sqlalchemy import Engine

from syncd.connectors.http import HttpClient
from syncd.wiring import App

T = TypeVar("T")
_ID: Final = re.compile(r"/(\d+|[0-9a-f]{8}-[0-9a-f-]{27})(?=/|$)")


class Phase(StrEnum):
    """Where in a step the process is stopped. With ``lost`` it lives on: only the answer is gone."""

    BEFORE = "before"
    UNREAD = "applied, no answer"
    UNUSED = "answered, not committed"
    LOST = "answer lost"


COMMIT: Final = (Phase.BEFORE, Phase.UNREAD)
STATEMENT: Final = (Phase.BEFORE, Phase.UNREAD)
PEER_COMMIT: Final = (Phase.BEFORE, Phase.UNREAD, Phase.LOST)
EXCHANGE: Final = tuple(Phase)


@dataclass(frozen=True, slots=True)
class Step:
    """The ``ordinal``-th step of this name: found again even where others come in another order."""

    name: str
    ordinal: int
    phases: tuple[Phase, ...] = ()

    def __str__(self) -> str:
        return f"{self.name} #{self.ordinal}"


@dataclass(frozen=True, slots=True)
class Point:
    """Where to die: at a step, or at whatever step is the ``number``-th of all."""

    phase: Phase
    step: Step | None = None
    number: int | None = None

    def __str__(self) -> str:
        return f"{self.step or f'step {self.number}'}, {self.phase}"


class Died(BaseException):
    """The process is gone."""


def raised() -> None:
    """Death by an exception that nothing may catch."""
    raise Died


def killed() -> None:
    """Death for real."""
    os.kill(os.getpid(), signal.SIGKILL)


class Steps:
    """The steps of one process. ``die`` is how it ends at ``point``; without a point it lives and is only counted."""

    def __init__(self, point: Point | None = None, die: Callable[[], None] = raised) -> None:
        self._point, self._die, self._lock = point, die, Lock()
        self._names: Counter[str] = Counter()
        self.taken: list[Step] = []
        self.dead = False
        self.hit = False

    def watch(self, app: App) -> None:
        """Put the seams into a process that has just been started. An engine that lives on gets them anew."""
        for engine in (app.store.engine, app.store.unpooled):
            self._store(engine)
        for system in (*app.settings.systems, "flowtly"):
            connector: Any = app.connector(system)
            if isinstance(getattr(connector, "_client", None), HttpClient):
                self._http(connector._client, system)
            else:
                self._sql(connector._database._engine, system)

    def step(self, name: str, phases: tuple[Phase, ...], act: Callable[[], T], lose: Callable[[], None] = raised) -> T:
        """Do what a step does, unless the process is dead or dies in it."""
        phase = self._begin(name, phases)
        if phase is Phase.BEFORE:
            self._end_process()
        answer = act()
        self._require_alive()
        if phase is Phase.UNREAD:
            self._end_process()
        if phase is Phase.LOST:
            self.hit = True
            lose()
        return answer

    def _begin(self, name: str, phases: tuple[Phase, ...]) -> Phase | None:
        with self._lock:
            self._require_alive()
            self._names[name] += 1
            step = Step(name, self._names[name], phases)
            self.taken.append(step)
            point = self._point
            if point is None or (point.step != step if point.step is not None else point.number != len(self.taken)):
                return None
            return point.phase if point.phase in phases else phases[-1]

    def _require_alive(self) -> None:
        if self.dead:
            raise Died

    def _end_process(self) -> None:
        self.dead = self.hit = True
        self._die()

    # ------------------------------------------------------------------ seams

    def _store(self, engine: Engine) -> None:
        commit = _bare(engine.dialect, "do_commit")

        def do_commit(connection: Any) -> None:
            self.step(f"store.{_asked(sys._getframe())}", COMMIT, lambda: commit(connection))

        engine.dialect.do_commit = do_commit  # type: ignore[method-assign]

    def _sql(self, engine: Engine, system: str) -> None:
        with engine.connect():
            pass  # what the driver asks at its first connection is no step
        execute, commit = _bare(engine.dialect, "do_execute"), _bare(engine.dialect, "do_commit")

        def do_execute(cursor: Any, statement: str, *rest: Any) -> None:
            name = f"{system} {statement.split(None, 1)[0].upper()}"
            self.step(name, STATEMENT, lambda: execute(cursor, statement, *rest))

        def do_commit(connection: Any) -> None:
            self.step(f"{system} COMMIT", PEER_COMMIT, lambda: commit(connection), lambda: _gone(connection))

        engine.dialect.do_execute = do_execute  # type: ignore[method-assign]
        engine.dialect.do_commit = do_commit  # type: ignore[method-assign]

    def _http(self, client: HttpClient, system: str) -> None:
        """Two depths: the transport, where an answer may go unread, and around it, where it goes unused."""
        handle, transfer = client._transport.handle_request, client._transfer

        def handle_request(request: httpx.Request) -> httpx.Response:
            name = f"{system} {request.method} {_ID.sub('/{id}', request.url.path)}"
            return self.step(name, EXCHANGE, lambda: handle(request), _lost)

        def exchange(*arguments: Any) -> Any:
            before = len(self.taken)
            answer = transfer(*arguments)
            self._require_alive()
            if len(self.taken) > before and self._unused():
                self._end_process()
            return answer

        client._transport.handle_request = handle_request  # type: ignore[method-assign]
        client._transfer = exchange  # type: ignore[method-assign]

    def _unused(self) -> bool:
        """True when the exchange that was taken last is the one after which to die."""
        point = self._point
        if point is None or point.phase is not Phase.UNUSED:
            return False
        return point.step == self.taken[-1] if point.step is not None else point.number == len(self.taken)


def _bare(dialect: Any, name: str) -> Callable[..., Any]:
    """What the dialect does by itself, without the seam of an earlier process."""
    dialect.__dict__.pop(name, None)
    bare: Callable[..., Any] = getattr(dialect, name)
    return bare


def _lost() -> None:
    raise httpx.ReadError("the connection was reset")


def _gone(connection: Any) -> None:
    """The server carried the COMMIT out, and its answer never came."""
    getattr(connection, "driver_connection", connection).close()
    raise psycopg.OperationalError("server closed the connection unexpectedly")


def _asked(frame: FrameType | None) -> str:
    """The method of the store that commits, as the engine called it."""
    name = "?"
    while frame is not None:
        if f"{os.sep}syncd{os.sep}store{os.sep}" in frame.f_code.co_filename:
            name = frame.f_code.co_name
        elif f"{os.sep}syncd{os.sep}" in frame.f_code.co_filename:
            return name
        frame = frame.f_back
    return name
