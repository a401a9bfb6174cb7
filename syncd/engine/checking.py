"""Checks of single values, at the three places where they count: reading, merging, creating. Changes no value.

What a tax number is is known to ``counterparties``; what follows a bad one stands in the mapping.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from syncd.core.holding import held
from syncd.core.model import Document, Pair, Present, Side, Value
from syncd.core.reconcile import Merge
from syncd.counterparties.tins import PLACEHOLDER, fault
from syncd.engine.context import Context
from syncd.mapping.checks import Bad, CheckSpec
from syncd.mapping.compiled import RecordProblem


@dataclass(frozen=True, slots=True)
class Fault:
    """A field whose value fails its check."""

    field: str
    check: CheckSpec
    problem: str


def faults(ctx: Context, document: Document) -> tuple[Fault, ...]:
    """Every field of a document whose value fails."""
    found = []
    for name, check in ctx.mapping.checks.items():
        value = document.get(name)
        if value is not None:
            home = None if check.country is None else document.get(check.country)
            problem = fault(str(value), "" if home is None else str(home))
            if problem:
                found.append(Fault(name, check, problem))
    return tuple(found)


def checked(ctx: Context, side: Side, key: str, document: Document) -> tuple[Fault, ...]:
    """Tell of a record's bad values, once for each time it is read anew. Raises RecordProblem to hold the record."""
    found = faults(ctx, document)
    for one in found:
        if one.check.bad is Bad.HOLD_RECORD:
            raise RecordProblem(one.field, one.problem)
    for one in found:
        ctx.tally.add("bad_values", side)
        ctx.events(
            "record.bad_value", side=side, key=key, field=one.field, problem=one.problem, action=str(one.check.bad)
        )
    return found


def identifying(document: Document, found: tuple[Fault, ...]) -> Document:
    """The document for matching: a placeholder is no identity, so two records that share one are not the same."""
    empty: dict[str, Value] = {one.field: None for one in found if one.problem.startswith(PLACEHOLDER)}
    return {**document, **empty} if empty else document


def keys_of(ctx: Context, side: Side, document: Document) -> tuple[str | None, ...]:
    """The match keys of a document, by which it may be taken for another record: none of a placeholder."""
    found = faults(ctx, document) if ctx.mapping.checks else ()
    return ctx.mapping.projection(side).match_keys(identifying(document, found))


def without_bad(ctx: Context, merge: Merge, pair: Pair) -> Merge:
    """The merge with bad values of ``hold_field`` held for a person."""
    if not any(check.bad is Bad.HOLD_FIELD for check in ctx.mapping.checks.values()):
        return merge
    sides = {Side.EXTERNAL: pair.external, Side.FLOWTLY: pair.flowtly}
    known = {side: _held(ctx, seen.document) for side, seen in sides.items() if isinstance(seen, Present)}
    return held(merge, pair, ctx.rules, known)


def creatable(ctx: Context, document: Document, source: Document) -> dict[str, Value]:
    """What a new record gets: without bad values of ``hold_field``. ``source`` is the whole record it is made from."""
    kept_back = _held(ctx, source)
    return {name: value for name, value in document.items() if name not in kept_back}


def _held(ctx: Context, document: Document) -> Mapping[str, str]:
    return {one.field: one.problem for one in faults(ctx, document) if one.check.bad is Bad.HOLD_FIELD}
