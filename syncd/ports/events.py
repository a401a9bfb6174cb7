"""What watching and telling asks of the store and of receivers, as values and Protocols. No implementation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from syncd.core.events import NewEvent
from syncd.core.model import Document


@dataclass(frozen=True, slots=True)
class LastSeen:
    """A watched record as it was last seen, with the names of the limits that it had passed."""

    key: str
    digest: bytes
    document: Document
    levels: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Differing:
    """A key of a page that does not read as last seen. ``last`` is None for one that was never seen.

    ``twice``: the same key came in this walk already, with other content.
    """

    last: LastSeen | None
    twice: bool = False


class WatchPass(Protocol):
    """One walk of a watch, under its lease. Every method is one transaction."""

    @property
    def based(self) -> bool:
        """True once a complete walk was seen; before that nothing counts as having appeared."""

    @property
    def rebased(self) -> bool:
        """True when what was remembered was of other records and has just been forgotten."""

    def fresh(self, keys: Collection[str]) -> set[str]:
        """Those of these keys that were not given before in this walk; they are noted."""

    def differing(self, digests: Mapping[str, bytes]) -> dict[str, Differing]:
        """Keys whose digest is not the last known one. All are noted as seen."""

    def keep(self, records: Sequence[LastSeen], events: Sequence[NewEvent]) -> None:
        """Remember records as they read now and put the events of that into the outbox. Raises LeaseLost."""

    def conclude(self) -> None:
        """The walk was complete: note what was not seen. Raises LeaseLost."""

    def gone(self, limit: int) -> list[LastSeen]:
        """After ``conclude``: some of those that this and an earlier complete walk did not see."""

    def drop(self, keys: Sequence[str], events: Sequence[NewEvent]) -> None:
        """Forget records that are gone, with the events of that. Raises LeaseLost."""

    def close(self) -> None:
        """Give up the walk's resources."""


class DeliveryState(StrEnum):
    """What became of telling one target."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class OutboxEvent:
    """A stored event. ``id`` is the same in every delivery; ``number`` grows in the order in which events came up."""

    id: UUID
    number: int
    at: datetime
    event: str
    source: str
    key: str
    subject: Mapping[str, str]
    before: Document | None
    after: Document | None
    changed: tuple[str, ...] = ()
    level: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one target."""

    event: OutboxEvent
    target: str
    state: DeliveryState = DeliveryState.PENDING
    attempts: int = 0
    due_at: datetime | None = None
    ended_at: datetime | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class RetryRule:
    """After how long a delivery is tried again, and when it is given up."""

    first: timedelta
    longest: timedelta
    attempts: int
    give_up: timedelta


class Target(Protocol):
    """One receiver of events."""

    def deliver(self, event: OutboxEvent) -> None:
        """Tell it once. Returns when it has taken the event; raises a SyncdError otherwise, without any secret."""

    def close(self) -> None:
        """Release connections."""
