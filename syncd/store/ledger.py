"""The ledger: who had which value, what was decided by which rule, what was written. Rows are only ever added.

Must never keep a value of a sensitive field: every entry passes ``append``, which leaves a salted hash of it.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, or_, select, text

from syncd.core.model import Side
from syncd.ports import LedgerEntry
from syncd.store.database import Database
from syncd.store.tables import ledger, ledger_salt
from syncd.store.values import maybe_from_json, maybe_to_json, moment, readable, rowset

_OPTION: Final = "syncd_sensitive"
_HASH_DIGITS: Final = 24

# An edit that stays pending is planned again and again; it is entered once, until it changes or is made anew.
_APPEND: Final = text(
    """
    INSERT INTO ledger (mapping, run_id, event, external_key, flowtly_key, side, field, before, after, rule, operation,
                        seen_at, changed_at, verified, hidden)
    SELECT :mapping, :run_id, given.event, given.external_key, given.flowtly_key, given.side, given.field,
           given.before, given.after, given.rule, given.operation, given.seen_at, given.changed_at, given.verified,
           given.hidden
    FROM json_to_recordset(CAST(:rows AS json)) AS given(
        event text, external_key text, flowtly_key text, side text, field text, before jsonb, after jsonb, rule text,
        operation uuid, seen_at timestamptz, changed_at timestamptz, verified text, hidden boolean, number bigint)
    WHERE given.event <> 'seen' OR NOT EXISTS (
        SELECT FROM (
            SELECT known.after, known.seen_at FROM ledger known
            WHERE known.mapping = :mapping AND known.external_key = given.external_key AND known.event = 'seen'
              AND known.side = given.side AND known.field = given.field
            ORDER BY known.id DESC LIMIT 1) AS last
        WHERE (last.after, last.seen_at) IS NOT DISTINCT FROM (given.after, given.seen_at))
    ORDER BY given.number
    """
)


class Ledger(Database):
    """History, for people."""

    def protect(self, fields: Mapping[str, frozenset[str]]) -> None:
        """Name the sensitive fields of each mapping: from now on their values enter the ledger as hashes only."""
        self.engine.update_execution_options(**{_OPTION: dict(fields)})

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

    def done_by(self, run_id: int) -> tuple[str | None, list[LedgerEntry]]:
        """Everything that one run entered, oldest first, and its mapping; None for a run that entered nothing."""
        rows = self.rows(select(ledger).where(ledger.c.run_id == run_id).order_by(ledger.c.id))
        return (rows[0]["mapping"] if rows else None), [_entry(row) for row in rows]


def append(connection: Connection, mapping: str, run_id: int | None, entries: Sequence[LedgerEntry]) -> None:
    """Add entries in their order; ``run_id`` is None for what a person did."""
    if entries:
        told: Mapping[str, frozenset[str]] = connection.get_execution_options().get(_OPTION, {})
        rows = [{**_row(entry), "number": number} for number, entry in enumerate(entries)]
        _hide(connection, mapping, rows, told.get(mapping, frozenset()))
        connection.execute(_APPEND, {"mapping": mapping, "run_id": run_id, "rows": rowset(rows)})


def _hide(connection: Connection, mapping: str, rows: list[dict[str, Any]], sensitive: frozenset[str]) -> None:
    """Replace values of sensitive fields by hashes: equal ones stay equal within a field, none can be read."""
    chosen = [row for row in rows if row["field"] in sensitive]
    if not chosen:
        return
    salt = connection.execute(select(ledger_salt.c.salt)).scalar_one()
    for row in chosen:
        row["hidden"] = True
        for name in ("before", "after"):
            row[name] = _hash(salt, mapping, row["field"], row[name])


def _hash(salt: bytes, mapping: str, field: str, value: Any) -> Any:
    """A value as its salted hash; nothing and empty stay what they are."""
    if value is None or value == {"$absent": True}:
        return value
    words = json.dumps([mapping, field, value], sort_keys=True, separators=(",", ":"))
    return hmac.new(salt, words.encode(), "sha256").hexdigest()[:_HASH_DIGITS]


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
        "seen_at": moment(entry.seen_at),
        "changed_at": moment(entry.changed_at),
        "verified": entry.verified or None,
        "hidden": entry.hidden,
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
        seen_at=row["seen_at"],
        changed_at=row["changed_at"],
        verified=row["verified"] or "",
        hidden=row["hidden"],
    )
