"""The wanted parts of an allocation as a peer that is only read: what its mapping takes for the external side.

Nothing here decides what is wanted, and nothing is ever written through it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final, Protocol

from syncd.budgets.money import exponent, from_minor
from syncd.core.canon import same
from syncd.core.model import Side
from syncd.errors import NotFound, Refused
from syncd.ports import Capabilities, FieldShape, Link, Page, Query, Raw, Record, Shape
from syncd.ports.allocations import AllocationMemory, Slot, WantedPart
from syncd.ports.budget_links import Calibration, Unit

PAGE: Final = 1000
NO_AMOUNT: Final = "amount: "
"""How the reasons begin for which a part is left out here."""
UNIT_UNKNOWN: Final = "the unit of Flowtly's amounts is not known: syncd budgets calibrate"
_CONCURRENCY: Final = 8
_FIELDS: Final[Mapping[str, str]] = {
    "part": "text",
    "posting": "text",
    "budget": "text",
    "employee": "text",
    "amount": "integer",
    "rule": "text",
    "on": "date",
    "currency": "text",
}


class PartMemory(AllocationMemory, Protocol):
    """What is needed of the store."""

    def links_by_key(self, mapping: str, side: Side, keys: Sequence[str]) -> dict[str, Link]:
        """Links by their keys of one side."""

    def calibration(self, mapping: str) -> Calibration | None:
        """What was decided about amounts."""


class WantedParts:
    """``ports.Connector`` over the parts that one allocation wants, under their keys ``POSTING#SLOT``.

    An amount is a whole number in Flowtly's unit, None for a part that is the whole posting where ``omit_whole`` says
    that such a link carries none. ``unit`` None: as it was calibrated. ``skipped`` are the parts that the latest walk
    left out because their amount cannot be told, with the reason; one that is linked keeps the amount it has.
    """

    def __init__(
        self,
        name: str,
        memory: PartMemory,
        *,
        unit: Unit | None,
        omit_whole: bool,
        exponents: Mapping[str, int],
        requests: Callable[[], int] = lambda: 0,
    ) -> None:
        self._name = name
        self._memory = memory
        self._unit = unit
        self._omit_whole = omit_whole
        self._exponents = exponents
        self._requests = requests
        self.skipped: dict[str, str] = {}
        self.told: set[str] = set()
        """Parts that the latest walk gave although they are noted as left out for their amount."""

    def capabilities(self, query: Query) -> Capabilities:  # noqa: ARG002 - there is one resource
        """Read only, walked as a whole."""
        return Capabilities(
            create=False,
            update=False,
            delete=False,
            incremental=False,
            atomic_update=False,
            trusted_time=False,
            filters=True,
            concurrency=_CONCURRENCY,
            derived=True,
        )

    def shape(self, query: Query) -> Shape:
        """The fields of a part."""
        fields = {name: FieldShape(name, kind, writable=False) for name, kind in _FIELDS.items()}
        return Shape(query.resource, fields)

    def pages(self, query: Query, cursor: str | None) -> Iterator[Page]:  # noqa: ARG002 - there is nothing to choose
        """Every wanted part whose amount can be told, or that is linked."""
        unit = self._unit_now()
        self.skipped, self.told = {}, set()
        for parts in self._memory.wanted(self._name, PAGE):
            yield Page(tuple(self._records(parts, unit)))

    def read(self, query: Query, key: str) -> Record:  # noqa: ARG002 - there is one resource
        """One part as it is wanted now. Raises NotFound, and Refused while its amount cannot be told."""
        part = self._memory.wanted_part(self._name, key)
        if part is None:
            raise NotFound(f"allocation {self._name} wants no part {key}")
        found = list(self._records([part], self._unit_now()))
        if not found:
            raise Refused(f"part {key}: {self.skipped.get(key, NO_AMOUNT)}")
        return found[0]

    def create(self, query: Query, fields: Raw) -> Record:  # noqa: ARG002 - refused whatever it is
        """Refused: parts come from rules."""
        raise Refused("parts of postings come from the rules of an allocation and are not written")

    def update(self, query: Query, key: str, fields: Raw, expected: Record) -> Record:  # noqa: ARG002 - as above
        """Refused: parts come from rules."""
        raise Refused("parts of postings come from the rules of an allocation and are not written")

    def delete(self, query: Query, key: str, expected: Record) -> None:  # noqa: ARG002 - as above
        """Refused: parts come from rules."""
        raise Refused("parts of postings come from the rules of an allocation and are not deleted")

    def find(self, query: Query, values: Raw) -> Iterator[Record]:
        """Parts whose fields equal ``values``."""
        for page in self.pages(query, None):
            for record in page.records:
                if all(same(record.raw.get(name), value) for name, value in values.items()):
                    yield record

    def rows(self, resource: str) -> Iterator[Raw]:
        """Refused: it is no lookup list."""
        raise Refused(f"{resource} is no list: it holds the wanted parts of allocation {self._name}")

    def check(self) -> str:
        """How many parts there are."""
        return f"{self._memory.allocation_counts(self._name).get('wanted', 0)} parts wanted"

    @property
    def requests(self) -> int:
        """Requests sent to the ERP that the postings come from."""
        return self._requests()

    def close(self) -> None:
        """Nothing is held."""

    def _unit_now(self) -> Unit | None:
        if self._unit is not None:
            return self._unit
        known = self._memory.calibration(self._name)
        return None if known is None else known.unit

    def _records(self, parts: Sequence[WantedPart], unit: Unit | None) -> Iterator[Record]:
        """The parts as records; those whose amount cannot be told as their links have it, or not at all."""
        amounts: dict[str, int | None] = {}
        lacking: dict[str, str] = {}
        for part in parts:
            try:
                amounts[part.slot.key] = self._amount(part, unit)
            except ValueError as problem:
                lacking[part.slot.key] = f"{NO_AMOUNT}{problem}"
        if lacking:
            self.skipped.update(lacking)
            links = self._memory.links_by_key(self._name, Side.EXTERNAL, list(lacking))
            amounts.update({key: _whole_number(link.base.external.get("amount")) for key, link in links.items()})
        for part in parts:
            slot = part.slot
            if slot.key in amounts:
                if slot.skipped.startswith(NO_AMOUNT) and slot.key not in lacking:
                    self.told.add(slot.key)
                yield Record(slot.key, _raw(slot, part, amounts[slot.key]))

    def _amount(self, part: WantedPart, unit: Unit | None) -> int | None:
        """The amount in Flowtly's unit. Raises ValueError with the reason why it cannot be told."""
        slot = part.slot
        if slot.whole and self._omit_whole:
            return None
        if unit is None:
            raise ValueError(UNIT_UNKNOWN)
        if unit is Unit.MINOR:
            return slot.amount
        major, rest = divmod(abs(slot.amount), int(10 ** exponent(part.currency, self._exponents)))
        if rest:
            told = from_minor(slot.amount, part.currency, self._exponents)
            raise ValueError(f"Flowtly counts whole currency units, and {told} {part.currency} has cents")
        return major if slot.amount >= 0 else -major


def _raw(slot: Slot, part: WantedPart, amount: int | None) -> dict[str, Any]:
    return {
        "part": slot.key,
        "posting": slot.posting,
        "budget": slot.target,
        "employee": slot.employee or None,
        "amount": amount,
        "rule": slot.rule,
        "on": part.on,
        "currency": part.currency,
    }


def _whole_number(value: object) -> int | None:
    """An amount as a link has it: whole numbers are decimals in a document."""
    return int(value) if isinstance(value, Decimal | int) else None
