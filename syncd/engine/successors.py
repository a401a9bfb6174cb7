"""Merges by people in an ERP that keeps the merged record and names its successor. Writes to no peer.

The link follows to the successor. Where that is linked already, two Flowtly records are one company by the ERP's word,
and a person is asked; nothing is made, and nothing is deleted for it.
"""

from __future__ import annotations

from typing import Final

from syncd.core.model import Side
from syncd.engine.context import Context
from syncd.engine.following import ask
from syncd.engine.merging import chunked
from syncd.engine.pointers import successor_of
from syncd.engine.read import observe
from syncd.engine.telling import settle
from syncd.engine.trouble import describe
from syncd.errors import BadAnswer, Denied, Later, NotFound, Refused
from syncd.ports import Link, Record, Settlement, SideState

_STEPS: Final = 20
"""Merges after one another that are followed; more are a circle, or nobody's work."""


def follow_successors(ctx: Context) -> None:
    """Let every link follow whose external record went into another one, as far as this run has read of it.

    Raises LeaseLost and StoreUnavailable only.
    """
    if not ctx.options.write or ctx.options.strict:
        return
    for keys in chunked(sorted(ctx.successors), ctx.limits.batch):
        links = ctx.store.links_by_key(ctx.name, Side.EXTERNAL, keys)
        _forget(ctx, [key for key in keys if key not in links])
        for key, link in sorted(links.items()):
            if ctx.stop.is_set() or Side.EXTERNAL in ctx.blocked:
                return
            _follow(ctx, link, ctx.successors[key])


def merged_away(ctx: Context, link: Link, record: Record) -> bool:
    """True for a record that no list shows and that went into another one; its link follows at once."""
    into = successor_of(ctx, record)
    if into is None:
        return False
    ctx.successors[record.key] = into
    if ctx.options.write and not ctx.options.strict:
        _follow(ctx, link, into)
    return True


def _forget(ctx: Context, keys: list[str]) -> None:
    """What was pending of a record without a link that went into another one; one that was an alias is none now."""
    for key in keys:
        if ctx.store.alias(ctx.name, key) is not None:
            ctx.store.drop_alias(ctx.name, key, f"the ERP merged it into {ctx.successors[key]}", ctx.lease)
            ctx.events("alias.ended", external=key, primary="", reason="the ERP merged it into another record")
    for key, seen in ctx.store.observations(ctx.name, Side.EXTERNAL, keys).items():
        settle(ctx, [Settlement(key, None, external=SideState(seen.digest), closed_fields=("*",))])


def _follow(ctx: Context, link: Link, into: str) -> None:
    last = _last(ctx, link.external_key, into)
    if last is None:
        return
    partners = ctx.store.partners(ctx.name, Side.EXTERNAL, [last.key])
    there = partners.get(last.key)
    why = f"the ERP merged {link.external_key} into {last.key}"
    if there == link.flowtly_key:
        ctx.store.promote_alias(ctx.name, last.key, why, ctx.run_id, ctx.lease)
    elif there is not None:
        named = {Side.EXTERNAL: [link.external_key, last.key], Side.FLOWTLY: [link.flowtly_key, there]}
        ask(ctx, link, named, f"{why}, so {link.flowtly_key} and {there} are one: merge them in Flowtly, or say apart")
        return
    elif not ctx.mapping.projection(Side.EXTERNAL).in_scope(last.raw):
        named = {Side.EXTERNAL: [link.external_key, last.key], Side.FLOWTLY: [link.flowtly_key]}
        ask(ctx, link, named, f"{why}, which the mapping's filter leaves out")
        return
    else:
        seen = observe(ctx, Side.EXTERNAL, last)
        settle(ctx, [Settlement(last.key, None, external=SideState(seen.digest, seen))])
        if not ctx.store.move_link(ctx.name, link.external_key, last.key, why, ctx.run_id, ctx.lease):
            return  # a create of it is open: it ends first
    ctx.tally.add("followed")
    ctx.events("link.moved", before=link.external_key, external=last.key, flowtly=link.flowtly_key)


def _last(ctx: Context, key: str, into: str) -> Record | None:
    """The end of a way over several merges, as it reads now; None where there is none, or nobody can tell."""
    passed = {key}
    for _ in range(_STEPS):
        if into in passed:
            return None
        passed.add(into)
        try:
            record = ctx.peers[Side.EXTERNAL].read(ctx.queries[Side.EXTERNAL], into)
        except (NotFound, Denied, Later, BadAnswer, Refused) as error:
            ctx.events("missing.unread", side=Side.EXTERNAL, key=into, detail=describe(error))
            return None
        further = successor_of(ctx, record)
        if further is None:
            return record
        into = further
    return None
