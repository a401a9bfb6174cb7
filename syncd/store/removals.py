"""Losses that are proven, and what became of them. Never stores one without two complete readings of two runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Connection, RowMapping, func, select, text
from sqlalchemy.exc import IntegrityError

from syncd.core.model import Side
from syncd.errors import Stale
from syncd.ports import Absent, Lease, LedgerEntry, Removal, RemovalState
from syncd.store import ledger
from syncd.store.database import Database
from syncd.store.leases import require
from syncd.store.tables import removal
from syncd.store.values import readable, unique

_SHOWN: Final = 500
_READINGS_OF_A_RUN: Final = 4  # more than a run makes of one side
_TAKEN: Final = (
    *("id", "mapping", "external_key", "flowtly_key", "first_certificate", "second_certificate", "verified_at"),
    *("evidence", "opened_at", "run_id", "passes", "origin", "approved_by", "ended_at", "detail"),
)
_OPEN: Final = tuple(state.value for state in RemovalState if state.open)

# The last complete reading must not have seen it either: a reading that proved nothing neither counts nor ends it. What
# was linked after the first reading began may simply not have been listed then. A loss that was followed is proven anew
# once the other record is gone too: only then both are known to be gone at once. Of what we ourselves may have deleted
# to make it anew nothing is known before that is looked up.
_ABSENCES: Final = """
    SELECT l.external_key, l.flowtly_key, a.first_certificate, a.last_certificate
    FROM absence a
    JOIN certificate one ON one.id = a.first_certificate
    JOIN run began ON began.id = one.run_id
    JOIN certificate two ON two.id = a.last_certificate
    JOIN link l ON l.mapping = a.mapping AND l.{key} = a.key
    WHERE a.mapping = :mapping AND a.side = :side
      AND one.complete AND two.complete AND one.run_id < two.run_id
      AND one.fingerprint = :fingerprint AND two.fingerprint = :fingerprint
      AND two.id = (SELECT max(c.id) FROM certificate c
                    WHERE c.mapping = :mapping AND c.side = :side AND c.complete)
      AND l.created_at < began.started_at
      AND (a.excused IS NULL OR a.looked_at < clock_timestamp() - CAST(:again AS interval))
      AND NOT EXISTS (SELECT FROM operation o
                      WHERE o.mapping = a.mapping AND o.kind = 'replace' AND o.source_key = l.external_key
                        AND o.state IN ('intended', 'in_doubt', 'quarantined'))
      AND NOT EXISTS (SELECT 1 FROM removal r
                      WHERE r.mapping = a.mapping AND r.side = a.side AND r.external_key = l.external_key
                        AND r.flowtly_key = l.flowtly_key
                        AND (r.state IN ('quarantined', 'approved')
                             OR (r.state = 'done' AND r.opened_at >= a.since AND NOT EXISTS (
                                 SELECT FROM removal other
                                 WHERE other.mapping = r.mapping AND other.external_key = r.external_key
                                   AND other.side <> r.side AND other.state IN ('quarantined', 'approved')))))
    ORDER BY l.external_key
    LIMIT :limit
