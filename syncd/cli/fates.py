"""What became of each item of a saved plan, and why it was not carried out. Only looks: the store after the run.

Nothing here guesses what a person did: it compares what the plan was made from with what both sides read as now.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from syncd.core.canon import same
from syncd.core.model import ABSENT, Document, MaybeValue, Rules, Side
from syncd.core.plan import Item, Kind, maybe_to_json
from syncd.engine.run import Report
from syncd.engine.tasks import taken_apart
from syncd.mapping.compiled import CompiledMapping
from syncd.mapping.links import shown
from syncd.ports import ConflictRow, Link, Observation, Operation, Status, Store

_BATCH: Final = 1_000
_REMOVALS: Final = frozenset({Kind.DELETE, Kind.MARK, Kind.UNLINK})


@dataclass(frozen=True, slots=True)
class Moved:
    """One field that is not what the plan was made from."""

    side: Side
    field: str
    was: MaybeValue
    now: MaybeValue


@dataclass(frozen=True, slots=True)
class Fate:
    """An item that was not carried out now. ``done``: because it had been done already."""

    item: Item
    why: str
    moved: tuple[Moved, ...] = ()
    done: bool = False


def fates(store: Store, mapping: CompiledMapping, items: Iterable[Item], report: Report) -> list[Fate]:
    """Every item that this run did not carry out, with the reason, in the plan's order.

    Not what still waits for a record to be linked, as the plan itself said.
    """
    wanted = [item for item in items if item.kind is not Kind.REPORT]
    planned = () if report.plan is None else report.plan.items
    held = {item.fingerprint for item in planned}
    facts = _Facts(mapping.rules, planned, unread=not report.complete)
    facts.gather(store, mapping.name, wanted)
    found = []
    for item in wanted:
        fate = _fate(facts, item, held=item.fingerprint in held)
        foretold = item.waits_for is not None and fate is not None and fate.why == _awaiting(item.waits_for)
        if fate is not None and not ((fate.done or foretold) and item.fingerprint in held):
            found.append(fate)
    return found


def fate_to_json(mapping: str, fate: Fate) -> dict[str, Any]:
    """A fate for a script."""
    item = fate.item
    return {
        "mapping": mapping,
        "kind": str(item.kind),
        "side": None if item.side is None else str(item.side),
        "external_key": item.external_key,
        "flowtly_key": item.flowtly_key,
        "done_already": fate.done,
        "why": fate.why,
        "moved": [
            {"side": str(one.side), "field": one.field, "was": maybe_to_json(one.was), "now": maybe_to_json(one.now)}
            for one in fate.moved
        ],
    }


@dataclass(slots=True)
class _Facts:
    """What the store knows of the records of a plan, after the run."""

    rules: Rules
    planned: tuple[Item, ...]
    unread: bool
    links: dict[tuple[Side, str], Link] = field(default_factory=dict)
    seen: dict[tuple[Side, str], Observation] = field(default_factory=dict)
    operations: dict[tuple[Side, str], Operation] = field(default_factory=dict)
    """Open ones by the side and key of their source."""
    questions: list[ConflictRow] = field(default_factory=list)
    aliases: set[tuple[str | None, str | None]] = field(default_factory=set)
    removing: dict[str, str] = field(default_factory=dict)
    """Losses that wait, by external key, with why."""
    asked: dict[tuple[Side, str], Item] = field(default_factory=dict)

    def gather(self, store: Store, name: str, items: list[Item]) -> None:
        """Read it all, in batches."""
        for side in Side:
            keys = sorted({key for item in items if (key := item.key(side)) is not None})
            for start in range(0, len(keys), _BATCH):
                some = keys[start : start + _BATCH]
                self.links |= {(side, key): link for key, link in store.links_by_key(name, side, some).items()}
                self.seen |= {(side, key): seen for key, seen in store.observations(name, side, some).items()}
            certificates = store.certificates(name, side, 1)
            self.unread = self.unread or any(not one.complete for one in certificates)
        for operation in store.open_operations(name):
            self.operations[operation.intent.side.other, operation.intent.source_key] = operation
        self.questions = store.conflicts(name, open_only=True)
        self.aliases = {(one.external_key, one.flowtly_key) for one in store.aliases(name)}
        self.removing = {one.external_key: one.detail for one in store.removals(name, open_only=True)}
        for item in self.planned:
            for side in Side:
                if (key := item.key(side)) is not None and item.kind in {Kind.ASK, Kind.LINK}:
                    self.asked.setdefault((side, key), item)

    def link_of(self, item: Item) -> Link | None:
        """The link of either of an item's records."""
        for side in Side:
            key = item.key(side)
            if key is not None and (side, key) in self.links:
                return self.links[side, key]
        return None

    def now(self, side: Side, link: Link) -> Document | None:
        """How a linked side reads now; None while it cannot be read."""
        seen = self.seen.get((side, link.key(side)))
        return link.base.of(side) if seen is None else seen.document


