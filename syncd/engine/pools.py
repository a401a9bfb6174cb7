"""The strangers of both sides that take part in matching, with their match keys. Decides and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from syncd.core.model import Side
from syncd.engine.checking import keys_of
from syncd.engine.context import Context
from syncd.engine.merging import chunked
from syncd.engine.tasks import taken_apart
from syncd.ports import Observation, Operation, Status

Pools = Mapping[Side, dict[str, Observation]]


def strangers_by_side(ctx: Context, operations: Iterable[Operation]) -> Pools:
    """Strangers by side and key, without their documents.

    The source of an open create is there with the keys that were sent: what has them may be its result.
    """
    pools = {side: _pool(ctx, side) for side in Side}
    for operation in operations:
        key, pool = operation.intent.source_key, pools[operation.intent.side.other]
        known = pool.get(key) or Observation(key, b"", None, status=Status.SETTLED_ALONE)
        pool[key] = replace(known, match_keys=sent_keys(ctx, operation))
    return pools


def sent_keys(ctx: Context, operation: Operation) -> tuple[str | None, ...]:
    """The match keys of what a create sent."""
    return keys_of(ctx, operation.intent.side, operation.intent.payload)


def needs_attention(ctx: Context, seen: Observation) -> bool:
    """True for a stranger that is new, changed, or due to be tried again."""
    if seen.status is Status.DIRTY:
        return True
    return seen.status is Status.PARKED and seen.due_at is not None and seen.due_at <= ctx.now()


def _pool(ctx: Context, side: Side) -> dict[str, Observation]:
    pool = {seen.key: seen for seen in ctx.store.strangers(ctx.name, side) if _comparable(seen)}
    # Records that were taken apart at rest come without keys: the store does not know the mapping.
    bare = [key for key, seen in pool.items() if taken_apart(seen) and not any(seen.match_keys)]
    for keys in chunked(bare, ctx.limits.batch):
        for key, full in ctx.store.observations(ctx.name, side, keys).items():
            pool[key] = replace(pool[key], match_keys=keys_of(ctx, side, full.document or {}))
    return pool


def _comparable(seen: Observation) -> bool:
    """A record that could not be mapped has no keys; it stays parked until it changes."""
    return not (seen.status in {Status.PARKED, Status.WAITING} and not seen.match_keys)
