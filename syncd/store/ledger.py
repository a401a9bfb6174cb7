"""The ledger: who had which value, what was decided by which rule, what was written. Rows are only ever added."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, or_, select, text

from syncd.core.model import Side
from syncd.ports import LedgerEntry
from syncd.store.database import Database
from syncd.store.tables import ledger
from syncd.store.values import maybe_from_json, maybe_to_json, readable, rowset

_APPEND: Final = text(
    """
    INSERT INTO ledger (mapping, run_id, event, external_key, flowtly_key, side, field, before, after, rule, operation)
    SELECT :mapping, :run_id, given.event, given.external_key, given.flowtly_key, given.side, given.field,
           given.before, given.after, given.rule, given.operation
    FROM json_to_recordset(CAST(:rows AS json)) AS given(
        event text, external_key text, flowtly_key text, side text, field text, before jsonb, after jsonb, rule text,
        operation uuid)
    """
)


class Ledger(Database):
    """History, for people."""

    def history(
        self, mapping: str, external_key: str | None, flowtly_key: str | None
    ) -> list[tuple[datetime, int, LedgerEntry]]:
        """Ledger of one record, oldest first: time, run (0 for what a person did), entry."""
        keys = []
        if external_key is not None:
            keys.append(ledger.c.external_key == external_key)
        if flowtly_key is not None:
            keys.append(ledger.c.flowtly_key == flowtly_key)
        if not keys:
            return []
        chosen = select(ledger).where(ledger.c.mapping == mapping, or_(*keys)).order_by(ledger.c.id)
        return [(row["at"], row["run_id"] or 0, _entry(row)) for row in self.rows(chosen)]


def append(connection: Connection, mapping: str, run_id: int | None, entries: Sequence[LedgerEntry]) -> None:
    """Add entries in their order; ``run_id`` is None for what a person did."""
    if entries:
        rows = rowset([_row(entry) for entry in entries])
        connection.execute(_APPEND, {"mapping": mapping, "run_id": run_id, "rows": rows})


def _row(entry: LedgerEntry) -> dict[str, Any]:
    return {
        "event": entry.event,
        "external_key": entry.external_key,
        "flowtly_key": entry.flowtly_key,
        "side": None if entry.side is None else entry.side.value,
        "field": entry.field,
        "before": maybe_to_json(entry.before),
        "after": maybe_to_json(entry.after),
        "rule": readable(entry.rule),
        "operation": None if entry.operation is None else str(entry.operation),
    }


def _entry(row: Any) -> LedgerEntry:
    return LedgerEntry(
        event=row["event"],
        external_key=row["external_key"],
        flowtly_key=row["flowtly_key"],
        side=None if row["side"] is None else Side(row["side"]),
        field=row["field"],
        before=maybe_from_json(row["before"]),
        after=maybe_from_json(row["after"]),
        rule=row["rule"],
        operation=row["operation"],
    )
