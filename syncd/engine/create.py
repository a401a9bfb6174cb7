"""Make one record at a peer that has no idempotency keys: intent, send once, settle. A lost answer stays in doubt.

Nothing here ever sends a second time; only ``engine.recover`` may clear the way for that, after a probe.
"""

from __future__ import annotations

from syncd.core.canon import same
from syncd.core.model import Base, Direction, Document, Side, Value
from syncd.core.reconcile import settled
from syncd.engine import history
from syncd.engine.context import Context
from syncd.engine.marking import MARK
from syncd.engine.read import observe
from syncd.engine.states import NEVER_READ, View, parked, postponed, side_state
from syncd.engine.tasks import CreateTask
from syncd.engine.telling import settle
from syncd.engine.trouble import Gate, describe, failed, withheld
from syncd.errors import BadAnswer, Denied, Later, NotFound, RateLimited, Refused, Stale, UnknownOutcome, Withheld
from syncd.mapping.compiled import RecordProblem
from syncd.mapping.links import shown, waits_for_link
from syncd.ports import (
    Intent,
    NewConflict,
    Observation,
    Operation,
    OperationState,
    Raw,
    Record,
    Settlement,
    SideState,
)

ADOPTED = history.ADOPTED


def create_record(ctx: Context, task: CreateTask) -> None:
    """Create and link. Trouble with this record stays here. Raises LeaseLost and StoreUnavailable only."""
    side = task.target
    if side in ctx.blocked:
        return
    if task.recheck and not _still_there(ctx, task):
        return
    waits = task.items[0].waits_for
    if waits is not None:
        # Even if it was linked since the plan: what else refers to it was read before, and could be the same record.
        _park(ctx, task, None, RecordProblem("reference", f"waits for {shown(waits)}", waits))
        return
    intent = Intent("create", side, task.observation.key, None, task.document, task.rule)
    try:
        fields = ctx.mapping.projection(side).writes(task.document, ctx.lookups, None)
        (operation,) = ctx.store.intend([intent], ctx.name, ctx.run_id, ctx.lease)
    except RecordProblem as problem:
        _park(ctx, task, None, problem)
        return
    except Stale:
        return  # another create for this record is open; it ends first
    send_create(ctx, task, operation, fields)


def send_create(ctx: Context, task: CreateTask, operation: Operation, fields: Raw) -> None:
    """Send what was intended, and settle what became of it. Raises LeaseLost and StoreUnavailable only."""
    side = task.target
    gate = Gate(ctx, side, task.observation.key)
    if side is Side.FLOWTLY and ctx.mapping.spec.flowtly.marker is not None:
        fields = {**fields, MARK: task.observation.key}
    try:
        with ctx.sending():
            record = ctx.peers[side].create(ctx.queries[side], fields)
    except UnknownOutcome as error:
        ctx.tally.add("in_doubt", side)
        ctx.events("write.in_doubt", side=side, source=task.observation.key, kind="create", detail=str(error))
        end_operation(ctx, operation, OperationState.IN_DOUBT, describe(error))
        gate.trouble(error)
        return
    except Withheld as error:
        end_operation(ctx, operation, OperationState.DROPPED, describe(error))
        withheld(ctx, side, task.observation.key, error, task.observation.problem)
        _keep(ctx, task, parked(task.observation, describe(error), ctx.now()))
        return
    except Refused as error:
        _park(ctx, task, operation, error)
        return
    except (Denied, Later, BadAnswer, NotFound, Stale) as error:
        gate.trouble(error)
        end_operation(ctx, operation, OperationState.DROPPED, describe(error))
        if not isinstance(error, Denied | RateLimited):
            _keep(ctx, task, postponed(task.observation, describe(error), ctx.now()))
        return
    gate.fine()
    source = View(task.observation.key, task.observation.document or {}, task.observation.digest, task.observation)
    settle_created(ctx, operation, source, record, "created")


def settle_created(ctx: Context, operation: Operation, source: View, record: Record, origin: str) -> None:
    """Link the record that a create made (or that a probe found) with its source.

    Values the create sent are agreed as each side reads now, so a peer that rewrites them stays quiet. A default that
    the peer filled in is left open and flows back, as on any first link. For a record that a probe found, a value that
    is not as it was sent is left open too: it may be somebody's edit.
    """
    side = operation.intent.side
    made = _view(ctx, side, record, operation.intent.payload)
    sent = _sent(ctx, side, source.document, operation.intent.payload)
    agreed = frozenset(
        name
        for name, value in sent.items()
        if same(made.document.get(name), value) or (value is not None and origin != ADOPTED)
    )
    documents = {side: made.document, side.other: sent}
    base = settled(None, documents[Side.EXTERNAL], documents[Side.FLOWTLY], agreed, ctx.rules)
    views = {side: made, side.other: source}
    keys = views[Side.EXTERNAL].key, views[Side.FLOWTLY].key
    settlement = Settlement(
        external_key=keys[0],
        flowtly_key=keys[1],
        base=base,
        origin=origin,
        external=_state(ctx, views[Side.EXTERNAL], base, Side.EXTERNAL),
        flowtly=_state(ctx, views[Side.FLOWTLY], base, Side.FLOWTLY),
        operation=operation.id,
        operation_state=OperationState.DONE,
        operation_detail=origin,
        closed_fields=("*",),
        ledger=tuple(history.of_created(keys, operation, made.document, origin)),
    )
    settle(ctx, [settlement])
    old = operation.intent.target_key
    ctx.tally.add(origin if old is None else "replaced", side)
    if old is None:
        ctx.events(f"record.{origin}", side=side, external=keys[0], flowtly=keys[1])
    else:
        ctx.events("record.replaced", side=side, external=keys[0], before=old, flowtly=record.key, origin=origin)


