"""Pieces of SQL that adding up and naming share. Every value in them is a parameter."""

from __future__ import annotations

from typing import Final

# Every mirrored link, with the mapping's own row about it and the posting that its transaction belongs to.
LINKED: Final = """
    SELECT mirror.iri, mirror.transaction_iri, mirror.target_iri, mirror.employee_iri, mirror.amount,
           mirror.account_iri, mirror.total, own.external_key AS key, own.id IS NOT NULL AS paired,
           coalesce(own.origin = ANY(CAST(:made AS text[])), false) AS ours,
           posting.posting, posting.amount AS posted, coalesce(posting.currency, '') AS currency,
           coalesce(to_char(posting.on_day, 'YYYY-MM'), mirror.month, to_char(mirror.on_day, 'YYYY-MM'), '') AS month
    FROM budget_link AS mirror
    LEFT JOIN link AS own ON own.mapping = :mapping AND own.flowtly_key = mirror.iri
    LEFT JOIN link AS source ON source.mapping = :of AND source.flowtly_key = mirror.transaction_iri
    LEFT JOIN allocated_posting AS posting
        ON posting.allocation = :allocation AND posting.posting = source.external_key
    WHERE mirror.mapping = :mapping
"""

# The Flowtly side of the postings' own mapping: as it was settled, unless something newer is pending. Amounts are kept
# as ``{"$decimal": "12.50"}`` or as a number, days as ``{"$date": "2026-01-31"}`` or as text.
TRANSACTIONS: Final = """
    SELECT posting.posting, posting.currency, posting.account AS posted_account, posting.amount AS posted,
           coalesce(to_char(posting.on_day, 'YYYY-MM'), '') AS posted_month, link.flowtly_key AS iri,
           CASE WHEN CAST(:account_field AS text) = '' THEN posting.account
                ELSE read.document ->> CAST(:account_field AS text) END AS account,
           CASE WHEN CAST(:day_field AS text) = '' THEN coalesce(to_char(posting.on_day, 'YYYY-MM'), '')
                ELSE coalesce(left(coalesce(told.day ->> '$date', told.day ->> '$datetime', told.day #>> '{}'), 7), '')
           END AS month,
           CASE WHEN jsonb_typeof(told.amount) = 'number' THEN CAST(told.amount #>> '{}' AS numeric)
                ELSE CAST(told.amount ->> '$decimal' AS numeric) END AS amount
    FROM allocated_posting AS posting
    JOIN link ON link.mapping = :of AND link.external_key = posting.posting
    LEFT JOIN observation AS pending
        ON pending.mapping = :of AND pending.side = 'flowtly' AND pending.key = link.flowtly_key
    CROSS JOIN LATERAL (SELECT coalesce(pending.document, link.base -> 'flowtly') AS document) AS read
    CROSS JOIN LATERAL (SELECT read.document -> :day_field AS day, read.document -> :amount_field AS amount) AS told
    WHERE posting.allocation = :allocation AND posting.state <> 'gone'
"""
