"""Control totals: whether two sides add up to the same, and which records make the difference. Decides, reads nothing.

Amounts are whole minor units, a cost positive. A difference is *explained* by records on which something is pending;
only what those leave over is a breach.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from syncd.budgets.money import told

NAMED: Final = 20
"""How many records a breach names at most."""


class Kind(StrEnum):
    """What can be off."""

    BUDGET = "budget"  # a budget's month: what is wanted is not what is linked
    ACCOUNT = "account"  # an account's month: postings are not their transactions
    OVER = "over_allocated"  # a transaction whose links add up to more than it is
    TWICE = "linked_twice"  # two links of one transaction, budget and employee
    CONTRACTOR = "counted_twice"  # a link whose budget has the transaction's contractor as well


@dataclass(frozen=True, slots=True)
class Sums:
    """How many records, and what they add up to."""

    count: int = 0
    amount: int = 0

    def plus(self, other: Sums) -> Sums:
        """Both together."""
        return Sums(self.count + other.count, self.amount + other.amount)


NOTHING: Final = Sums()


@dataclass(frozen=True, slots=True)
class Entry:
    """One record as both sides have it in one scope; None on a side that does not have it there.

    ``pending``: what explains that they differ, '' for nothing. ``iri``: the record at Flowtly. ``targets``: budgets.
    """

    name: str
    wanted: int | None
    found: int | None
    pending: str = ""
    iri: str = ""
    targets: tuple[str, ...] = ()

    @property
    def agrees(self) -> bool:
        """True when both sides have the same."""
        return self.wanted == self.found


@dataclass(frozen=True, slots=True)
class Verdict:
    """Both sides of one scope, and the records that differ: without an explanation, and with something pending."""

    wanted: Sums
    found: Sums
    off: tuple[Entry, ...] = ()
    pending: tuple[Entry, ...] = ()

    @property
    def left(self) -> Sums:
        """What Flowtly has more than is wanted, beyond what is pending."""
        return _difference(self.off)

    @property
    def breached(self) -> bool:
        """True when the sums differ by more than what is pending."""
        return self.left != NOTHING


def judged(entries: Iterable[Entry]) -> Verdict:
    """Add up both sides of one scope."""
    seen = list(entries)
    differing = [one for one in seen if not one.agrees]
    return Verdict(
        _sum(one.wanted for one in seen),
        _sum(one.found for one in seen),
        tuple(one for one in differing if not one.pending),
        tuple(one for one in differing if one.pending),
    )


def cost_of(amount: int | None, total: Decimal | None, *, decimals: int, minor: bool, sign: int) -> int | None:
    """What a link weighs; None where that cannot be told.

    ``amount``: as Flowtly has it, in minor units or whole ones; None: the whole of a transaction of ``total`` signed
    currency units, in which a cost has the sign ``sign``.
    """
    if amount is not None:
        return amount if minor else amount * 10**decimals
    return None if total is None else minor_of(total, decimals=decimals, sign=sign)


def minor_of(total: Decimal, *, decimals: int, sign: int) -> int:
    """A transaction's amount as a cost in minor units; what is finer than those counts as one more."""
    exact = total.scaleb(decimals) * sign
    whole = int(exact)
    return whole if whole == exact else whole + (1 if exact > 0 else -1)


@dataclass(frozen=True, slots=True)
class Room:
    """A transaction and everything that is linked to it, as costs in minor units.

    ``total``: as Flowtly has it; ``posted``: as the ERP has it. ``ours`` and ``theirs``: links that we and that people
    made; ``wanted``: what ours will be. ``moving``: something of ours is pending.
    """

    total: int
    posted: int
    ours: int
    theirs: int
    wanted: int
    moving: bool

    @property
    def over(self) -> int:
        """By how much it is linked for more than it is; 0 when it is not."""
        return _beyond(self.ours + self.theirs, self.total)

    @property
    def breached(self) -> bool:
        """True when it is over-allocated, and what is pending on our side will not mend that."""
        return self.over > 0 and (not self.moving or _beyond(self.wanted + self.theirs, self.posted) > 0)


def records_of(entries: Sequence[Entry], currency: str, overrides: Mapping[str, int]) -> dict[str, Any]:
    """Records by name for a breach, at most ``NAMED`` of them, and how many more there are."""
    named = [
        {
            "record": one.name,
            "wanted": _told(one.wanted, currency, overrides),
            "found": _told(one.found, currency, overrides),
            **({"iri": one.iri} if one.iri else {}),
        }
        for one in entries[:NAMED]
    ]
    return {"records": named, "more": max(len(entries) - NAMED, 0)}


def detail_of(verdict: Verdict, currency: str, overrides: Mapping[str, int]) -> dict[str, Any]:
    """A breached scope as JSON data: both sums, the difference, and the records that nothing explains."""

    def side(sums: Sums) -> dict[str, Any]:
        return {"count": sums.count, "amount": told(sums.amount, currency, overrides)}

    return {
        "wanted": side(verdict.wanted),
        "found": side(verdict.found),
        "difference": side(verdict.left),
        "pending": len(verdict.pending),
        **records_of(verdict.off, currency, overrides),
    }


def targets_of(entries: Iterable[Entry]) -> tuple[str, ...]:
    """The budgets that these records touch, each once, in order."""
    return tuple(sorted({target for one in entries for target in one.targets}))


def _beyond(linked: int, total: int) -> int:
    """By how much links exceed their transaction, whichever sign it has."""
    return max((linked if total >= 0 else -linked) - abs(total), 0)


def _sum(amounts: Iterable[int | None]) -> Sums:
    known = [one for one in amounts if one is not None]
    return Sums(len(known), sum(known))


def _difference(entries: Iterable[Entry]) -> Sums:
    count = amount = 0
    for one in entries:
        count += (one.found is not None) - (one.wanted is not None)
        amount += (one.found or 0) - (one.wanted or 0)
    return Sums(count, amount)


def _told(amount: int | None, currency: str, overrides: Mapping[str, int]) -> str | None:
    return None if amount is None else told(amount, currency, overrides)
