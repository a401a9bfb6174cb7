"""Records without a link: who is who, who is to be created, who has to be asked about. Decides through ``core.match``.

Nothing is linked or created unless both sides were read well enough to know that a partner is not merely unread, and
nothing is created from a side while an earlier create into it is in doubt: its result may be among the strangers. (A
quarantined one holds only strangers with its own keys.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from syncd.core.match import Candidate, Fit, Match, Matching, match
from syncd.core.model import Document, Gone, Pair, Present, Side
from syncd.core.plan import Item, Kind
from syncd.core.reconcile import Create, reconcile
from syncd.engine.answers import link_task, linked_by_hand
from syncd.engine.checking import creatable
from syncd.engine.context import Context
from syncd.engine.likeness import Likenesses, likenesses
from syncd.engine.lookalikes import Alike
from syncd.engine.merging import chunked
from syncd.engine.pools import Pools, needs_attention, sent_keys, strangers_by_side
from syncd.engine.read import Reading
from syncd.engine.references import in_hiding, looked_up_for_writing
from syncd.engine.taken import Taken
from syncd.engine.tasks import AskTask, CreateTask, MergeTask, RestTask, Task, taken_apart
from syncd.engine.whoiswho import Apart, Known, apart_of, parted
from syncd.mapping.compiled import Lookups
from syncd.ports import Observation, Operation, OperationState, Status

_WEAK = "fits by a weaker key only: link them or keep them apart"
_APART = "fits, but a person took one of them apart: link them by hand or leave them apart"

_Members = tuple[tuple[Side, Observation], ...]


def stranger_tasks(ctx: Context, readings: Mapping[Side, Reading], *, approved: bool) -> list[Task]:
    """Tasks for every stranger that needs attention now; only what people named when a side was not read well enough.

    ``approved``: a person has seen how strangers are matched under this mapping; from then on weak matches are asked
    about, by whoever runs it, so that a plan shows what its application does.
    """
    answers = linked_by_hand(ctx)
    if not all(reading.trusted for reading in readings.values()):
        held = [side for side, reading in readings.items() if not reading.trusted]
        ctx.events("strangers.held", reason="not read completely", sides=[str(side) for side in held])
        return list(answers.tasks)
    counts = ctx.store.counts(ctx.name)
    if not any(counts.get(f"{side}.{status}") for side in Side for status in (Status.DIRTY, Status.ASKED)):
        return list(answers.tasks)
    operations = [one for one in ctx.store.open_operations(ctx.name) if one.intent.kind == "create"]
    pools = strangers_by_side(ctx, operations)
    rows = ctx.store.who_is_who(ctx.name)
    apart = apart_of(rows)
    found = match(_candidates(pools[Side.EXTERNAL]), _candidates(pools[Side.FLOWTLY]), levels=len(ctx.mapping.match))
    found = parted(found, apart)
    busy = answers.named | {(one.intent.side.other, one.intent.source_key) for one in operations}
    taken = Taken(ctx, (pools[side][key] for side in Side for key in found.alone[side]))
    alike = likenesses(ctx, pools, found, busy, operations, rows, taken.links)
    tasks = _Tasks(ctx, readings, operations, pools, busy, apart, alike, taken, approved=approved)
    return [*answers.tasks, *tasks.of(found)]


def _candidates(pool: Mapping[str, Observation]) -> Iterator[Candidate]:
    return (Candidate(seen.key, seen.match_keys) for seen in pool.values())


class _Tasks:
    """Turns a matching into tasks.

    Busy records, whose create is open or whose partner a person named, take part in it so that nothing is made beside
    them, and whoever fits them waits until they are linked.
    """

    def __init__(
        self,
        ctx: Context,
        readings: Mapping[Side, Reading],
        operations: Iterable[Operation],
        pools: Pools,
        busy: frozenset[Known],
        apart: Apart,
        alike: Likenesses,
        taken: Taken,
        *,
        approved: bool,
    ) -> None:
        self._ctx = ctx
        self._readings = readings
        self._operations = tuple(operations)
        self._busy = busy
        self._apart = apart
        self._alike = alike
        self._taken = taken
        self._pools = pools
        self._approved = approved
        self._waiting = frozenset(seen.waiting_for for seen in pools[Side.FLOWTLY].values() if seen.waiting_for)

    def of(self, found: Matching) -> Iterator[Task]:
        """Links, questions, creates and records left alone."""
        linking: list[Match] = []
        for one in found.matches:
            members = self._members(one)
            if self._is_busy(members):
                continue
            if any(taken_apart(seen) for _, seen in members):
                yield from self._asked(one, members, "probable", _APART)
            elif one.fit is not Fit.CERTAIN and self._approved:
                yield from self._asked(one, members, "probable", _WEAK)
            elif any(needs_attention(self._ctx, seen) or seen.status is Status.ASKED for _, seen in members):
                linking.append(one)
        yield from _link_tasks(self._ctx, linking)
        for one in found.ambiguous:
            members = self._members(one)
            if not self._is_busy(members):
                yield from self._asked(one, members, "ambiguous", _describe(one))
        for group in self._alike.groups:
            yield from self._looks_like(group)
        for side in Side:
            left = [key for key in found.alone[side] if (side, key) not in self._alike.held]
            yield from self._alone(side, [self._pools[side][key] for key in left])

    def _looks_like(self, group: Alike) -> Iterator[MergeTask | AskTask]:
        """Strangers that are alike by evidence: a link in the first plan only, else a question, or patience."""
        members = tuple((side, self._pools[side][key]) for side, key in group.members)
        if group.tier and not self._approved and not any(taken_apart(seen) for _, seen in members):
            keys = {side: [key] for side, key in group.members}
            pair = [self._ctx.store.observations(self._ctx.name, side, keys[side]).get(keys[side][0]) for side in Side]
            yield from link_task(self._ctx, pair[0], pair[1], f"{Fit.PROBABLE} by evidence ({group.tier})")
        elif group.kind and any(self._is_news(seen, group.detail) for _, seen in members):
            yield _ask(group.kind, members, group.named, group.detail)

    def _members(self, one: Match) -> _Members:
        return tuple(
            (side, self._pools[side][key])
            for side, keys in ((Side.EXTERNAL, one.external), (Side.FLOWTLY, one.flowtly))
            for key in keys
        )

    def _is_busy(self, members: _Members) -> bool:
        return any((side, seen.key) in self._busy for side, seen in members)

    def _asked(self, one: Match, members: _Members, kind: str, detail: str) -> Iterator[AskTask]:
        """A question, unless it is exactly the one that was asked already."""
        if any(self._is_news(seen, detail) for _, seen in members):
            yield _ask(kind, members, {Side.EXTERNAL: one.external, Side.FLOWTLY: one.flowtly}, detail)

    def _is_news(self, seen: Observation, detail: str) -> bool:
        return needs_attention(self._ctx, seen) or (seen.status is Status.ASKED and seen.problem != detail)

    def _alone(self, side: Side, alone: list[Observation]) -> Iterator[Task]:
        """Strangers without a partner: created on the other side, or left in peace, or asked about."""
        ctx = self._ctx
        due = [
            seen
            for seen in alone
            if (side, seen.key) not in self._busy and (needs_attention(ctx, seen) or seen.status is Status.ASKED)
        ]
        if not due:
            return
        if side.other not in ctx.rules.creates:
            for chunk in chunked(due, ctx.limits.batch):
                yield RestTask((), side, tuple(chunk))
            return
        if any(_hides(ctx, one, side) for one in self._operations):
            ctx.events("creates.held", side=str(side.other), reason="an earlier create is in doubt", records=len(due))
            return
        for chunk in chunked(due, ctx.limits.batch):
            yield from self._creates(side, chunk)

    def _creates(self, side: Side, chunk: list[Observation]) -> Iterator[Task]:
        """Creates from some strangers, and questions about those that a linked record speaks against."""
        ctx = self._ctx
        known = ctx.store.observations(ctx.name, side, [seen.key for seen in chunk])
        links = looked_up_for_writing(ctx, side.other, [full.document or {} for full in known.values()])
        hidden = {key for key, full in known.items() if self._hidden(side, full.document or {}, links)}
        if hidden:
            reason = "a record that refers to the same cannot be read yet"
            ctx.events("creates.held", side=str(side.other), reason=reason, records=len(hidden))
        for seen in chunk:
            doubled = [
                owner
                for owner in self._taken.owners(seen)
                if not self._apart.between([(side, seen.key)], [(Side.EXTERNAL, owner)])
            ]
            full = known.get(seen.key)
            if doubled:
                yield from self._twin(side, seen, doubled[0])
            elif full is not None and full.document is not None and seen.key not in hidden:
                yield from _create_task(ctx, side, full, links, recheck=not self._readings[side].full)

    def _hidden(self, side: Side, document: Document, links: Lookups) -> bool:
        """True while the partner may be among the records of the other side that cannot be read yet."""
        return side is Side.EXTERNAL and in_hiding(self._ctx, document, links, self._waiting)

    def _twin(self, side: Side, seen: Observation, owner: str) -> Iterator[AskTask]:
        detail = (
            f"has the match key of a record that is linked already (external {owner}): creating it would double that"
        )
        if self._is_news(seen, detail):
            named = {Side.EXTERNAL: (owner,), Side.FLOWTLY: ()}
            yield _ask("ambiguous", ((side, seen),), {**named, side: (*named[side], seen.key)}, detail)


def _hides(ctx: Context, operation: Operation, side: Side) -> bool:
    """True while the result of a create *into* this side may be any of the strangers here.

    A create that waits for a person is known by its match keys: only strangers like it are held back.
    """
    if operation.intent.side is not side:
        return False
    known = operation.state is OperationState.QUARANTINED
    return not (known and any(sent_keys(ctx, operation)))


def _describe(one: Match) -> str:
    return f"same match key (level {one.level + 1}): external {list(one.external)}, flowtly {list(one.flowtly)}"


def _ask(kind: str, members: _Members, named: Mapping[Side, tuple[str, ...]], detail: str) -> AskTask:
    """The question; it is known by the first of its members on each side, and names everybody it is about."""
    first = {side: next((seen.key for where, seen in members if where is side), None) for side in Side}
    digests = {side: seen.digest for side, seen in members}
    item = Item(Kind.ASK, first[Side.EXTERNAL], first[Side.FLOWTLY], kind, detail=detail, digests=digests)
    return AskTask((item,), kind, members, detail, named)


def _link_tasks(ctx: Context, matches: list[Match]) -> Iterator[MergeTask]:
    for chunk in chunked(matches, ctx.limits.batch):
        external = ctx.store.observations(ctx.name, Side.EXTERNAL, [one.external[0] for one in chunk])
        flowtly = ctx.store.observations(ctx.name, Side.FLOWTLY, [one.flowtly[0] for one in chunk])
        for one in chunk:
            origin = f"{one.fit} by {' + '.join(ctx.mapping.match[one.level])}"
            yield from link_task(ctx, external.get(one.external[0]), flowtly.get(one.flowtly[0]), origin)


def _create_task(ctx: Context, side: Side, seen: Observation, links: Lookups, *, recheck: bool) -> Iterator[CreateTask]:
    """The create, if the rules allow it. Only what would be written has to be linked."""
    document = seen.document or {}
    present = Present(document, seen.changed_at)
    pair = Pair(present, Gone(), None, {}) if side is Side.EXTERNAL else Pair(Gone(), present, None, {})
    outcome = reconcile(pair, ctx.rules)
    if isinstance(outcome, Create):
        outcome = replace(outcome, document=creatable(ctx, outcome.document, document))
        external, flowtly = (seen.key, None) if side is Side.EXTERNAL else (None, seen.key)
        item = Item(
            Kind.CREATE,
            external,
            flowtly,
            outcome.rule,
            side=side.other,
            document=outcome.document,
            digests={side: seen.digest},
            waits_for=ctx.mapping.projection(side.other).waits(outcome.document, links),
        )
        yield CreateTask((item,), side, seen, outcome.document, outcome.rule, recheck)