def _fate(facts: _Facts, item: Item, *, held: bool) -> Fate | None:
    """Why an item was not carried out; None for one that was."""
    if item.kind in _REMOVALS:
        return _removal(facts, item, held=held)
    if item.kind is Kind.CREATE and item.side is not None:
        return _create(facts, item, item.side, held=held)
    link = facts.link_of(item)
    tied = link is not None and (link.external_key, link.flowtly_key) == (item.external_key, item.flowtly_key)
    if item.kind is Kind.LINK and (tied or (item.external_key, item.flowtly_key) in facts.aliases):
        return Fate(item, "done already: they are linked", done=True)
    if item.kind is Kind.ASK and _is_asked(facts, item):
        return Fate(item, "done already: the question is open", done=True)
    if link is None or not tied:
        return _untied(facts, item, link, held=held)
    return _linked(facts, item, link, held=held)


def _is_asked(facts: _Facts, item: Item) -> bool:
    return any(
        (row.external_key, row.flowtly_key, row.field) == (item.external_key, item.flowtly_key, item.field)
        for row in facts.questions
    )


def _removal(facts: _Facts, item: Item, *, held: bool) -> Fate | None:
    if facts.link_of(item) is None:
        return Fate(item, "done already: they are not linked any more", done=True)
    if item.external_key in facts.removing:
        return Fate(item, facts.removing[item.external_key] or "waits")
    return None if held else Fate(item, "is not due any more: the record is there again, or it was done")


def _create(facts: _Facts, item: Item, side: Side, *, held: bool) -> Fate | None:
    source, document = side.other, item.document or {}
    key = item.key(source) or ""
    link = facts.links.get((source, key))
    if link is not None:
        if held or all(_has(link, name, value) for name, value in document.items()):
            return Fate(item, f"done already: it is linked to {link.key(side)}", done=True)
        return Fate(item, f"is linked already to {link.key(side)}")
    operation = facts.operations.get((source, key))
    if operation is not None:
        return Fate(item, f"whether it was made is not known yet: operation {operation.id}")
    seen = facts.seen.get((source, key))
    if seen is None:
        return Fate(item, f"no such record in {source}")
    if seen.document is None:
        return Fate(item, f"cannot be read in {source}: {seen.problem}")
    moved = tuple(_document_moved(facts.rules, source, document, seen.document))
    if moved or seen.digest != (item.digests or {}).get(source):
        return Fate(item, f"record moved in {source}", moved)
    return Fate(item, _waits(facts, item, (seen,), held=held))


def _has(link: Link, name: str, value: MaybeValue) -> bool:
    return any(same(link.base.of(side).get(name, ABSENT), value) for side in Side)


def _document_moved(rules: Rules, source: Side, before: Document, now: Document) -> Iterator[Moved]:
    """Fields that a create would send otherwise by now. It sends no nulls, and nothing that flows the other way."""
    for name, rule in rules.fields.items():
        if name in before or (rule.direction.allows(source.other) and now.get(name) is not None):
            was, value = before.get(name), now.get(name)
            if not same(was, value):
                yield Moved(source, name, was, value)


