"""The tables of the guards as the queries see them, beside those of ``store.tables``. Holds no query."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, DateTime, Index, Table, Text, func, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from syncd.store.tables import metadata, operation

fence: Final = Table(
    "fence",
    metadata,
    Column("mapping", Text(collation="C"), primary_key=True),
    Column("reasons", ARRAY(Text), CheckConstraint("cardinality(reasons) > 0"), nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("run_id", BigInteger),
    Column("since", DateTime(timezone=True), nullable=False, server_default=func.now()),
)

Index("operation_patched", operation.c.mapping, operation.c.created_at, postgresql_where=text("kind = 'patch'"))
