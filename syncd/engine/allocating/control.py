"""Both sides of an allocation added up: by budget and month, by account and month. Reads the store, changes nothing.

Sums are compared first. Only where they differ is it looked which records make the difference, and what is pending on
each.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

from syncd.budgets.totals import NOTHING, Entry, Kind, Sums, Verdict, cost_of, judged, minor_of
from syncd.engine.allocating.scales import Names, Scales
from syncd.ports import Store
from syncd.ports.incidents import MirroredSum, PairedPart, PairedPosting

LIMIT: Final = 100_000
"""Records of one budget or account and month that are looked at one by one."""
_RUNS: Final = 10
NOT_LINKED: Final = "no transaction is linked with it yet"
UNLIKE: Final = "its link is the whole transaction, which is not as its posting"
NOT_READ: Final = "it changed since its mapping last ran"
REFUSED: Final = "it cannot be read"


@dataclass(frozen=True, slots=True)
class Row:
    """One budget or account, month and currency. ``found`` is what is ours, ``theirs`` what people linked.

    ``verdict``: by record, where the sums differ. ``iri``: of the budget, '' where it is not linked.
    """

    kind: Kind
    place: str
    month: str
    currency: str
    wanted: Sums
    found: Sums
    theirs: Sums = NOTHING
    verdict: Verdict | None = None
    iri: str = ""

    @property
    def state(self) -> str:
        """``agrees``, ``pending`` or ``off``."""
        if self.verdict is None:
            return "agrees"
        if self.verdict.breached:
            return "off"
        return "pending" if self.verdict.pending else "agrees"

    @property
    def scope(self) -> str:
        """What it is about, for people."""
        return " ".join(word for word in (self.place, self.month or "without a day", self.currency) if word)


@dataclass(slots=True)
class _Scope:
    """Sums while they are collected. ``keys``: all by which its budget goes; ``untold``: a link of unknown weight."""

    place: str
    iri: str
    keys: set[str]
    wanted: Sums = NOTHING
    found: Sums = NOTHING
    theirs: Sums = NOTHING
    untold: bool = False


def budget_rows(store: Store, scales: Scales, names: Names) -> list[Row]:
    """Every budget, month and currency with anything that counts, in that order."""
    scopes: dict[tuple[str, str, str], _Scope] = {}
    keys: dict[str, set[str]] = {}
    wanted = store.wanted_sums(scales.name)
    mirrored = store.mirrored_sums(scales.name, scales.name, scales.of)
    names.learn((one.target for one in wanted), (one.target for one in mirrored))

    def scope(place: str, month: str, currency: str, iri: str) -> _Scope:
        budget = iri or place
        return scopes.setdefault((budget, month, currency), _Scope(place, iri, keys.setdefault(budget, set())))

    for one in wanted:
        iri = names.iri(one.target) or ""
        into = scope(names.key(iri) if iri else one.target, one.month, one.currency, iri)
        into.keys.add(one.target)
        into.wanted = into.wanted.plus(Sums(one.parts, one.amount))
    for link in mirrored:
        into = scope(names.key(link.target), link.month, link.currency, link.target)
        sums = Sums(link.links, _weight(link, scales))
        if link.ours or link.paired:
            into.found, into.untold = into.found.plus(sums), into.untold or link.untold > 0
        else:
            into.theirs = into.theirs.plus(sums)
    parts = _Parts(store, scales, names)
    rows = (
        Row(
            Kind.BUDGET,
            one.place,
            month,
            currency,
            one.wanted,
            one.found,
            one.theirs,
            parts.verdict(one, month, currency) if one.untold or one.wanted != one.found else None,
            one.iri,
        )
        for (_, month, currency), one in scopes.items()
        if one.untold or {one.wanted, one.found, one.theirs} != {NOTHING}
    )
    return sorted(rows, key=lambda row: (row.place, row.month, row.currency))


def account_rows(store: Store, scales: Scales) -> list[Row]:
    """Every account, month and currency, in that order; none where the mapping of the postings keeps no amounts."""
    if scales.transactions is None:
        return []
    sides: dict[tuple[str, str, str], tuple[Sums, Sums, bool]] = {}
    nothing = NOTHING, NOTHING, False
    for one in store.posting_sums(scales.name, scales.of):
        place = one.account, one.month, one.currency
        sides[place] = Sums(one.postings - one.unread, one.amount), NOTHING, one.unread > 0
    for seen in store.transaction_sums(scales.name, scales.of, scales.transactions):
        place = seen.account, seen.month, seen.currency
        before = sides.get(place, nothing)
        cost = minor_of(seen.amount, decimals=scales.decimals(seen.currency), sign=scales.sign)
        sides[place] = before[0], Sums(seen.transactions, cost), before[2] or seen.unread > 0
    looked: dict[tuple[str, str], list[PairedPosting]] = {}
    rows = []
    for (account, month, currency), (posted, booked, untold) in sorted(sides.items()):
        verdict = None
        if untold or posted != booked:
            if (account, month) not in looked:
                looked[account, month] = store.paired_postings(
                    scales.name, scales.of, scales.transactions, account=account, month=month, limit=LIMIT
                )
            some = [one for one in looked[account, month] if one.currency == currency]
            verdict = judged(_posting_entries(store, scales, some, account, month))
        rows.append(Row(Kind.ACCOUNT, account, month, currency, posted, booked, verdict=verdict))
    return rows


def _weight(link: MirroredSum, scales: Scales) -> int:
    """What links weigh together, as far as it is known."""
    decimals = scales.decimals(link.currency)
    amounts = cost_of(link.amount, None, decimals=decimals, minor=scales.minor, sign=scales.sign) or 0
    return amounts + minor_of(link.total, decimals=decimals, sign=scales.sign)


class _Parts:
    """Parts and their links one by one, where the sums of a budget differ."""

    def __init__(self, store: Store, scales: Scales, names: Names) -> None:
        self._store, self._scales, self._names = store, scales, names
        self._looked: dict[str, dict[tuple[str, str], list[PairedPart]]] = {}

    def verdict(self, scope: _Scope, month: str, currency: str) -> Verdict:
        """Which records of a budget, month and currency make the difference."""
        parts = self._of(scope).get((month, currency), [])
        keys = [one.key for one in parts if one.key is not None]
        pending = self._store.pending_parts(self._scales.name, self._scales.name, keys) if keys else {}
        return judged(self._entries(scope, parts, pending))

    def _of(self, scope: _Scope) -> dict[tuple[str, str], list[PairedPart]]:
        """Everything of a budget at once, by month and currency: where one month differs, others often do."""
        budget = scope.iri or scope.place
        if budget not in self._looked:
            name, iri = self._scales.name, scope.iri or None
            keys: list[str | None] = [*sorted(scope.keys)] or [None]
            found = {
                (one.key, one.iri): one
                for key in keys
                for one in self._store.paired_parts(
                    name, name, self._scales.of, target=key, iri=iri, month=None, limit=LIMIT
                )
            }
            self._names.learn((), (one.link_target for one in found.values() if one.link_target))
            sorted_out = self._looked[budget] = {}
            for one in found.values():
                sorted_out.setdefault((one.month, one.currency), []).append(one)
        return self._looked[budget]

    def _entries(self, scope: _Scope, parts: Iterable[PairedPart], pending: dict[str, str]) -> Iterator[Entry]:
        for one in parts:
            if one.key is None and not one.ours:
                continue  # people's own
            wanted = one.wanted if one.target in scope.keys and not one.skipped else None
            found = self._found(one) if one.mirrored and one.link_target == scope.iri else None
            if wanted is None and found is None:
                continue
            targets = {one.target, self._names.key(one.link_target) if one.link_target else None}
            yield Entry(
                one.key or one.iri or "",
                wanted,
                found,
                pending.get(one.key or "", "") or _unlike(one),
                one.iri or "",
                tuple(sorted(target for target in targets if target is not None)),
            )

    def _found(self, one: PairedPart) -> int:
        """What its link weighs; as wanted where the whole transaction is meant and Flowtly did not say what it is."""
        scales = self._scales
        cost = cost_of(
            one.amount, one.total, decimals=scales.decimals(one.currency), minor=scales.minor, sign=scales.sign
        )
        return (one.wanted or 0) if cost is None else cost


def _unlike(one: PairedPart) -> str:
    """What explains a link of the whole transaction that does not weigh its posting: that is its transaction's affair.

    By account and month both are compared, and named there if nothing is pending.
    """
    return UNLIKE if one.whole and one.amount is None and one.iri is not None and one.mirrored else ""


def _posting_entries(
    store: Store, scales: Scales, postings: list[PairedPosting], account: str, month: str
) -> Iterator[Entry]:
    """Postings of an account and month beside their transactions, with what explains a difference."""
    pending = store.pending_records(scales.of, [one.posting for one in postings]) if postings else {}
    known = store.postings(scales.name, [one.posting for one in postings]) if postings else {}
    ran = _last_run(store, scales.of)
    for one in postings:
        here = (one.account or "", one.month) == (account, month)
        wanted = one.amount if here else None
        found = None
        if one.transaction is not None and (one.transaction_account or "", one.transaction_month) == (account, month):
            found = _booked(one.transaction_amount, wanted, one.currency, scales)
        if wanted is None and found is None:
            continue
        why = pending.get(one.posting, "") or _why_not(one, ran)
        slots = known[one.posting].slots if one.posting in known else ()
        targets = tuple(sorted({slot.target for slot in slots if not slot.withdrawn}))
        yield Entry(one.posting, wanted, found, why, one.transaction or "", targets)


def _booked(amount: Decimal | None, wanted: int | None, currency: str, scales: Scales) -> int | None:
    if amount is None:
        return wanted
    return minor_of(amount, decimals=scales.decimals(currency), sign=scales.sign)


def _why_not(one: PairedPosting, ran: datetime | None) -> str:
    """What explains a posting that is not its transaction, although nothing is pending on it."""
    if one.transaction is None:
        return NOT_LINKED
    if one.amount is None:
        return REFUSED
    # Both are read in runs of their own: what changed in between is carried over by the next run of its mapping.
    if one.changed_at is not None and (ran is None or one.changed_at > ran):
        return NOT_READ
    return ""


def _last_run(store: Store, mapping: str) -> datetime | None:
    """When the latest run of a mapping began that did all it could."""
    return next((run["started_at"] for run in store.runs(mapping, _RUNS) if run["outcome"] == "done"), None)
