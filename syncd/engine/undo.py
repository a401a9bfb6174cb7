"""A plan that takes back what a run wrote, made from the ledger and from how both sides read now.

Its writes are ordinary patches of both sides with ordinary intents; a person applies them as a saved plan. Must never
delete or make a record: what the run made, linked or removed is listed, and stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from syncd.core.canon import same
from syncd.core.model import ABSENT, Side, Value
from syncd.core.plan import Item, Kind
from syncd.core.reconcile import Change, Merge
from syncd.core.undo import WRITTEN, Fact, Left, Restore, undo_field
from syncd.engine.context import Context
from syncd.engine.plan import Prepared
from syncd.engine.states import View
from syncd.engine.tasks import MergeTask, Task
from syncd.ports import LedgerEntry, Link, Observation, Status

# "decided" tells ``recover`` that the value of one side alone is not agreed on yet; the core's rule name for an answer.
REASON: Final = "undo of run {run}, decided by a person"
_NAMED: Final = re.compile(r"^undo of run (\d+)\b")
_ENDS: Final = WRITTEN | {"agreed", "created", "adopted", "linked", "unlinked"}
_ENDED: Final = {"removed": "was deleted", "unlinked": "was unlinked", "forgotten": "was forgotten"}
_PENDING: Final = "has a change that is not carried out yet: run syncd once, then undo again"
_UNAPPROVED: Final = "the mapping's plan is not approved (it was edited, or was fenced): approve it first (syncd apply)"


def runs_named(reasons: Iterable[str]) -> frozenset[int]:
    """The runs that a saved plan takes back, by the reasons of its items."""
    return frozenset(int(found[1]) for reason in reasons if (found := _NAMED.match(reason)))


def undoing(ctx: Context, prepared: Prepared) -> Prepared:
    """Where a run is to be taken back, the plan for that instead of the ordinary one."""
    if not ctx.options.undo:
        return prepared
    tasks: list[Task] = []
    items: list[Item] = []
    for run in sorted(ctx.options.undo):
        mapping, entries = ctx.store.done_by(run)
        if mapping != ctx.name:
            continue
        if not prepared.plan.approved:
            items.append(_note(run, None, None, _UNAPPROVED))
            continue
        for keys, told in _by_record(entries).items():
            task, notes = _Record(ctx, run, keys, told).undone()
            tasks.extend([task] if task is not None else [])
            items.extend([*(task.items if task is not None else ()), *notes])
    return Prepared(replace(prepared.plan, items=tuple(items)), tuple(tasks))


def _by_record(entries: Iterable[LedgerEntry]) -> dict[tuple[str, str], list[LedgerEntry]]:
    records: dict[tuple[str, str], list[LedgerEntry]] = {}
    for entry in entries:
        if entry.external_key is not None and entry.flowtly_key is not None:
            records.setdefault((entry.external_key, entry.flowtly_key), []).append(entry)
    return dict(sorted(records.items()))


def _note(run: int, external: str | None, flowtly: str | None, detail: str, field: str = "*") -> Item:
    return Item(Kind.REPORT, external, flowtly, REASON.format(run=run), field=field, detail=detail)


@dataclass(frozen=True, slots=True)
class _Sides:
    """A linked record as both sides read now."""

    link: Link
    views: Mapping[Side, View]

    def now(self, field: str) -> dict[Side, Any]:
        """Both sides' values of a field."""
        return {side: self.views[side].document.get(field, ABSENT) for side in Side}


