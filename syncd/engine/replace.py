"""Change a record that Flowtly cannot change: delete it and make it anew. One operation, committed before anything.

Only records that we made are treated so. Once the old one is deleted there is no link, and the operation is a create
like any other: its answer may be lost, it is looked for, and it is sent once.
"""

from __future__ import annotations

from dataclasses import replace

from syncd.core.canon import same
from syncd.core.model import ABSENT, Document, Side, Value
from syncd.core.reconcile import Change
from syncd.engine.context import Context
from syncd.engine.create import end_operation, send_create
from syncd.engine.read import observe
from syncd.engine.setaside import Trouble, postpone
from syncd.engine.states import NEVER_READ, View
from syncd.engine.tasks import CreateTask, MergeTask
from syncd.engine.telling import settle
from syncd.engine.trouble import Gate, describe, failed
from syncd.errors import BadAnswer, Denied, Later, NotFound, RateLimited, Refused, Stale, UnknownOutcome
from syncd.mapping.compiled import RecordProblem
from syncd.ports import (
    Intent,
    LedgerEntry,
    Link,
    Observation,
    Operation,
    OperationState,
    Raw,
    Record,
    Settlement,
    SideState,
    Status,
)

SIDE = Side.FLOWTLY


def replace_record(ctx: Context, task: MergeTask, source: View, changes: tuple[Change, ...]) -> tuple[Trouble, ...]:
    """Delete the Flowtly record and make it anew with these changes; why it has to be set aside, if it has to.

    ``source`` is the external record as it reads now. Raises LeaseLost and StoreUnavailable only.
    """
    wanted = _wanted(ctx, task.flowtly.document, changes)
    intent = Intent("replace", SIDE, source.key, task.flowtly.key, wanted, task.items[-1].reason)
    try:
        (operation,) = ctx.store.intend([intent], ctx.name, ctx.run_id, ctx.lease)
    except Stale:
        return ()  # an earlier write for this record is open, or a person unlinked it; planned again with what is then
    fields = _delete(ctx, task, operation, wanted)
    if not isinstance(fields, dict):
        return () if fields is None else (fields,)
    seen = _pending(ctx, source)
    settle(ctx, [_freed(task, operation, seen)])
    # The link is gone, and the source is a stranger whose create is open: nothing else makes it or ties it meanwhile.
    create = CreateTask(task.items, Side.EXTERNAL, seen, wanted, intent.reason)
    send_create(ctx, create, operation, fields)
    return ()


def _delete(
    ctx: Context, task: MergeTask, operation: Operation, wanted: Document
) -> dict[str, object] | Trouble | None:
    """Delete the old record, if it is as planned; the raw fields of the new one, or why it stays as it is."""
    peer, query, key = ctx.peers[SIDE], ctx.queries[SIDE], task.flowtly.key
    gate = Gate(ctx, SIDE, task.external.key)
    try:
        current = peer.read(query, key)
        if _moved(ctx, task, current):
            _stale(ctx, task, operation, current)
            return None
        fields = {**ctx.mapping.projection(SIDE).writes(wanted, ctx.lookups, None), **_unmapped(ctx, current.raw)}
        _remove(ctx, current)
    except UnknownOutcome as error:
        ctx.events("write.in_doubt", side=SIDE, key=key, kind="replace", detail=str(error))
        gate.trouble(error)
        _end(ctx, task, operation, OperationState.IN_DOUBT, describe(error))
        return None
    except Stale as error:
        _end(ctx, task, operation, OperationState.DROPPED, describe(error))
        ctx.tally.add("stale", SIDE)
        return None
    except NotFound:
        return _missing(ctx, task, operation)
    except (Refused, RecordProblem) as error:
        failed(ctx, SIDE, task.external.key, error)
        _end(ctx, task, operation, OperationState.REFUSED, describe(error))
        return Trouble("refused", describe(error), error.waiting_for if isinstance(error, RecordProblem) else None)
    except (Denied, Later, BadAnswer) as error:
        gate.trouble(error)
        _end(ctx, task, operation, OperationState.DROPPED, describe(error))
        if not isinstance(error, Denied | RateLimited):
            postpone(ctx, task, describe(error))
        return None
    gate.fine()
    return fields


def _remove(ctx: Context, current: Record) -> None:
    """Delete the old record; one that was deleted since it was read is gone as well."""
    try:
        with ctx.sending():
            ctx.peers[SIDE].delete(ctx.queries[SIDE], current.key, current)
    except NotFound:
        ctx.events("write.gone_already", side=SIDE, key=current.key)


def recover_replacement(ctx: Context, operation: Operation) -> None:
    """After a stop or a lost answer: the old record is still there, or it is gone and nothing was made for it yet.

    What was deleted is made by planning, like any record that lives in the ERP only: no new one was ever sent before
    the end of the link was committed.
    """
    key, source = operation.intent.target_key or "", operation.intent.source_key
    link = ctx.store.links_by_key(ctx.name, SIDE, [key]).get(key)
    if link is None or link.external_key != source:
        end_operation(ctx, operation, OperationState.DROPPED, "not linked any more")
        return
    try:
        ctx.peers[SIDE].read(ctx.queries[SIDE], key)
    except NotFound:
        settle(ctx, [_undone(ctx, link, operation)])
        ctx.events("recover.replace", side=SIDE, key=key, source=source, deleted=True)
        return
    end_operation(ctx, operation, OperationState.DROPPED, "found not replaced")
    ctx.events("recover.replace", side=SIDE, key=key, source=source, deleted=False)


