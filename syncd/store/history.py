"""How long history is kept: the ledger's months made ahead and dropped whole, other rows removed in small batches.

Must never remove what something still stands on: an open operation or question, a remembered decision of a linked
record, a certificate that an absence or a removal cites (and the run of an absence's first one), the last reading of
a side that was believed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, TextClause, select, text
from sqlalchemy.exc import IntegrityError

from syncd.errors import StoreUnavailable
from syncd.ports import Operation, Retention
from syncd.store.database import Database
from syncd.store.operations import to_operation
from syncd.store.tables import operation

AHEAD: Final = 2  # months that are made before they begin
_BATCH: Final = 1000
_KEPT_RUNS: Final = 50  # of each mapping, however old: rates and freshness are told from them
_MONTH: Final = re.compile(r"^ledger_y(\d{4})m(\d{2})$")

# The run of an absence's first reading tells whether its link is older than that reading: no proof without it.
_RUNS: Final = text(
    """
    DELETE FROM run WHERE id IN (
        SELECT id FROM (SELECT id, finished_at, row_number() OVER (PARTITION BY mapping ORDER BY id DESC) AS age
                        FROM run) AS ranked
        WHERE age > :kept AND finished_at < now() - CAST(:keep AS interval)
          AND NOT EXISTS (SELECT FROM absence a JOIN certificate c ON c.id = a.first_certificate
                          WHERE c.run_id = ranked.id)
        LIMIT :batch)
    """
)
# The baseline of a side is its last believed reading: a complete one, or a shrunken one that a person approved.
_CERTIFICATES: Final = text(
    """
    WITH latest AS (
        SELECT max(id) AS id FROM certificate GROUP BY mapping, side
        UNION SELECT max(id) FROM certificate WHERE complete GROUP BY mapping, side
        UNION SELECT max(id) FROM certificate WHERE shrunk GROUP BY mapping, side)
    DELETE FROM certificate WHERE id IN (
        SELECT c.id FROM certificate c
        WHERE c.finished_at < now() - CAST(:keep AS interval)
          AND NOT EXISTS (SELECT FROM latest WHERE latest.id = c.id)
          AND NOT EXISTS (SELECT FROM absence a WHERE c.id IN (a.first_certificate, a.last_certificate))
          AND NOT EXISTS (SELECT FROM removal r WHERE c.id IN (r.first_certificate, r.second_certificate))
          AND NOT EXISTS (SELECT FROM removal r WHERE r.mapping = c.mapping AND r.side = c.side
                            AND c.id > r.second_certificate AND r.state IN ('quarantined', 'approved'))
        LIMIT :batch)
    """
)
_OPERATIONS: Final = text(
    """
    DELETE FROM operation WHERE id IN (
        SELECT id FROM operation
        WHERE ended_at < now() - CAST(:keep AS interval)
          AND state NOT IN ('intended', 'in_doubt', 'quarantined') LIMIT :batch)
    """
)
_DECISIONS: Final = text(
    """
    DELETE FROM decision WHERE id IN (
        SELECT d.id FROM decision d
        WHERE d.decided_at < now() - CAST(:keep AS interval)
          AND NOT EXISTS (SELECT FROM link l WHERE l.mapping = d.mapping AND l.external_key = d.external_key)
        LIMIT :batch)
    """
)
# A word that ties two records waits until they are tied, however long that takes; one that keeps them apart holds.
_CONFLICTS: Final = text(
    """
    DELETE FROM conflict WHERE id IN (
        SELECT c.id FROM conflict c
        WHERE c.resolved_at < now() - CAST(:keep AS interval)
          AND (c.carried_out_at IS NOT NULL OR (c.field = '*' AND c.resolution NOT LIKE 'link %'))
          AND (c.field <> '*' OR c.resolution IS DISTINCT FROM 'apart')
          AND NOT EXISTS (SELECT FROM decision d WHERE d.conflict_id = c.id)
        LIMIT :batch)
    """
)
_PARTITIONS: Final = text(
    "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
    "WHERE i.inhparent = 'ledger'::regclass ORDER BY c.relname"
)
_ASTRAY: Final = text("SELECT DISTINCT date_trunc('month', at AT TIME ZONE 'UTC') FROM ledger_rest")


@dataclass(frozen=True, slots=True)
class Month:
    """One month of the ledger and the partition that holds it."""

    year: int
    number: int

    @classmethod
    def of(cls, moment: datetime) -> Month:
        """The month a moment lies in."""
        return cls(moment.year, moment.month)

    @property
    def partition(self) -> str:
        """The name of its table."""
        return f"ledger_y{self.year:04}m{self.number:02}"

    @property
    def begins(self) -> datetime:
        """Its first moment."""
        return datetime(self.year, self.number, 1, tzinfo=UTC)

    def after(self, months: int = 1) -> Month:
        """A later month."""
        count = self.year * 12 + self.number - 1 + months
        return Month(count // 12, count % 12 + 1)


class History(Database):
    """What is kept, and for how long."""

    def requests(self, operations: Sequence[UUID]) -> dict[UUID, Operation]:
        """The writes that ledger entries name, as far as they are still kept."""
        if not operations:
            return {}
        found = [to_operation(row) for row in self.rows(select(operation).where(operation.c.id.in_(set(operations))))]
        return {one.id: one for one in found}

    def sweep_history(
        self, keep: Retention, patience: timedelta = timedelta(minutes=1), stopping: Callable[[], bool] = lambda: False
    ) -> dict[str, int]:
        """Make the ledger's next months and remove what is older than its time; how much of each.

        Ends when nothing is left, when patience has run out or when told to, between two small transactions.
        """
        ends = time.monotonic() + patience.total_seconds()
        done = {"months_made": self.make_months(), "months_dropped": self._drop_months(keep.ledger)}
        for name, statement, age in _swept(keep):
            done[name] = 0
            while not stopping() and time.monotonic() < ends:
                removed = self._remove(statement, age)
                done[name] += removed
                if removed < _BATCH:
                    break
        return done

    def make_months(self) -> int:
        """Make the present month and the next ones where they are missing, and move what fell beside; how many.

        Another process may do the same: the second one waits and finds them made.
        """
        with self.transaction() as connection:
            _alone(connection)
            now = Month.of(_now(connection))
            wanted = [now.after(months) for months in range(AHEAD + 1)]
            missing = [month for month in wanted if month not in _months(connection)]
            astray = [Month.of(row) for row in connection.execute(_ASTRAY).scalars()]
            if astray:
                missing = sorted({*missing, *astray} - set(_months(connection)), key=lambda month: month.begins)
                _move(connection, missing)
            else:
                for month in missing:
                    _make(connection, month)
            return len(missing)

    def _drop_months(self, keep: timedelta) -> int:
        """Drop the months that are over for longer than ``keep``."""
        with self.transaction() as connection:
            _alone(connection)
            limit = _now(connection) - keep
            old = [month for month in _months(connection) if month.after().begins <= limit]
            for month in old:
                connection.execute(text(f"DROP TABLE {month.partition}"))
            return len(old)

    def _remove(self, statement: TextClause, age: timedelta) -> int:
        """One batch. A row that somebody began to refer to meanwhile stays, and so does its batch until next time."""
        try:
            with self.transaction() as connection:
                parameters = {"keep": age, "batch": _BATCH, "kept": _KEPT_RUNS}
                known = {name: value for name, value in parameters.items() if f":{name}" in statement.text}
                return int(connection.execute(statement, known).rowcount)
        except IntegrityError:
            return 0


def _swept(keep: Retention) -> Iterator[tuple[str, TextClause, timedelta]]:
    yield "runs", _RUNS, keep.runs
    yield "certificates", _CERTIFICATES, keep.certificates
    yield "operations", _OPERATIONS, keep.operations
    yield "decisions", _DECISIONS, keep.conflicts
    yield "conflicts", _CONFLICTS, keep.conflicts


def _alone(connection: Connection) -> None:
    """One at a time; and whoever reads the ledger for long is not waited for, as writers would queue behind us."""
    connection.execute(text("SET LOCAL lock_timeout = '3s'"))
    connection.execute(text("LOCK TABLE ledger IN SHARE UPDATE EXCLUSIVE MODE"))


def _now(connection: Connection) -> datetime:
    moment: Any = connection.execute(text("SELECT now()")).scalar_one()
    if not isinstance(moment, datetime):
        raise StoreUnavailable("the database does not tell the time")
    return moment.astimezone(UTC)


def _months(connection: Connection) -> list[Month]:
    names = connection.execute(_PARTITIONS).scalars()
    return [Month(int(found[1]), int(found[2])) for name in names if (found := _MONTH.match(name))]


def _make(connection: Connection, month: Month) -> None:
    bounds = f"FROM ('{month.begins.isoformat()}') TO ('{month.after().begins.isoformat()}')"
    connection.execute(text(f"CREATE TABLE {month.partition} PARTITION OF ledger FOR VALUES {bounds}"))


def _move(connection: Connection, months: Sequence[Month]) -> None:
    """Entries that no month was made for go where they belong. They are copied whole: the ledger deletes nothing."""
    connection.execute(text("ALTER TABLE ledger DETACH PARTITION ledger_rest"))
    for month in months:
        _make(connection, month)
    connection.execute(text("INSERT INTO ledger OVERRIDING SYSTEM VALUE SELECT * FROM ledger_rest ORDER BY id"))
    connection.execute(text("DROP TABLE ledger_rest"))
    connection.execute(text("CREATE TABLE ledger_rest PARTITION OF ledger DEFAULT"))
