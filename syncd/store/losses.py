"""What is known of records that are gone and may have been merged: questions, earlier values. Changes no link."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import or_, select, text

from syncd.core.model import MaybeValue, Side
from syncd.ports import APART, ConflictRow, Lease
from syncd.store import questions
from syncd.store.conflicts import to_conflict
from syncd.store.database import Database
from syncd.store.leases import require
from syncd.store.questions import MERGED, WHOLE
from syncd.store.tables import absence, conflict
from syncd.store.values import maybe_from_json, unique

_BEFORE: Final = text(
    """
    SELECT DISTINCT ON (flowtly_key, field) flowtly_key, field, before, hidden FROM ledger
    WHERE mapping = :mapping AND flowtly_key = ANY(:keys) AND event = 'seen' AND side = 'flowtly'
      AND run_id >= coalesce((SELECT max(c.run_id) FROM certificate c
                              WHERE c.mapping = :mapping AND c.side = 'flowtly' AND c.complete AND c.id < :first), 0)
    ORDER BY flowtly_key, field, id
    """
)


class Losses(Database):
    """Records that are gone."""

    def merge_questions(self, mapping: str) -> list[ConflictRow]:
        """Questions of the kind ``merged`` that are not over, and all that were ever answered ``apart``."""
        wanted = select(conflict).where(
            conflict.c.mapping == mapping,
            conflict.c.kind == MERGED,
            conflict.c.field == WHOLE,
            or_(conflict.c.carried_out_at.is_(None), conflict.c.resolution == APART),
        )
        return [to_conflict(row) for row in self.rows(wanted.order_by(conflict.c.id))]

    def end_question(self, conflict_id: int, how: str, lease: Lease) -> None:
        """A question is over; one that was answered keeps its answer. Raises LeaseLost."""
        with self.transaction() as connection:
            require(connection, lease)
            questions.close(connection, [conflict_id], how, None, carried_out=True)

    def finish_answer(self, conflict_id: int, lease: Lease) -> None:
        """An answer was carried out. Raises LeaseLost."""
        self.end_question(conflict_id, questions.CARRIED_OUT, lease)

    def look_again(self, mapping: str, side: Side, key: str, lease: Lease) -> None:
        """Whatever excused a record that is missing excuses it no more. Raises LeaseLost."""
        mine = absence.c.mapping == mapping, absence.c.side == side.value, absence.c.key == key
        with self.transaction() as connection:
            require(connection, lease)
            connection.execute(absence.update().where(*mine).values(excused=None, looked_at=None))

    def read_before(
        self, mapping: str, certificate: int, flowtly_keys: Sequence[str]
    ) -> dict[str, dict[str, tuple[MaybeValue, bool]]]:
        """By Flowtly key and field: the value before the first edit seen since the reading before ``certificate``.

        With True where only a hash of it is kept.
        """
        found: dict[str, dict[str, tuple[MaybeValue, bool]]] = {}
        if flowtly_keys:
            asked = {"mapping": mapping, "keys": unique(flowtly_keys), "first": certificate}
            for row in self.rows(_BEFORE, asked):
                value = maybe_from_json(row["before"]), bool(row["hidden"])
                found.setdefault(row["flowtly_key"], {})[row["field"]] = value
        return found