def _wanted(ctx: Context, now: Document, changes: tuple[Change, ...]) -> dict[str, Value]:
    """The new record: everything that the old one has and that may be written, with the changes."""
    after = {**now, **{change.field: change.after for change in changes}}
    writable = {name for name, rule in ctx.rules_of_ours.fields.items() if rule.direction.allows(SIDE)}
    return {name: value for name, value in after.items() if name in writable and value is not None}


def _unmapped(ctx: Context, raw: Raw) -> dict[str, object]:
    """What the mapping does not compare is people's and goes on; a constant is only for a record's first time."""
    shape = ctx.peers[SIDE].shape(ctx.queries[SIDE])
    mapped = {name for chain in ctx.mapping.projection(SIDE).chains.values() for name in chain.names}
    fields = {} if shape is None else shape.fields
    return {
        name: raw[name]
        for name, field in fields.items()
        if field.writable and name not in mapped and raw.get(name) is not None
    }


def _moved(ctx: Context, task: MergeTask, current: Record) -> bool:
    """True when any mapped field is not as the plan saw it. A record that cannot be mapped now has moved too."""
    try:
        now = ctx.mapping.projection(SIDE).document(current.raw, ctx.lookups)
    except RecordProblem:
        return True
    planned = task.flowtly.document
    return any(not same(now.get(name, ABSENT), planned.get(name, ABSENT)) for name in ctx.rules.fields)


def _pending(ctx: Context, source: View) -> Observation:
    """The external record as one that nothing ties."""
    digest = source.digest or ctx.store.settled_digest(ctx.name, SIDE.other, source.key) or NEVER_READ
    keys = ctx.mapping.projection(SIDE.other).match_keys(source.document)
    known = source.observation or Observation(source.key, digest, source.document)
    return replace(
        known,
        digest=digest,
        document=source.document,
        status=Status.DIRTY,
        problem=None,
        waiting_for=None,
        due_at=None,
        match_keys=keys,
    )


def _freed(task: MergeTask, operation: Operation, seen: Observation) -> Settlement:
    """The old record is deleted: its link ends, its values go to the ledger, and what is left of it is a create."""
    return Settlement(
        task.external.key,
        task.flowtly.key,
        external=SideState(seen.digest, seen),
        flowtly=SideState(NEVER_READ),
        operation=operation.id,
        operation_state=OperationState.INTENDED,
        operation_kind="create",
        operation_detail="the old record is deleted",
        dissolved=True,
        ledger=_deleted(task.external.key, task.flowtly.key, task.flowtly.document, operation),
    )


def _undone(ctx: Context, link: Link, operation: Operation) -> Settlement:
    """The same for one that was deleted by a process that is gone: what is left of it is planned anew."""
    side, key = SIDE.other, link.external_key
    seen = ctx.store.observation(ctx.name, side, key)
    if seen is None:
        try:
            seen = observe(ctx, side, ctx.peers[side].read(ctx.queries[side], key))
        except NotFound:
            seen = None
    elif seen.document is not None:
        seen = replace(seen, status=Status.DIRTY, problem=None, waiting_for=None, due_at=None)
    return Settlement(
        key,
        link.flowtly_key,
        external=SideState(NEVER_READ) if seen is None else SideState(seen.digest, seen),
        flowtly=SideState(NEVER_READ),
        operation=operation.id,
        operation_state=OperationState.DROPPED,
        operation_detail="the old record is deleted, and a new one was not sent",
        dissolved=True,
        ledger=_deleted(key, link.flowtly_key, link.base.flowtly, operation),
    )


def _deleted(external: str, flowtly: str, document: Document, operation: Operation) -> tuple[LedgerEntry, ...]:
    return tuple(
        LedgerEntry("deleted", external, flowtly, SIDE, name, value, ABSENT, "replaced", operation.id)
        for name, value in sorted(document.items())
    )


def _stale(ctx: Context, task: MergeTask, operation: Operation, current: Record) -> None:
    """The record goes back to planning with what it is now."""
    seen = observe(ctx, SIDE, current)
    _end(ctx, task, operation, OperationState.DROPPED, "the record had moved", SideState(seen.digest, seen))
    ctx.tally.add("stale", SIDE)
    ctx.events("write.stale", side=SIDE, key=current.key)


def _missing(ctx: Context, task: MergeTask, operation: Operation) -> Trouble:
    """Somebody deleted it while the ERP was edited: nothing is decided without proof, and a person is told."""
    detail = f"no such record in {SIDE} any more, while the other side was edited"
    _end(ctx, task, operation, OperationState.DROPPED, detail)
    ctx.tally.add("conflicts")
    ctx.events("conflict.missing", side=SIDE, external=task.external.key, flowtly=task.flowtly.key)
    return Trouble("missing", detail)


def _end(
    ctx: Context,
    task: MergeTask,
    operation: Operation,
    state: OperationState,
    detail: str,
    target: SideState | None = None,
) -> None:
    """Record what became of the intent while the old record stands; the link stays as it was."""
    settlement = Settlement(
        task.external.key,
        task.flowtly.key,
        flowtly=target,
        operation=operation.id,
        operation_state=state,
        operation_detail=detail,
    )
    settle(ctx, [settlement])
