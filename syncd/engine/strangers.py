"""Records without a link: who is who, who is to be created, who has to be asked about. Decides through ``core.match``.

Nothing is linked or created unless both sides were read well enough to know that a partner is not merely unread, and
nothing is created while an earlier create for the same mapping is in doubt: its result may be among the strangers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from syncd.core.match import Candidate, Fit, Match, Matching, match, primary
from syncd.core.model import Gone, Pair, Present, Side
from syncd.core.plan import Item, Kind
from syncd.core.reconcile import Create, reconcile
from syncd.engine.context import Context
from syncd.engine.merging import chunked, merge_task
from syncd.engine.read import Reading
from syncd.engine.states import View
from syncd.engine.tasks import AskTask, CreateTask, MergeTask, RestTask, Task
from syncd.ports import Observation, Status

LINK_ANSWER = "link "
PAIR_MARK = " = "
UNLINKED = "unlinked"  # the store's mark on records that a person took apart; they wait until they change


def stranger_tasks(ctx: Context, readings: Mapping[Side, Reading]) -> list[Task]:
    """Tasks for every stranger that needs attention now; empty when a side was not read well enough."""
    answers = _linked_by_hand(ctx)
    if not all(reading.trusted for reading in readings.values()):
        held = [side for side, reading in readings.items() if not reading.trusted]
        ctx.events("strangers.held", reason="not read completely", sides=[str(side) for side in held])
        return answers
    pools = {side: _pool(ctx, side) for side in Side}
    if not any(_needs_attention(ctx, seen) for pool in pools.values() for seen in pool.values()):
        return answers
    answered = {(task.external.key, task.flowtly.key) for task in answers if isinstance(task, MergeTask)}
    for external, flowtly in answered:
        pools[Side.EXTERNAL].pop(external, None)
        pools[Side.FLOWTLY].pop(flowtly, None)
    found = match(_candidates(pools[Side.EXTERNAL]), _candidates(pools[Side.FLOWTLY]), levels=len(ctx.mapping.match))
    return [*answers, *_tasks(ctx, pools, found)]


def _pool(ctx: Context, side: Side) -> dict[str, Observation]:
    """Strangers of a side that could be matched: readable, not taken apart by hand, not a source of an open create."""
    busy = {
        operation.intent.source_key
        for operation in ctx.store.open_operations(ctx.name)
        if operation.intent.kind == "create" and operation.intent.side is side.other
    }
    return {
        seen.key: seen
        for seen in ctx.store.strangers(ctx.name, side)
        if seen.key not in busy and _readable(seen) and not (seen.problem or "").startswith(UNLINKED)
    }


def _readable(seen: Observation) -> bool:
    """A record that could not be mapped has no document; it stays parked until it changes."""
    return not (seen.status in {Status.PARKED, Status.WAITING} and not seen.match_keys)


def _needs_attention(ctx: Context, seen: Observation) -> bool:
    if seen.status is Status.DIRTY:
        return True
    return seen.status is Status.PARKED and seen.due_at is not None and seen.due_at <= ctx.now()


def _candidates(pool: Mapping[str, Observation]) -> Iterator[Candidate]:
    return (Candidate(seen.key, seen.match_keys) for seen in pool.values())


def _tasks(ctx: Context, pools: Mapping[Side, dict[str, Observation]], found: Matching) -> Iterable[Task]:
    linking: list[Match] = []
    for one in found.matches:
        members = _members(pools, one)
        if not any(_needs_attention(ctx, seen) for _, seen in members):
            continue
        if one.fit is Fit.CERTAIN or ctx.options.person or not _approved(ctx):
            linking.append(one)
        else:
            yield _ask(one, members, "probable", "fits by a weaker key only: link them or keep them apart")
    yield from _link_tasks(ctx, linking)
    for one in found.ambiguous:
        members = _members(pools, one)
        if any(_needs_attention(ctx, seen) for _, seen in members):
            yield _ask(one, members, "ambiguous", _describe(one))
    for side in Side:
        yield from _alone_tasks(ctx, side, [pools[side][key] for key in found.alone[side]])


def _approved(ctx: Context) -> bool:
    return ctx.store.state(ctx.name).approved_fingerprint == ctx.mapping.fingerprint


def _members(pools: Mapping[Side, Mapping[str, Observation]], one: Match) -> tuple[tuple[Side, Observation], ...]:
    external = tuple((Side.EXTERNAL, pools[Side.EXTERNAL][key]) for key in one.external)
    return external + tuple((Side.FLOWTLY, pools[Side.FLOWTLY][key]) for key in one.flowtly)


def _describe(one: Match) -> str:
    return f"same match key (level {one.level + 1}): external {list(one.external)}, flowtly {list(one.flowtly)}"


def _ask(one: Match, members: tuple[tuple[Side, Observation], ...], kind: str, detail: str) -> AskTask:
    external = one.external[0] if one.external else None
    flowtly = one.flowtly[0] if one.flowtly else None
    item = Item(Kind.ASK, external, flowtly, kind, detail=detail, digests=_digests(members))
    return AskTask((item,), kind, members, detail)


def _digests(members: Iterable[tuple[Side, Observation]]) -> dict[Side, bytes]:
    return {side: seen.digest for side, seen in members}


def _link_tasks(ctx: Context, matches: list[Match]) -> Iterator[MergeTask]:
    for chunk in chunked(matches, ctx.limits.batch):
        external = ctx.store.observations(ctx.name, Side.EXTERNAL, [one.external[0] for one in chunk])
        flowtly = ctx.store.observations(ctx.name, Side.FLOWTLY, [one.flowtly[0] for one in chunk])
        for one in chunk:
            origin = f"{one.fit} by {' + '.join(ctx.mapping.match[one.level])}"
            yield from link_task(ctx, external.get(one.external[0]), flowtly.get(one.flowtly[0]), origin)


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


def _linked_by_hand(ctx: Context) -> list[Task]:
    """Pairs that a person named in answer to a question and that are not tied yet."""
    tasks: list[Task] = []
    for row in [*ctx.store.answers(ctx.name, "probable"), *ctx.store.answers(ctx.name, "ambiguous")]:
        if row.resolution is None or not row.resolution.startswith(LINK_ANSWER):
            continue
        external, _, flowtly = row.resolution.removeprefix(LINK_ANSWER).partition(PAIR_MARK)
        seen = ctx.store.observation(ctx.name, Side.EXTERNAL, external)
        other = ctx.store.observation(ctx.name, Side.FLOWTLY, flowtly)
        tied = ctx.store.links_by_key(ctx.name, Side.EXTERNAL, [external]) or ctx.store.links_by_key(
            ctx.name, Side.FLOWTLY, [flowtly]
        )
        if not tied:
            tasks.extend(link_task(ctx, seen, other, "manual"))
    return tasks


def _alone_tasks(ctx: Context, side: Side, alone: list[Observation]) -> Iterator[Task]:
    """Strangers without a partner: created on the other side, or left in peace, or asked about."""
    due = [seen for seen in alone if _needs_attention(ctx, seen)]
    if not due:
        return
    if side.other not in ctx.rules.creates:
        for chunk in chunked(due, ctx.limits.batch):
            yield RestTask((), side, tuple(chunk))
        return
    if _in_doubt(ctx, side):
        ctx.events("creates.held", side=str(side.other), reason="an earlier create is in doubt", records=len(due))
        return
    taken = _taken_keys(ctx, due)
    for chunk in chunked(due, ctx.limits.batch):
        documents = ctx.store.observations(ctx.name, side, [seen.key for seen in chunk])
        for seen in chunk:
            strongest = primary(Candidate(seen.key, seen.match_keys))
            owner = taken.get(strongest) if strongest is not None else None
            full = documents.get(seen.key)
            if owner is not None:
                yield _twin_task(side, seen, owner)
            elif full is not None and full.document is not None:
                yield from _create_task(ctx, side, full)


def _in_doubt(ctx: Context, side: Side) -> bool:
    """True while a create *into* this side has no known outcome: its result may be one of the strangers here."""
    return any(
        operation.intent.kind == "create" and operation.intent.side is side
        for operation in ctx.store.open_operations(ctx.name)
    )


def _taken_keys(ctx: Context, due: Iterable[Observation]) -> dict[tuple[int, str], str]:
    """Match keys of strangers that a linked record already has, on either side, with that record's external key."""
    wanted = {strongest for seen in due if (strongest := primary(Candidate(seen.key, seen.match_keys))) is not None}
    taken: dict[tuple[int, str], str] = {}
    for link in ctx.store.links(ctx.name):
        for side in Side:
            keys = ctx.mapping.projection(side).match_keys(link.base.of(side))
            for level, text in enumerate(keys):
                if text is not None and (level, text) in wanted:
                    taken[level, text] = link.external_key
    return taken


def _twin_task(side: Side, seen: Observation, owner: str) -> AskTask:
    detail = f"has the match key of a record that is linked already (external {owner}): creating it would double that"
    external, flowtly = (seen.key, None) if side is Side.EXTERNAL else (None, seen.key)
    item = Item(Kind.ASK, external, flowtly, "ambiguous", detail=detail, digests={side: seen.digest})
    return AskTask((item,), "ambiguous", ((side, seen),), detail)


def _create_task(ctx: Context, side: Side, seen: Observation) -> Iterator[CreateTask]:
    document = seen.document or {}
    present = Present(document, seen.changed_at)
    pair = Pair(present, Gone(), None, {}) if side is Side.EXTERNAL else Pair(Gone(), present, None, {})
    outcome = reconcile(pair, ctx.rules)
    if isinstance(outcome, Create):
        external, flowtly = (seen.key, None) if side is Side.EXTERNAL else (None, seen.key)
        item = Item(
            Kind.CREATE,
            external,
            flowtly,
            outcome.rule,
            side=side.other,
            document=outcome.document,
            digests={side: seen.digest},
        )
        yield CreateTask((item,), side, seen, outcome.document, outcome.rule)