class _Record:
    """What one run did to one record, and what becomes of it."""

    def __init__(self, ctx: Context, run: int, keys: tuple[str, str], entries: list[LedgerEntry]) -> None:
        self.ctx = ctx
        self.run = run
        self.keys = keys
        self.entries = entries

    def undone(self) -> tuple[MergeTask | None, tuple[Item, ...]]:
        """The task that takes back what can be, and what a person has to know about the rest."""
        events = {entry.event for entry in self.entries}
        for event, what in (("created", "made"), ("adopted", "made"), ("linked", "linked")):
            if event in events:
                said = f"was {what} by this run and stays: nothing is deleted without proof"
                hint = f"; syncd links unlink {self.ctx.name}:{self.keys[0]} takes both apart"
                return None, (_note(self.run, *self.keys, said + hint),)
        for event, what in _ENDED.items():
            if event in events:
                said = f"{what} by this run, since a record was gone: that stays; its values: syncd why"
                return None, (_note(self.run, *self.keys, f"{said} {self.ctx.name}:{self.keys[0]}"),)
        fields = sorted({entry.field for entry in self.entries if entry.field and entry.event in WRITTEN})
        if not fields:
            return None, ()
        sides = self._sides()
        if isinstance(sides, Left):
            return None, (_note(self.run, *self.keys, sides.why),)
        verdicts = {
            field: undo_field(list(self._facts(field)), sides.now(field), self.ctx.rules.fields.get(field))
            for field in fields
        }
        restored = {field: one.values for field, one in verdicts.items() if isinstance(one, Restore)}
        notes = tuple(
            _note(self.run, *self.keys, one.why, field) for field, one in verdicts.items() if isinstance(one, Left)
        )
        return (self._task(sides, restored) if restored else None), notes

    def _sides(self) -> _Sides | Left:
        """Both sides as they read now; nothing while something else is on its way."""
        ctx, (external, flowtly) = self.ctx, self.keys
        link = ctx.store.links_by_key(ctx.name, Side.EXTERNAL, [external]).get(external)
        if link is None or link.flowtly_key != flowtly:
            return Left("these two are not linked any more")
        seen = {side: ctx.store.observation(ctx.name, side, link.key(side)) for side in Side}
        if any(one is not None and (one.status is not Status.ASKED or one.document is None) for one in seen.values()):
            return Left(_PENDING)
        views = {side: _view(link, side, seen[side]) for side in Side}
        return _Sides(link, views)

    def _facts(self, field: str) -> Iterator[Fact]:
        """What the ledger says of a field, beginning with the edit, which an earlier run may have seen."""
        own = [entry for entry in self.entries if entry.field == field]
        if not any(entry.event == "seen" for entry in own):
            own = [*self._edit_before(field, own[0]), *own]
        for entry in own:
            if entry.side is not None:
                yield Fact(entry.event, entry.side, entry.before, entry.after, entry.hidden)

    def _edit_before(self, field: str, first: LedgerEntry) -> list[LedgerEntry]:
        """Edits of a field that were seen before an entry and that no write or agreement ended in between."""
        before: list[LedgerEntry] = []
        for _, _, entry in self.ctx.store.history(self.ctx.name, *self.keys):
            if entry == first:
                break
            if entry.event in _ENDS and entry.field in {None, field}:
                before.clear()
            elif entry.event == "seen" and entry.field == field:
                before.append(entry)
        return before

    def _task(self, sides: _Sides, restored: Mapping[str, Mapping[Side, Value]]) -> MergeTask:
        reason = REASON.format(run=self.run)
        changes = {
            side: tuple(
                Change(field, sides.now(field)[side], values[side], reason)
                for field, values in restored.items()
                if not same(sides.now(field)[side], values[side])
            )
            for side in Side
        }
        merge = Merge(changes[Side.EXTERNAL], changes[Side.FLOWTLY], agreed=tuple(restored))
        digests = {side: view.digest for side, view in sides.views.items() if view.digest is not None}
        items = tuple(
            Item(
                Kind.PATCH,
                *self.keys,
                reason,
                side=side,
                changes=changes[side],
                digests=digests,
                waits_for=self.ctx.mapping.projection(side).waits(
                    {one.field: one.after for one in changes[side]}, self.ctx.lookups
                ),
            )
            for side in Side
            if changes[side]
        )
        views = sides.views
        return MergeTask(
            items, views[Side.EXTERNAL], views[Side.FLOWTLY], sides.link.base, merge, about=frozenset(restored)
        )


def _view(link: Link, side: Side, seen: Observation | None) -> View:
    if seen is None or seen.document is None:
        return View(link.key(side), link.base.of(side), None)
    return View(seen.key, seen.document, seen.digest, seen)
