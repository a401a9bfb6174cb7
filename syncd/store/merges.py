"""Merges from proposal to end. Must never lead back from a call that may have been sent to one that could be sent.

The tables refuse what must not be; here each refusal of theirs becomes a Stale that says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, Connection, RowMapping, func, select, text
from sqlalchemy.exc import IntegrityError

from syncd.errors import NotFound, Refused, Stale
from syncd.ports import Lease
from syncd.ports.merges import Followed, Merge, MergePlan, MergeState, Redirect, Referring
from syncd.store.database import Database
from syncd.store.leases import require
from syncd.store.merge_tables import merge_call, merge_operation, merge_party
from syncd.store.redirects import follow_links, keep
from syncd.store.values import readable, unique

_PROPOSED, _APPROVED, _CHANGING, _SENDING, _DONE, _UNCLEAR, _REFUSED, _WITHDRAWN = MergeState
_STEPS: Final[Mapping[MergeState, frozenset[MergeState]]] = {
    _PROPOSED: frozenset({_WITHDRAWN}),
    _APPROVED: frozenset({_CHANGING, _WITHDRAWN}),
    _CHANGING: frozenset({_SENDING, _REFUSED, _WITHDRAWN}),
    _SENDING: frozenset({_UNCLEAR, _REFUSED}),
    _UNCLEAR: frozenset({_REFUSED}),
}
_HOLDING: Final = frozenset({_CHANGING, _SENDING, _UNCLEAR})
_PLANNED: Final = ("directory", "survivor", "loser", "case_id", "tier", "bits")
_TOLD: Final = ("evidence", "changes", "provenance", "snapshots", "digests")

# A stranger is pending by nature; what is linked and pending is an edit, a question or trouble that is not over.
_IN_THE_WAY: Final = text(
    """
    SELECT l.mapping, l.external_key, l.flowtly_key, o.side, o.status AS what
    FROM link l JOIN observation o ON o.mapping = l.mapping
        AND o.key = CASE WHEN o.side = 'external' THEN l.external_key ELSE l.flowtly_key END
    WHERE l.flowtly_key = ANY(:keys)
    UNION ALL
    SELECT p.mapping, p.source_key, p.target_key, p.side, p.kind || ' ' || p.state FROM operation p
    WHERE p.state IN ('intended', 'in_doubt', 'quarantined')
      AND (p.target_key = ANY(:keys) OR p.source_key = ANY(:keys))
    ORDER BY 1, 2, 4
    """
)


class Merges(Database):
    """Merges and what became of them."""

    def propose_merge(self, plan: MergePlan, lease: Lease) -> Merge:
        """Store a merge that waits for approval; an open proposal for the pair is replaced.

        Raises LeaseLost, and Stale for a pair that is approved, being merged, or was sent once already.
        """
        low, high = _pair(plan)
        of_pair = (merge_operation.c.low == low, merge_operation.c.high == high)
        with self.transaction() as connection:
            require(connection, lease)
            sent = select(merge_call.c.merge).where(merge_call.c.low == low, merge_call.c.high == high)
            if connection.execute(sent).first() is not None:
                raise Stale(f"{plan.loser} and {plan.survivor} were sent to be merged once; it is never sent again")
            same = (*of_pair, merge_operation.c.directory == plan.directory)  # another directory's is not ours to take
            replaced = merge_operation.update().where(*same, merge_operation.c.state == _PROPOSED.value)
            connection.execute(replaced.values(_ended(_WITHDRAWN, "planned anew")))
            try:
                row = connection.execute(merge_operation.insert().values(_row(plan, low, high)).returning("*"))
                made = row.mappings().one()
            except IntegrityError as error:
                raise Stale(f"{plan.loser} and {plan.survivor}: a merge of them is on its way already") from error
        return _merge({**made, "sent_at": None})

    def approve_merge(self, merge: UUID, by: str, digests: Mapping[str, str]) -> Merge:
        """A person, or a tier switched on, approves exactly the plan with these digests.

        Raises NotFound, Stale for another plan or one that does not wait, Refused where only a person may approve.
        """
        with self.transaction() as connection:
            found = _locked(connection, merge)
            if found.state is not _PROPOSED:
                raise Stale(f"merge {merge} is {found.state}: only one that is proposed can be approved")
            if dict(found.plan.digests) != dict(digests):
                raise Stale(f"merge {merge} was planned anew: look at it again")
            approved = {"state": _APPROVED.value, "approved_by": readable(by), "approved_at": func.clock_timestamp()}
            try:
                connection.execute(merge_operation.update().where(merge_operation.c.id == merge).values(approved))
            except IntegrityError as error:
                raise Refused(f"merge {merge}: new bank accounts of {found.plan.survivor} need a person") from error
            return _read(connection, merge)

    def withdraw_merge(self, merge: UUID, why: str, by: str) -> bool:
        """Take back what was not sent yet; what is ``unclear`` ends as refused: a person has looked, and it was not."""
        with self.transaction() as connection:
            found = _locked(connection, merge)
            if found.state not in {_PROPOSED, _APPROVED, _CHANGING, _UNCLEAR}:
                return False
            after = _REFUSED if found.state is _UNCLEAR else _WITHDRAWN
            _step(connection, found, after, f"{why}, said {by}")
        return True

    def move_merge(self, merge: UUID, before: MergeState, after: MergeState, detail: str, lease: Lease) -> Merge:
        """One step of its life. Raises LeaseLost, and Stale when it is not in ``before`` any more.

        Stale as well for a step that there is not, for a second call of one pair, and while another merge that is
        being carried out touches one of the two records.
        """
        with self.transaction() as connection:
            require(connection, lease)
            found = _locked(connection, merge)
            if found.state is not before:
                raise Stale(f"merge {merge} is {found.state}, not {before}")
            if after not in _STEPS.get(before, frozenset()):
                raise Stale(f"merge {merge}: there is no way from {before} to {after}")
            _step(connection, found, after, detail)
            return _read(connection, merge)

    def finish_merge(
        self,
        merge: UUID,
        redirect: Redirect,
        lease: Lease,
        *,
        held: Sequence[Lease] = (),
        referring: Sequence[Referring] = (),
        detail: str = "",
    ) -> list[Followed]:
        """Done and verified: the redirect is stored and every link of the loser follows, in one transaction.

        ``held`` are the leases of the mappings whose links may follow: links of others stay. Raises LeaseLost, Stale.
        """
        with self.transaction() as connection:
            for one in (lease, *held):
                require(connection, one)
            found = _locked(connection, merge)
            if found.state not in {_SENDING, _UNCLEAR}:
                raise Stale(f"merge {merge} is {found.state}: it was not sent")
            if (redirect.loser, redirect.survivor) != (found.plan.loser, found.plan.survivor):
                raise Stale(f"merge {merge} is of other records")
            keep(connection, redirect)
            followed = follow_links(connection, redirect, [one.name for one in held], referring)
            _step(connection, found, _DONE, detail)
        return followed

    def merges(self, directory: str | None, states: Sequence[MergeState], limit: int = 500) -> list[Merge]:
        """Merges, oldest first."""
        wanted = _select().where(merge_operation.c.state == func.any([one.value for one in states]))
        if directory is not None:
            wanted = wanted.where(merge_operation.c.directory == directory)
        chosen = wanted.order_by(merge_operation.c.created_at, merge_operation.c.id).limit(limit)
        return [_merge(row) for row in self.rows(chosen)]

    def merge(self, merge: UUID) -> Merge | None:
        """One merge."""
        found = self.rows(_select().where(merge_operation.c.id == merge))
        return _merge(found[0]) if found else None

    def in_the_way(self, keys: Sequence[str]) -> list[str]:
        """Why records cannot be merged now, for people: edits, questions and writes that are not finished yet."""
        rows = self.rows(_IN_THE_WAY, {"keys": unique(keys)})
        return [f"{row['mapping']}: {row['external_key']} is {row['what']} in {row['side']}" for row in rows]

    def held_by_merges(self) -> frozenset[str]:
        """Records of which a merge was begun and is not over: nobody may take one for gone, or for a stranger."""
        return frozenset(row["key"] for row in self.rows(select(merge_party.c.key)))


def _step(connection: Connection, found: Merge, after: MergeState, detail: str) -> None:
    """Raises Stale where the tables refuse it."""
    plan, values = found.plan, _ended(after, detail)
    low, high = _pair(plan)
    try:
        if after is _CHANGING:
            both = [{"key": key, "merge": found.id} for key in (low, high)]
            connection.execute(merge_party.insert(), both)
            values |= {"held_survivor": plan.survivor, "held_loser": plan.loser}
        if after is _SENDING:
            connection.execute(merge_call.insert().values(merge=found.id, low=low, high=high))
            values["call"] = found.id
        over = after not in _HOLDING
        if over:
            values |= {"held_survivor": None, "held_loser": None}
        connection.execute(merge_operation.update().where(merge_operation.c.id == found.id).values(values))
        if over:
            connection.execute(merge_party.delete().where(merge_party.c.merge == found.id))
    except IntegrityError as error:
        why = "was sent once already" if after is _SENDING else "touches a record of another merge that is on its way"
        raise Stale(f"merge of {plan.loser} into {plan.survivor} {why}") from error


def _ended(state: MergeState, detail: str) -> dict[str, Any]:
    ended = None if state.open else func.clock_timestamp()
    return {"state": state.value, "detail": readable(detail), "ended_at": ended}


def _pair(plan: MergePlan) -> tuple[str, str]:
    low, high = sorted((plan.survivor, plan.loser))
    return low, high


def _row(plan: MergePlan, low: str, high: str) -> dict[str, Any]:
    known = {name: getattr(plan, name) for name in _PLANNED} | {name: dict(getattr(plan, name)) for name in _TOLD}
    accounts = list(plan.needs_approval_of)
    return {**known, "id": uuid4(), "low": low, "high": high, "needs_approval_of": accounts, "state": _PROPOSED.value}


def _select() -> Any:
    joined = merge_operation.outerjoin(merge_call, merge_operation.c.call == merge_call.c.merge)
    return select(merge_operation, merge_call.c.sent_at).select_from(joined)


def _locked(connection: Connection, id_: UUID) -> Merge:
    """A merge that nobody else changes until this transaction ends. Raises NotFound."""
    mine: ColumnElement[bool] = merge_operation.c.id == id_
    if connection.execute(select(merge_operation.c.id).where(mine).with_for_update()).first() is None:
        raise NotFound(f"there is no merge {id_}")
    return _read(connection, id_)


def _read(connection: Connection, id_: UUID) -> Merge:
    return _merge(connection.execute(_select().where(merge_operation.c.id == id_)).mappings().one())


def _merge(row: RowMapping | Mapping[str, Any]) -> Merge:
    told = {name: row[name] for name in (*_PLANNED, *_TOLD)}
    return Merge(
        id=row["id"],
        plan=MergePlan(**told, needs_approval_of=tuple(row["needs_approval_of"])),
        state=MergeState(row["state"]),
        created_at=row["created_at"],
        approved_by=row["approved_by"],
        approved_at=row["approved_at"],
        sent_at=row["sent_at"],
        ended_at=row["ended_at"],
        detail=row["detail"],
    )
