"""May this link go out? What an allocation's terms, its posting, its transaction and the links beside it say.

A link never exceeds its transaction, never doubles another one, and never counts twice. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from syncd.budgets.linking import Money, Standing, cost_of, crowded, doubled
from syncd.core.model import Side
from syncd.engine.allocating.facts import TRANSACTIONS, Booked, Facts, booked, iri_of
from syncd.engine.allocating.seen import seen_link
from syncd.errors import NotFound, Withheld
from syncd.ports import Connector, Raw, Record, Store
from syncd.ports.allocations import SeenPosting
from syncd.ports.budget_links import SeenLink, Unit

_LISTS: Final[Mapping[str, str]] = {
    "budget-transactions": "budgetTransactions",
    "project-transactions": "projectTransactions",
}
"""The field of a transaction that lists its links, by their resource; none is published for income-transactions."""

GONE: Final = "its transaction is gone at Flowtly"
THEIRS: Final = "people made this link: it is left as it is"
UNCALIBRATED: Final = "amounts are not calibrated: syncd budgets calibrate"


Look = Callable[[str], Record]
"""Reads one link. Raises NotFound."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What an allocation says of its links.

    ``of``: the mapping of its postings. ``target``: the raw field with the budget or project. ``unit`` None: not
    calibrated, so no amount may be written. ``sign``: of a cost at Flowtly's transactions. ``own_all``: links that
    people made are ours as well. ``kin``: all allocations that make links in this resource.
    """

    allocation: str
    of: str
    resource: str
    target: str
    unit: Unit | None
    sign: int
    own_all: bool = False
    exponents: Mapping[str, int] = field(default_factory=dict)
    kin: tuple[str, ...] = ()

    @property
    def contractors(self) -> bool:
        """Whether a contractor of the budget counts the same cost."""
        return self.resource == "budget-transactions"

    def money(self, currency: str) -> Money:
        """How amounts of a currency are counted."""
        return Money(currency, self.exponents, major=self.unit is Unit.MAJOR)

    def standing(self, link: SeenLink, money: Money, *, ours: bool) -> Standing:
        """A mirrored link for judging others by it."""
        return Standing(link.iri, link.target, link.employee, money.minor(link.amount), ours)


class Judge:
    """Judges the links of one allocation, one write after the other. Thread-safe for different transactions."""

    def __init__(self, flowtly: Connector, store: Store, terms: Terms, facts: Facts) -> None:
        self._flowtly, self._store, self._terms, self._facts = flowtly, store, terms, facts

    def new(self, transaction: str, new: Standing, look: Look) -> Raw:
        """The transaction as it is now. Raises Withheld for a link that must not be made."""
        posting = self._posting(transaction, new)
        raw = self._looked_at(transaction, posting, new)
        seen = booked(raw)
        others = self._others(look, transaction, raw.get(_LISTS.get(self._terms.resource, "")))
        self._judge(posting, new, seen, others)
        if reason := counted(self._terms, self._facts, new.target, seen):
            raise self._withheld(reason, posting, new)
        return raw

    def change(self, before: SeenLink, new: Standing, seen: Booked) -> None:
        """Raises Withheld for a change that must not be made. A request more where answers embed no transaction."""
        posting = self._posting(before.transaction, new)
        if not self._terms.own_all and before.iri not in self._store.ours(self._terms.allocation, [before.iri]):
            raise self._withheld(THEIRS, posting, new)
        moved = (before.target, before.employee) != (new.target, new.employee)
        shrinks = self._shrinks(before.amount, new.amount)
        if shrinks and not moved:
            return
        if seen.total is None:
            seen = booked(self._looked_at(before.transaction, posting, new))
        known = self._store.mirrored(self._terms.allocation, [before.transaction]).get(before.transaction, [])
        # A smaller link needs no room: refused, an over-allocated transaction would stay so for ever.
        self._judge(posting, new, seen, [one for one in known if one.iri != before.iri], room=not shrinks)
        if before.target != new.target and (
            reason := counted(self._terms, self._facts, new.target, seen, neutral=False)
        ):
            raise self._withheld(reason, posting, new)

    def _looked_at(self, transaction: str, posting: SeenPosting, new: Standing) -> Raw:
        """A transaction as it is now."""
        try:
            record = self._flowtly.read(TRANSACTIONS, transaction)
        except NotFound:
            raise self._withheld(GONE, posting, new) from None
        self._facts.remember(transaction, booked(record.raw))
        return record.raw

    def _judge(
        self, posting: SeenPosting, new: Standing, seen: Booked, others: Sequence[SeenLink], *, room: bool = True
    ) -> None:
        """Raises Withheld for a link that its transaction has no place for."""
        money = self._terms.money(posting.currency)
        ours = self._store.ours(self._terms.allocation, [one.iri for one in others]) if others else set()
        try:
            weighed = Standing(new.name, new.target, new.employee, money.minor(new.amount))
            standing = [self._terms.standing(one, money, ours=one.iri in ours) for one in others]
            reason = doubled(weighed, standing) or mismatch(self._terms, posting, weighed, seen)
            if room and not reason:
                total = cost_of(seen.total or Decimal(0), self._terms.sign, money) or 0
                reason = crowded(weighed, standing, total, money)
        except ValueError as error:
            reason = str(error)
        if reason:
            raise self._withheld(reason, posting, new)

    def _others(self, look: Look, transaction: str, listed: Any) -> list[SeenLink]:
        """The links of a transaction: as mirrored, and as the transaction itself lists them, where it does."""
        known = self._store.mirrored(self._terms.allocation, [transaction]).get(transaction, [])
        if not isinstance(listed, list | tuple):
            return known
        told = {iri for one in listed if (iri := iri_of(one)) is not None}
        stale = {one.iri for one in known} - told
        found = [one for one in known if one.iri not in stale]
        for iri in sorted((told | stale) - {one.iri for one in found}):
            try:
                link = seen_link(look(iri), self._terms.target)
            except NotFound:
                continue
            if link is not None and link.transaction == transaction:
                found.append(link)
        return found

    def _shrinks(self, before: int | None, after: int | None) -> bool:
        """True for a smaller amount of the same sign, or the same one: that needs no room."""
        if before == after:
            return True
        if before is None or after is None:
            return False
        return before * after > 0 and abs(after) <= abs(before)

    def _posting(self, transaction: str, new: Standing) -> SeenPosting:
        """The posting of a transaction. Raises Withheld when none is known."""
        if new.amount is not None and self._terms.unit is None:
            raise Withheld(UNCALIBRATED, {"budget": new.target})
        key = self._store.partners(self._terms.of, Side.FLOWTLY, [transaction]).get(transaction)
        found = None if key is None else self._store.postings(self._terms.allocation, [key]).get(key)
        if found is None:
            raise Withheld(f"no posting of {self._terms.of} is linked with {transaction}", {"budget": new.target})
        return found

    def _withheld(self, reason: str, posting: SeenPosting, new: Standing) -> Withheld:
        return Withheld(reason, {"posting": posting.key, "budget": new.target})


def mismatch(terms: Terms, posting: SeenPosting, new: Standing, seen: Booked) -> str:
    """Why a posting and its transaction do not fit together; '' when they do. Raises ValueError."""
    money = terms.money(posting.currency)
    if posting.amount is None:
        return f"posting {posting.key} cannot be read now: {posting.reason}"
    total = None if seen.total is None else cost_of(seen.total, terms.sign, money)
    if total is None:
        return f"the amount of its transaction, {seen.total}, cannot be read as {posting.currency}"
    if total * posting.amount < 0:
        return (
            f"posting {posting.key} is {money.told(posting.amount)} as a cost, its transaction {money.told(total)}: "
            "one of them has the other sign (links.transaction_sign)"
        )
    if new.amount is None and total != posting.amount:
        return (
            f"the link would be the whole transaction of {money.told(total)}, "
            f"and posting {posting.key} is {money.told(posting.amount)}"
        )
    return ""


def counted(terms: Terms, facts: Facts, target: str, seen: Booked, *, neutral: bool = True) -> str:
    """Why a transaction counts already, or not at all; '' when its link is what counts."""
    if neutral and seen.counterparty is not None and seen.counterparty in facts.neutral():
        return f"its counterparty {seen.counterparty} is budget-neutral: its transactions are no cost"
    if terms.contractors and seen.cost is not None and (target, seen.cost) in facts.contractors():
        return f"its contractor {seen.cost} is linked to that budget already: the cost would count twice"
    return ""