def _still_there(ctx: Context, task: CreateTask) -> bool:
    """Look at the source once more. One that is gone or out of scope is forgotten, one that moved is planned again."""
    side, seen = task.source, task.observation
    gate = Gate(ctx, side, task.observation.key)
    projection = ctx.mapping.projection(side)
    try:
        record = ctx.peers[side].read(ctx.queries[side], seen.key)
    except NotFound:
        _keep(ctx, task, None)
        return False
    except (Denied, Later, BadAnswer, Refused) as error:
        gate.trouble(error)
        return False
    gate.fine()
    if not projection.in_scope(record.raw):
        _keep(ctx, task, None)
        return False
    digest = projection.digest(record.raw, ctx.lookups)
    if digest != seen.digest:
        _keep(ctx, task, observe(ctx, side, record, digest))
        ctx.tally.add("stale", side)
        ctx.events("write.stale", side=side, key=seen.key)
        return False
    return True


def _keep(ctx: Context, task: CreateTask, observation: Observation | None) -> None:
    """What stays pending of the source of a create that did not happen."""
    key = task.observation.key
    state = SideState(task.observation.digest if observation is None else observation.digest, observation)
    external = task.source is Side.EXTERNAL
    settlement = Settlement(
        external_key=key if external else None,
        flowtly_key=None if external else key,
        external=state if external else None,
        flowtly=None if external else state,
    )
    settle(ctx, [settlement])


def _view(ctx: Context, side: Side, record: Record, payload: Document) -> View:
    projection = ctx.mapping.projection(side)
    digest = projection.digest(record.raw, ctx.lookups)
    try:
        document: dict[str, Value] = projection.document(record.raw, ctx.lookups)
    except RecordProblem:
        # The peer took it; what it made of it cannot be mapped, so it is read again and then told.
        document, digest = dict(payload), NEVER_READ
    return View(record.key, document, digest)


def _sent(ctx: Context, side: Side, source: Document, payload: Document) -> dict[str, Value]:
    """What the create said about each field that may flow to ``side``: its value, or null where it was left out.

    The base of the source is what was *sent*: an edit made since then is still an edit.
    """
    into = Direction.TO_FLOWTLY if side is Side.FLOWTLY else Direction.TO_EXTERNAL
    return {
        name: payload.get(name)
        for name, rule in ctx.rules.fields.items()
        if rule.direction in {Direction.BOTH, into} and (name in source or name in payload)
    }


def _state(ctx: Context, view: View, base: Base, side: Side) -> SideState | None:
    return side_state(view, base.of(side), ctx.rules.fields, frozenset())


def _park(ctx: Context, task: CreateTask, operation: Operation | None, error: Refused | RecordProblem) -> None:
    """Set the source aside; a person is asked unless it merely waits for another record to be linked."""
    failed(ctx, task.target, task.observation.key, error)
    waiting_for = error.waiting_for if isinstance(error, RecordProblem) else None
    kept = parked(task.observation, describe(error), ctx.now(), waiting_for)
    state = SideState(kept.digest, kept)
    external, flowtly = (kept.key, None) if task.source is Side.EXTERNAL else (None, kept.key)
    question = NewConflict("refused", external, flowtly, detail=describe(error))
    settlement = Settlement(
        external_key=external,
        flowtly_key=flowtly,
        external=state if task.source is Side.EXTERNAL else None,
        flowtly=state if task.source is Side.FLOWTLY else None,
        operation=None if operation is None else operation.id,
        operation_state=None if operation is None else OperationState.REFUSED,
        operation_detail=describe(error),
        opened=() if waits_for_link(waiting_for) else (question,),
    )
    settle(ctx, [settlement])


def end_operation(
    ctx: Context, operation: Operation, state: OperationState, detail: str, closed: tuple[str, ...] = ()
) -> None:
    """Record what became of an intent, and nothing else; ``closed`` ends questions about its source."""
    source = operation.intent.source_key
    external, flowtly = (source, None) if operation.intent.side is Side.FLOWTLY else (None, source)
    settlement = Settlement(
        external_key=external,
        flowtly_key=flowtly,
        operation=operation.id,
        operation_state=state,
        operation_detail=detail,
        closed_fields=closed,
    )
    settle(ctx, [settlement])