"""
# One for each side, so that links are found by their index.
_ABSENCES_OF: Final = {side: text(_ABSENCES.format(key=f"{side.value}_key")) for side in Side}

_MISSING: Final = text(
    """
    SELECT l.external_key FROM link l
    JOIN absence a ON a.mapping = l.mapping
        AND a.key = CASE WHEN a.side = 'external' THEN l.external_key ELSE l.flowtly_key END
    WHERE l.mapping = :mapping AND l.external_key = ANY(:keys)
      AND (CAST(:side AS text) IS NULL OR a.side = :side)
    """
)

_EXCUSE: Final = text(
    """
    UPDATE absence SET excused = :why, looked_at = clock_timestamp()
    WHERE mapping = :mapping AND side = :side AND key = :key
    """
)

_PROVE: Final = text(
    """
    INSERT INTO removal (mapping, side, external_key, flowtly_key, fingerprint, first_certificate, first_run,
                         second_certificate, second_run, verified_at, evidence, state, run_id)
    SELECT :mapping, :side, :external_key, :flowtly_key, :fingerprint, one.id, one.run_id, two.id, two.run_id,
           clock_timestamp(), :evidence, 'quarantined', :run_id
    FROM certificate one, certificate two, absence a
    WHERE one.id = :first AND two.id = :last AND a.mapping = :mapping AND a.side = :side AND a.key = :key
      AND a.first_certificate = one.id
    RETURNING *
    """
)

# A loss that began anew after the reading that proved it was seen in between, whoever saw it: that proof is void.
_WITHDRAW: Final = text(
    """
    UPDATE removal r SET
        state = 'withdrawn', ended_at = clock_timestamp(),
        detail = CASE WHEN r.fingerprint <> :fingerprint THEN 'the mapping was edited'
                      WHEN l.id IS NULL THEN 'not linked any more'
                      ELSE coalesce(a.excused, 'the record is there again') END
    FROM removal old
    LEFT JOIN link l ON l.mapping = old.mapping AND l.external_key = old.external_key
        AND l.flowtly_key = old.flowtly_key
    LEFT JOIN absence a ON a.mapping = old.mapping AND a.side = old.side
        AND a.key = CASE WHEN old.side = 'external' THEN old.external_key ELSE old.flowtly_key END
    WHERE r.id = old.id AND r.mapping = :mapping AND r.state IN ('quarantined', 'approved')
      AND (a.key IS NULL OR a.excused IS NOT NULL OR l.id IS NULL OR r.fingerprint <> :fingerprint
           OR a.first_certificate <> r.first_certificate)
    RETURNING r.*
    """
)

# Readings by the run they belong to: the few that one run may make are one look. No more are counted than anybody asks
# for: a loss that nobody follows stays, and readings are many.
_REMOVALS: Final = """
    SELECT r.*, coalesce(l.origin, '') AS origin,
           (SELECT count(DISTINCT c.run_id) FROM (
                SELECT c.run_id, c.fingerprint FROM certificate c
                WHERE c.mapping = r.mapping AND c.side = r.side AND c.complete AND c.id > r.second_certificate
                ORDER BY c.id LIMIT :looks
            ) c WHERE c.fingerprint = r.fingerprint AND c.run_id > r.second_run) AS passes
    FROM removal r
    LEFT JOIN link l ON l.mapping = r.mapping AND l.external_key = r.external_key AND l.flowtly_key = r.flowtly_key
    WHERE (CAST(:mapping AS text) IS NULL OR r.mapping = :mapping) AND (NOT :open OR r.state = ANY(:states))
    ORDER BY r.id {order} LIMIT :limit
