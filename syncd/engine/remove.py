"""Carry out what follows from one proven loss. The last look at both records is the peers' own, right before the write.

Nothing is deleted or marked here whose other record answers after all, or that somebody edited since it was agreed on.
"""

from __future__ import annotations

from dataclasses import replace

from syncd.core.canon import same
from syncd.core.model import ABSENT, Base, Document, Side
from syncd.core.removal import Action, Verdict
from syncd.engine import history
from syncd.engine.context import Context
from syncd.engine.questions import KEPT
from syncd.engine.read import observe
from syncd.engine.states import NEVER_READ, View, side_state
from syncd.engine.sweep import HIDDEN, LEFT
from syncd.engine.tasks import RemoveTask
from syncd.engine.telling import settle
from syncd.engine.trouble import Gate, describe
from syncd.errors import BadAnswer, Denied, Later, NotFound, Refused, Stale, UnknownOutcome
from syncd.mapping.compiled import RecordProblem
from syncd.ports import (
    Absent,
    Intent,
    LedgerEntry,
    Link,
    NewConflict,
    Observation,
    Operation,
    OperationKind,
    OperationState,
    Record,
    RemovalState,
    Settlement,
    SideState,
    Status,
)

GONE_ON_BOTH = "gone on both sides"


def remove_record(ctx: Context, task: RemoveTask) -> None:
    """Follow one loss. Trouble with this record stays here. Raises LeaseLost and StoreUnavailable only."""
    if task.verdict is Verdict.ASK:
        _ask(ctx, task, "missing", task.items[0].reason)
    elif task.verdict in {Verdict.CARRY_OUT, Verdict.REVIVE, Verdict.FORGET} and _still_gone(ctx, task):
        _follow(ctx, task)


def _follow(ctx: Context, task: RemoveTask) -> None:
    if task.verdict is Verdict.FORGET:
        _dissolve(ctx, task, None, "forgotten", GONE_ON_BOTH)
    elif task.verdict is Verdict.REVIVE:
        # Without its link it is a record like any other that lives on one side only: planned, capped and made as such.
        why = "remake" if task.rule.action is Action.REMAKE else "edit_beats_delete"
        _dissolve(ctx, task, _stranger(task), "unlinked", why)
    elif task.rule.action is Action.UNLINK:
        _dissolve(ctx, task, None, "unlinked", f"gone in {task.gone}", alone=task.gone.other)
    elif task.gone.other not in ctx.blocked:
        _write(ctx, task)


def _still_gone(ctx: Context, task: RemoveTask) -> bool:
    """One more look at what is gone, on every side where it is. One that answers ends the removal."""
    for removal in task.removals:
        side = removal.side
        gate = Gate(ctx, side, removal.key(side.other))
        if side in ctx.blocked:
            return False
        try:
            record = ctx.peers[side].read(ctx.queries[side], removal.key(side))
        except NotFound:
            gate.fine()
            continue
        except (Denied, Later, BadAnswer, Refused) as error:
            gate.trouble(error)
            return False
        why = HIDDEN if ctx.mapping.projection(side).in_scope(record.raw) else LEFT
        absent = Absent(side, removal.external_key, removal.flowtly_key, 0, 0)
        ctx.store.excuse(absent, ctx.name, why, ctx.lease)  # the next sweep withdraws what is excused
        ctx.events("removal.returned", side=side, key=removal.key(side), removal=removal.id, detail=why)
        return False
    return True


def _write(ctx: Context, task: RemoveTask) -> None:
    """Delete the survivor or set its fields, if it still is as it was agreed on."""
    side, key = task.gone.other, task.view.key
    deleting = task.rule.action is Action.DELETE
    gate = Gate(ctx, side, task.link.key(task.gone))
    fields: Document = {} if deleting else dict(task.rule.fields or {})
    kind: OperationKind = "delete" if deleting else "patch"
    intent = Intent(kind, side, task.link.key(task.gone), key, fields, task.items[0].reason, task.removals[0].id)
    (operation,) = ctx.store.intend([intent], ctx.name, ctx.run_id, ctx.lease)
    try:
        current = ctx.peers[side].read(ctx.queries[side], key)
        if not _as_planned(ctx, task, operation, current):
            return
        if deleting:
            with ctx.sending():
                ctx.peers[side].delete(ctx.queries[side], key, current)
            gate.fine()
            settle_deleted(ctx, task.link, operation, "deleted")
            return
        raw = ctx.mapping.projection(side).writes(fields, ctx.lookups, current.raw)
        answer = current
        if raw:
            with ctx.sending():
                answer = ctx.peers[side].update(ctx.queries[side], key, raw, current)
    except UnknownOutcome as error:
        ctx.events("write.in_doubt", side=side, key=key, kind=kind, detail=str(error))
        gate.trouble(error)
        _end(ctx, task, operation, OperationState.IN_DOUBT, describe(error))
    except NotFound:
        # Gone here as well: deleting has nothing to do, and what cannot be marked is proven gone by its own readings.
        if deleting:
            settle_deleted(ctx, task.link, operation, "was gone already")
        else:
            _end(ctx, task, operation, OperationState.DROPPED, "gone here too")
    except Stale as error:
        _end(ctx, task, operation, OperationState.DROPPED, describe(error))
        ctx.tally.add("stale", side)
    except (Refused, RecordProblem) as error:
        _refused(ctx, task, operation, error)
    except (Denied, Later, BadAnswer) as error:
        gate.trouble(error)
        _end(ctx, task, operation, OperationState.DROPPED, describe(error))
    else:
        gate.fine()
        _settle_marked(ctx, task, operation, answer)


