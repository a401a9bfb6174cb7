"""Incidents: what is off, each once while it stands. Never clears one that was found again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy import RowMapping, func, select, text

from syncd.ports import Lease
from syncd.ports.incidents import Breach, Incident
from syncd.store.database import Database
from syncd.store.incident_tables import incident as table
from syncd.store.leases import require
from syncd.store.values import rowset

_SHOWN: Final = 500

# One that stands and reads as before is left as it is: its row is not rewritten, and read below.
_OPEN: Final = text(
    """
    INSERT INTO incident AS known (allocation, kind, scope, targets, detail, opened_run)
    SELECT :allocation, given.kind, given.scope, given.targets, given.detail, :run_id
    FROM json_to_recordset(CAST(:rows AS json)) AS given(kind text, scope text, targets text[], detail jsonb)
    ORDER BY given.kind, given.scope
    ON CONFLICT (allocation, kind, scope) WHERE cleared_at IS NULL DO UPDATE SET
        targets = excluded.targets, detail = excluded.detail
    WHERE (known.targets, known.detail) IS DISTINCT FROM (excluded.targets, excluded.detail)
    RETURNING id, (xmax = 0) AS news
    """
)

_CLEAR: Final = text(
    """
    UPDATE incident AS known SET cleared_at = clock_timestamp(), cleared_run = :run_id
    WHERE known.allocation = :allocation AND known.cleared_at IS NULL
      AND NOT EXISTS (
          SELECT FROM json_to_recordset(CAST(:rows AS json)) AS given(kind text, scope text)
          WHERE given.kind = known.kind AND given.scope = known.scope)
    RETURNING known.*
    """
)


class Incidents(Database):
    """Breaches of control totals, from when they were found until they were mended."""

    def note_breaches(
        self, allocation: str, found: Sequence[Breach], run_id: int, lease: Lease
    ) -> tuple[list[Incident], list[Incident]]:
        """Open what is new, clear what is over: the incidents that stand (``news`` where opened now), and the cleared.

        Both oldest first. Raises LeaseLost; BadAnswer for a scope that cannot be stored.
        """
        rows = {(one.kind, one.scope): _row(one) for one in found}
        given = {"allocation": allocation, "rows": rowset(list(rows.values())), "run_id": run_id}
        standing = select(table).where(table.c.allocation == allocation, table.c.cleared_at.is_(None))
        with self.transaction() as connection:
            require(connection, lease)
            cleared = connection.execute(_CLEAR, given).mappings().all()
            news = {row.id for row in connection.execute(_OPEN, given) if row.news}
            open_now = connection.execute(standing.order_by(table.c.id)).mappings().all()
        over = sorted((_incident(row) for row in cleared), key=lambda one: one.id)
        return [_incident(row, news=row["id"] in news) for row in open_now], over

    def incidents(self, allocation: str | None, *, open_only: bool) -> list[Incident]:
        """For people: the latest 500, oldest first."""
        chosen = select(table).order_by(table.c.id.desc()).limit(_SHOWN)
        if allocation is not None:
            chosen = chosen.where(table.c.allocation == allocation)
        if open_only:
            chosen = chosen.where(table.c.cleared_at.is_(None))
        return [_incident(row) for row in reversed(self.rows(chosen))]

    def frozen_targets(self, allocation: str) -> Collection[str]:
        """External keys of budgets whose writes an open incident freezes."""
        each = func.unnest(table.c.targets).label("target")
        chosen = select(each).where(table.c.allocation == allocation, table.c.cleared_at.is_(None)).distinct()
        return frozenset(row["target"] for row in self.rows(chosen))


def _row(one: Breach) -> dict[str, object]:
    return {"kind": one.kind, "scope": one.scope, "targets": sorted(set(one.targets)), "detail": dict(one.detail)}


def _incident(row: RowMapping, *, news: bool = False) -> Incident:
    breach = Breach(row["kind"], row["scope"], tuple(row["targets"]), row["detail"])
    return Incident(row["id"], row["allocation"], breach, row["opened_at"], row["cleared_at"], news)
