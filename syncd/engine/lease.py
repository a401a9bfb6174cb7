"""Keeps a run's lease alive from a thread of its own, and stops the run when it is lost. Never extends a lost lease.

Whether the lease is ours is also known without asking: it is for as long as it was given for, counted from before we
asked. The store's own count begins later, so ours ends first, also in a process that stood still meanwhile.
"""

from __future__ import annotations

import time
from datetime import timedelta
from threading import Event, Thread
from types import TracebackType
from typing import Final, Self

from syncd.errors import LeaseLost, StoreUnavailable
from syncd.ports import Clock, Lease, Store

# The machine's own time and no ``Clock``: the database counts the lease in real seconds, whatever a run takes for now.
# Where there is one, a clock that goes on while the machine sleeps.
_CLOCK: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Seconds by the clock that leases are counted with."""
    return time.clock_gettime(_CLOCK)


class RunStop:
    """Set for one run by its own trouble or its time limit, or for all runs by their parent."""

    def __init__(self, parent: Event, clock: Clock, limit: timedelta) -> None:
        self._parent = parent
        self._own = Event()
        self._clock = clock
        self._ends = clock.monotonic() + limit.total_seconds()

    def set(self) -> None:
        """Stop this run only."""
        self._own.set()

    def is_set(self) -> bool:
        """True when this run has to stop."""
        return self._own.is_set() or self._parent.is_set() or self._clock.monotonic() > self._ends


class LeaseKeeper:
    """Renews a lease three times per period while the ``with`` block runs.

    A lost lease sets ``stop``. The fence protects the store all the same: nothing can be committed under an old one.
    Peers know no fence, so what is sent to them asks ``require`` first. ``asked``: ``elapsed()`` before it was taken.
    """

    def __init__(self, store: Store, lease: Lease, ttl: timedelta, stop: RunStop, asked: float | None = None) -> None:
        self._store = store
        self._lease = lease
        self._ttl = ttl
        self._stop = stop
        self._until = (elapsed() if asked is None else asked) + ttl.total_seconds()
        self._done = Event()
        self._thread = Thread(target=self._keep, name=f"lease-{lease.name}", daemon=True)

    def require(self) -> None:
        """Raises LeaseLost when the lease may have ended by now, as far as we can tell without asking."""
        if elapsed() >= self._until:
            self._stop.set()
            raise LeaseLost(f"the lease on {self._lease.name!r} (fence {self._lease.fence}) was not renewed in time")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _keep(self) -> None:
        while not self._done.wait(self._ttl.total_seconds() / 3):
            asked = elapsed()
            try:
                self._store.renew(self._lease, self._ttl)
                self._until = asked + self._ttl.total_seconds()
            except LeaseLost:
                self._stop.set()
                return
            except StoreUnavailable:
                continue  # the lease may outlive the outage; if not, the fence says so