def _as_planned(ctx: Context, task: RemoveTask, operation: Operation, current: Record) -> bool:
    """True while the survivor is still linked, one of the mapping's records, and unedited; else what it is is noted."""
    if not _linked(ctx, task):
        _end(ctx, task, operation, OperationState.DROPPED, "not linked any more")
    elif not ctx.mapping.projection(task.gone.other).in_scope(current.raw):
        _leave(ctx, task, operation)
    elif _edited(ctx, task, current):
        _stale(ctx, task, operation, current)
    else:
        return True
    return False


def _linked(ctx: Context, task: RemoveTask) -> bool:
    """False once a person took the two apart: then what is gone there says nothing about what is here."""
    key = task.link.external_key
    link = ctx.store.links_by_key(ctx.name, Side.EXTERNAL, [key]).get(key)
    return link is not None and link.flowtly_key == task.link.flowtly_key


def _leave(ctx: Context, task: RemoveTask, operation: Operation) -> None:
    """The survivor is no record of this mapping by now: it is looked at again after its next complete reading."""
    side = task.gone.other
    _end(ctx, task, operation, OperationState.DROPPED, LEFT)
    _excuse(ctx, task, f"{side}: {LEFT}")
    ctx.events("record.left_scope", side=side, key=task.view.key)


def _edited(ctx: Context, task: RemoveTask, current: Record) -> bool:
    """True when any mapped field is not as the plan saw it.

    One that cannot be mapped now may have been edited too, unless it reads to the byte as it was settled: its parent
    went with the same loss, and the reference to that is linked no more.
    """
    side = task.gone.other
    projection = ctx.mapping.projection(side)
    try:
        now = projection.document(current.raw, ctx.lookups)
    except RecordProblem:
        digest = projection.digest(current.raw, ctx.lookups)
        return task.view.observation is not None or digest != ctx.store.settled_digest(ctx.name, side, task.view.key)
    planned = task.view.document
    return any(not same(now.get(name, ABSENT), planned.get(name, ABSENT)) for name in ctx.rules.fields)


def _stale(ctx: Context, task: RemoveTask, operation: Operation, current: Record) -> None:
    """Somebody edited the survivor: it is planned again with what it is now, and an edit beats a delete."""
    side = task.gone.other
    seen = observe(ctx, side, current)
    _end(ctx, task, operation, OperationState.DROPPED, "the record had moved", SideState(seen.digest, seen))
    ctx.tally.add("stale", side)
    ctx.events("write.stale", side=side, key=current.key)


def settle_deleted(ctx: Context, link: Link, operation: Operation, detail: str) -> None:
    """Both records are gone: the link ends, and the ledger keeps every value that was deleted."""
    side = operation.intent.side
    keys = link.external_key, link.flowtly_key
    ledger = [
        LedgerEntry("deleted", *keys, side, name, value, ABSENT, "gone", operation.id)
        for name, value in sorted(link.base.of(side).items())
    ]
    settlement = Settlement(
        *keys,
        external=SideState(NEVER_READ),
        flowtly=SideState(NEVER_READ),
        operation=operation.id,
        operation_state=OperationState.DONE,
        operation_detail=detail,
        dissolved=True,
        removals=() if operation.intent.removal is None else (operation.intent.removal,),
        removal_state=RemovalState.DONE,
        removal_detail=detail,
        ledger=(LedgerEntry("removed", *keys, side, rule=operation.intent.reason, operation=operation.id), *ledger),
    )
    settle(ctx, [settlement])
    ctx.tally.add("deleted", side)
    ctx.tally.add("removed", side)
    ctx.events("record.deleted", side=side, external=keys[0], flowtly=keys[1], removal=operation.intent.removal)


