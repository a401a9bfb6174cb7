"""Control totals that do not agree, and how much of a budget is used. Data and Protocols, no implementation."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from syncd.ports.memory import Lease


@dataclass(frozen=True, slots=True)
class Breach:
    """One thing that is off. ``scope``: the budget and month, account and period, or transaction it is about.

    ``targets``: external keys of the budgets whose writes are frozen by it. ``detail``: sums on both sides and the
    records by name, as JSON.
    """

    kind: str
    scope: str
    targets: tuple[str, ...]
    detail: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Incident:
    """A breach that was found, and until when it stood."""

    id: int
    allocation: str
    breach: Breach
    opened_at: datetime
    cleared_at: datetime | None = None
    news: bool = False


class IncidentMemory(Protocol):
    """The part of the store that knows incidents. Each method is one transaction."""

    def note_breaches(
        self, allocation: str, found: Sequence[Breach], run_id: int, lease: Lease
    ) -> tuple[list[Incident], list[Incident]]:
        """Open what is new, clear what is over: the incidents that stand (``news`` where opened now), and the cleared.

        Raises LeaseLost.
        """

    def incidents(self, allocation: str | None, *, open_only: bool) -> list[Incident]:
        """For people: oldest first, at most 500."""

    def frozen_targets(self, allocation: str) -> Collection[str]:
        """External keys of budgets whose writes an open incident freezes."""