def _untied(facts: _Facts, item: Item, link: Link | None, *, held: bool) -> Fate:
    """An item about a pair that has no link."""
    if link is not None:
        return Fate(item, f"is linked already: external {link.external_key} to {link.flowtly_key}")
    sides = [(side, key) for side in Side if (key := item.key(side)) is not None]
    apart = next((one for side in sides if (one := facts.seen.get(side)) is not None and taken_apart(one)), None)
    if apart is not None:
        return Fate(item, f"is not linked any more: {apart.problem}")
    for side, key in sides:
        if (side, key) not in facts.seen:
            return Fate(item, f"no such record in {side}, or it is not linked any more")
    for side, key in sides:
        if facts.seen[side, key].digest != (item.digests or {}).get(side):
            return Fate(item, f"record moved in {side}")
    return Fate(item, _waits(facts, item, tuple(facts.seen[one] for one in sides), held=held))


def _linked(facts: _Facts, item: Item, link: Link, *, held: bool) -> Fate | None:
    """A change, a question or an agreement about a linked pair."""
    documents = {side: facts.now(side, link) for side in Side}
    for side, document in documents.items():
        if document is None:
            problem = facts.seen[side, link.key(side)].problem
            return Fate(item, f"cannot be read in {side}: {problem}")
    now = {side: document for side, document in documents.items() if document is not None}
    if item.side is not None and all(_arrived(item.side, link, now, one.field, one.after) for one in item.changes):
        return Fate(item, "done already: the field has that value", done=True)
    if item.kind is Kind.AGREE and not any((side, link.key(side)) in facts.seen for side in Side):
        return Fate(item, "done already: both sides agree", done=True)
    moved = tuple(_changes_moved(item, now))
    where = {one.side for one in moved} or _read_otherwise(facts, item, link)
    if where:
        sides = " and ".join(str(side) for side in Side if side in where)
        return Fate(item, f"record moved in {sides}", moved)
    seen = tuple(one for side in Side if (one := facts.seen.get((side, link.key(side)))) is not None)
    if held and item.kind is Kind.AGREE:
        return None
    return Fate(item, _waits(facts, item, seen, held=held))


def _arrived(side: Side, link: Link, now: Mapping[Side, Document], name: str, after: MaybeValue) -> bool:
    """The side has the value, or what it made of it (agreed on as the other side's value)."""
    value = now[side].get(name, ABSENT)
    if same(value, after):
        return True
    return same(link.base.of(side).get(name, ABSENT), value) and same(link.base.of(side.other).get(name, ABSENT), after)


def _changes_moved(item: Item, now: Mapping[Side, Document]) -> Iterator[Moved]:
    """Fields of a change that are not as planned, where it writes and where the value came from."""
    if item.side is None:
        return
    for change in item.changes:
        value = now[item.side].get(change.field, ABSENT)
        if not same(value, change.before) and not same(value, change.after):
            yield Moved(item.side, change.field, change.before, value)
        source = now[item.side.other].get(change.field, ABSENT)
        if change.rule != "decided" and not same(source, change.after):
            yield Moved(item.side.other, change.field, change.after, source)


def _read_otherwise(facts: _Facts, item: Item, link: Link) -> set[Side]:
    """Sides that do not read as they did, though not in a field of this item."""
    planned = item.digests or {}
    found = set()
    for side in Side:
        seen = facts.seen.get((side, link.key(side)))
        if (None if seen is None else seen.digest) != planned.get(side):
            found.add(side)
    return found


def _awaiting(reference: str) -> str:
    return f"waits for {shown(reference)}"


def _waits(facts: _Facts, item: Item, seen: tuple[Observation, ...], *, held: bool) -> str:
    """Why nothing was done about records that read as they did."""
    if item.waits_for is not None:
        return _awaiting(item.waits_for)
    for side in Side:
        key = item.key(side)
        other = None if key is None else facts.asked.get((side, key))
        if other is not None and other.kind is not item.kind:
            return f"{'a question comes first' if other.kind is Kind.ASK else 'is to be linked first'}: {other.reason}"
    for one in seen:
        if one.problem:
            return one.problem
    fields = {item.field, "*", *(one.field for one in item.changes)}
    for row in facts.questions:
        if row.external_key is not None and row.external_key == item.external_key and row.field in fields:
            return f"question {row.id} about it is open"
    if facts.unread:
        return "a side was not read completely, so nothing is decided about it"
    if any(one.status is Status.ASKED for one in seen):
        return "a question about it is open"
    return "was not carried out: the peer was in trouble or the run was stopped" if held else "is not due any more"
