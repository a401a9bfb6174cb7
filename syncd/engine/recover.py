"""Step 2: intents whose answer was lost are looked up and settled before anything else is read or planned.

Only a probe of the peer ends a doubt, never a timer: found once means adopt, found nowhere in a complete read after
the listing grace means the way is free to send again, found several times means a person has to say.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from syncd.core.canon import same
from syncd.core.model import Base, Document, Side
from syncd.engine import history
from syncd.engine.alias_writing import recovered_alias
from syncd.engine.context import Context
from syncd.engine.create import ADOPTED, end_operation, settle_created
from syncd.engine.probing import find_results, looks, new_since, recognisable
from syncd.engine.questions import WHOLE_RECORD
from syncd.engine.read import observe
from syncd.engine.remove import settle_deleted
from syncd.engine.replace import recover_replacement
from syncd.engine.states import NEVER_READ, View, side_state, with_fresh_digests
from syncd.engine.telling import settle
from syncd.engine.trouble import describe
from syncd.errors import Later, LeaseLost, NotFound, StoreUnavailable, SyncdError
from syncd.mapping.compiled import RecordProblem
from syncd.ports import (
    Link,
    NewConflict,
    Observation,
    Operation,
    OperationState,
    Record,
    Settlement,
    SideState,
)

DECIDED = "decided"  # the core's rule name for a person's answer


def recover(ctx: Context, *, own: bool = False) -> None:
    """Settle every open intent that can be settled now. A peer in trouble leaves its intents for the next run.

    ``own``: only those of this run; a saved plan does nothing that is not in it.
    """
    doubtful: dict[Side, list[Operation]] = {side: [] for side in Side}
    for operation in ctx.store.open_operations(ctx.name):
        if own and operation.run_id != ctx.run_id:
            continue
        with _postponing(ctx, operation):
            if operation.intent.kind == "patch":
                _recover_patch(ctx, operation)
            elif operation.intent.kind == "delete":
                _recover_delete(ctx, operation)
            elif operation.intent.kind == "replace":
                recover_replacement(ctx, operation)
            elif _in_doubt(ctx, operation):
                doubtful[operation.intent.side].append(operation)
    for side, operations in doubtful.items():
        for together in looks(ctx, side, operations):
            with _postponing(ctx, *together):
                hits = find_results(ctx, side, together)
                for operation in together:
                    with _postponing(ctx, operation):
                        _settle_doubt(ctx, operation, new_since(ctx, operation, hits[operation.id]))


@contextmanager
def _postponing(ctx: Context, *operations: Operation) -> Iterator[None]:
    """A peer in trouble leaves these for the next run."""
    try:
        yield
    except (LeaseLost, StoreUnavailable):
        raise
    except (SyncdError, RecordProblem) as error:
        for one in operations:
            ctx.events("recover.postponed", operation=str(one.id), side=one.intent.side, detail=describe(error))


def _recover_patch(ctx: Context, operation: Operation) -> None:
    """A change can be seen: read the record again and let planning decide on what it is now.

    Where it reads exactly as sent, the written fields are agreed at once, so that a source edited in between is an
    edit and not a conflict.
    """
    side, key = operation.intent.side, operation.intent.target_key or ""
    seen = _look(ctx, side, key)
    link = ctx.store.links_by_key(ctx.name, side, [key]).get(key)
    if link is None and recovered_alias(ctx, operation, seen):
        return
    if seen is None or link is None or seen.document is None:
        detail = "no such record any more" if seen is None else "read again after a stop"
        end_operation(ctx, operation, OperationState.DROPPED, detail)
        return
    applied = all(same(seen.document.get(name), value) for name, value in operation.intent.payload.items())
    agreed = applied and DECIDED not in operation.intent.reason
    base = _agreed_base(ctx, link, operation.intent.payload) if agreed else link.base
    view = View(key, seen.document, seen.digest, seen)
    known = ctx.store.observation(ctx.name, side, key)
    states = {side: side_state(view, base.of(side), ctx.rules.fields, frozenset())}
    if agreed:
        states[side.other] = _source_state(ctx, side.other, link)
    settlement = Settlement(
        external_key=link.external_key,
        flowtly_key=link.flowtly_key,
        base=base,
        external=states.get(Side.EXTERNAL),
        flowtly=states.get(Side.FLOWTLY),
        operation=operation.id,
        operation_state=OperationState.DONE if applied else OperationState.DROPPED,
        operation_detail="found applied" if applied else "found not applied",
        ledger=tuple(history.of_found(link, known, operation)) if applied else (),
    )
    settle(ctx, with_fresh_digests(settlement, link.base))
    ctx.events("recover.patch", side=side, key=key, applied=applied)


def _look(ctx: Context, side: Side, key: str) -> Observation | None:
    """A record as it is now; None when there is none any more."""
    try:
        record = ctx.peers[side].read(ctx.queries[side], key)
    except NotFound:
        return None
    return observe(ctx, side, record)


def _source_state(ctx: Context, side: Side, link: Link) -> SideState | None:
    """The source of an agreed write stays pending: it may have gone back to what it was before it was agreed on.

    A source that is gone (its partner was marked for that) is looked at anew should it come back.
    """
    key = link.key(side)
    seen = ctx.store.observation(ctx.name, side, key) or _look(ctx, side, key)
    return SideState(NEVER_READ) if seen is None else SideState(seen.digest, seen)


def _agreed_base(ctx: Context, link: Link, payload: Document) -> Base:
    """The source had exactly what was sent, so both sides agreed on it; what the source has now may be a new edit.

    Not so for a value that a person typed: the other side may still have to get it.
    """
    sent = {name: value for name, value in payload.items() if name in ctx.rules.fields}
    return Base({**link.base.external, **sent}, {**link.base.flowtly, **sent})


def _recover_delete(ctx: Context, operation: Operation) -> None:
    """A delete can be seen as well. What is still there keeps its removal, which is planned again with all it takes."""
    side, key = operation.intent.side, operation.intent.target_key or ""
    link = ctx.store.links_by_key(ctx.name, side, [key]).get(key)
    if link is None:
        end_operation(ctx, operation, OperationState.DROPPED, "not linked any more")
    elif _look(ctx, side, key) is None:
        settle_deleted(ctx, link, operation, "deleted")
    else:
        end_operation(ctx, operation, OperationState.DROPPED, "found not deleted")


def _in_doubt(ctx: Context, operation: Operation) -> bool:
    """True for a create whose result has to be looked for; ends one whose source is linked by now."""
    side, key = operation.intent.side, operation.intent.source_key
    if ctx.store.links_by_key(ctx.name, side.other, [key]):
        end_operation(ctx, operation, OperationState.DROPPED, "linked already", closed=(WHOLE_RECORD,))
        return False
    if operation.state is OperationState.QUARANTINED:
        return False
    if not recognisable(ctx, operation):
        raise Later("the mapping has none of the fields that this create sent any more")
    return True


def _settle_doubt(ctx: Context, operation: Operation, hits: Sequence[Record]) -> None:
    """Found once: adopt. Found nowhere after the listing grace: it may be sent again. Several: a person has to say."""
    side, key = operation.intent.side, operation.intent.source_key
    if len(hits) == 1:
        settle_created(ctx, operation, _source(ctx, operation), hits[0], ADOPTED)
    elif hits:
        _quarantine(ctx, operation, [hit.key for hit in hits])
    elif operation.age >= ctx.limits.listing_grace:
        end_operation(
            ctx, operation, OperationState.DROPPED, "a complete read after the listing grace shows no such record"
        )
        ctx.events("recover.create", side=side, source=key, found=0, action="may be sent again")
    else:
        end_operation(ctx, operation, OperationState.IN_DOUBT, "not listed yet; within the listing grace")
        ctx.events("recover.create", side=side, source=key, found=0, action="wait")


def _source(ctx: Context, operation: Operation) -> View:
    seen = ctx.store.observation(ctx.name, operation.intent.side.other, operation.intent.source_key)
    if seen is None or seen.document is None:
        return View(operation.intent.source_key, operation.intent.payload, None)
    return View(seen.key, seen.document, seen.digest, seen)


def _quarantine(ctx: Context, operation: Operation, hits: Iterable[str]) -> None:
    """Several records could be ours: adopting the wrong one, or making another, would both be a guess."""
    source = operation.intent.source_key
    external, flowtly = (source, None) if operation.intent.side is Side.FLOWTLY else (None, source)
    detail = f"after a lost answer several records could be the result: {', '.join(hits)}"
    settlement = Settlement(
        external_key=external,
        flowtly_key=flowtly,
        operation=operation.id,
        operation_state=OperationState.QUARANTINED,
        operation_detail=detail,
        opened=(NewConflict("in_doubt", external, flowtly, detail=detail),),
    )
    settle(ctx, [settlement])
    ctx.tally.add("conflicts")
    ctx.events("recover.quarantined", side=operation.intent.side, source=source, detail=detail)
