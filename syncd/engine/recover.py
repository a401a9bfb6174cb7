"""Step 2: intents whose answer was lost are looked up and settled before anything else is read or planned.

Only a probe of the peer ends a doubt, never a timer: found once means adopt, found nowhere in a complete read after
the listing grace means the way is free to send again, found several times means a person has to say.
"""

from __future__ import annotations

from collections.abc import Iterable

from syncd.core.canon import same
from syncd.core.model import Base, Document, Side
from syncd.engine.context import Context
from syncd.engine.create import ADOPTED, end_operation, settle_created
from syncd.engine.questions import WHOLE_RECORD
from syncd.engine.read import observe
from syncd.engine.states import View, side_state, with_fresh_digests
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


def recover(ctx: Context) -> None:
    """Settle every open intent that can be settled now. A peer in trouble leaves its intents for the next run."""
    for operation in ctx.store.open_operations(ctx.name):
        try:
            if operation.intent.kind == "patch":
                _recover_patch(ctx, operation)
            else:
                _recover_create(ctx, operation)
        except (LeaseLost, StoreUnavailable):
            raise
        except (SyncdError, RecordProblem) as error:
            ctx.events(
                "recover.postponed", operation=str(operation.id), side=operation.intent.side, detail=describe(error)
            )


def _recover_patch(ctx: Context, operation: Operation) -> None:
    """A change can be seen: read the record again and let planning decide on what it is now.

    Where it reads exactly as sent, the written fields are agreed at once, so that a source edited in between is an
    edit and not a conflict.
    """
    side, key = operation.intent.side, operation.intent.target_key or ""
    seen = _look(ctx, side, key)
    link = ctx.store.links_by_key(ctx.name, side, [key]).get(key)
    if seen is None or link is None or seen.document is None:
        detail = "no such record any more" if seen is None else "read again after a stop"
        end_operation(ctx, operation, OperationState.DROPPED, detail)
        return
    applied = all(same(seen.document.get(name), value) for name, value in operation.intent.payload.items())
    agreed = applied and DECIDED not in operation.intent.reason
    base = _agreed_base(ctx, link, operation.intent.payload) if agreed else link.base
    view = View(key, seen.document, seen.digest, seen)
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
    """The source of an agreed write stays pending: it may have gone back to what it was before it was agreed on."""
    key = link.key(side)
    seen = ctx.store.observation(ctx.name, side, key) or _look(ctx, side, key)
    return None if seen is None else SideState(seen.digest, seen)


def _agreed_base(ctx: Context, link: Link, payload: Document) -> Base:
    """The source had exactly what was sent, so both sides agreed on it; what the source has now may be a new edit.

    Not so for a value that a person typed: the other side may still have to get it.
    """
    sent = {name: value for name, value in payload.items() if name in ctx.rules.fields}
    return Base({**link.base.external, **sent}, {**link.base.flowtly, **sent})


def _recover_create(ctx: Context, operation: Operation) -> None:
    side, key = operation.intent.side, operation.intent.source_key
    if ctx.store.links_by_key(ctx.name, side.other, [key]):
        end_operation(ctx, operation, OperationState.DROPPED, "linked already", closed=(WHOLE_RECORD,))
        return
    if operation.state is OperationState.QUARANTINED:
        return
    hits = probe(ctx, operation)
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


def probe(ctx: Context, operation: Operation) -> list[Record]:
    """Records at the peer that could be the result of this create: the same natural key, and new since the intent.

    Every row is compared again here, since a server may ignore a filter and answer with everything. A record that we
    knew before the intent, or that is linked, cannot be its result. Raises what the connector raises; a walk that did
    not reach its end proves nothing.
    """
    side = operation.intent.side
    projection = ctx.mapping.projection(side)
    wanted = projection.match_keys(operation.intent.payload)
    level = next((number for number, text in enumerate(wanted) if text is not None), None)
    mapped = [name for name in operation.intent.payload if name in ctx.rules.fields]
    if not mapped:
        raise Later("the mapping has none of the fields that this create sent any more")
    names = ctx.mapping.match[level] if level is not None else mapped
    values = projection.writes({name: operation.intent.payload[name] for name in names}, ctx.lookups, {})
    sent = {name: operation.intent.payload[name] for name in mapped}
    hits: dict[str, Record] = {}
    for record in ctx.peers[side].find(ctx.queries[side], values):
        document = _document(ctx, side, record)
        if document is not None and _is_it(projection.match_keys(document), wanted, level, document, sent):
            hits[record.key] = record
    known = ctx.store.known_before(ctx.name, side, sorted(hits), operation.created_at)
    return [record for key, record in sorted(hits.items()) if key not in known]


def _is_it(
    keys: tuple[str | None, ...],
    wanted: tuple[str | None, ...],
    level: int | None,
    document: Document,
    sent: Document,
) -> bool:
    if level is not None:
        return keys[level] == wanted[level]
    return all(same(document.get(name), value) for name, value in sent.items())


def _document(ctx: Context, side: Side, record: Record) -> Document | None:
    try:
        return ctx.mapping.projection(side).document(record.raw, ctx.lookups)
    except RecordProblem:
        return None


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
