"""One alias brought up to date: what is noted of it, and the write to it. Never overwrites an edit.

Intent first, then look, compare, send the least, settle. A crash in between leaves an intent that is ended by what the
alias reads then, and an alias that is simply looked at again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from syncd.core.aliasing import Carried
from syncd.core.canon import same
from syncd.core.model import ABSENT, Base, Decision, Document, Side
from syncd.core.reconcile import Change
from syncd.engine import history
from syncd.engine.context import Context
from syncd.engine.read import observe
from syncd.engine.states import parked
from syncd.engine.telling import settle
from syncd.engine.trouble import Gate, describe, failed
from syncd.errors import BadAnswer, Denied, Later, NotFound, Refused, Stale, UnknownOutcome
from syncd.mapping.compiled import RecordProblem
from syncd.ports import (
    ConflictRow,
    Intent,
    Link,
    NewConflict,
    Observation,
    Operation,
    OperationState,
    Record,
    Settlement,
    SideState,
    Status,
)
from syncd.ports.aliases import Alias

ALIAS = "alias"
"""The kind of its questions, and the rule's name on what is carried over."""

_OUT_OF_SCOPE = "has left the mapping's scope"


@dataclass(frozen=True, slots=True)
class Due:
    """An alias for which something has to be done or noted."""

    alias: Alias
    link: Link
    seen: Observation
    carried: Carried
    decisions: Mapping[str, Sequence[Decision]]
    asked: Mapping[tuple[str, str], ConflictRow]


def same_document(one: Document, other: Document) -> bool:
    """True for the same fields with the same values."""
    return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())


def keep(
    ctx: Context,
    due: Due,
    carried: Carried,
    seen: Observation,
    changes: Sequence[Change],
    operation: Operation | None = None,
) -> None:
    """Settle an alias: at rest or asked about, its questions and what was written in the ledger."""
    one, key = due.alias, due.alias.external_key
    status = Status.ASKED if carried.contests else Status.SETTLED_ALONE
    rest = replace(seen, status=status, problem=f"alias of {one.primary}", due_at=None, waiting_for=None, attempts=0)
    keys = key, one.flowtly_key
    id_ = None if operation is None else operation.id
    after = seen.document or {}
    settlement = Settlement(
        key,
        None,
        external=SideState(seen.digest, rest),
        operation=id_,
        operation_state=None if operation is None else OperationState.DONE,
        opened=tuple(
            NewConflict(
                ALIAS,
                key,
                None,
                contest.field,
                contest.base,
                contest.told,
                contest.alias,
                contest.primary,
                detail=f"edited here, changed at {one.primary}, of which this is an alias ({one.flowtly_key})",
            )
            for contest in carried.contests
        ),
        closed_fields=(*carried.settled, "*"),
        ledger=tuple(history.of_changes(keys, Side.EXTERNAL, changes, after, id_, history.ANSWER)),
    )
    settle(ctx, [settlement])
    if (
        not same_document(carried.base, one.base)
        or not same_document(carried.told, one.told)
        or one.missed_run is not None
    ):
        ctx.store.keep_alias(replace(one, base=carried.base, told=carried.told, missed_run=None), ctx.lease)
    _tell(ctx, due, carried)


def _tell(ctx: Context, due: Due, carried: Carried) -> None:
    key = due.alias.external_key
    if carried.edited and due.seen.status is Status.DIRTY:
        ctx.tally.add("alias_edited")
        ctx.events("alias.edited", external=key, primary=due.alias.primary, fields=list(carried.edited))
    new = [one.field for one in carried.contests if (key, one.field) not in due.asked]
    if new:
        ctx.tally.add("conflicts", by=len(new))
        ctx.events("conflict.alias", external=key, primary=due.alias.primary, fields=new)


