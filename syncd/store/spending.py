"""Thresholds of budgets that are passed. What is told and what is remembered are one transaction, or neither is."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from sqlalchemy import RowMapping, select, text, tuple_

from syncd.core.events import NewEvent
from syncd.ports import Lease
from syncd.ports.incidents import SpendLevel
from syncd.store import outbox
from syncd.store.database import Database
from syncd.store.incident_tables import spending as table
from syncd.store.leases import require
from syncd.store.values import rowset

_KEEP: Final = text(
    """
    INSERT INTO spending AS known (allocation, target, period, threshold, crossed, used, planned, currency)
    SELECT :allocation, given.target, given.period, given.threshold, given.crossed, given.used, given.planned,
           given.currency
    FROM json_to_recordset(CAST(:rows AS json)) AS given(
        target text, period text, threshold integer, crossed boolean, used numeric, planned numeric, currency text)
    ORDER BY given.target, given.period, given.threshold
    ON CONFLICT (allocation, target, period, threshold) DO UPDATE SET
        crossed = excluded.crossed, used = excluded.used, planned = excluded.planned, currency = excluded.currency,
        changed_at = now()
    WHERE (known.crossed, known.used, known.planned, known.currency)
        IS DISTINCT FROM (excluded.crossed, excluded.used, excluded.planned, excluded.currency)
    """
)


class Spending(Database):
    """How far budgets are used."""

    def spending(self, allocation: str) -> list[SpendLevel]:
        """Every level, by budget, period and threshold."""
        chosen = select(table).where(table.c.allocation == allocation)
        return [_level(row) for row in self.rows(chosen.order_by(table.c.target, table.c.period, table.c.threshold))]

    def signal(
        self,
        allocation: str,
        levels: Sequence[SpendLevel],
        events: Sequence[NewEvent],
        lease: Lease,
        *,
        forget: Collection[tuple[str, str, int]] = (),
    ) -> None:
        """Keep levels as they are now, forget others (budget, period, threshold) and put events in the outbox.

        Either all of it is kept or nothing. A level that is given and forgotten is kept. Raises LeaseLost.
        """
        rows = {(one.target, one.period, one.threshold): _row(one) for one in levels}
        place = tuple_(table.c.target, table.c.period, table.c.threshold)
        gone = table.delete().where(table.c.allocation == allocation, place.in_(sorted(forget)))
        with self.transaction() as connection:
            require(connection, lease)
            if forget:
                connection.execute(gone)
            if rows:
                connection.execute(_KEEP, {"allocation": allocation, "rows": rowset(list(rows.values()))})
            outbox.put(connection, events)


def _row(one: SpendLevel) -> dict[str, Any]:
    return {
        "target": one.target,
        "period": one.period,
        "threshold": one.threshold,
        "crossed": one.crossed,
        "used": str(one.used),
        "planned": str(one.planned),
        "currency": one.currency,
    }


def _level(row: RowMapping) -> SpendLevel:
    return SpendLevel(
        target=row["target"],
        period=row["period"],
        threshold=row["threshold"],
        crossed=row["crossed"],
        used=row["used"],
        planned=row["planned"],
        currency=row["currency"],
        changed_at=row["changed_at"],
    )
