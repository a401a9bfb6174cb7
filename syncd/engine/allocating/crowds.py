"""What is off at single transactions: linked for more than they are, linked twice, counted twice. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from syncd.budgets.currencies import DECIMALS
from syncd.budgets.money import told
from syncd.budgets.totals import NAMED, Kind, Room, cost_of
from syncd.core.model import Side
from syncd.engine.allocating.scales import Names, Scales
from syncd.ports import Store
from syncd.ports.allocations import SeenPosting
from syncd.ports.budget_links import SeenLink
from syncd.ports.incidents import Breach, DoubledLink, OverAllocated

LIMIT: Final = 500
"""Transactions of one kind that are looked at in one run."""
ENDING: Final = frozenset({"withdrawn", "removal", "missing"})
"""What is pending on a link that will not be for long."""
IDLE: Final = frozenset({"skipped", "alone"})
"""What is noted of a part on which nothing will happen."""


@dataclass(slots=True)
class Crowds:
    """Looks at transactions of one allocation. ``doubles``: links on budgets that have the contractor as well."""

    store: Store
    scales: Scales
    names: Names
    doubles: Iterable[SeenLink] = ()

    def breaches(self) -> Iterator[Breach]:
        """Everything that is off."""
        yield from self._over()
        yield from self._twice()
        yield from self._contractors()

    def _over(self) -> Iterator[Breach]:
        name = self.scales.name
        if self.scales.unit is None:
            return  # nobody knows yet what an amount is
        decimals = {**DECIMALS, **self.scales.exponents}
        found = self.store.over_allocated(
            name, name, self.scales.of, minor=self.scales.minor, exponents=decimals, limit=LIMIT
        )
        links = self.store.mirrored(name, [one.transaction for one in found]) if found else {}
        postings = self.store.postings(name, [one.posting for one in found if one.posting is not None])
        for one in found:
            posting = postings.get(one.posting or "")
            if posting is not None and posting.amount is not None:
                breach = self._crowded(one, posting, links.get(one.transaction, []))
                if breach is not None:
                    yield breach

    def _crowded(self, one: OverAllocated, posting: SeenPosting, links: Sequence[SeenLink]) -> Breach | None:
        scales, posted = self.scales, posting.amount or 0
        parts = self._parts(link.iri for link in links)
        weights = {link.iri: self._weight(link, posting, one) for link in links}
        slots = [slot for slot in posting.slots if not slot.withdrawn and not slot.skipped]
        pending = self.store.pending_parts(scales.name, scales.name, [slot.key for slot in posting.slots])
        moving = any(word not in IDLE for word in pending.values()) or bool(
            self.store.pending_records(scales.of, [posting.key])
        )
        room = Room(
            total=self._total(one, posting),
            posted=posted,
            ours=sum(weight for iri, weight in weights.items() if iri in parts),
            theirs=sum(weight for iri, weight in weights.items() if iri not in parts),
            wanted=sum(slot.amount for slot in slots),
            moving=moving,
        )
        if not room.breached:
            return None
        self.names.learn((), (link.target for link in links))
        targets = {slot.target for slot in slots} | {self.names.key(link.target) for link in links}
        money = posting.currency, scales.exponents
        detail = {
            "posting": posting.key,
            "transaction": one.transaction,
            "amount": told(room.total, *money),
            "linked": told(room.ours + room.theirs, *money),
            "too_much": told(room.over, *money),
            **self._links(links, parts, {iri: told(weight, *money) for iri, weight in weights.items()}),
        }
        return Breach(Kind.OVER, f"posting {posting.key}, {one.transaction}", tuple(sorted(targets)), detail)

    def _total(self, one: OverAllocated, posting: SeenPosting) -> int:
        """The transaction as a cost: on the side of its posting."""
        room = cost_of(one.room, None, decimals=self.scales.decimals(posting.currency), minor=self.scales.minor, sign=1)
        return (room or 0) * (1 if (posting.amount or 0) >= 0 else -1)

    def _weight(self, link: SeenLink, posting: SeenPosting, one: OverAllocated) -> int:
        scales = self.scales
        decimals = scales.decimals(posting.currency)
        weight = cost_of(link.amount, link.total, decimals=decimals, minor=scales.minor, sign=scales.sign)
        return self._total(one, posting) if weight is None else weight

    def _twice(self) -> Iterator[Breach]:
        name = self.scales.name
        for one in self.store.doubled_links(name, LIMIT):
            parts = self._parts(one.links)
            posting = self._posting(one.transaction)
            if posting is None:
                continue  # people's affair: it is none of our transactions
            pending = self.store.pending_parts(name, name, sorted(parts.values())) if parts else {}
            staying = [iri for iri in one.links if not self._is_ending(one, parts.get(iri), pending)]
            if len(staying) > 1:
                yield self._doubled(one, posting, parts)

    def _is_ending(self, one: DoubledLink, part: str | None, pending: Mapping[str, str]) -> bool:
        """Whether a link is about to go, or to move to another budget."""
        if part is None:
            return False
        if pending.get(part) in ENDING:
            return True
        slot = self.store.wanted_part(self.scales.name, part)
        return slot is None or (pending.get(part) not in {None, *IDLE} and self._moves(slot.slot.target, one.target))

    def _moves(self, wanted: str, target: str) -> bool:
        self.names.learn([wanted], ())
        return self.names.iri(wanted) != target

    def _doubled(self, one: DoubledLink, posting: str, parts: Mapping[str, str]) -> Breach:
        links = [SeenLink(iri, one.transaction, one.target, one.employee, None) for iri in one.links]
        self.names.learn((), [one.target])
        target = self.names.key(one.target)
        detail = {
            "posting": posting,
            "transaction": one.transaction,
            "budget": target,
            "employee": one.employee,
            **self._links(links, parts, {}),
        }
        whose = f", {one.employee}" if one.employee else ""
        return Breach(Kind.TWICE, f"posting {posting}, {one.transaction}, budget {target}{whose}", (target,), detail)

    def _contractors(self) -> Iterator[Breach]:
        links = self._still(self.doubles)
        parts = self._parts(link.iri for link in links)
        self.names.learn((), (link.target for link in links))
        keys = sorted(parts.values())
        pending = self.store.pending_parts(self.scales.name, self.scales.name, keys) if keys else {}
        by_target: dict[str, list[SeenLink]] = {}
        for link in links:
            part = parts.get(link.iri)
            if part is not None and pending.get(part) not in ENDING:
                by_target.setdefault(self.names.key(link.target), []).append(link)
        for target, some in sorted(by_target.items()):
            yield Breach(Kind.CONTRACTOR, f"budget {target}", (target,), self._links(some, parts, {}))

    def _still(self, links: Iterable[SeenLink]) -> list[SeenLink]:
        """Those that are on the same budget still: this run may have moved or deleted some."""
        seen = list(links)
        now = self.store.mirrored(self.scales.name, sorted({link.transaction for link in seen})) if seen else {}
        held = {(one.iri, one.target) for some in now.values() for one in some}
        return [link for link in seen if (link.iri, link.target) in held]

    def _links(self, links: Sequence[SeenLink], parts: Mapping[str, str], weights: Mapping[str, str]) -> dict[str, Any]:
        """Links by name: whose each is, its part where it is ours, its budget, what it weighs."""
        named = [
            {
                "iri": link.iri,
                "made_by": "syncd" if link.iri in parts else "people",
                **({"record": parts[link.iri]} if link.iri in parts else {}),
                "budget": self.names.key(link.target),
                **({"amount": weights[link.iri]} if link.iri in weights else {}),
            }
            for link in sorted(links, key=lambda link: link.iri)
        ]
        return {"records": named[:NAMED], "more": max(len(named) - NAMED, 0)}

    def _parts(self, iris: Iterable[str]) -> dict[str, str]:
        """The parts (external keys) of those links that are ours."""
        return self.store.partners(self.scales.name, Side.FLOWTLY, sorted(set(iris)))

    def _posting(self, transaction: str) -> str | None:
        """The posting of a transaction, if this allocation has it."""
        found = self.store.partners(self.scales.of, Side.FLOWTLY, [transaction]).get(transaction)
        return found if found is not None and self.store.postings(self.scales.name, [found]) else None