class Carry:
    """One write to one alias."""

    def __init__(self, ctx: Context, due: Due) -> None:
        self.ctx, self.due, self.key = ctx, due, due.alias.external_key

    def run(self) -> None:
        """Send what the primary has and the alias has not. Trouble with this record stays here."""
        ctx, due = self.ctx, self.due
        wanted = dict(due.carried.writes)
        intent = Intent("patch", Side.EXTERNAL, due.link.flowtly_key, self.key, wanted, f"alias of {due.alias.primary}")
        (operation,) = ctx.store.intend([intent], ctx.name, ctx.run_id, ctx.lease)
        gate = Gate(ctx, Side.EXTERNAL, due.link.flowtly_key)
        query, peer = ctx.queries[Side.EXTERNAL], ctx.peers[Side.EXTERNAL]
        try:
            current = peer.read(query, self.key)
            if not self._as_planned(operation, current):
                return
            fields = ctx.mapping.projection(Side.EXTERNAL).writes(wanted, ctx.lookups, current.raw)
            with ctx.sending():
                answer = peer.update(query, self.key, fields, current) if fields else current
        except UnknownOutcome as error:
            ctx.events("write.in_doubt", side=Side.EXTERNAL, key=self.key, kind="patch", detail=str(error))
            gate.trouble(error)
            self._end(operation, OperationState.IN_DOUBT, describe(error))
        except (Stale, NotFound) as error:
            self._end(operation, OperationState.DROPPED, describe(error))
        except (Refused, RecordProblem) as error:
            self._refused(operation, error)
        except (Denied, Later, BadAnswer) as error:
            gate.trouble(error)
            self._end(operation, OperationState.DROPPED, describe(error))
        else:
            gate.fine()
            self._settle(operation, answer, wanted)

    def _as_planned(self, operation: Operation, current: Record) -> bool:
        """True while the alias is one of the mapping's records and reads as it was planned on."""
        ctx, due = self.ctx, self.due
        if not ctx.mapping.projection(Side.EXTERNAL).in_scope(current.raw):
            kept = parked(due.seen, _OUT_OF_SCOPE, ctx.now())
            self._end(operation, OperationState.DROPPED, _OUT_OF_SCOPE, kept)
            return False
        seen = observe(ctx, Side.EXTERNAL, current)
        if seen.document is None or not same_document(seen.document, due.seen.document or {}):
            self._end(operation, OperationState.DROPPED, "the record had moved", seen)
            ctx.tally.add("stale", Side.EXTERNAL)
            ctx.events("write.stale", side=Side.EXTERNAL, key=self.key)
            return False
        return True

    def _settle(self, operation: Operation, answer: Record, wanted: Document) -> None:
        """What the alias made of the values is its base; what else moved meanwhile is looked at in the next run."""
        ctx, due = self.ctx, self.due
        seen, before = observe(ctx, Side.EXTERNAL, answer), due.seen.document or {}
        after = {**before, **wanted} if seen.document is None else seen.document
        changes = [Change(name, before.get(name, ABSENT), value, ALIAS) for name, value in sorted(wanted.items())]
        base = {
            name: after[name] if name in wanted and name in after else value for name, value in due.carried.base.items()
        }
        keep(ctx, due, replace(due.carried, base=base), replace(seen, document=after), changes, operation)
        ctx.tally.add("patched", Side.EXTERNAL)
        ctx.events("record.patched", side=Side.EXTERNAL, key=self.key, fields=sorted(wanted), open_fields=[])

    def _refused(self, operation: Operation, error: Refused | RecordProblem) -> None:
        """The ERP (or the mapping) will not take it: a person is told, and it is tried again later and later."""
        ctx, detail = self.ctx, describe(error)
        failed(ctx, Side.EXTERNAL, self.key, error)
        waiting = error.waiting_for if isinstance(error, RecordProblem) else None
        kept = parked(self.due.seen, detail, ctx.now(), waiting)
        asked = () if waiting else (NewConflict("refused", self.key, None, detail=detail),)
        self._end(operation, OperationState.REFUSED, detail, kept, asked)

    def _end(
        self,
        operation: Operation,
        state: OperationState,
        detail: str,
        kept: Observation | None = None,
        asked: tuple[NewConflict, ...] = (),
    ) -> None:
        settlement = Settlement(
            self.key,
            None,
            external=None if kept is None else SideState(kept.digest, kept),
            operation=operation.id,
            operation_state=state,
            operation_detail=detail,
            opened=asked,
        )
        settle(self.ctx, [settlement])


def recovered_alias(ctx: Context, operation: Operation, seen: Observation | None) -> bool:
    """End a doubtful write to an alias by what the alias reads now; False where it was none.

    What it reads is compared with its primary as always, later in this run.
    """
    one = ctx.store.alias(ctx.name, operation.intent.target_key or "")
    if one is None or operation.intent.side is not Side.EXTERNAL:
        return False
    document = None if seen is None else seen.document
    applied = document is not None and all(
        same(document.get(name), value) for name, value in operation.intent.payload.items()
    )
    link = Link(0, one.external_key, one.flowtly_key, Base(one.base, {}))
    known = ctx.store.observation(ctx.name, Side.EXTERNAL, one.external_key)
    settlement = Settlement(
        one.external_key,
        None,
        external=None if seen is None else SideState(seen.digest, seen),
        operation=operation.id,
        operation_state=OperationState.DONE if applied else OperationState.DROPPED,
        operation_detail="found applied" if applied else "found not applied",
        ledger=tuple(history.of_found(link, known, operation)) if applied else (),
    )
    settle(ctx, [settlement])
    ctx.events("recover.patch", side=Side.EXTERNAL, key=one.external_key, applied=applied)
    return True
