"""What the store remembers of allocations: postings as last read, and the parts that are wanted of each.

A part lives under an external key of its own, ``POSTING#SLOT``. The slot stays when a part moves to another budget or
employee, so that its link is changed and not made anew. Data and Protocols, no implementation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from syncd.ports.memory import Lease


def part_key(posting: str, slot: int) -> str:
    """The external key of a part."""
    return f"{posting}#{slot}"


def posting_of(key: str) -> str:
    """The posting of a part's external key."""
    return key.rpartition("#")[0]


class PostingState(StrEnum):
    """What became of a posting."""

    ALLOCATED = "allocated"  # every cent is on a budget
    PARTLY = "partly"  # some of it is not
    UNASSIGNED = "unassigned"  # no rule, or a rule that says so
    REFUSED = "refused"  # it cannot be read or allocated; its parts stay as they were
    GONE = "gone"  # the ERP has it no more: no part is wanted


@dataclass(frozen=True, slots=True)
class Slot:
    """One part of a posting, wanted or withdrawn. Amounts in minor units, a cost positive; ``employee`` '' is nobody.

    A withdrawn part stays until its link is gone, so that the same target finds its slot again.
    """

    posting: str
    slot: int
    target: str
    employee: str
    amount: int
    whole: bool
    rule: str
    base: int | None = None
    withdrawn: bool = False
    skipped: str = ""
    """Why it is not linked although it is wanted, as last said in the log."""

    @property
    def key(self) -> str:
        """Its external key."""
        return part_key(self.posting, self.slot)


@dataclass(frozen=True, slots=True)
class SeenPosting:
    """A posting as last read. ``digest``: of everything that its allocation depends on. ``slots``: all of its parts.

    ``amount`` None: it could not be read. ``account`` and ``on`` are what control totals are made by.
    """

    key: str
    digest: bytes
    state: PostingState
    on: date | None
    account: str | None
    currency: str
    amount: int | None
    unassigned: int = 0
    base: int | None = None
    base_currency: str | None = None
    reason: str = ""
    slots: tuple[Slot, ...] = ()
    next_slot: int = 1


@dataclass(frozen=True, slots=True)
class Derivation:
    """How far an allocation is. ``number``: of the latest reading, which grows with each.

    ``full_at``: when the last complete one ended. ``fingerprint``: of the rules and of how postings are read; under
    another one everything is read anew.
    """

    fingerprint: str
    cursor: str | None
    number: int
    full_at: datetime | None


@dataclass(frozen=True, slots=True)
class WantedPart:
    """A part with what its posting says, for the walk over all of them."""

    slot: Slot
    on: date | None
    account: str | None
    currency: str


class AllocationMemory(Protocol):
    """The part of the store that knows allocations. Each method is one transaction; every change is fenced.

    Every method that takes a lease raises LeaseLost.
    """

    def derivation(self, allocation: str) -> Derivation | None:
        """How far it is; None before the first reading."""

    def begin_derivation(self, allocation: str, fingerprint: str, lease: Lease) -> int:
        """The number of a new reading. Under another fingerprint than before, cursor and ``full_at`` are forgotten."""

    def postings(self, allocation: str, keys: Sequence[str]) -> dict[str, SeenPosting]:
        """Postings with all of their slots, withdrawn ones too, by key."""

    def posting_digests(self, allocation: str, keys: Sequence[str]) -> dict[str, bytes]:
        """Digests of known postings, by key: what has to be asked before ``postings`` is worth its time.

        One that is gone has a digest of no bytes.
        """

    def note_postings(
        self, allocation: str, number: int, changed: Sequence[SeenPosting], same: Sequence[str], lease: Lease
    ) -> None:
        """Keep postings as they read now (their slots are all there are), and those that read as before as seen."""

    def finish_derivation(
        self, allocation: str, number: int, cursor: str | None, *, full: bool, complete: bool, lease: Lease
    ) -> None:
        """End a reading. After a complete full one, postings it did not see are noted as missed since this number.

        The cursor stays where it was after a reading that is not complete, or that gives none.
        """

    def missed(self, allocation: str, limit: int) -> list[tuple[str, int]]:
        """Postings that this and an earlier complete full reading did not see, with the number of the first of them."""

    def keep_missed(self, allocation: str, posting: str, lease: Lease) -> None:
        """A posting that no list shows answered after all: it counts as seen."""

    def lose_posting(self, allocation: str, posting: str, evidence: str, lease: Lease) -> None:
        """The ERP itself said that there is none: state GONE, every part withdrawn."""

    def wanted(self, allocation: str, page: int) -> Iterator[list[WantedPart]]:
        """Parts that are wanted, posting by posting and slot by slot, ``page`` at a time (flat memory)."""

    def wanted_part(self, allocation: str, key: str) -> WantedPart | None:
        """One wanted part by its external key; None for one that is withdrawn or unknown."""

    def withdrawn(self, allocation: str) -> int:
        """How many withdrawn parts still have a link."""

    def sweep_withdrawn(self, allocation: str, mapping: str, lease: Lease) -> int:
        """Forget withdrawn parts without a link and without a write or removal that is not over; how many."""

    def note_skips(self, allocation: str, skips: Sequence[tuple[str, str]], lease: Lease) -> list[str]:
        """Why these parts (external key, reason; '' for not skipped any more) are left out; for which that is news."""

    def allocation_counts(self, allocation: str) -> dict[str, int]:
        """Postings by state (each is there), parts ``wanted``, ``withdrawn`` and ``skipped`` (wanted, but left out)."""

    def refused_postings(self, allocation: str, limit: int) -> list[SeenPosting]:
        """Postings that are unassigned, partly assigned or refused, latest first, for people; without their slots."""
