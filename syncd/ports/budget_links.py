"""What Flowtly was last seen to hold of budget links, and what is known of their amounts. Data and Protocols only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Protocol


class Unit(StrEnum):
    """What the whole number of a link's amount counts."""

    MINOR = "minor"  # cents
    MAJOR = "major"  # whole currency units


@dataclass(frozen=True, slots=True)
class SeenLink:
    """A budget link at Flowtly. References are IRIs; ``employee`` '' is nobody; ``amount`` None is all of it.

    ``day``, ``account`` and ``total`` are those of the transaction where its answer came embedded: its day, the IRI of
    its bank account, its signed amount in whole currency units.
    """

    iri: str
    transaction: str
    target: str
    employee: str
    amount: int | None
    day: date | None = None
    month: str | None = None
    account: str | None = None
    total: Decimal | None = None

    @property
    def key(self) -> tuple[str, str, str]:
        """What no other link may have."""
        return self.transaction, self.target, self.employee


@dataclass(frozen=True, slots=True)
class Calibration:
    """The unit of amounts, and the sign of a cost at Flowtly's transactions (-1 or 1), decided by a person."""

    unit: Unit
    sign: int
    evidence: Mapping[str, Any]
    by: str
    at: datetime


class LinkMemory(Protocol):
    """The part of the store that knows budget links. Each method is one transaction.

    ``mapping`` is the one whose links are mirrored.
    """

    def begin_mirror(self, mapping: str) -> int:
        """The number of a new complete walk."""

    def mirror(self, mapping: str, links: Sequence[SeenLink], walk: int | None = None) -> None:
        """Keep links as they read now; ``walk`` notes that this complete walk saw them."""

    def finish_mirror(self, mapping: str, walk: int) -> None:
        """A complete walk has ended: what it did not see is not there."""

    def unmirror(self, mapping: str, iri: str) -> None:
        """A link is gone."""

    def mirrored(self, mapping: str, transactions: Sequence[str]) -> dict[str, list[SeenLink]]:
        """Links by transaction."""

    def ours(self, mapping: str, iris: Sequence[str]) -> set[str]:
        """Of these links, those that we made (the origin of their mapping link says so)."""

    def calibration(self, mapping: str) -> Calibration | None:
        """What was decided about amounts."""

    def calibrate(self, mapping: str, calibration: Calibration) -> None:
        """Keep a person's decision; it replaces the one before, and another one withdraws the mapping's approval."""
