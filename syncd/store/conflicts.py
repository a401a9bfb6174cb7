"""Conflicts, the answers to them, and decisions that are remembered. Asking the same thing twice asks it once."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, RowMapping, func, or_, select

from syncd.core.canon import to_json
from syncd.core.model import Decision, Side, Value
from syncd.errors import NotFound, Refused, Stale
from syncd.ports import APART, WHO_IS_WHO, ConflictRow, LedgerEntry
from syncd.store import ledger, observations, questions
from syncd.store.database import Database
from syncd.store.questions import WHOLE
from syncd.store.tables import conflict, decision
from syncd.store.values import UNSTORABLE, maybe_from_json, maybe_to_json, readable, storable, unique


class Conflicts(Database):
    """Questions for people, and their answers."""

    def conflicts(self, mapping: str | None, *, open_only: bool) -> list[ConflictRow]:
        """For people: conflicts, oldest first."""
        wanted = select(conflict).order_by(conflict.c.id)
        if mapping is not None:
            wanted = wanted.where(conflict.c.mapping == mapping)
        if open_only:
            wanted = wanted.where(conflict.c.resolved_at.is_(None))
        return [to_conflict(row) for row in self.rows(wanted)]

    def conflict(self, conflict_id: int) -> ConflictRow | None:
        """One conflict."""
        found = self.rows(select(conflict).where(conflict.c.id == conflict_id))
        return to_conflict(found[0]) if found else None

    def questions_about(self, mapping: str, external_keys: Sequence[str]) -> list[ConflictRow]:
        """Open questions about fields of these records, oldest first."""
        if not external_keys:
            return []
        wanted = select(conflict).where(
            conflict.c.mapping == mapping,
            conflict.c.external_key == func.any(unique(external_keys)),
            conflict.c.field != WHOLE,
            conflict.c.resolved_at.is_(None),
        )
        return [to_conflict(row) for row in self.rows(wanted.order_by(conflict.c.id))]

    def resolve(
        self, conflict_id: int, choice: Side | None, value: Value, by: str, seen: ConflictRow | None = None
    ) -> None:
        """Remember a decision on a field conflict and make both sides of the record dirty.

        ``seen`` is the question as the person read it: a daemon may have brought it up to date since, and nobody is
        to decide about values that he did not see.
        Raises NotFound for an unknown conflict, Stale for one that is over or about other values than ``seen``,
        Refused for a question about a whole record or a value that cannot be stored.
        """
        if not storable({"value": value}):
            raise Refused(f"the value {UNSTORABLE}")
        with self.transaction() as connection:
            asked = _open_conflict(connection, conflict_id)
            if asked.field == WHOLE or asked.external_key is None:
                raise Refused(f"conflict {conflict_id} is about a whole record: dismiss it with a word that says how")
            if seen is not None and not _same_question(asked, seen):
                raise Stale(f"conflict {conflict_id} is about other values by now: look at it again")
            _remember(connection, asked, choice, value, by)
            what = f"{choice.value} wins" if choice is not None else "a typed value"
            questions.close(connection, [conflict_id], what, by, carried_out=False)
            for side, key in ((Side.EXTERNAL, asked.external_key), (Side.FLOWTLY, asked.flowtly_key)):
                observations.stir(connection, asked.mapping, side, [] if key is None else [key])
            _enter(connection, asked, what, by)

    def dismiss(self, conflict_id: int, resolution: str, by: str) -> None:
        """Close a question about a whole record with a word that says how.

        Records that are apart from now on are looked at again by the next run, for what was held back.
        Raises NotFound for an unknown conflict, Stale for one that is over, Refused for a question about one field.
        """
        with self.transaction() as connection:
            asked = _open_conflict(connection, conflict_id)
            if asked.field != WHOLE:
                raise Refused(f"conflict {conflict_id} is about the field {asked.field!r}: decide on a value")
            questions.close(connection, [conflict_id], resolution, by, carried_out=False)
            for side in Side if resolution == APART else ():
                observations.stir(connection, asked.mapping, side, asked.named(side), asked=True)
            _enter(connection, asked, resolution, by)

    def decisions(self, mapping: str, external_keys: Sequence[str]) -> dict[str, dict[str, tuple[Decision, ...]]]:
        """Remembered decisions: external key -> field -> every decision, oldest first."""
        if not external_keys:
            return {}
        wanted = select(decision).where(
            decision.c.mapping == mapping, decision.c.external_key == func.any(unique(external_keys))
        )
        found: dict[str, dict[str, tuple[Decision, ...]]] = {}
        for row in self.rows(wanted.order_by(decision.c.id)):
            of_record = found.setdefault(row["external_key"], {})
            of_record[row["field"]] = (*of_record.get(row["field"], ()), _decision(row))
        return found

    def answers(self, mapping: str, kind: str) -> list[ConflictRow]:
        """Answered whole-record questions of a kind that still wait to be carried out, oldest first."""
        wanted = select(conflict).where(
            conflict.c.mapping == mapping,
            conflict.c.kind == kind,
            conflict.c.field == WHOLE,
            conflict.c.resolved_at.is_not(None),
            conflict.c.carried_out_at.is_(None),
        )
        return [to_conflict(row) for row in self.rows(wanted.order_by(conflict.c.id))]

    def who_is_who(self, mapping: str) -> list[ConflictRow]:
        """Questions about who is who that are not over, and all that were ever answered ``apart``, oldest first."""
        wanted = select(conflict).where(
            conflict.c.mapping == mapping,
            conflict.c.field == WHOLE,
            conflict.c.kind.in_(WHO_IS_WHO),
            or_(conflict.c.carried_out_at.is_(None), conflict.c.resolution == APART),
        )
        return [to_conflict(row) for row in self.rows(wanted.order_by(conflict.c.id))]


def to_conflict(row: RowMapping) -> ConflictRow:
    """A row as the value the engine works with."""
    return ConflictRow(
        id=row["id"],
        mapping=row["mapping"],
        kind=row["kind"],
        external_key=row["external_key"],
        flowtly_key=row["flowtly_key"],
        field=row["field"],
        base_external=maybe_from_json(row["base_external"]),
        base_flowtly=maybe_from_json(row["base_flowtly"]),
        external=maybe_from_json(row["external"]),
        flowtly=maybe_from_json(row["flowtly"]),
        detail=row["detail"],
        opened_at=row["opened_at"],
        run_id=row["run_id"],
        resolved_at=row["resolved_at"],
        resolution=row["resolution"],
    )


def _same_question(one: ConflictRow, other: ConflictRow) -> bool:
    """True when both sides have the values that the other row says, by their stored form: 1.0 is not 1.00."""
    return all(maybe_to_json(getattr(one, side.value)) == maybe_to_json(getattr(other, side.value)) for side in Side)


def _decision(row: RowMapping) -> Decision:
    value = maybe_from_json(row["value"])
    return Decision(
        maybe_from_json(row["external"]),
        maybe_from_json(row["flowtly"]),
        None if row["choice"] is None else Side(row["choice"]),
        value,  # type: ignore[arg-type]  # a decided value is never absent: ``resolve`` takes a Value
    )


def _open_conflict(connection: Connection, conflict_id: int) -> ConflictRow:
    wanted = select(conflict).where(conflict.c.id == conflict_id).with_for_update()
    row = connection.execute(wanted).mappings().one_or_none()
    if row is None:
        raise NotFound(f"there is no conflict {conflict_id}")
    if row["resolved_at"] is not None:
        raise Stale(f"conflict {conflict_id} is over already: {row['resolution']}")
    return to_conflict(row)


def _remember(connection: Connection, asked: ConflictRow, choice: Side | None, value: Value, by: str) -> None:
    connection.execute(
        decision.insert().values(
            mapping=asked.mapping,
            external_key=asked.external_key,
            field=asked.field,
            conflict_id=asked.id,
            external=maybe_to_json(asked.external),
            flowtly=maybe_to_json(asked.flowtly),
            choice=None if choice is None else choice.value,
            value=to_json(value),
            decided_by=readable(by),
        )
    )


def _enter(connection: Connection, asked: ConflictRow, what: str, by: str) -> None:
    field = None if asked.field == WHOLE else asked.field
    entry = LedgerEntry("resolved", asked.external_key, asked.flowtly_key, field=field, rule=f"{what}, said {by}")
    ledger.append(connection, asked.mapping, None, [entry])
