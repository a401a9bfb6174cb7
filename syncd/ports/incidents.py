"""Control totals, what does not agree, and how much of a budget is used. Data and Protocols, no implementation.

Months are ``YYYY-MM`` and '' where no day is known. Amounts of parts and postings are whole minor units, a cost
positive; amounts of links are in the unit that Flowtly counts in; totals of transactions are signed currency units.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Protocol

from syncd.core.events import NewEvent
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


@dataclass(frozen=True, slots=True)
class WantedSum:
    """Wanted parts of one budget, month of the posting's day, and currency.

    ``skipped`` of them are left out with a reason; the sums are without those. ``based``: how many have an amount in
    ``base_currency`` too, and ``base`` what those add up to.
    """

    target: str
    month: str
    currency: str
    parts: int
    amount: int
    skipped: int
    base_currency: str | None
    based: int
    base: int


@dataclass(frozen=True, slots=True)
class MirroredSum:
    """Links at Flowtly of one budget (an IRI), month, bank account (an IRI, '' where unknown) and currency.

    Month and currency are the posting's where the transaction has one; else the link's own month, and ''.
    ``amount`` adds up the links that carry one. The ``wholes`` carry none: their transactions add up to ``total``
    with their signs as Flowtly has them (a reversal counts against its cost), but for ``untold`` of them whose
    transaction is not known. ``ours``: we made them.
    """

    target: str
    month: str
    account: str
    currency: str
    ours: bool
    links: int
    amount: int
    wholes: int
    total: Decimal
    untold: int
    paired: bool = False


@dataclass(frozen=True, slots=True)
class PostingSum:
    """Postings of the ERP of one account, month and currency, and those of them whose transaction is linked.

    ``unread`` of them have no amount that could be read; the sums are without those.
    """

    account: str
    month: str
    currency: str
    postings: int
    amount: int
    linked: int
    linked_amount: int
    unread: int


@dataclass(frozen=True, slots=True)
class TransactionSum:
    """Flowtly's transactions that are linked with postings, by their own account and month, and the posting's currency.

    ``amount``: signed, in currency units; without the ``unread`` ones, whose amount is not known.
    """

    account: str
    month: str
    currency: str
    transactions: int
    amount: Decimal
    unread: int


@dataclass(frozen=True, slots=True)
class TransactionFields:
    """Under which canonical names a mapping keeps the account, the day and the amount of a transaction.

    '' for the account or the day: that mapping does not compare it with the posting's, so the posting's own stands in.
    """

    account: str
    day: str
    amount: str


@dataclass(frozen=True, slots=True)
class OverAllocated:
    """A transaction (an IRI) whose links add up to more than it; ``linked`` and ``room`` in their unit, no signs."""

    transaction: str
    posting: str | None
    currency: str
    linked: int
    room: int
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DoubledLink:
    """Links (IRIs) that share a transaction, a budget and an employee."""

    transaction: str
    target: str
    employee: str
    links: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PairedPart:
    """A part and the link that it has: for naming what is off. Either may be missing, not both.

    ``wanted`` None: no part, or one that was withdrawn. ``iri`` None: not linked. ``mirrored`` False: linked, but
    Flowtly was last seen without that link. ``ours`` False: a link that people made.
    """

    key: str | None
    posting: str | None
    target: str | None
    month: str
    currency: str
    wanted: int | None
    whole: bool
    skipped: str
    iri: str | None
    ours: bool
    mirrored: bool
    link_target: str | None
    amount: int | None
    total: Decimal | None


@dataclass(frozen=True, slots=True)
class PairedPosting:
    """A posting and its transaction at Flowtly: for naming what is off. What is not known is None."""

    posting: str
    account: str | None
    month: str
    currency: str
    amount: int | None
    transaction: str | None
    transaction_account: str | None
    transaction_month: str
    transaction_amount: Decimal | None
    changed_at: datetime | None = None
    """When the posting was last noted to read otherwise than before."""


class TotalsMemory(Protocol):
    """The part of the store that adds up. Each method is one transaction and changes nothing.

    ``mapping``: whose links are mirrored and whose external keys are parts; ``of``: whose external keys are postings.
    """

    def wanted_sums(self, allocation: str) -> list[WantedSum]:
        """What is wanted, by budget, month and currency, in that order."""

    def mirrored_sums(self, allocation: str, mapping: str, of: str) -> list[MirroredSum]:
        """What Flowtly holds, by budget, month, account and currency, ours and people's, paired and not, apart."""

    def posting_sums(self, allocation: str, of: str) -> list[PostingSum]:
        """Postings that are not gone, by account, month and currency, in that order."""

    def transaction_sums(self, allocation: str, of: str, fields: TransactionFields) -> list[TransactionSum]:
        """Transactions of postings that are not gone, as last seen, by account, month and currency, in that order."""

    def over_allocated(
        self, allocation: str, mapping: str, of: str, *, minor: bool, exponents: Mapping[str, int], limit: int
    ) -> list[OverAllocated]:
        """Transactions that are linked for more than they are, by IRI.

        ``minor``: links count minor units, not whole ones. ``exponents``: decimals by currency; 2 for others.
        """

    def doubled_links(self, mapping: str, limit: int) -> list[DoubledLink]:
        """Links that share a key, by that key."""

    def paired_parts(
        self,
        allocation: str,
        mapping: str,
        of: str,
        *,
        target: str | None,
        iri: str | None,
        month: str | None,
        limit: int,
    ) -> list[PairedPart]:
        """Parts and links that a budget (its external key, its IRI) wants or has in a month, in the order of keys.

        ``month`` None: in all of them.
        """

    def paired_postings(
        self, allocation: str, of: str, fields: TransactionFields, *, account: str, month: str, limit: int
    ) -> list[PairedPosting]:
        """Postings and transactions that one account and month have on either side, in the order of keys."""

    def pending_parts(self, allocation: str, mapping: str, keys: Sequence[str] | None) -> dict[str, str]:
        """Of these parts (external keys; None: all) those on which something is pending, with a word for what.

        ``skipped``, ``withdrawn``, or a word of ``pending_records``.
        """

    def pending_records(self, mapping: str, keys: Sequence[str] | None) -> dict[str, str]:
        """Of these external keys (None: all) those on which something is pending in the engine, with a word for what.

        ``intended``, ``in_doubt`` or ``quarantined`` (a write), ``removal``, ``conflict``, ``missing`` (complete
        readings do not see one side), or the status of what was read and is not settled: ``dirty``, ``parked``,
        ``waiting``, ``asked``, ``alone``. A link's Flowtly side counts as well.
        """


@dataclass(frozen=True, slots=True)
class SpendLevel:
    """One threshold (in percent) of one budget and period: passed or not, and the sums it was last told with."""

    target: str
    period: str
    threshold: int
    crossed: bool
    used: Decimal
    planned: Decimal
    currency: str
    changed_at: datetime | None = None


class SpendingMemory(Protocol):
    """The part of the store that knows which thresholds are passed. Each method is one transaction."""

    def spending(self, allocation: str) -> list[SpendLevel]:
        """Every level, by budget, period and threshold."""

    def signal(
        self,
        allocation: str,
        levels: Sequence[SpendLevel],
        events: Sequence[NewEvent],
        lease: Lease,
        *,
        forget: Collection[tuple[str, str, int]] = (),
    ) -> None:
        """Keep levels as they are now, forget others (budget, period, threshold) and put events in the outbox.

        Either all of it is kept or nothing. Raises LeaseLost.
        """
