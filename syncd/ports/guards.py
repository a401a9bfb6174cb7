"""What the guards ask of the store: fences, losses, the past of fields, rewritten values. No implementation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from syncd.core.fencing import Past
from syncd.core.flapping import Hands
from syncd.core.model import MaybeValue, Side


@dataclass(frozen=True, slots=True)
class Fence:
    """A mapping that writes nothing until a person has looked: why, on what evidence, since when."""

    mapping: str
    reasons: tuple[str, ...]
    evidence: Mapping[str, Any]
    since: datetime
    run_id: int | None = None


@dataclass(frozen=True, slots=True)
class Losses:
    """Linked records of one side that complete readings miss since the last run that looked.

    ``above`` of them have a number (the digits at the end of their key) higher than any that is still there.
    """

    vanished: int = 0
    above: int = 0


@dataclass(frozen=True, slots=True)
class Rewrite:
    """A value that a peer kept otherwise than it was sent, and how often."""

    mapping: str
    side: Side
    field: str
    sent: MaybeValue
    got: MaybeValue
    count: int
    last: datetime


class GuardMemory(Protocol):
    """The part of the store that the guards look into. Each method is one transaction."""

    def fence(self, mapping: str) -> Fence | None:
        """The fence of a mapping, if it has one."""

    def fences(self) -> dict[str, Fence]:
        """Every fence by its mapping."""

    def raise_fence(
        self, mapping: str, reasons: Sequence[str], evidence: Mapping[str, Any], run_id: int | None
    ) -> bool:
        """Fence a mapping and withdraw its approval; False when it is fenced already."""

    def accept_epoch(self, mapping: str, by: str) -> Fence:
        """A person takes what is read now for the truth; the next plan has to be applied by a person as well."""

    def losses(self, mapping: str, side: Side, run_id: int) -> Losses:
        """Linked records that complete readings miss, first missed after the last run that looked at such losses."""

    def twins(self, mapping: str) -> int:
        """How many new strangers of one side fit exactly one of the other."""

    def past(self, mapping: str, external_keys: Sequence[str]) -> dict[str, dict[str, Past]]:
        """The values that fields of records had, by external key and field."""

    def hands(self, mapping: str, external_keys: Sequence[str], window: timedelta) -> dict[str, dict[str, Hands]]:
        """How often fields of these records were written within the window, and what was asked about it."""

    def rewrites(self, mapping: str | None, limit: int) -> list[Rewrite]:
        """Values that peers kept otherwise than they were sent."""
