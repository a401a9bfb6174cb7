"""How many requests may be in flight: a little more while the peer is at ease, half when it says slow down.

Additive increase, multiplicative decrease. It never lets a request go while the peer has asked for silence.
"""

from __future__ import annotations

import time
from enum import Enum, auto
from threading import Condition, Event
from typing import Final

from syncd.errors import Later, RateLimited

_GLANCE: Final = 0.25  # seconds between looks at the stop signals while waiting


class Ease(Enum):
    """What an answer says about the peer's load."""

    FINE = auto()
    UNKNOWN = auto()
    STRAINED = auto()


class Limiter:
    """Slots for requests in flight. Thread-safe; times are ``time.monotonic`` seconds."""

    def __init__(self, start: int, maximum: int) -> None:
        self._changed = Condition()
        self._maximum = max(start, maximum)
        self._limit = float(start)
        self._busy = 0
        self._epoch = 0  # grows with every decrease: answers to older requests do not decrease again
        self._silent_until = 0.0

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        with self._changed:
            return int(self._limit)

    def acquire(self, deadline: float, stops: tuple[Event, ...] = ()) -> int:
        """Wait for a slot; the value goes back with ``release``. Raises Later or RateLimited: nothing was sent."""
        with self._changed:
            while True:
                now = time.monotonic()
                if any(stop.is_set() for stop in stops):
                    raise Later("stopped before the request was sent")
                if self._silent_until > deadline:
                    wait = self._silent_until - now
                    raise RateLimited(f"the peer asked for {wait:.0f} s of silence", retry_after=wait)
                if now >= deadline:
                    raise Later("no free slot before the deadline of the request")
                if now >= self._silent_until and self._busy < int(self._limit):
                    self._busy += 1
                    return self._epoch
                pause = min(deadline, self._silent_until) if now < self._silent_until else deadline
                self._changed.wait(min(_GLANCE, max(pause - now, 0.001)))

    def release(self, epoch: int, ease: Ease, silence: float = 0.0) -> None:
        """Give a slot back with what its answer said; ``silence`` in seconds as the peer asked for it."""
        with self._changed:
            self._busy -= 1
            if ease is Ease.FINE:
                self._limit = min(self._maximum, self._limit + 1 / self._limit)
            elif ease is Ease.STRAINED and epoch == self._epoch:
                self._limit = max(1.0, self._limit / 2)
                self._epoch += 1
            if silence > 0:
                self._silent_until = max(self._silent_until, time.monotonic() + silence)
            self._changed.notify_all()

    def wake(self) -> None:
        """Let waiters look at their stop signals now."""
        with self._changed:
            self._changed.notify_all()
