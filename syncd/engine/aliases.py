"""Aliases keep up with their primary: read by all, written by the primary. Never makes or deletes a record.

What the primary's side of its link agreed on since is sent to each alias in the same run, after all else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.core.aliasing import Carried, Standing, carry
from syncd.core.canon import same
from syncd.core.model import ABSENT, Decision, Document, Side
from syncd.engine.alias_ends import drop, look_for
from syncd.engine.alias_writing import ALIAS, Carry, Due, keep, same_document
from syncd.engine.context import Context
from syncd.engine.merging import chunked
from syncd.engine.read import Reading
from syncd.ports import ConflictRow, Link, Status
from syncd.ports.aliases import Alias


def carry_aliases(ctx: Context, readings: Mapping[Side, Reading]) -> None:
    """Bring every alias up to date with its primary. Raises LeaseLost and StoreUnavailable only."""
    every = ctx.store.aliases(ctx.name)
    if not every or Side.EXTERNAL in ctx.blocked:
        return
    asked = {
        (row.external_key or "", row.field): row
        for row in ctx.store.conflicts(ctx.name, open_only=True)
        if row.kind == ALIAS
    }
    certificate = readings[Side.EXTERNAL].certificate
    whole = certificate is not None and certificate.complete
    due: list[Due] = []
    for chunk in chunked(every, ctx.limits.batch):
        due.extend(_due(ctx, chunk, asked, whole=whole))
    writing = sum(1 for one in due if one.carried.writes)
    if writing > ctx.limits.caps.max_changes and not ctx.options.beyond_caps:
        limit = ctx.limits.caps.max_changes
        ctx.events("aliases.held", aliases=writing, detail=f"the limit max_changes is {limit}", action="syncd apply")
        return
    for one in due:
        if ctx.stop.is_set() or Side.EXTERNAL in ctx.blocked:
            return
        if one.carried.writes:
            Carry(ctx, one).run()
        else:
            keep(ctx, one, one.carried, one.seen, ())


def _due(
    ctx: Context, chunk: Sequence[Alias], asked: Mapping[tuple[str, str], ConflictRow], *, whole: bool
) -> list[Due]:
    keys = [one.external_key for one in chunk]
    links = ctx.store.links_by_key(ctx.name, Side.EXTERNAL, [*keys, *(one.primary for one in chunk)])
    pending = ctx.store.observations(ctx.name, Side.EXTERNAL, keys)
    known = pending.keys() | links.keys()
    unread = [one for one in chunk if one.external_key not in known and one.primary in links]
    for one in unread:
        look_for(ctx, one, whole=whole, behind=_is_behind(ctx, one, links[one.primary]))
    if unread:
        pending = ctx.store.observations(ctx.name, Side.EXTERNAL, keys)
    decisions = ctx.store.decisions(ctx.name, keys)
    found: list[Due] = []
    for one in chunk:
        link, seen = links.get(one.primary), pending.get(one.external_key)
        if one.external_key in links:
            drop(ctx, one, "it is linked itself")
        elif link is None:
            ctx.store.part_alias(ctx.name, one.external_key, f"syncd: {one.primary} is linked no more")
            ctx.events("alias.ended", external=one.external_key, primary=one.primary, reason="its primary has no link")
        elif seen is not None and seen.document is not None and seen.status not in {Status.PARKED, Status.WAITING}:
            said = decisions.get(one.external_key, {})
            carried = _carried(ctx, one, link, seen.document, said)
            due = Due(one, link, seen, carried, said, asked)
            if _is_news(due):
                found.append(due)
    return found


def _carried(
    ctx: Context, one: Alias, link: Link, now: Document, decisions: Mapping[str, Sequence[Decision]]
) -> Carried:
    return carry(Standing(now, one.base, one.told), link.base.external, _writable(ctx), decisions)


def _writable(ctx: Context) -> dict[str, bool]:
    return {
        name: rule.direction.allows(Side.EXTERNAL) and Side.EXTERNAL not in rule.fixed
        for name, rule in ctx.rules.fields.items()
    }


def _is_behind(ctx: Context, one: Alias, link: Link) -> bool:
    """True where the primary has agreed on something since that the alias may get."""
    now = link.base.external
    return any(
        may and name in now and not same(now[name], one.told.get(name, ABSENT)) for name, may in _writable(ctx).items()
    )


def _is_news(due: Due) -> bool:
    """False where everything is as it was left: at rest, or asked about with these very values."""
    one, carried = due.alias, due.carried
    resting = Status.ASKED if carried.contests else Status.SETTLED_ALONE
    if due.seen.status is not resting or carried.writes or one.missed_run is not None:
        return True
    if not same_document(carried.base, one.base) or not same_document(carried.told, one.told):
        return True
    open_now = {field for key, field in due.asked if key == one.external_key}
    if open_now != {contest.field for contest in carried.contests}:
        return True
    return any(
        not same(due.asked[one.external_key, contest.field].external, contest.alias)
        or not same(due.asked[one.external_key, contest.field].flowtly, contest.primary)
        for contest in carried.contests
    )
