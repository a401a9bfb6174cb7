"""Observations that were set aside, made dirty again: their time has come, or what they wait for. Decides nothing."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from sqlalchemy import text

from syncd.core.model import Side
from syncd.store.database import Database
from syncd.store.observations import LONGEST
from syncd.store.values import unique

_WAKE: Final = text(
    """
    UPDATE observation SET
        status = 'dirty', due_at = NULL, waiting_for = NULL,
        -- Without a document there is nothing to plan with: forget the digest, so that the next reading maps it again.
        digest = CASE WHEN document IS NULL THEN ''::bytea ELSE digest END
    WHERE mapping = :mapping
      AND ((status = 'waiting' AND waiting_for IN (SELECT unnest(CAST(:references AS text[]))))
           OR (status = 'parked' AND (due_at <= :now OR due_at > :never)))
    """
)

# What a record waits for is written ``@mapping:side=key`` (``mapping.links.waits_for``); a name has neither : nor =.
_WAKE_LINKED: Final = text(
    """
    WITH waiting AS (
        SELECT side, key, split_part(substr(waiting_for, 2), ':', 1) AS parent,
               split_part(split_part(waiting_for, ':', 2), '=', 1) AS parent_side,
               substr(waiting_for, position('=' IN waiting_for) + 1) AS parent_key
        FROM observation
        WHERE mapping = :mapping AND status = 'waiting' AND waiting_for LIKE '@%'
    ), linked AS (
        SELECT w.side, w.key FROM waiting w
        JOIN link l ON l.mapping = w.parent AND l.external_key = w.parent_key
        WHERE w.parent_side = 'external'
        UNION
        SELECT w.side, w.key FROM waiting w
        JOIN link l ON l.mapping = w.parent AND l.flowtly_key = w.parent_key
        WHERE w.parent_side = 'flowtly'
        UNION
        SELECT w.side, w.key FROM waiting w
        JOIN alias a ON a.mapping = w.parent AND a.external_key = w.parent_key
        JOIN link l ON l.mapping = a.mapping AND l.external_key = a.primary_key
        WHERE w.parent_side = 'external'
    )
    UPDATE observation SET
        status = 'dirty', due_at = NULL, waiting_for = NULL, problem = NULL,
        digest = CASE WHEN document IS NULL THEN ''::bytea ELSE digest END
    FROM linked
    WHERE observation.mapping = :mapping AND observation.side = linked.side AND observation.key = linked.key
    RETURNING observation.side
    """
)

_WAITING: Final = text(
    "SELECT DISTINCT waiting_for FROM observation "
    "WHERE mapping = :mapping AND status = 'waiting' AND waiting_for IS NOT NULL"
)


class Waking(Database):
    """What is to be looked at again."""

    def wake(self, mapping: str, references: Iterable[str], now: datetime) -> int:
        """Turn observations that wait for one of these references, and parked ones that are due, dirty again."""
        parameters = {"mapping": mapping, "references": unique(references), "now": now, "never": now + LONGEST}
        with self.transaction() as connection:
            return connection.execute(_WAKE, parameters).rowcount

    def wake_linked(self, mapping: str) -> frozenset[Side]:
        """Turn observations dirty again whose reference is linked by now; on which sides there were any."""
        with self.transaction() as connection:
            woken = connection.execute(_WAKE_LINKED, {"mapping": mapping}).scalars()
            return frozenset(Side(side) for side in woken)

    def waiting(self, mapping: str) -> frozenset[str]:
        """The references that some observation waits for."""
        return frozenset(row["waiting_for"] for row in self.rows(_WAITING, {"mapping": mapping}))
