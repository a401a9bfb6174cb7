"""Which records make a sum, and what is pending on them: for naming what is off and for explaining it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, text

from syncd.core.removal import OURS
from syncd.ports.incidents import PairedPart, PairedPosting, TransactionFields
from syncd.store.database import Database
from syncd.store.totals import named
from syncd.store.totals_sql import LINKED, TRANSACTIONS
from syncd.store.values import unique

# First every part of the budget with its link, then the links that no such part has. A part is found by the budget it
# wants or by the one its link is on: each by an index, since this is asked for many budgets in a row.
_PARTS: Final = text(
    """
    WITH linked AS ({linked}), chosen AS (
        SELECT part.* FROM allocated_part AS part WHERE part.allocation = :allocation AND part.target = :target
        UNION
        SELECT part.*
        FROM budget_link AS mirror
        JOIN link AS own ON own.mapping = :mapping AND own.flowtly_key = mirror.iri
        JOIN allocated_part AS part
            ON part.allocation = :allocation AND part.posting = regexp_replace(own.external_key, '#[^#]*$', '')
            AND part.posting || '#' || part.slot = own.external_key
        WHERE mirror.mapping = :mapping AND mirror.target_iri = :iri
    ), part AS (
        SELECT one.posting || '#' || one.slot AS key, one.*, posting.currency,
               coalesce(to_char(posting.on_day, 'YYYY-MM'), '') AS month
        FROM chosen AS one JOIN allocated_posting AS posting USING (allocation, posting)
    ), paired AS (
        SELECT part.key, part.posting, part.target, part.month, part.currency,
               CASE WHEN NOT part.withdrawn THEN part.amount END AS wanted, part.whole, part.skipped,
               own.flowtly_key AS iri, coalesce(own.origin = ANY(CAST(:made AS text[])), false) AS ours,
               mirror.iri IS NOT NULL AS mirrored, mirror.target_iri AS link_target, mirror.amount, mirror.total
        FROM part
        LEFT JOIN link AS own ON own.mapping = :mapping AND own.external_key = part.key
        LEFT JOIN budget_link AS mirror ON mirror.mapping = :mapping AND mirror.iri = own.flowtly_key
        WHERE NOT part.withdrawn OR own.id IS NOT NULL
        UNION ALL
        SELECT linked.key, linked.posting, NULL, linked.month, linked.currency, NULL, false, '', linked.iri,
               linked.ours, true, linked.target_iri, linked.amount, linked.total
        FROM linked
        WHERE linked.target_iri = :iri
          AND NOT EXISTS (
              SELECT FROM allocated_part AS known
              WHERE known.allocation = :allocation AND known.posting = regexp_replace(linked.key, '#[^#]*$', '')
                AND known.posting || '#' || known.slot = linked.key)
    )
    SELECT * FROM paired WHERE CAST(:month AS text) IS NULL OR month = :month
    ORDER BY key NULLS LAST, iri LIMIT :limit
    """.replace("{linked}", LINKED)
)

_POSTINGS: Final = text(
    """
    WITH transaction AS ({transactions}), paired AS (
        SELECT posting.posting, posting.account, coalesce(to_char(posting.on_day, 'YYYY-MM'), '') AS month,
               posting.currency, posting.amount, transaction.iri AS transaction,
               transaction.account AS transaction_account, coalesce(transaction.month, '') AS transaction_month,
               transaction.amount AS transaction_amount, posting.changed_at
        FROM allocated_posting AS posting
        LEFT JOIN transaction ON transaction.posting = posting.posting
        WHERE posting.allocation = :allocation AND posting.state <> 'gone'
    )
    SELECT * FROM paired
    WHERE (coalesce(account, '') = :account AND month = :month)
       OR (coalesce(transaction_account, '') = :account AND transaction_month = :month AND transaction IS NOT NULL)
    ORDER BY posting LIMIT :limit
    """.replace("{transactions}", TRANSACTIONS)
)

# Of several reasons the one that is nearest to a write counts.
_PENDING: Final = text(
    """
    SELECT DISTINCT ON (key) key, word FROM (
        SELECT CASE side WHEN 'flowtly' THEN source_key ELSE target_key END AS key, state AS word, 1 AS rank
        FROM operation WHERE mapping = :mapping AND state IN ('intended', 'in_doubt', 'quarantined')
        UNION ALL
        SELECT external_key, 'removal', 2 FROM removal
        WHERE mapping = :mapping AND state IN ('quarantined', 'approved')
        UNION ALL
        SELECT coalesce(asked.external_key, link.external_key), 'conflict', 3 FROM conflict AS asked
        LEFT JOIN link ON asked.external_key IS NULL AND link.mapping = :mapping
            AND link.flowtly_key = asked.flowtly_key
        WHERE asked.mapping = :mapping
          AND (asked.resolved_at IS NULL OR (asked.carried_out_at IS NULL AND asked.resolution LIKE 'link %'))
        UNION ALL
        SELECT link.external_key, 'missing', 4 FROM absence
        JOIN link ON link.mapping = :mapping
            AND CASE absence.side WHEN 'external' THEN link.external_key ELSE link.flowtly_key END = absence.key
        WHERE absence.mapping = :mapping
        UNION ALL
        SELECT key, status, 5 FROM observation WHERE mapping = :mapping AND side = 'external'
        UNION ALL
        SELECT link.external_key, seen.status, 6 FROM observation AS seen
        JOIN link ON link.mapping = :mapping AND link.flowtly_key = seen.key
        WHERE seen.mapping = :mapping AND seen.side = 'flowtly'
    ) AS found
    WHERE key IS NOT NULL AND (CAST(:keys AS text[]) IS NULL OR key = ANY(CAST(:keys AS text[])))
    ORDER BY key, rank, word
    """
)

_LEFT_OUT: Final = text(
    """
    SELECT key, withdrawn FROM (
        SELECT posting || '#' || slot AS key, withdrawn FROM allocated_part
        WHERE allocation = :allocation AND (withdrawn OR skipped <> '')
    ) AS one
    WHERE CAST(:keys AS text[]) IS NULL OR key = ANY(CAST(:keys AS text[]))
    """
)


class TotalsNamed(Database):
    """Records by name."""

    def paired_parts(
        self,
        allocation: str,
        mapping: str,
        of: str,
        *,
        target: str | None,
        iri: str | None,
        month: str | None,
        limit: int,
    ) -> list[PairedPart]:
        """Parts and links that a budget (its external key, its IRI) wants or has in a month, in the order of keys."""
        given = {"allocation": allocation, "mapping": mapping, "of": of, "made": sorted(OURS)}
        chosen = {"target": target, "iri": iri, "month": month, "limit": limit}
        return [PairedPart(**row) for row in self.rows(_PARTS, {**given, **chosen})]

    def paired_postings(
        self, allocation: str, of: str, fields: TransactionFields, *, account: str, month: str, limit: int
    ) -> list[PairedPosting]:
        """Postings and transactions that one account and month have on either side, in the order of keys."""
        given = {"allocation": allocation, "of": of, **named(fields)}
        chosen = {"account": account, "month": month, "limit": limit}
        return [PairedPosting(**row) for row in self.rows(_POSTINGS, {**given, **chosen})]

    def pending_parts(self, allocation: str, mapping: str, keys: Sequence[str] | None) -> dict[str, str]:
        """Of these parts (external keys; None: all) those on which something is pending, with a word for what.

        ``skipped`` goes before the words of ``pending_records``, ``withdrawn`` after them.
        """
        with self.transaction() as connection:
            given = {"allocation": allocation, "keys": None if keys is None else unique(keys)}
            left_out = connection.execute(_LEFT_OUT, given).all()
            withdrawn = {row.key: "withdrawn" for row in left_out if row.withdrawn}
            skipped = {row.key: "skipped" for row in left_out if not row.withdrawn}
            return {**withdrawn, **_pending(connection, mapping, keys), **skipped}

    def pending_records(self, mapping: str, keys: Sequence[str] | None) -> dict[str, str]:
        """Of these external keys (None: all) those on which something is pending in the engine, with a word for it."""
        with self.transaction() as connection:
            return _pending(connection, mapping, keys)


def _pending(connection: Connection, mapping: str, keys: Sequence[str] | None) -> dict[str, str]:
    given: dict[str, Any] = {"mapping": mapping, "keys": None if keys is None else unique(keys)}
    return {row.key: row.word for row in connection.execute(_PENDING, given)}
