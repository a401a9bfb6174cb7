"""Change one linked record at one or both peers: read, compare, send only changed fields, compare the answer, settle.

Peers without locks leave a gap between our read and our write that cannot be closed; it is kept short, and the answer
of the write (never a later read) is taken as the state that this write produced, so an edit after it is still an edit.
"""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from syncd.core.canon import same
from syncd.core.model import ABSENT, Base, Document, Side, Value
from syncd.core.reconcile import Change, settled
from syncd.engine import history
from syncd.engine.context import Context
from syncd.engine.merging import remembered_base
from syncd.engine.read import observe
from syncd.engine.replace import replace_record
from syncd.engine.setaside import Trouble, postpone, set_aside, withhold
from syncd.engine.states import View, differing_fields, side_state, with_fresh_digests
from syncd.engine.tasks import MergeTask
from syncd.engine.telling import settle
from syncd.engine.trouble import Gate, describe, failed, withheld
from syncd.errors import BadAnswer, Denied, Later, NotFound, RateLimited, Refused, Stale, UnknownOutcome, Withheld
from syncd.mapping.compiled import RecordProblem
from syncd.mapping.links import shown
from syncd.ports import (
    Intent,
    LedgerEntry,
    Observation,
    OperationState,
    Record,
    Settlement,
    SideState,
)


def patch_record(ctx: Context, task: MergeTask) -> None:
    """Carry out a merge's writes, one side after the other. Trouble with this record never leaves this function.

    A side that refuses its fields does not hold back the other side's. Raises LeaseLost and StoreUnavailable only.
    """
    views = {Side.EXTERNAL: task.external, Side.FLOWTLY: task.flowtly}
    base = remembered_base(ctx, task)
    refused: list[Trouble] = []
    for side in Side:
        changes = task.merge.to(side)
        if not changes:
            continue
        if side in ctx.blocked:
            break
        sent, waiting = _writable(ctx, side, views[side.other].key, changes)
        if side is Side.FLOWTLY and task.replaces:
            # A new record has all of its values at once: it is not made before all of them can be.
            refused.extend(waiting or replace_record(ctx, task, views[Side.EXTERNAL], changes))
            break
        later = {change.field for other in Side if _after(other, side) for change in task.merge.to(other)}
        patch = _Patch(ctx, task, side, views, base, frozenset(later))
        patched = patch.run(sent) if sent else None
        if patched is not None:
            views[side], base = patched
        elif patch.refused is not None:
            refused.append(patch.refused)
            if later & {change.field for change in sent}:
                break
        elif sent:
            break
        refused.extend(waiting)
    for trouble in refused:
        set_aside(ctx, task, trouble)


def _writable(
    ctx: Context, side: Side, source_key: str, changes: tuple[Change, ...]
) -> tuple[tuple[Change, ...], tuple[Trouble, ...]]:
    """The changes that can be sent, and why others cannot: a reference that is not linked holds back no other field."""
    projection = ctx.mapping.projection(side)
    waits = {one.field: projection.waits({one.field: one.after}, ctx.lookups) for one in changes}
    problems = [RecordProblem(name, f"waits for {shown(what)}", what) for name, what in waits.items() if what]
    for problem in problems:
        failed(ctx, side, source_key, problem)
    sent = tuple(one for one in changes if waits[one.field] is None)
    return sent, tuple(Trouble("refused", describe(one), one.waiting_for) for one in problems)


def _after(other: Side, side: Side) -> bool:
    order = list(Side)
    return order.index(other) > order.index(side)


