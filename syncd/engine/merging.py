"""One pair of records to one task: the bridge from ``core.reconcile`` to plan items. Changes nothing anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeVar

from syncd.core.flapping import NOTHING_KNOWN, Hands
from syncd.core.model import Base, Pair, Rules, Side
from syncd.core.plan import REPLACED, Item, Kind
from syncd.core.reconcile import Merge, held_open, reconcile, settled
from syncd.engine.checking import without_bad
from syncd.engine.context import Context
from syncd.engine.flapping import without_flapping
from syncd.engine.states import View
from syncd.engine.tasks import MergeTask

_T = TypeVar("_T")


def merge_task(
    ctx: Context,
    external: View,
    flowtly: View,
    pair: Pair,
    origin: str = "",
    hands: Mapping[str, Hands] = NOTHING_KNOWN,
    *,
    ours: bool = False,
) -> MergeTask | None:
    """Reconcile one pair; None when nothing at all is to be done. Both sides of ``pair`` must not be gone.

    ``hands``: how often its fields were written lately, for those that change hands again and again are held.
    ``ours``: we made the Flowtly record, so it may be made anew where it cannot be changed.
    """
    outcome = _replacing(ctx, pair, hands) if ours and ctx.capabilities[Side.FLOWTLY].replace else None
    replaces = outcome is not None
    outcome = outcome or _merged(ctx, pair, ctx.rules, hands)
    if outcome is None:
        return None
    items: list[Item] = []
    digests = {
        side: view.digest
        for side, view in ((Side.EXTERNAL, external), (Side.FLOWTLY, flowtly))
        if view.digest is not None
    }
    if origin:
        items.append(Item(Kind.LINK, external.key, flowtly.key, origin, digests=digests))
    for side in Side:
        changes = outcome.to(side)
        if changes:
            reason = ", ".join(sorted({change.rule for change in changes}))
            waits = ctx.mapping.projection(side).waits({one.field: one.after for one in changes}, ctx.lookups)
            items.append(
                Item(
                    Kind.PATCH,
                    external.key,
                    flowtly.key,
                    reason,
                    side=side,
                    changes=changes,
                    digests=digests,
                    detail=REPLACED if replaces and side is Side.FLOWTLY else "",
                    waits_for=waits,
                )
            )
    items.extend(
        Item(
            Kind.ASK,
            external.key,
            flowtly.key,
            "changes hands again and again" if contest.history else contest.fault or "both sides changed",
            digests=digests,
            field=contest.field,
        )
        for contest in outcome.contests
    )
    if not items:
        items.append(Item(Kind.AGREE, external.key, flowtly.key, "equal", digests=digests))
    return MergeTask(tuple(items), external, flowtly, pair.base, outcome, origin, replaces=replaces)


def _merged(ctx: Context, pair: Pair, rules: Rules, hands: Mapping[str, Hands]) -> Merge | None:
    """Both records reconciled, without what must not flow."""
    outcome = reconcile(pair, rules)
    if not isinstance(outcome, Merge):
        return None
    return without_flapping(ctx, without_bad(ctx, outcome, pair), pair, hands)


def _replacing(ctx: Context, pair: Pair, hands: Mapping[str, Hands]) -> Merge | None:
    """What is to be done if the Flowtly record is made anew; None where that changes nothing, or a person is asked.

    A new record has all of its values at once, so nothing of it may be in question.
    """
    outcome = _merged(ctx, pair, ctx.rules_of_ours, hands)
    return outcome if outcome is not None and outcome.to_flowtly and not outcome.contests else None


def remembered_base(ctx: Context, task: MergeTask) -> Base:
    """The base of a merge before its writes: agreed fields as they read, fields still to be written as they were."""
    written = {change.field for side in Side for change in task.merge.to(side)}
    agreed = frozenset(task.merge.agreed) - written
    base = settled(task.base, task.external.document, task.flowtly.document, agreed, ctx.rules)
    return held_open(base, task.merge)


def chunked(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    """Lists of at most ``size`` items."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
