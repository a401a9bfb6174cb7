"""What a create whose answer was lost may have made: the records at the peer that fit it and are new since. Only looks.

Every row is compared again here, since a server may ignore a filter and answer with everything. A peer that cannot
filter is walked once for all doubtful creates, not once for each. A record that only some fields can be read of may be
the result as well: what it cannot tell does not speak against it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from syncd.core.canon import same
from syncd.core.model import Absent, Document, Side, Value
from syncd.engine.checking import keys_of
from syncd.engine.context import Context
from syncd.engine.marking import MARK
from syncd.engine.merging import chunked
from syncd.engine.references import looked_up_for
from syncd.mapping.compiled import Lookups, Projection, RecordProblem
from syncd.ports import Operation, Record

_FEW = 20

Hits = Mapping[UUID, Sequence[Record]]


@dataclass(frozen=True, slots=True)
class _Sought:
    """What one create sent: its match keys, the strongest level that has one, and its values."""

    operation: Operation
    keys: tuple[str | None, ...]
    level: int | None
    values: Document

    def fits(self, keys: tuple[str | None, ...], document: Document) -> bool:
        """True for a record that could be the result: the same natural key, or every value where there is none."""
        if self.level is not None:
            return keys[self.level] == self.keys[self.level]
        return all(same(document.get(name), value) for name, value in self.values.items())


def looks(ctx: Context, side: Side, operations: Sequence[Operation]) -> list[Sequence[Operation]]:
    """How to look for the results of these creates: one by one, so that none holds back another, or all in one walk."""
    # A filter that may be ignored costs a walk for each; beyond a few, one walk for all is never much dearer.
    if len(operations) > (_FEW if ctx.capabilities[side].filters else 1):
        return [operations]
    return [[one] for one in operations]


def find_results(ctx: Context, side: Side, operations: Sequence[Operation]) -> Hits:
    """Records that may be the results of these creates into ``side``, by operation. Several are looked for in one walk.

    Raises what the connector raises: a walk that did not reach its end proves nothing. Every operation must have a
    field that the mapping still has (see ``recognisable``).
    """
    sought = [_sought(ctx, one) for one in operations]
    if len(sought) == 1:
        found = _among(ctx, side, sought, ctx.peers[side].find(ctx.queries[side], _narrowed(ctx, side, sought[0])))
        if found[sought[0].operation.id] or not _marking(ctx, side):
            return found
        # Its mark tells it from all others, also where somebody has changed what it was made with since.
    return _among(ctx, side, sought, _everything(ctx, side))


def new_since(ctx: Context, operation: Operation, hits: Sequence[Record]) -> list[Record]:
    """Without those that we knew before the intent, or that are linked by now: they cannot be its result."""
    known = ctx.store.known_before(
        ctx.name, operation.intent.side, sorted({hit.key for hit in hits}), operation.created_at
    )
    return [hit for hit in hits if hit.key not in known]


def recognisable(ctx: Context, operation: Operation) -> bool:
    """False when the mapping has none of the fields that this create sent any more: then nobody can find its result."""
    return any(name in ctx.rules.fields for name in operation.intent.payload)


def _sought(ctx: Context, operation: Operation) -> _Sought:
    payload = operation.intent.payload
    mapped: dict[str, Value] = {name: value for name, value in payload.items() if name in ctx.rules.fields}
    keys = keys_of(ctx, operation.intent.side, payload)
    level = next((number for number, text in enumerate(keys) if text is not None), None)
    return _Sought(operation, keys, level, mapped)


def _narrowed(ctx: Context, side: Side, one: _Sought) -> dict[str, object]:
    """The raw values to ask the peer for."""
    names = ctx.mapping.match[one.level] if one.level is not None else tuple(one.values)
    wanted = {name: one.operation.intent.payload[name] for name in names}
    return ctx.mapping.projection(side).writes(wanted, ctx.lookups, {})


def _everything(ctx: Context, side: Side) -> Iterator[Record]:
    """The whole resource, also beyond the mapping's scope, to its proven end."""
    for page in ctx.peers[side].pages(replace(ctx.queries[side], where={}), None):
        yield from page.records


def _marking(ctx: Context, side: Side) -> bool:
    return side is Side.FLOWTLY and ctx.mapping.spec.flowtly.marker is not None


def _only_marked(found: Mapping[str, Record], key: str) -> dict[str, Record]:
    """Without records that are marked as another's; where one has the very mark, it is the one."""
    certain = {name: one for name, one in found.items() if one.raw.get(MARK) == key}
    return certain or {name: one for name, one in found.items() if one.raw.get(MARK) is None}


def _among(ctx: Context, side: Side, sought: Sequence[_Sought], records: Iterator[Record]) -> Hits:
    """One pass over records; those with a natural key are looked up by it."""
    projection = ctx.mapping.projection(side)
    by_key: dict[tuple[int, str | None], list[_Sought]] = defaultdict(list)
    keyless = [one for one in sought if one.level is None]
    by_source = {one.operation.intent.source_key: one for one in sought}
    for one in sought:
        if one.level is not None:
            by_key[one.level, one.keys[one.level]].append(one)
    hits: dict[UUID, dict[str, Record]] = {one.operation.id: {} for one in sought}
    for some in chunked(records, ctx.limits.batch):
        lookups = looked_up_for(ctx, side, some)
        for record in some:
            document = _legible(projection, record, lookups)
            keys = projection.match_keys(document)
            candidates = [one for level, text in enumerate(keys) for one in by_key.get((level, text), ())]
            mark = record.raw.get(MARK)
            if isinstance(mark, str) and mark in by_source:
                hits[by_source[mark].operation.id][record.key] = record
            for one in (*candidates, *keyless):
                if one.fits(keys, document):
                    hits[one.operation.id][record.key] = record
    return {
        one.operation.id: [
            record
            for _, record in sorted(_only_marked(hits[one.operation.id], one.operation.intent.source_key).items())
        ]
        for one in sought
    }


def _legible(projection: Projection, record: Record, lookups: Lookups) -> Document:
    """What can be read of a record. The peer may have filled in something that the mapping has no word for."""
    document: dict[str, Value] = {}
    for name, chain in projection.chains.items():
        try:
            value = chain.read(record.raw, lookups)
        except RecordProblem:
            continue
        if not isinstance(value, Absent):
            document[name] = value
    return document
