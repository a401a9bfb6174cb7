"""Events of a mapping: what its settlements tell others. Written to the outbox with the settlement, or not at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from syncd.core.events import About, events_of
from syncd.core.model import Document, Side
from syncd.engine.context import Context
from syncd.ports import Settlement


def settle(ctx: Context, settlements: Sequence[Settlement]) -> None:
    """Settle, and tell what follows from it. Raises what the store raises."""
    ctx.store.settle(_told(ctx, settlements), ctx.name, ctx.run_id, ctx.lease)


def _told(ctx: Context, settlements: Sequence[Settlement]) -> Sequence[Settlement]:
    """The settlements with their events. Nothing is told of what a first, not yet approved plan brings about."""
    if not ctx.telling:
        return settlements
    keys = [one.external_key for one in settlements if one.base is not None and one.external_key is not None]
    known = ctx.store.links_by_key(ctx.name, Side.EXTERNAL, keys)
    before: dict[str, Document] = {key: link.base.flowtly for key, link in known.items()}
    return [_with_events(ctx, one, before) for one in settlements]


def _with_events(ctx: Context, one: Settlement, before: dict[str, Document]) -> Settlement:
    """As Flowtly read when both sides last agreed, and as it reads now."""
    key = one.external_key
    if one.base is None or key is None:
        return one
    subject = {"mapping": ctx.name, "external_key": key, "flowtly_key": one.flowtly_key or ""}
    about = About(f"mapping:{ctx.name}", key, subject)
    events = events_of(ctx.mapping.event_rules, about, before.get(key), one.base.flowtly)
    before[key] = one.base.flowtly
    return replace(one, events=events)
