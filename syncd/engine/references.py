"""References to records of other mappings: their links as tables, looked up in batches. Decides and changes nothing.

What is linked is remembered for the length of a run; what is not is asked again every time, since another mapping may
link it at any moment.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Mapping

from syncd.core.model import Document, Side
from syncd.engine.context import Context
from syncd.mapping.compiled import CompiledMapping, Lookups
from syncd.mapping.links import FixedLinks, LinkTable, table_of, waits_for
from syncd.ports import Record, Store


class LiveLinks(LinkTable):
    """The links of one mapping as the store has them now. Safe to use from several threads."""

    def __init__(self, store: Store, mapping: str, held: frozenset[str] = frozenset()) -> None:
        self._store = store
        self._mapping = mapping
        self._held = held
        self._known: dict[tuple[Side, str], str] = {}
        self._primaries: dict[str, str] | None = None

    def primary(self, key: str) -> str:
        """The external key by which a record goes here. Aliases are few, and are read once a run, on first use."""
        if self._primaries is None:
            self._primaries = {one.external_key: one.primary for one in self._store.aliases(self._mapping)}
        return self._primaries.get(key, key)

    def other(self, side: Side, key: str) -> str | None:
        """The key on the other side, None when it is not linked now."""
        return self.look_up(side, [key]).get(key)

    def look_up(self, side: Side, keys: Iterable[str]) -> dict[str, str]:
        """The other side's keys of those that are linked; not of one that is being merged, which may lead elsewhere."""
        wanted = dict.fromkeys(key for key in keys if side is not Side.FLOWTLY or key not in self._held)
        found = {key: self._known[side, key] for key in wanted if (side, key) in self._known}
        unknown = [key for key in wanted if key not in found]
        if unknown:
            partners = self._store.partners(self._mapping, side, unknown)
            found.update(partners)
            self._known.update({(side, key): other for key, other in partners.items()})
        return found


def live_links(mapping: CompiledMapping, store: Store) -> dict[tuple[str, str], LinkTable]:
    """A table for each mapping that this one refers to."""
    # Flowtly moves references with a merge: until that is over, they would be taken for somebody's edits.
    held = store.held_by_merges() if mapping.references else frozenset()
    return {table_of(name): LiveLinks(store, name, held) for name in mapping.references}


def looked_up(ctx: Context, keys: Mapping[Side, Iterable[tuple[str, str]]]) -> Lookups:
    """The run's tables, with these references (mapping, key) by side looked up in one round trip each."""
    if not ctx.mapping.references:
        return ctx.lookups
    tables = dict(ctx.lookups)
    for name, wanted in _by_mapping(keys).items():
        live = ctx.lookups[table_of(name)]
        if not isinstance(live, LiveLinks):
            continue
        known: dict[tuple[Side, str], str | None] = {}
        for side, some in wanted.items():
            found = live.look_up(side, some)
            known.update({(side, key): found.get(key) for key in some})
        tables[table_of(name)] = FixedLinks(known, live)
    return tables


def looked_up_for(ctx: Context, side: Side, records: Iterable[Record]) -> Lookups:
    """The run's tables, ready for reading these records of one side."""
    if not ctx.mapping.references:
        return ctx.lookups
    projection = ctx.mapping.projection(side)
    return looked_up(ctx, {side: [pair for record in records for pair in projection.reference_keys(record.raw)]})


def looked_up_for_writing(ctx: Context, side: Side, documents: Iterable[Document]) -> Lookups:
    """The run's tables, ready for writing these documents to ``side``."""
    if not ctx.mapping.references or side is Side.EXTERNAL:
        return ctx.lookups
    projection = ctx.mapping.projection(side)
    pairs = [pair for document in documents for pair in projection.document_references(document)]
    return looked_up(ctx, {Side.EXTERNAL: pairs})


def in_hiding(ctx: Context, document: Document, lookups: Lookups, waiting: Container[str]) -> bool:
    """True while a record that refers to the same as this document cannot be read yet: it may be its partner."""
    for name, key in ctx.mapping.projection(Side.FLOWTLY).document_references(document):
        table = lookups.get(table_of(name))
        iri = table.other(Side.EXTERNAL, key) if isinstance(table, LinkTable) else None
        if iri is not None and waits_for(name, Side.FLOWTLY, iri) in waiting:
            return True
    return False


def _by_mapping(keys: Mapping[Side, Iterable[tuple[str, str]]]) -> Mapping[str, Mapping[Side, list[str]]]:
    grouped: dict[str, dict[Side, list[str]]] = defaultdict(lambda: defaultdict(list))
    for side, pairs in keys.items():
        for mapping, key in pairs:
            grouped[mapping][side].append(key)
    return grouped
