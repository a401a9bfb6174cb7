"""The round-trip laws of a mapping, tried on generated values; ``syncd check`` names the field that breaks one.

``canonical``  what is read has one spelling.
``put-get``    what is written is read back equal.
``get-put``    writing what was just read changes nothing, and reading it again gives the same.
``usable``     at least something can be read, and something can be written.

A lens may refuse a value it cannot represent; that breaks no law. Nothing here touches a peer: the values are made up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any, Final

from syncd.core.canon import canonical, same
from syncd.core.model import Side, Value
from syncd.mapping.chain import Chain
from syncd.mapping.compiled import CompiledMapping
from syncd.mapping.lenses.base import some_text
from syncd.mapping.links import fixed_links, table_of
from syncd.mapping.lookups import KEY, Lookups, lookup_table
from syncd.mapping.planning import FieldPlan
from syncd.mapping.records import Unfit

_CUT: Final = 160


@dataclass(frozen=True, slots=True)
class LawBreach:
    """A law that a field breaks on one side, with an example of made-up values."""

    field: str
    law: str
    side: Side
    example: str

    def __str__(self) -> str:
        return f"field {self.field!r} breaks {self.law} on the {self.side} side: {self.example}"


def check_laws(mapping: CompiledMapping, lookups: Lookups, rng: Random, samples: int = 200) -> list[LawBreach]:
    """Every law that a field breaks, one example each. Tables that ``lookups`` lacks are made up."""
    tables = {**_made_up(mapping), **lookups, **_made_up_links(mapping)}
    breaches: list[LawBreach] = []
    for plan in mapping.fields:
        found: dict[tuple[str, Side], LawBreach] = {}
        for breach in _breaches(plan, tables, rng, samples):
            found.setdefault((breach.law, breach.side), breach)
        breaches.extend(found.values())
    return breaches


def _breaches(plan: FieldPlan, lookups: Lookups, rng: Random, samples: int) -> Iterator[LawBreach]:
    raws = {side: [_sample(plan.chains[side], rng, lookups) for _ in range(samples)] for side in Side}
    values: list[Value] = []
    for side in Side:
        chain = plan.chains[side]
        if raws[side][0] is None:
            continue  # plain raw fields take what the other side gives
        readings = [_Try(chain.value, raw, lookups) for raw in raws[side]]
        yield from _unusable(plan.name, side, "be read", readings)
        for raw, reading in zip(raws[side], readings, strict=True):
            if reading.refused is None:
                values.append(reading.result)
                yield from _read_laws(plan, side, raw, reading.result, lookups)
    values = values or [_plain(rng) for _ in range(samples)]
    for side in Side:
        if plan.rule.direction.allows(side):
            attempts = [_Try(plan.chains[side].unproven, value, lookups) for value in values]
            yield from _unusable(plan.name, side, "be written", attempts)
            for value, attempt in zip(values, attempts, strict=True):
                if attempt.refused is None:
                    yield from _put_get(plan.name, plan.chains[side], value, attempt.result, lookups)


def _read_laws(plan: FieldPlan, side: Side, raw: Any, value: Value, lookups: Lookups) -> Iterator[LawBreach]:
    if not _alike(value, canonical(value)):
        yield LawBreach(plan.name, "canonical", side, _shown(f"{raw!r} reads as {value!r}, not {canonical(value)!r}"))
    if not plan.rule.direction.allows(side):
        return
    chain = plan.chains[side]
    kept = _Try(chain.parts, value, lookups, raw)
    if kept.refused is None and kept.result != raw:
        yield LawBreach(plan.name, "get-put", side, _shown(f"{raw!r} would be rewritten as {kept.result!r}"))


def _put_get(field: str, chain: Chain, value: Value, written: Any, lookups: Lookups) -> Iterator[LawBreach]:
    back = _Try(chain.value, written, lookups)
    if back.refused is not None:
        yield LawBreach(
            field,
            "put-get",
            chain.side,
            _shown(f"{value!r} is written as {written!r}, which is refused: {back.refused}"),
        )
    elif not same(back.result, value):
        yield LawBreach(
            field, "put-get", chain.side, _shown(f"{value!r} is written as {written!r} and read as {back.result!r}")
        )


def _unusable(field: str, side: Side, what: str, attempts: list[_Try]) -> Iterator[LawBreach]:
    refusals = [attempt.refused for attempt in attempts if attempt.refused is not None]
    if attempts and len(refusals) == len(attempts):
        yield LawBreach(field, "usable", side, _shown(f"no value can {what}: {refusals[0]}"))


class _Try:
    """One attempt at a lens: its result, or why it refused."""

    def __init__(self, function: Any, value: Any, lookups: Lookups, *more: Any) -> None:
        self.result: Any = None
        self.refused: str | None = None
        try:
            self.result = function(value, lookups, *more)
        except Unfit as unfit:
            self.refused = unfit.message


def _sample(chain: Chain, rng: Random, lookups: Lookups) -> tuple[Any, ...] | None:
    """Raw values for one side, or None where its raw fields are plain and say nothing about themselves."""
    if chain.expression is not None:
        return tuple(_plain(rng) for _ in chain.names)
    outer = next((lens for lens in chain.lenses if lens.sample is not None), None)
    if outer is None or outer.sample is None:
        return None
    if outer.arity == len(chain.names):
        return outer.sample(rng, lookups)
    return tuple(part for _ in chain.names for part in outer.sample(rng, lookups))


def _plain(rng: Random) -> Value:
    """A value of any kind that a field without lenses may hold."""
    return rng.choice(
        (
            some_text(rng),
            rng.randint(-1000, 1000),
            Decimal(rng.randint(-(10**6), 10**6)).scaleb(-2),
            rng.choice((True, False)),
        )
    )


def _made_up(mapping: CompiledMapping) -> dict[tuple[str, str], Any]:
    codes = ("AA", "BB", "CC", "DD")
    return {
        (resource, by): lookup_table([{KEY: f"/{resource}/{n}", by: code} for n, code in enumerate(codes)], by)
        for resource, by in mapping.lookups
    }


def _made_up_links(mapping: CompiledMapping) -> dict[tuple[str, str], Any]:
    """Links that nobody has, with keys that may also stand for whole numbers."""
    return {
        table_of(name): fixed_links({str(number): f"/{name}/{number * 7}" for number in range(1, 5)})
        for name in mapping.references
    }


def _alike(one: Value, other: Value) -> bool:
    return same(one, other) and repr(one) == repr(other)


def _shown(text: str) -> str:
    return text if len(text) <= _CUT else text[: _CUT - 3] + "..."
