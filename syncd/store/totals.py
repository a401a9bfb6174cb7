"""Adding up both sides of an allocation: what is wanted, what Flowtly was last seen to hold. Changes nothing.

Whose month a link counts in is its posting's, where it has one: both sides of a comparison speak of the same day.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import text

from syncd.core.removal import OURS
from syncd.ports.incidents import (
    DoubledLink,
    MirroredSum,
    OverAllocated,
    PostingSum,
    TransactionFields,
    TransactionSum,
    WantedSum,
)
from syncd.store.database import Database
from syncd.store.totals_sql import LINKED, TRANSACTIONS

_WANTED: Final = text(
    """
    SELECT part.target, coalesce(to_char(posting.on_day, 'YYYY-MM'), '') AS month, posting.currency,
           count(*) FILTER (WHERE part.skipped = '') AS parts,
           coalesce(sum(part.amount) FILTER (WHERE part.skipped = ''), 0)::bigint AS amount,
           count(*) FILTER (WHERE part.skipped <> '') AS skipped,
           posting.base_currency,
           count(part.base_amount) FILTER (WHERE part.skipped = '') AS based,
           coalesce(sum(part.base_amount) FILTER (WHERE part.skipped = ''), 0)::bigint AS base
    FROM allocated_part AS part JOIN allocated_posting AS posting USING (allocation, posting)
    WHERE part.allocation = :allocation AND NOT part.withdrawn
    GROUP BY part.target, month, posting.currency, posting.base_currency
    ORDER BY part.target, month, posting.currency, posting.base_currency
    """
)

_MIRRORED: Final = text(
    """
    WITH linked AS ({linked})
    SELECT target_iri AS target, month, coalesce(account_iri, '') AS account, currency, ours, count(*) AS links,
           coalesce(sum(amount), 0)::bigint AS amount, count(*) FILTER (WHERE amount IS NULL) AS wholes,
           coalesce(sum(total) FILTER (WHERE amount IS NULL), 0) AS total,
           count(*) FILTER (WHERE amount IS NULL AND total IS NULL) AS untold, paired
    FROM linked
    GROUP BY target_iri, month, coalesce(account_iri, ''), currency, ours, paired
    ORDER BY target_iri, month, account, currency, ours, paired
    """.replace("{linked}", LINKED)
)

_POSTINGS: Final = text(
    """
    SELECT coalesce(posting.account, '') AS account, coalesce(to_char(posting.on_day, 'YYYY-MM'), '') AS month,
           posting.currency, count(*) AS postings, coalesce(sum(posting.amount), 0)::bigint AS amount,
           count(link.id) AS linked,
           coalesce(sum(posting.amount) FILTER (WHERE link.id IS NOT NULL), 0)::bigint AS linked_amount,
           count(*) FILTER (WHERE posting.amount IS NULL) AS unread
    FROM allocated_posting AS posting
    LEFT JOIN link ON link.mapping = :of AND link.external_key = posting.posting
    WHERE posting.allocation = :allocation AND posting.state <> 'gone'
    GROUP BY coalesce(posting.account, ''), month, posting.currency
    ORDER BY account, month, posting.currency
    """
)

_TRANSACTIONS: Final = text(
    """
    WITH transaction AS ({transactions})
    SELECT coalesce(account, '') AS account, month, currency, count(*) AS transactions,
           coalesce(sum(amount), 0) AS amount, count(*) FILTER (WHERE amount IS NULL) AS unread
    FROM transaction
    GROUP BY coalesce(account, ''), month, currency
    ORDER BY account, month, currency
    """.replace("{transactions}", TRANSACTIONS)
)

# What a transaction is, in the unit of links: as Flowtly told it, else as the ERP has it. One that neither tells is
# left out, since nothing can be said of it.
_OVER: Final = text(
    """
    WITH linked AS ({linked}), whole AS (
        SELECT transaction_iri, max(posting) AS posting, max(currency) AS currency,
               coalesce(max(abs(total)) * CASE WHEN :minor THEN max(shift) ELSE 1 END,
                        max(abs(posted)) / CASE WHEN :minor THEN 1 ELSE max(shift) END) AS room,
               abs(coalesce(sum(amount), 0)) AS given, count(*) FILTER (WHERE amount IS NULL) AS wholes,
               array_agg(iri ORDER BY iri) AS links
        FROM linked
        CROSS JOIN LATERAL (SELECT power(
            10::numeric, coalesce(CAST(CAST(:exponents AS jsonb) ->> currency AS integer), 2)) AS shift) AS one
        GROUP BY transaction_iri
    )
    SELECT transaction_iri, posting, currency, ceil(given + wholes * room)::bigint AS linked,
           floor(room)::bigint AS room, links
    FROM whole
    WHERE given + wholes * room > room
    ORDER BY transaction_iri LIMIT :limit
    """.replace("{linked}", LINKED)
)

_DOUBLED: Final = text(
    """
    SELECT transaction_iri, target_iri, employee_iri, array_agg(iri ORDER BY iri) AS links
    FROM budget_link WHERE mapping = :mapping
    GROUP BY transaction_iri, target_iri, employee_iri
    HAVING count(*) > 1
    ORDER BY transaction_iri, target_iri, employee_iri LIMIT :limit
    """
)


class Totals(Database):
    """Sums of both sides, and what cannot be right on Flowtly's alone."""

    def wanted_sums(self, allocation: str) -> list[WantedSum]:
        """What is wanted, by budget, month and currency, in that order."""
        return [WantedSum(**row) for row in self.rows(_WANTED, {"allocation": allocation})]

    def mirrored_sums(self, allocation: str, mapping: str, of: str) -> list[MirroredSum]:
        """What Flowtly holds, by budget, month, account and currency, ours and people's, paired and not, apart."""
        return [MirroredSum(**row) for row in self.rows(_MIRRORED, _linked(allocation, mapping, of))]

    def posting_sums(self, allocation: str, of: str) -> list[PostingSum]:
        """Postings that are not gone, by account, month and currency, in that order."""
        return [PostingSum(**row) for row in self.rows(_POSTINGS, {"allocation": allocation, "of": of})]

    def transaction_sums(self, allocation: str, of: str, fields: TransactionFields) -> list[TransactionSum]:
        """Transactions of postings that are not gone, as last seen, by account, month and currency, in that order."""
        given = {"allocation": allocation, "of": of, **named(fields)}
        return [TransactionSum(**row) for row in self.rows(_TRANSACTIONS, given)]

    def over_allocated(
        self, allocation: str, mapping: str, of: str, *, minor: bool, exponents: Mapping[str, int], limit: int
    ) -> list[OverAllocated]:
        """Transactions that are linked for more than they are, by IRI.

        ``minor``: links count minor units, not whole ones. ``exponents``: decimals by currency; 2 for others.
        """
        given = {"minor": minor, "exponents": json.dumps(dict(exponents)), "limit": limit}
        rows = self.rows(_OVER, {**_linked(allocation, mapping, of), **given})
        return [
            OverAllocated(
                row["transaction_iri"], row["posting"], row["currency"], row["linked"], row["room"], tuple(row["links"])
            )
            for row in rows
        ]

    def doubled_links(self, mapping: str, limit: int) -> list[DoubledLink]:
        """Links that share a key, by that key."""
        rows = self.rows(_DOUBLED, {"mapping": mapping, "limit": limit})
        return [
            DoubledLink(row["transaction_iri"], row["target_iri"], row["employee_iri"], tuple(row["links"]))
            for row in rows
        ]


def named(fields: TransactionFields) -> dict[str, str]:
    """Field names as the statements take them."""
    return {"account_field": fields.account, "day_field": fields.day, "amount_field": fields.amount}


def _linked(allocation: str, mapping: str, of: str) -> dict[str, Any]:
    return {"allocation": allocation, "mapping": mapping, "of": of, "made": sorted(OURS)}