def _settle_marked(ctx: Context, task: RemoveTask, operation: Operation, answer: Record) -> None:
    """The fields are set. Both bases hold them, so that a record that comes back counts as edited and flows again."""
    side, gone = task.gone.other, task.gone
    fields = dict(task.rule.fields or {})
    projection = ctx.mapping.projection(side)
    try:
        after: Document = projection.document(answer.raw, ctx.lookups)
    except RecordProblem:
        after = {**task.view.document, **fields}
    view = View(answer.key, after, projection.digest(answer.raw, ctx.lookups), task.view.observation)
    agreed = {name: after.get(name) for name in fields}
    bases = {side: {**task.link.base.of(side), **agreed}, gone: {**task.link.base.of(gone), **fields}}
    base = Base(bases[Side.EXTERNAL], bases[Side.FLOWTLY])
    states = {side: side_state(view, base.of(side), ctx.rules.fields, frozenset()), gone: SideState(NEVER_READ)}
    keys = task.link.external_key, task.link.flowtly_key
    settlement = Settlement(
        *keys,
        base=base,
        external=states[Side.EXTERNAL],
        flowtly=states[Side.FLOWTLY],
        operation=operation.id,
        operation_state=OperationState.DONE,
        removals=tuple(one.id for one in task.removals),
        removal_state=RemovalState.DONE,
        removal_detail="marked",
        closed_fields=("*",),
        ledger=tuple(history.of_changes(keys, side, task.items[0].changes, after, operation.id, history.ANSWER)),
    )
    settle(ctx, [settlement])
    ctx.tally.add("marked", side)
    ctx.tally.add("removed", side)
    ctx.events("record.marked", side=side, key=answer.key, fields=sorted(fields), removal=task.removals[0].id)


def _dissolve(
    ctx: Context, task: RemoveTask, kept: Observation | None, event: str, rule: str, alone: Side | None = None
) -> None:
    """End the link without any write to a peer; ``kept`` is what stays pending of the survivor, if it is not alone."""
    here = task.gone.other
    keys = task.link.external_key, task.link.flowtly_key
    survivor = SideState(NEVER_READ) if kept is None else SideState(kept.digest, kept)
    states = {task.gone: SideState(NEVER_READ), here: None if alone is here else survivor}
    settlement = Settlement(
        *keys,
        external=states[Side.EXTERNAL],
        flowtly=states[Side.FLOWTLY],
        dissolved=True,
        alone=alone,
        removals=tuple(one.id for one in task.removals),
        removal_state=RemovalState.DONE,
        removal_detail=rule,
        ledger=(LedgerEntry(event, *keys, here, rule=rule),),
    )
    settle(ctx, [settlement])
    ctx.tally.add(event, here)
    ctx.events(f"record.{event}", side=here, external=keys[0], flowtly=keys[1], rule=rule)


def _stranger(task: RemoveTask) -> Observation:
    """The edited survivor, or one whose partner is made again, as a record that nothing ties."""
    known = task.view.observation or Observation(task.view.key, NEVER_READ, task.view.document)
    return replace(known, status=Status.DIRTY, problem=None, waiting_for=None, due_at=None, attempts=0)


def _ask(ctx: Context, task: RemoveTask, kind: str, detail: str) -> None:
    """Open a question about the whole record, once; it is no news for every run that finds it open."""
    keys = task.link.external_key, task.link.flowtly_key
    asked = ctx.store.conflicts(ctx.name, open_only=True)
    if any((row.kind, row.external_key, row.flowtly_key, row.detail) == (kind, *keys, detail) for row in asked):
        return
    settle(ctx, [Settlement(*keys, opened=(NewConflict(kind, *keys, detail=detail),))])
    ctx.tally.add("conflicts")
    ctx.events(f"conflict.{kind}", side=task.gone, external=keys[0], flowtly=keys[1], detail=detail)


def _refused(ctx: Context, task: RemoveTask, operation: Operation, error: Refused | RecordProblem) -> None:
    """The peer keeps the record. A person is asked, and it is not tried again before it was looked at anew."""
    detail = f"{task.rule.action} was refused: {describe(error)}"
    _end(ctx, task, operation, OperationState.REFUSED, detail)
    _ask(ctx, task, KEPT, detail)
    _excuse(ctx, task, detail)
    ctx.tally.add("parked", task.gone.other)
    ctx.events("record.refused", side=task.gone.other, source=task.link.key(task.gone), detail=detail)


def _excuse(ctx: Context, task: RemoveTask, why: str) -> None:
    """Let a loss rest that cannot be followed now; the next sweep withdraws what is excused."""
    absent = Absent(task.gone, task.link.external_key, task.link.flowtly_key, 0, 0)
    ctx.store.excuse(absent, ctx.name, why, ctx.lease)


def _end(
    ctx: Context,
    task: RemoveTask,
    operation: Operation,
    state: OperationState,
    detail: str,
    survivor: SideState | None = None,
) -> None:
    """Record what became of the intent; the removal goes on waiting."""
    external = survivor if task.gone is Side.FLOWTLY else None
    flowtly = survivor if task.gone is Side.EXTERNAL else None
    settlement = Settlement(
        task.link.external_key,
        task.link.flowtly_key,
        external=external,
        flowtly=flowtly,
        operation=operation.id,
        operation_state=state,
        operation_detail=detail,
    )
    settle(ctx, [settlement])
