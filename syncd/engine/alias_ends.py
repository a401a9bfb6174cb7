"""How an alias ends: gone, linked itself, or in the place of its primary. Takes nothing that was not seen for gone.

An alias whose record is missing ends only when the ERP said twice, in two runs with complete readings, that there is
none. Nothing at Flowtly follows from that: the primary is still there.
"""

from __future__ import annotations

from dataclasses import replace

from syncd.core.model import Side
from syncd.engine.context import Context
from syncd.engine.read import observe
from syncd.engine.telling import settle
from syncd.engine.trouble import describe
from syncd.errors import BadAnswer, Denied, Later, NotFound, Refused
from syncd.ports import Absent, Record, Settlement, SideState
from syncd.ports.aliases import Alias


def drop(ctx: Context, one: Alias, reason: str) -> None:
    """It is an alias no more."""
    ctx.store.drop_alias(ctx.name, one.external_key, reason, ctx.lease)
    ctx.events("alias.ended", external=one.external_key, primary=one.primary, reason=reason)


def look_for(ctx: Context, one: Alias, *, whole: bool, behind: bool) -> None:
    """An alias of which nothing is known: asked for by its key when something waits for it, or nobody saw it.

    Only a complete reading that did not see it, and then the ERP's word, count as missed.
    """
    if not (whole or behind) or one.missed_run == ctx.run_id:
        return
    try:
        record = ctx.peers[Side.EXTERNAL].read(ctx.queries[Side.EXTERNAL], one.external_key)
    except NotFound:
        if whole and one.missed_run is not None:
            drop(ctx, one, "its record is gone")
        elif whole:
            ctx.store.keep_alias(replace(one, missed_run=ctx.run_id), ctx.lease)
        return
    except (Denied, Later, BadAnswer, Refused) as error:
        ctx.events("missing.unread", side=Side.EXTERNAL, key=one.external_key, detail=describe(error))
        return
    if ctx.mapping.projection(Side.EXTERNAL).in_scope(record.raw):
        _note(ctx, record)


def promoted(ctx: Context, absent: Absent) -> bool | None:
    """Put the first alias that lives in the place of its primary, whose record is gone; None while nobody can tell.

    False when there is none: then the loss is a loss like any other.
    """
    for one in ctx.store.aliases_of(ctx.name, [absent.external_key]).get(absent.external_key, []):
        try:
            record = ctx.peers[Side.EXTERNAL].read(ctx.queries[Side.EXTERNAL], one.external_key)
        except NotFound:
            continue
        except (Denied, Later, BadAnswer, Refused) as error:
            ctx.events("missing.unread", side=Side.EXTERNAL, key=one.external_key, detail=describe(error))
            return None
        if not ctx.mapping.projection(Side.EXTERNAL).in_scope(record.raw):
            continue
        why = f"{absent.external_key} is gone, and this is another record of the same"
        if ctx.store.promote_alias(ctx.name, one.external_key, why, ctx.run_id, ctx.lease):
            _note(ctx, record)
            ctx.tally.add("promoted")
            ctx.events(
                "alias.promoted", external=one.external_key, flowtly=absent.flowtly_key, before=absent.external_key
            )
            return True
    return False


def _note(ctx: Context, record: Record) -> None:
    """What it reads now is pending, to be planned with."""
    seen = observe(ctx, Side.EXTERNAL, record)
    settle(ctx, [Settlement(record.key, None, external=SideState(seen.digest, seen))])
