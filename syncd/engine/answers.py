"""What people said about who is who, as tasks: two strangers are one, or a stranger is one with a linked record.

Decides nothing of its own, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from syncd.core.model import Pair, Present, Side
from syncd.core.plan import Item, Kind
from syncd.engine.context import Context
from syncd.engine.merging import merge_task
from syncd.engine.states import View
from syncd.engine.tasks import AliasTask, MergeTask
from syncd.engine.whoiswho import LINK_ANSWER, PAIR_MARK, Known
from syncd.ports import WHO_IS_WHO, ConflictRow, Link, Observation
from syncd.ports.aliases import Alias


@dataclass(frozen=True, slots=True)
class Answers:
    """Pairs that a person named: tasks for those that can be tied now, and every record so named."""

    tasks: tuple[MergeTask | AliasTask, ...]
    named: frozenset[Known]


def linked_by_hand(ctx: Context) -> Answers:
    """Pairs that a person named in answer to a question and that are not tied yet.

    A record that was named is neither matched nor created otherwise, even while its partner has not been read: the
    result of a create may be listed late. Of two answers that name one record the first counts.
    """
    tasks: list[MergeTask | AliasTask] = []
    named: set[Known] = set()
    for row in [row for kind in WHO_IS_WHO for row in ctx.store.answers(ctx.name, kind)]:
        if row.resolution is None or not row.resolution.startswith(LINK_ANSWER):
            continue
        external, _, flowtly = row.resolution.removeprefix(LINK_ANSWER).partition(PAIR_MARK)
        pair = {(Side.EXTERNAL, external), (Side.FLOWTLY, flowtly)}
        links = ctx.store.links_by_key(ctx.name, Side.FLOWTLY, [flowtly])
        if pair & named or ctx.store.links_by_key(ctx.name, Side.EXTERNAL, [external]):
            continue
        seen = ctx.store.observation(ctx.name, Side.EXTERNAL, external)
        if flowtly in links:
            alias = _alias_task(ctx, row, seen, links[flowtly])
            if alias is not None:
                named.add((Side.EXTERNAL, external))
                tasks.append(alias)
            continue
        named |= pair
        other = ctx.store.observation(ctx.name, Side.FLOWTLY, flowtly)
        ready = list(link_task(ctx, seen, other, "manual"))
        tasks.extend(ready)
        if not ready:
            ctx.events("answer.waiting", external=external, flowtly=flowtly, detail="one of them has not been read")
    return Answers(tuple(tasks), frozenset(named))


def link_task(
    ctx: Context, external: Observation | None, flowtly: Observation | None, origin: str
) -> Iterator[MergeTask]:
    """The task that ties two strangers; none when either cannot be read."""
    if external is None or flowtly is None or external.document is None or flowtly.document is None:
        return
    pair = Pair(
        Present(external.document, external.changed_at), Present(flowtly.document, flowtly.changed_at), None, {}
    )
    task = merge_task(
        ctx,
        View(external.key, external.document, external.digest, external),
        View(flowtly.key, flowtly.document, flowtly.digest, flowtly),
        pair,
        origin,
    )
    if task is not None:
        yield task


def _alias_task(ctx: Context, row: ConflictRow, seen: Observation | None, link: Link) -> AliasTask | None:
    """The stranger beside the link. It keeps what it says: only later changes of the primary go to it.

    Only where the question named the linked record: nobody is tied to one that he was not asked about.
    """
    asked = any(isinstance(row.of(side), tuple) and link.key(side) in row.named(side) for side in Side)
    if not asked or seen is None or seen.document is None:
        return None
    alias = Alias(
        ctx.name,
        seen.key,
        link.external_key,
        link.flowtly_key,
        base=seen.document,
        told=link.base.external,
        since=ctx.now(),
        by=f"answer {row.id}",
    )
    reason = f"another record of {link.external_key}"
    item = Item(Kind.LINK, seen.key, link.flowtly_key, reason, digests={Side.EXTERNAL: seen.digest})
    return AliasTask((item,), alias, row.id)
