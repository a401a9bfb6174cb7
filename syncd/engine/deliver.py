"""Telling one target what waits for it in the outbox: in order per record, at least once, never two at a time.

A target in trouble is left alone after a few failures in a row; the rest waits for its next turn, unharmed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from threading import Event
from typing import Final

from syncd.engine.context import Events, Tally
from syncd.engine.run import Report
from syncd.errors import Later, StoreUnavailable, SyncdError
from syncd.ports import Clock, Delivery, RetryRule, Store, Target

JOB_PREFIX: Final = "deliver:"
_BATCH: Final = 10
_FAILURES: Final = 3
_MARGIN: Final = timedelta(seconds=10)


@dataclass(slots=True)
class Deliverer:
    """Tells one target. ``longest`` bounds one delivery; ``down`` is why the target did not take the last one."""

    name: str
    target: Target
    store: Store
    clock: Clock
    events: Events
    retry: RetryRule
    longest: timedelta
    down: str = ""

    def deliver(self, stop: Event) -> Report:
        """Everything that is due, until it is told, or the target fails, or ``stop``. Raises StoreUnavailable."""
        started, tally = self.clock.monotonic(), Tally()
        hold = self.longest * _BATCH + _MARGIN
        while not stop.is_set() and (claimed := self.store.claim(self.name, _BATCH, hold)):
            if not self._told(claimed, tally, stop):
                break
        seconds = round(self.clock.monotonic() - started, 3)
        return Report(JOB_PREFIX + self.name, "done", None, tally.as_dict(), seconds=seconds, complete=True)

    def _told(self, claimed: Sequence[Delivery], tally: Tally, stop: Event) -> bool:
        """Tell a batch. False when the target had better be left alone."""
        in_a_row = 0
        for number, delivery in enumerate(claimed):
            if stop.is_set() or in_a_row == _FAILURES:
                self.store.release_claims(self.name, [one.event.id for one in claimed[number:]])
                return False
            if self._tell(delivery, tally):
                in_a_row = 0
            else:
                in_a_row += 1
        return in_a_row < _FAILURES

    def _tell(self, delivery: Delivery, tally: Tally) -> bool:
        try:
            self.target.deliver(delivery.event)
        except StoreUnavailable:
            raise
        except SyncdError as error:
            self._note_failure(delivery, error, tally)
            return False
        self.store.delivered(self.name, delivery.event.id)
        tally.add("delivered")
        if self.down:
            self.events("delivery.recovered", target=self.name, detail=self.down)
            self.down = ""
        return True

    def _note_failure(self, delivery: Delivery, error: SyncdError, tally: Tally) -> None:
        """Put it off, or give it up. The log hears of the first failure, not of each."""
        detail = f"{type(error).__name__}: {error}"
        wait = error.retry_after if isinstance(error, Later) else None
        dead = self.store.failed(self.name, delivery.event.id, detail, self.retry, wait)
        told = delivery.event
        if not self.down:
            self.events("delivery.failed", target=self.name, event_name=told.event, id=str(told.id), detail=detail)
        self.down = detail
        tally.add("dead" if dead else "failed")
        if dead:
            self.events("delivery.dead", target=self.name, event_name=told.event, id=str(told.id), detail=detail)