"""


NOT_FOLLOWED: Final = ("gone on both sides", "edit_beats_delete")
"""How removals end that took nothing from either side: they do not count toward the caps."""


class Removals(Database):
    """What complete readings did not see, and what follows."""

    def absences(self, mapping: str, side: Side, fingerprint: str, limit: int, again: timedelta) -> list[Absent]:
        """Linked records that the latest complete reading and one of an earlier run did not see, under ``fingerprint``.

        Without those that have a removal, that were linked only after the first of these readings began, or that were
        excused less than ``again`` ago.
        """
        parameters = {
            "mapping": mapping,
            "side": side.value,
            "fingerprint": fingerprint,
            "again": again,
            "limit": limit,
        }
        return [Absent(side, *row.values()) for row in self.rows(_ABSENCES_OF[side], parameters)]

    def missing(self, mapping: str, external_keys: Sequence[str], side: Side | None = None) -> set[str]:
        """Of these linked records, those that complete readings do not see on one side or on this, excused or not."""
        if not external_keys:
            return set()
        parameters = {"mapping": mapping, "keys": unique(external_keys), "side": None if side is None else side.value}
        return {row["external_key"] for row in self.rows(_MISSING, parameters)}

    def excuse(self, absent: Absent, mapping: str, why: str, lease: Lease) -> None:
        """Note why a record that was not seen is not gone. Raises LeaseLost."""
        parameters = {"mapping": mapping, "side": absent.side.value, "key": absent.key, "why": readable(why)}
        with self.transaction() as connection:
            require(connection, lease)
            connection.execute(_EXCUSE, parameters)

    def prove(
        self, absent: Absent, mapping: str, fingerprint: str, evidence: str, run_id: int, lease: Lease
    ) -> Removal:
        """Store that a loss is proven. Raises LeaseLost, and Stale when its certificates are no proof (any more)."""
        parameters = {
            "mapping": mapping,
            "side": absent.side.value,
            "key": absent.key,
            "external_key": absent.external_key,
            "flowtly_key": absent.flowtly_key,
            "fingerprint": fingerprint,
            "first": absent.first_certificate,
            "last": absent.last_certificate,
            "evidence": readable(evidence),
            "run_id": run_id,
        }
        with self.transaction() as connection:
            require(connection, lease)
            try:
                row = connection.execute(_PROVE, parameters).mappings().one_or_none()
            except IntegrityError as error:
                raise Stale(f"{absent.key} is not proven gone in {absent.side}") from error
            if row is None:
                raise Stale(f"{absent.key} was seen again in {absent.side}")
            proven = to_removal({**row, "passes": 0, "origin": ""})
            _enter(connection, run_id, proven, "gone", proven.evidence)
        return proven

    def withdraw(self, mapping: str, fingerprint: str, run_id: int, lease: Lease) -> list[Removal]:
        """End open removals whose record was seen again, whose link is gone, or whose mapping was edited; which."""
        with self.transaction() as connection:
            require(connection, lease)
            rows = connection.execute(_WITHDRAW, {"mapping": mapping, "fingerprint": fingerprint}).mappings().all()
            over = [to_removal({**row, "passes": 0, "origin": ""}) for row in rows]
            for one in over:
                _enter(connection, run_id, one, "withdrawn", one.detail)
        return over

    def removals(self, mapping: str | None, *, open_only: bool, count_to: int = 1_000) -> list[Removal]:
        """Proven losses, oldest first; with those that are over the latest 500, newest first.

        At most ``count_to`` complete readings since are counted for each.
        """
        statement = text(_REMOVALS.format(order="ASC" if open_only else "DESC"))
        limit = None if open_only else _SHOWN
        looks = (count_to + 1) * _READINGS_OF_A_RUN
        parameters = {"mapping": mapping, "open": open_only, "states": list(_OPEN), "limit": limit, "looks": looks}
        return [to_removal(row) for row in self.rows(statement, parameters)]

    def approve_removals(self, ids: Sequence[int], by: str) -> int:
        """A person says yes to proven losses that still wait; to how many."""
        waiting = removal.update().where(
            removal.c.id == func.any(list(ids)), removal.c.state == RemovalState.QUARANTINED.value
        )
        said = {
            "state": RemovalState.APPROVED.value,
            "approved_by": readable(by),
            "approved_at": func.clock_timestamp(),
        }
        with self.transaction() as connection:
            rows = connection.execute(waiting.values(said).returning(*removal.c)).mappings().all()
            for row in rows:
                _enter(connection, None, to_removal({**row, "passes": 0, "origin": ""}), "approved", f"by {by}")
        return len(rows)

    def removed_lately(self, mapping: str, side: Side, within: timedelta) -> int:
        """How many losses of one side were followed lately, by the database's clock."""
        lately = select(func.count().label("number")).where(
            removal.c.mapping == mapping,
            removal.c.side == side.value,
            removal.c.state == RemovalState.DONE.value,
            removal.c.detail.not_in(NOT_FOLLOWED),
            removal.c.ended_at > func.clock_timestamp() - within,
        )
        return int(self.rows(lately)[0]["number"])


_FINISH: Final = text(
    """
    UPDATE removal SET state = given.state, detail = given.detail, ended_at = clock_timestamp()
    FROM unnest(CAST(:ids AS bigint[]), CAST(:states AS text[]), CAST(:details AS text[])) AS given(id, state, detail)
    WHERE removal.id = given.id AND removal.mapping = :mapping AND removal.state IN ('quarantined', 'approved')
    """
)


def finish(connection: Connection, mapping: str, ended: Sequence[tuple[int, RemovalState, str]]) -> None:
    """End removals in a settlement's transaction."""
    if ended:
        ids, states, details = zip(*((id_, state.value, readable(detail)) for id_, state, detail in ended), strict=True)
        parameters = {"mapping": mapping, "ids": list(ids), "states": list(states), "details": list(details)}
        connection.execute(_FINISH, parameters)


def count_open(connection: Connection, mapping: str) -> int:
    """How many proven losses have not been followed yet."""
    waiting = select(func.count()).where(removal.c.mapping == mapping, removal.c.state.in_(_OPEN))
    return int(connection.execute(waiting).scalar_one())


def to_removal(row: RowMapping | dict[str, Any]) -> Removal:
    """A row as the value the engine works with."""
    return Removal(side=Side(row["side"]), state=RemovalState(row["state"]), **{name: row[name] for name in _TAKEN})


def _enter(connection: Connection, run_id: int | None, one: Removal, event: str, rule: str) -> None:
    entry = LedgerEntry(event, one.external_key, one.flowtly_key, one.side, rule=rule)
    ledger.append(connection, one.mapping, run_id, [entry])
