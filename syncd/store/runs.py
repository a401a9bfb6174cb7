"""Runs, and what is known of a mapping between them. Numbers for people; nothing here decides."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects.postgresql import insert

from syncd.core.model import Side
from syncd.ports import Lease, MappingState, OperationState, Status
from syncd.store import removals
from syncd.store.database import Database
from syncd.store.tables import absence, certificate, conflict, link, mapping_state, observation, operation, run

_OPEN: Final = tuple(state.value for state in OperationState if state.open)
INTERRUPTED: Final = "interrupted"


class Runs(Database):
    """Cycles and their counts."""

    def state(self, mapping: str) -> MappingState:
        """What is known of a mapping."""
        approved = select(mapping_state.c.approved_fingerprint, mapping_state.c.approved_at)
        with self.transaction() as connection:
            found = connection.execute(approved.where(mapping_state.c.mapping == mapping)).one_or_none()
            last = {side: _last_full(connection, mapping, side) for side in Side}
        full = {side: at for side, at in last.items() if at is not None}
        return MappingState(None, full) if found is None else MappingState(found[0], full, found[1])

    def approve(self, mapping: str, fingerprint: str) -> None:
        """Record that a person approved the plan made under this fingerprint."""
        new = insert(mapping_state).values(mapping=mapping, approved_fingerprint=fingerprint)
        changes = {"approved_fingerprint": new.excluded.approved_fingerprint, "approved_at": func.now()}
        with self.transaction() as connection:
            connection.execute(new.on_conflict_do_update(index_elements=[mapping_state.c.mapping], set_=changes))

    def begin_run(self, mapping: str, trigger: str, lease: Lease) -> int:
        """A new run id. A run of this mapping that never ended can not be going on, for the lease is ours."""
        values = {"mapping": mapping, "trigger": trigger, "owner": lease.owner, "fence": lease.fence}
        unfinished = run.update().where(run.c.mapping == mapping, run.c.finished_at.is_(None))
        with self.transaction() as connection:
            connection.execute(unfinished.values(finished_at=func.now(), outcome=INTERRUPTED))
            return int(connection.execute(run.insert().values(values).returning(run.c.id)).scalar_one())

    def finish_run(self, run_id: int, outcome: str, counts: Mapping[str, Any]) -> None:
        """Close a run with its counts."""
        finished = run.update().where(run.c.id == run_id)
        with self.transaction() as connection:
            connection.execute(finished.values(finished_at=func.now(), outcome=outcome, counts=dict(counts)))

    def runs(self, mapping: str | None, limit: int) -> list[dict[str, Any]]:
        """Latest runs, newest first: id, mapping, trigger, owner, fence, started_at, finished_at, outcome, counts."""
        wanted = select(run).order_by(run.c.id.desc()).limit(limit)
        if mapping is not None:
            wanted = wanted.where(run.c.mapping == mapping)
        return [dict(row) for row in self.rows(wanted)]

    def counts(self, mapping: str) -> dict[str, int]:
        """How much there is of everything; what there is none of is 0.

        Keys: ``links``, ``conflicts``, ``operations``, ``removals`` (open ones), and per side ``external.dirty`` (and
        so on for every status) and ``external.missing``.
        """
        found = {f"{side.value}.{status.value}": 0 for side in Side for status in Status}
        found.update({f"{side.value}.missing": 0 for side in Side})
        with self.transaction() as connection:
            found["links"] = _count(connection, link, link.c.mapping == mapping)
            still_open = (conflict.c.mapping == mapping, conflict.c.resolved_at.is_(None))
            found["conflicts"] = _count(connection, conflict, *still_open)
            unfinished = (operation.c.mapping == mapping, operation.c.state.in_(_OPEN))
            found["operations"] = _count(connection, operation, *unfinished)
            found["removals"] = removals.count_open(connection, mapping)
            found.update(_pending(connection, mapping))
            found.update(_missing(connection, mapping))
        return found


def _last_full(connection: Connection, mapping: str, side: Side) -> Any:
    proven = (certificate.c.mapping == mapping, certificate.c.side == side.value, certificate.c.complete)
    last = select(certificate.c.finished_at).where(*proven).order_by(certificate.c.id.desc()).limit(1)
    return connection.execute(last).scalar_one_or_none()


def _count(connection: Connection, table: Any, *where: Any) -> int:
    return int(connection.execute(select(func.count()).select_from(table).where(*where)).scalar_one())


def _pending(connection: Connection, mapping: str) -> dict[str, int]:
    grouped = (
        select(observation.c.side, observation.c.status, func.count())
        .where(observation.c.mapping == mapping)
        .group_by(observation.c.side, observation.c.status)
    )
    return {f"{side}.{status}": number for side, status, number in connection.execute(grouped)}


def _missing(connection: Connection, mapping: str) -> dict[str, int]:
    grouped = select(absence.c.side, func.count()).where(absence.c.mapping == mapping).group_by(absence.c.side)
    return {f"{side}.missing": number for side, number in connection.execute(grouped)}
