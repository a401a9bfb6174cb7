"""Absence into evidence: what two complete readings did not see is looked at, one by one. Writes to no peer.

A record that answers although no list shows it is excused: it left the mapping's scope, or the list is wrong, and a
list that was caught being wrong proves nothing more in this run. Only "there is none" from the peer itself is proof.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from syncd.core.model import Side
from syncd.engine.context import Context
from syncd.engine.following import Losses
from syncd.engine.read import Reading
from syncd.engine.successors import follow_successors, merged_away
from syncd.engine.trouble import describe
from syncd.errors import BadAnswer, Denied, Later, NotFound, Refused, Stale
from syncd.ports import Absent, Record, Removal

LOOKS: Final = 500
"""Records looked at in one run and on one side; more are looked at in later runs."""

LEFT = "left the mapping's scope"
HIDDEN = "is there, although no list shows it"
MERGED_AWAY = "the ERP merged it into another record"


def sweep(ctx: Context, readings: Mapping[Side, Reading]) -> None:
    """Withdraw what came back, and prove or excuse what is missing. Raises LeaseLost and StoreUnavailable only."""
    follow_successors(ctx)
    for one in ctx.store.withdraw(ctx.name, ctx.mapping.fingerprint, ctx.run_id, ctx.lease):
        ctx.tally.add("withdrawn", one.side)
        _say(ctx, "removal.withdrawn", one)
    losses = Losses(ctx)
    losses.settle_questions(readings)
    for side in Side:
        if side not in ctx.blocked and readings[side].error is None:
            _look_at_missing(ctx, side, losses)


def _look_at_missing(ctx: Context, side: Side, losses: Losses) -> None:
    again: timedelta = ctx.mapping.spec.schedule.full
    missing = ctx.store.absences(ctx.name, side, ctx.mapping.fingerprint, LOOKS, again)
    for number, absent in enumerate(missing, 1):
        if ctx.stop.is_set() or not _look(ctx, absent, losses):
            return
        ctx.progress(f"looking for missing {side}", number, len(missing))


def _look(ctx: Context, absent: Absent, losses: Losses) -> bool:
    """Ask the peer for one record; False when it is in trouble, or when its lists cannot be believed."""
    side = absent.side
    try:
        record = ctx.peers[side].read(ctx.queries[side], absent.key)
    except NotFound as answer:
        told = losses.explained(absent)
        if told is False:
            return _prove(ctx, absent, f"{absent.key}: {describe(answer)}")
        return told is True
    except (Denied, Later, BadAnswer, Refused) as error:
        ctx.events("missing.unread", side=side, key=absent.key, detail=describe(error))
        return not isinstance(error, Denied | Later)
    if side is Side.EXTERNAL and _went_on(ctx, absent, record):
        return True
    if ctx.mapping.projection(side).in_scope(record.raw):
        ctx.store.excuse(absent, ctx.name, HIDDEN, ctx.lease)
        ctx.contradicted.add(side)
        ctx.events("read.contradicted", side=side, key=absent.key, detail=HIDDEN)
        return False
    ctx.store.excuse(absent, ctx.name, LEFT, ctx.lease)
    ctx.events("record.left_scope", side=side, key=absent.key)
    return True


def _went_on(ctx: Context, absent: Absent, record: Record) -> bool:
    """True for one that the ERP keeps as merged into another one, and that its lists leave out."""
    link = ctx.store.links_by_key(ctx.name, Side.EXTERNAL, [absent.external_key]).get(absent.external_key)
    if link is None or not merged_away(ctx, link, record):
        return False
    ctx.store.excuse(absent, ctx.name, MERGED_AWAY, ctx.lease)
    return True


def _prove(ctx: Context, absent: Absent, evidence: str) -> bool:
    try:
        proven = ctx.store.prove(absent, ctx.name, ctx.mapping.fingerprint, evidence, ctx.run_id, ctx.lease)
    except Stale:
        return True  # seen again, or the link is another one by now
    ctx.tally.add("gone", absent.side)
    _say(ctx, "record.gone", proven)
    return True


def _say(ctx: Context, event: str, one: Removal) -> None:
    ctx.events(
        event,
        side=one.side,
        external=one.external_key,
        flowtly=one.flowtly_key,
        removal=one.id,
        certificates=[one.first_certificate, one.second_certificate],
        detail=one.detail or one.evidence,
    )
