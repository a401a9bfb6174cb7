"""A process that is interrupted at a named step: it dies there, or something happens around it. Counts calls only.

A step is a call to the store, to a pass of it, or to a peer; each page of a walk is one. Death is a BaseException that
nothing may catch, and after it every further call of that process dies too: the dead do nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Lock
from types import GeneratorType
from typing import Any, Final

_NOT_STEPS: Final = {"capabilities", "close", "requests"}
# Between the look at a record and the write to it nobody can keep others out: a gap of one request that the manual
# names. Anything may die there, but nothing may happen there that the laws would have to excuse.
GAP: Final = (".read after", ".update before")


class Died(BaseException):
    """The process is gone."""


@dataclass
class Interruption:
    """What happens at the ``nth`` step of this name, ``before`` it is made or ``after`` it had its effect."""

    step: str
    nth: int
    when: str
    act: Callable[[], None] | None = None
    struck: bool = False

    @property
    def in_the_gap(self) -> bool:
        """True between the look at a record and its write."""
        return f"{self.step} {self.when}".endswith(GAP)


class Process:
    """The calls of one process. With an interruption that has no act it dies."""

    def __init__(self, interruption: Interruption | None = None) -> None:
        self._plan = interruption
        self._lock = Lock()
        self._counts: dict[str, int] = {}
        self.dead = False

    def watched(self, name: str, real: Any) -> Any:
        """``real`` with every call a step."""
        return _Watched(self, name, real)

    def before(self, name: str) -> None:
        """A call is about to be made."""
        if self.dead:
            raise Died
        with self._lock:
            self._counts[name] = self._counts.get(name, 0) + 1
        self._strike(name, "before")

    def after(self, name: str) -> None:
        """A call had its effect."""
        if self.dead:
            raise Died
        self._strike(name, "after")

    def _strike(self, name: str, when: str) -> None:
        plan = self._plan
        with self._lock:
            hit = (
                plan is not None
                and not plan.struck
                and (plan.step, plan.nth, plan.when) == (name, self._counts[name], when)
            )
            if not hit or plan is None:
                return
            plan.struck = True
            if plan.act is None:
                self.dead = True
                raise Died
        if not plan.in_the_gap:
            plan.act()


class _Watched:
    """A store, a pass or a connector whose every call is a step."""

    def __init__(self, process: Process, name: str, real: Any) -> None:
        self._process, self._name, self._real = process, name, real

    def __getattr__(self, attribute: str) -> Any:
        found = getattr(self._real, attribute)
        if attribute in _NOT_STEPS or not callable(found):
            return found
        return self._step(f"{self._name}.{attribute}", found)

    def _step(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **named: Any) -> Any:
            self._process.before(name)
            answer = call(*arguments, **named)
            if isinstance(answer, GeneratorType):
                return self._walk(name, answer)
            self._process.after(name)
            if name == "store.begin_pass":
                return _Watched(self._process, f"pass.{arguments[1]}", answer)
            return answer

        return step

    def _walk(self, name: str, answers: Iterator[Any]) -> Iterator[Any]:
        for answer in answers:
            self._process.after(name)
            yield answer
            self._process.before(name)