class _Patch:
    """One write to one side of one pair."""

    def __init__(
        self,
        ctx: Context,
        task: MergeTask,
        side: Side,
        views: Mapping[Side, View],
        base: Base,
        unfinished: frozenset[str],
    ) -> None:
        self.ctx = ctx
        self.task = task
        self.side = side
        self.views = views
        self.base = base
        self.unfinished = unfinished
        self.operation: UUID | None = None
        self.refused: Trouble | None = None

    def run(self, changes: tuple[Change, ...]) -> tuple[View, Base] | None:
        """The side's new view and the new base, or None when the record has to wait."""
        ctx, side, key = self.ctx, self.side, self.views[self.side].key
        wanted = {change.field: change.after for change in changes}
        intent = Intent("patch", side, self.views[side.other].key, key, wanted, self.task.items[0].reason)
        (operation,) = ctx.store.intend([intent], ctx.name, ctx.run_id, ctx.lease)
        self.operation = operation.id
        gate = Gate(ctx, side, self.views[side.other].key)
        try:
            current = ctx.peers[side].read(ctx.queries[side], key)
            if self._moved(current):
                self._stale(current)
                return None
            fields = ctx.mapping.projection(side).writes(wanted, ctx.lookups, current.raw)
            with ctx.sending():
                answer = ctx.peers[side].update(ctx.queries[side], key, fields, current) if fields else current
        except UnknownOutcome as error:
            ctx.events("write.in_doubt", side=side, key=key, kind="patch", detail=str(error))
            gate.trouble(error)
            return self._look_again(wanted, changes)
        except Stale:
            self._drop("the record moved under the write")
        except NotFound:
            self._missing()
        except Withheld as error:
            self._withhold(error)
        except (Refused, RecordProblem) as error:
            self._refuse(error)
        except (Denied, Later, BadAnswer) as error:
            gate.trouble(error)
            self._drop(describe(error))
            if not isinstance(error, Denied | RateLimited):
                postpone(ctx, self.task, describe(error))
        else:
            gate.fine()
            return self._settle(answer, changes)
        return None

    def _moved(self, current: Record) -> bool:
        """True when any mapped field is not as the plan saw it. A record that cannot be mapped now has moved too."""
        now = self._document(current)
        planned = self.views[self.side].document
        return now is None or any(
            not same(now.get(name, ABSENT), planned.get(name, ABSENT)) for name in self.ctx.rules.fields
        )

    def _document(self, record: Record) -> dict[str, Value] | None:
        try:
            return self.ctx.mapping.projection(self.side).document(record.raw, self.ctx.lookups)
        except RecordProblem:
            return None

    def _stale(self, current: Record) -> None:
        """The record goes back to planning with what it is now."""
        self._finish(OperationState.DROPPED, "the record had moved", self._state(observe(self.ctx, self.side, current)))
        self.ctx.tally.add("stale", self.side)
        self.ctx.events("write.stale", side=self.side, key=current.key)

    def _drop(self, detail: str) -> None:
        self._finish(OperationState.DROPPED, detail, None)

    def _look_again(self, wanted: Document, changes: tuple[Change, ...]) -> tuple[View, Base] | None:
        """After a lost answer: a change can be seen, so look. Anything but a clear sight leaves it for planning."""
        ctx, side = self.ctx, self.side
        try:
            current = ctx.peers[side].read(ctx.queries[side], self.views[side].key)
        except (NotFound, Refused, Denied, Later, BadAnswer) as error:
            self._finish(OperationState.IN_DOUBT, describe(error), None)
            return None
        now = self._document(current)
        if now is not None and all(same(now.get(name), value) for name, value in wanted.items()):
            return self._settle(current, changes, history.READ_BACK)
        if self._moved(current):
            self._stale(current)
        else:
            self._drop("found not applied")
            postpone(ctx, self.task, "the answer was lost and the change was not made")
        return None

    def _missing(self) -> None:
        """Edited on one side, gone on the other: nothing is decided without proof; a person is told.

        The record may come back by itself, so the edit is tried again later and later.
        """
        ctx = self.ctx
        detail = f"no such record in {self.side} any more, while the other side was edited"
        self._drop(detail)
        set_aside(ctx, self.task, Trouble("missing", detail))
        ctx.tally.add("conflicts")
        ctx.events("conflict.missing", side=self.side, external=self.task.external.key, flowtly=self.task.flowtly.key)

    def _refuse(self, error: Refused | RecordProblem) -> None:
        """The peer (or the mapping) will not take it: the record is set aside, the stream goes on."""
        failed(self.ctx, self.side, self.views[self.side.other].key, error)
        waiting_for = error.waiting_for if isinstance(error, RecordProblem) else None
        self.refused = Trouble("refused", describe(error), waiting_for)
        self._finish(OperationState.REFUSED, describe(error), None)

    def _withhold(self, error: Withheld) -> None:
        """A rule of ours holds it back: nobody is asked, and it is tried again later."""
        self._drop(describe(error))
        seen = self.views[self.side.other].observation
        withheld(self.ctx, self.side, self.views[self.side.other].key, error, None if seen is None else seen.problem)
        withhold(self.ctx, self.task, describe(error))

    def _state(self, observation: Observation) -> SideState:
        return SideState(observation.digest, observation)

    def _finish(self, state: OperationState, detail: str, target: SideState | None) -> None:
        """End the operation without agreement; the base stays as it was."""
        settlement = Settlement(
            external_key=self.task.external.key,
            flowtly_key=self.task.flowtly.key,
            external=target if self.side is Side.EXTERNAL else None,
            flowtly=target if self.side is Side.FLOWTLY else None,
            operation=self.operation,
            operation_state=state,
            operation_detail=detail,
        )
        settle(self.ctx, [settlement])

    def _settle(self, answer: Record, changes: tuple[Change, ...], verified: str = history.ANSWER) -> tuple[View, Base]:
        """The write is done: agree on its fields, keep open whatever else somebody changed meanwhile."""
        ctx, side = self.ctx, self.side
        after = self._document(answer)
        if after is None:
            after = {**self.views[side].document, **{change.field: change.after for change in changes}}
        digest = ctx.mapping.projection(side).digest(answer.raw, ctx.lookups)
        view = View(answer.key, after, digest, self.views[side].observation)
        views = {**self.views, side: view}
        done = frozenset(change.field for change in changes) - self.unfinished
        base = settled(self.base, views[Side.EXTERNAL].document, views[Side.FLOWTLY].document, done, ctx.rules)
        fields = frozenset(ctx.rules.fields)
        idle = fields - {change.field for one in Side for change in self.task.merge.to(one)}
        moved = {name for name in fields if not same(after.get(name), self.views[side].document.get(name))}
        settlement = Settlement(
            external_key=self.task.external.key,
            flowtly_key=self.task.flowtly.key,
            base=base,
            external=side_state(views[Side.EXTERNAL], base.external, fields, idle - moved),
            flowtly=side_state(views[Side.FLOWTLY], base.flowtly, fields, idle - moved),
            operation=self.operation,
            operation_state=OperationState.DONE,
            closed_fields=(*sorted(done), "*"),
            ledger=tuple(self._entries(changes, after, digest, verified)),
        )
        settle(ctx, with_fresh_digests(settlement, self.base))
        ctx.tally.add("patched", side)
        ctx.events(
            "record.patched",
            side=side,
            key=answer.key,
            fields=sorted(change.field for change in changes),
            open_fields=sorted(differing_fields(after, base.of(side), ctx.rules.fields)),
        )
        return view, base

    def _entries(self, changes: tuple[Change, ...], after: Document, digest: bytes, verified: str) -> list[LedgerEntry]:
        for change in changes:
            got = after.get(change.field, ABSENT)
            if not same(got, change.after):
                self.ctx.tally.add("rewritten", self.side)
                self.ctx.events(
                    "write.rewritten",
                    side=self.side,
                    field=change.field,
                    sent=change.after,
                    got=got,
                    digest=digest.hex(),
                )
        keys = self.task.external.key, self.task.flowtly.key
        return list(history.of_changes(keys, self.side, changes, after, self.operation, verified))
