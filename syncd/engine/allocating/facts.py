"""What Flowtly says of transactions that links have to heed: counterparties and contractors that count already.

Small lists, read at most every ten minutes. A list that is denied or missing is said once, and nothing is known of it;
a peer in trouble raises as everywhere, since nobody may guess that nothing counts twice.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from threading import RLock
from typing import Any, Final

from syncd.engine.context import Events
from syncd.errors import BadAnswer, Denied, NotFound, Refused
from syncd.ports import Clock, Connector, Page, Query, Raw, Record

FRESH: Final = 600.0
"""Seconds for which a list, or a transaction looked at for a plan, counts as known."""

FEW: Final = 60
"""More transactions than this are read by a walk of all, if that takes fewer requests than one by one."""

TRANSACTIONS: Final = Query("transactions")


@dataclass(frozen=True, slots=True)
class Booked:
    """What a transaction says: its signed amount in whole currency units, and who it is with. References are IRIs."""

    total: Decimal | None
    account: str | None = None
    counterparty: str | None = None
    cost: str | None = None


def iri_of(value: Any) -> str | None:
    """A reference as text; None where there is none, or one that came without an address."""
    return value if isinstance(value, str) and value else None


def total_of(value: Any) -> Decimal | None:
    """A signed amount; None for what is no number."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return Decimal(value)


def booked(raw: Raw, prefix: str = "") -> Booked:
    """What a transaction's raw fields say; ``prefix`` where they stand beside a link (``transaction.``)."""
    return Booked(
        total_of(raw.get(f"{prefix}amount")),
        *(iri_of(raw.get(prefix + name)) for name in ("bankAccount", "counterparty", "cost")),
    )


class Facts:
    """One tenant's facts, kept for a while. Thread-safe; make one for the life of the process."""

    def __init__(self, flowtly: Connector, clock: Clock, events: Events) -> None:
        self._flowtly, self._clock, self._events = flowtly, clock, events
        self._lock = RLock()
        self._lists: dict[str, tuple[float, Any]] = {}
        self._transactions: dict[str, tuple[float, Booked]] = {}
        self._said: set[str] = set()

    def contractors(self) -> frozenset[tuple[str, str]]:
        """Every (budget, cost) of ``budget-contractors``: what such a cost spends is on that budget already."""
        found: frozenset[tuple[str, str]] = self._kept("budget-contractors", _contractors)
        return found

    def neutral(self) -> frozenset[str]:
        """Counterparties whose transactions are no cost of any budget, such as the company's own accounts."""
        found: frozenset[str] = self._kept("counterparties", _neutral)
        return found

    def currencies(self) -> Mapping[str, str]:
        """The currency of each bank account: its IRI to the three letters, where Flowtly tells."""
        accounts: Mapping[str, Any] = self._kept("bank-accounts", _by_currency)
        codes: Mapping[str, str] = self._kept("currencies", _codes)
        return {
            key: codes.get(value, value) for key, value in accounts.items() if value in codes or "/" not in str(value)
        }

    def matter(self, *, contractors: bool) -> bool:
        """Whether anything is known that a transaction has to be looked at for."""
        return bool(self.neutral()) or (contractors and bool(self.contractors()))

    def remember(self, iri: str, seen: Booked) -> None:
        """Keep what was just read of a transaction."""
        with self._lock:
            self._transactions[iri] = self._clock.monotonic(), seen

    def transactions(self, iris: Iterable[str]) -> dict[str, Booked]:
        """Transactions as read within the last ten minutes; many are read by a walk of all where that is shorter.

        One that is not there is left out. Raises what the connector raises.
        """
        wanted = dict.fromkeys(iris)
        unknown = [iri for iri in wanted if not self._is_fresh(self._transactions.get(iri))]
        for record in self._read(unknown):
            self.remember(record.key, booked(record.raw))
        with self._lock:
            return {iri: self._transactions[iri][1] for iri in wanted if self._is_fresh(self._transactions.get(iri))}

    def _read(self, iris: Iterable[str]) -> Iterator[Record]:
        left = dict.fromkeys(iris)
        if len(left) > FEW:
            with closing(_generator(self._flowtly.pages(TRANSACTIONS, None))) as pages:
                if (yield from _taken(pages, left)):
                    return
        for iri in left:
            try:
                yield self._flowtly.read(TRANSACTIONS, iri)
            except NotFound:
                continue

    def _is_fresh(self, known: tuple[float, Any] | None) -> bool:
        return known is not None and self._clock.monotonic() - known[0] < FRESH

    def _kept(self, resource: str, take: Callable[[Iterable[Raw]], Any]) -> Any:
        with self._lock:
            known = self._lists.get(resource)
            if known is None or not self._is_fresh(known):
                known = self._clock.monotonic(), take(self._rows(resource))
                self._lists[resource] = known
                self._transactions = {iri: one for iri, one in self._transactions.items() if self._is_fresh(one)}
            return known[1]

    def _rows(self, resource: str) -> list[Raw]:
        try:
            rows = list(self._flowtly.rows(resource))
        except (Denied, Refused, NotFound, BadAnswer) as error:
            if resource not in self._said:
                self._said.add(resource)
                self._events("budget.facts_unread", resource=resource, detail=f"{type(error).__name__}: {error}")
            return []
        self._said.discard(resource)
        return rows


def _taken(pages: Iterable[Page], left: dict[str, None]) -> Generator[Record, None, bool]:
    """The records of a walk that are wanted, taken out of ``left``.

    False where it was given up, because more pages are to come than records are left.
    """
    seen = 0
    for page in pages:
        seen += len(page.records)
        for record in page.records:
            if record.key in left:
                del left[record.key]
                yield record
        if page.total is not None and page.total - seen > len(left) * len(page.records):
            return not left
    return True


def _generator(pages: Iterable[Page]) -> Generator[Page, None, None]:
    """The connector's pages as a generator that can be closed."""
    yield from pages


def _contractors(rows: Iterable[Raw]) -> frozenset[tuple[str, str]]:
    pairs = ((iri_of(row.get("budget")), iri_of(row.get("cost"))) for row in rows)
    return frozenset((budget, cost) for budget, cost in pairs if budget is not None and cost is not None)


def _neutral(rows: Iterable[Raw]) -> frozenset[str]:
    return frozenset(str(row["@key"]) for row in rows if row.get("budgetNeutral") is True)


def _by_currency(rows: Iterable[Raw]) -> dict[str, str]:
    return {str(row["@key"]): str(row["currency"]) for row in rows if row.get("currency")}


def _codes(rows: Iterable[Raw]) -> dict[str, str]:
    """By IRI; a currency that has no code of its own is left out."""
    return {str(row["@key"]): str(row["code"]) for row in rows if row.get("code")}
