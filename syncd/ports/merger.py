"""A peer at which two records can be made one. There is no way back from it, so only ``engine.dedupe`` asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable


class Merger(Protocol):
    """Merges records of one peer."""

    def merge(self, resource: str, survivor: str, body: Mapping[str, Any]) -> None:
        """Send the one request that merges. Returns when the peer said that it did so; never sends it twice.

        Raises Refused, Denied, Later and NotFound when nothing was merged, UnknownOutcome when nobody can tell.
        """

    def where(self, resource: str, key: str) -> str | None:
        """The key under which a record answers now: its own, or that of the record it became; None when it is gone.

        Raises Later, Denied, BadAnswer, which say nothing about the record.
        """


@runtime_checkable
class CanMerge(Protocol):
    """A connector whose peer can merge."""

    def merger(self) -> Merger:
        """What merges there, over the same connections and under the same limits."""
