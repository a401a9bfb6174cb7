"""A process that dies at a chosen step: every call to the store and to a peer is counted, and one of them is the last.

Death is a BaseException that nothing may catch, and after it every further call dies too: a dead process does nothing.
What the last call did has happened; only its answer is never used. So dying after step n is dying before step n + 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from threading import Lock
from types import GeneratorType
from typing import Any, Self

from tests.engine.world import World

# Questions that a connector answers from memory, and what closes connections even of the dead.
_NOT_STEPS = {"capabilities", "close", "requests"}


class Died(BaseException):
    """The process is gone."""


class Watched:
    """Counts the steps of one world's runs while the ``with`` block lasts, and ends them where told.

    ``die_after``: a number of steps (0: before the first), or a name, for the first step of that name.
    """

    def __init__(self, world: World, die_after: int | str | None = None) -> None:
        assert world.app is not None
        self._app: Any = world.app
        self._peers = world.app.peers(world.app.mappings["clients"])
        self._store = world.store
        self._lock = Lock()
        self._dead = die_after == 0
        self._last = die_after
        self.steps: list[str] = []

    def __enter__(self) -> Self:
        by_system = {connector: name for name, connector in self._app._connectors.items()}
        for side, connector in self._peers.items():
            self._app._connectors[by_system[connector]] = _Steps(self, str(side), connector)
        self._app._store = _Steps(self, "store", self._store)
        return self

    def __exit__(self, *_: object) -> None:
        for name, watched in self._app._connectors.items():
            self._app._connectors[name] = getattr(watched, "_real", watched)
        self._app._store = self._store

    def before(self) -> None:
        """A call is about to be made."""
        if self._dead:
            raise Died

    def after(self, name: str) -> None:
        """A call has had its effect."""
        with self._lock:
            if self._dead:
                raise Died
            self.steps.append(name)
            if self._last in {name, len(self.steps)}:
                self._dead = True
                raise Died


class _Steps:
    """A store, a pass or a connector whose every call is a step."""

    def __init__(self, watched: Watched, name: str, real: Any) -> None:
        self._watched = watched
        self._name = name
        self._real = real

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._real, attribute)
        if attribute in _NOT_STEPS or not callable(found):
            return found
        return self._step(f"{self._name}.{attribute}", found)

    def _step(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            self._watched.before()
            answer = call(*arguments, **named)
            if isinstance(answer, GeneratorType):
                return self._walk(name, answer)
            self._watched.after(name)
            return _Steps(self._watched, f"pass.{arguments[1]}", answer) if name == "store.begin_pass" else answer

        return step

    def _walk(self, name: str, answers: Iterator[Any]) -> Iterator[Any]:
        """One step an answer: the process may die between two pages."""
        for answer in answers:
            self._watched.after(name)
            yield answer
            self._watched.before()
