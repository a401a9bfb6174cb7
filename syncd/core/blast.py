"""How far a plan reaches: counts, the share of linked records, requests, minutes, amounts. Numbers for a person.

Nothing here says yes or no; that is ``guard``'s. An estimate always says what it was made from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from syncd.core.model import Side, Value
from syncd.core.plan import Item, Plan

ASSUMED_RATE: Final = 5.0
"""Writes a second while nothing was measured: slow enough for a peer behind the internet."""

_ENOUGH_WRITES: Final = 10  # fewer say more about one slow answer than about the peer
_MILLISECONDS: Final = 1000

# Requests to the side that is written: a create is sent, a change is read and sent, a removal is looked at and sent.
_REQUESTS: Final[Mapping[str, int]] = {"create": 1, "patch": 2, "mark": 2, "delete": 2}
# And to the other side: a removal asks once more whether the record is really gone there.
_REQUESTS_BESIDE: Final[Mapping[str, int]] = {"mark": 1, "delete": 1, "unlink": 1}
_AMOUNT: Final = "amount"  # Flowtly's budget links hold theirs as whole numbers
_TOUCHES_LINKED: Final = frozenset({"patch", "mark", "delete", "unlink"})


@dataclass(frozen=True, slots=True)
class Rate:
    """Writes a second. ``runs`` is how many runs it was measured in; 0 means that it is assumed."""

    per_second: float = ASSUMED_RATE
    runs: int = 0


@dataclass(slots=True)
class Amount:
    """What happens to one decimal field on one side, in that field's own unit; currencies are not told apart."""

    changed: int = 0
    moved: Decimal = Decimal(0)
    """The sum of the differences, each without its sign: +5 and -5 are 10, not nothing."""
    created: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Radius:
    """What carrying out a whole plan touches.

    ``counts`` is kind -> side (``-`` for our own memory) -> items. ``waiting`` items are not in the requests: they do
    nothing before something else is linked.
    """

    counts: Mapping[str, Mapping[str, int]]
    records: int
    linked: int
    waiting: int
    requests: Mapping[Side, int]
    rate: Rate
    amounts: Mapping[tuple[Side, str], Amount] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """The part of the linked records that is changed or removed; 0 where nothing is linked."""
        return self.records / self.linked if self.linked else 0.0

    @property
    def writes(self) -> int:
        """How many records are written."""
        return sum(
            count
            for kind, sides in self.counts.items()
            if kind in _REQUESTS
            for side, count in sides.items()
            if side != _MEMORY
        )

    @property
    def minutes(self) -> float:
        """How long the writes take at the rate; reading both sides comes on top."""
        return max(self.writes - self.waiting, 0) / self.rate.per_second / 60


_MEMORY: Final = "-"


def radius(plan: Plan, rate: Rate) -> Radius:
    """The numbers of a plan at this rate."""
    counts: dict[str, dict[str, int]] = {}
    requests = dict.fromkeys(Side, 0)
    touched: set[str | None] = set()
    amounts: dict[tuple[Side, str], Amount] = {}
    waiting = 0
    for item in plan.items:
        where = counts.setdefault(str(item.kind), {})
        side = _MEMORY if item.side is None else str(item.side)
        where[side] = where.get(side, 0) + 1
        if item.kind in _TOUCHES_LINKED:
            touched.add(item.external_key)
        if item.side is None:
            continue
        waits = item.waits_for is not None
        waiting += waits
        if not waits:
            requests[item.side] += _REQUESTS.get(item.kind, 0)
            requests[item.side.other] += _REQUESTS_BESIDE.get(item.kind, 0)
        _add_amounts(amounts, item, item.side)
    return Radius(counts, len(touched), plan.linked, waiting, requests, rate, amounts)


def _add_amounts(amounts: dict[tuple[Side, str], Amount], item: Item, side: Side) -> None:
    for change in item.changes:
        if _is_amount(change.field, change.after) or _is_amount(change.field, change.before):
            amount = amounts.setdefault((side, change.field), Amount())
            amount.changed += 1
            amount.moved += abs(_decimal(change.after) - _decimal(change.before))
    for name, value in (item.document or {}).items():
        if _is_amount(name, value):
            amounts.setdefault((side, name), Amount()).created += _decimal(value)


def _is_amount(field_name: str, value: Value | object) -> bool:
    """True for a decimal, and for a whole number that is called an amount."""
    return isinstance(value, Decimal) or (field_name == _AMOUNT and isinstance(value, int))


def _decimal(value: Value | object) -> Decimal:
    """A number as a decimal; whatever else is there (nothing, null) counts as zero."""
    if isinstance(value, int):
        return Decimal(value)
    return value if isinstance(value, Decimal) and value.is_finite() else Decimal(0)


def rate_of(runs: Iterable[Mapping[str, Any]]) -> Rate:
    """The rate that these runs measured, by their counts; the assumed one where they wrote too little to say."""
    writes, milliseconds, measured = 0, 0, 0
    for counts in runs:
        took = counts.get("writing_ms", 0)
        done = sum(int(counts.get(f"{side}.{what}", 0)) for side in Side for what in ("created", "patched", "removed"))
        if took and done:
            writes, milliseconds, measured = writes + done, milliseconds + int(took), measured + 1
    if writes < _ENOUGH_WRITES:
        return Rate()
    return Rate(writes * _MILLISECONDS / milliseconds, measured)


def radius_to_json(found: Radius) -> dict[str, Any]:
    """The radius as JSON data. Amounts are text: they are decimals."""
    return {
        "counts": {kind: dict(sides) for kind, sides in found.counts.items()},
        "records_touched": found.records,
        "share_of_linked": round(found.share, 4),
        "waiting": found.waiting,
        "requests": {str(side): count for side, count in found.requests.items()},
        "minutes": round(found.minutes, 2),
        "rate": {
            "writes_per_second": round(found.rate.per_second, 2),
            "measured_in_runs": found.rate.runs,
        },
        "amounts": [
            {
                "side": str(side),
                "field": name,
                "changed": amount.changed,
                "moved": str(amount.moved),
                "created": str(amount.created),
            }
            for (side, name), amount in sorted(found.amounts.items())
        ],
    }
