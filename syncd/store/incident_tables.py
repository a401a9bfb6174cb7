"""The tables of incidents and of spending as the queries see them, beside those of ``store.tables``. Holds no query."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Identity,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from syncd.store.tables import WORDS, metadata, now, time

incident: Final = Table(
    "incident",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("allocation", WORDS, nullable=False),
    Column("kind", WORDS, nullable=False),
    Column("scope", WORDS, nullable=False),
    Column("targets", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    Column("detail", JSONB, nullable=False),
    now("opened_at"),
    Column("opened_run", BigInteger, nullable=False),
    time("cleared_at"),
    Column("cleared_run", BigInteger),
    Index("incident_once", "allocation", "kind", "scope", unique=True, postgresql_where=text("cleared_at IS NULL")),
)

spending: Final = Table(
    "spending",
    metadata,
    Column("allocation", WORDS, nullable=False),
    Column("target", WORDS, nullable=False),
    Column("period", WORDS, nullable=False),
    Column("threshold", Integer, nullable=False),
    Column("crossed", Boolean, nullable=False),
    Column("used", Numeric, nullable=False),
    Column("planned", Numeric, nullable=False),
    Column("currency", Text, nullable=False),
    now("changed_at"),
    PrimaryKeyConstraint("allocation", "target", "period", "threshold"),
)
