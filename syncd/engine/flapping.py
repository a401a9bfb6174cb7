"""Tells planning which fields changed hands too often. It reads what was written and leaves decisions to the core."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.core.flapping import NOTHING_KNOWN, Hands, calmed
from syncd.core.model import Pair, Side
from syncd.core.reconcile import Merge
from syncd.engine.context import Context

Flaps = Mapping[str, Mapping[str, Hands]]
"""External key to field to what is known of its writes."""


def flaps_of(ctx: Context, external_keys: Sequence[str]) -> Flaps:
    """What is known of these records' fields: one look for many records, and none for a record that is at rest."""
    return ctx.store.hands(ctx.name, external_keys, ctx.limits.flap_window) if external_keys else {}


def without_flapping(ctx: Context, merge: Merge, pair: Pair, known: Mapping[str, Hands] = NOTHING_KNOWN) -> Merge:
    """The merge with its flapping fields held for a person, each told about once."""
    if not known:
        return merge
    calm = calmed(merge, pair, ctx.rules, known, ctx.limits.flaps)
    if calm is merge or not ctx.options.write:
        return calm
    before = {contest.field for contest in merge.contests}
    for contest in calm.contests:
        if contest.field not in before and not known[contest.field].asked:
            ctx.tally.add("frozen")
            ctx.events(
                "field.frozen",
                field=contest.field,
                external_value=contest.external,
                flowtly_value=contest.flowtly,
                detail=contest.history,
                side=_last(known[contest.field]),
            )
    return calm


def _last(hands: Hands) -> Side | None:
    """Where the last of our writes went."""
    return hands.writes[-1].side if hands.writes else None
