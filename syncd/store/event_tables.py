"""The tables of watching and telling as the queries see them, beside those of ``store.tables``. Holds no query."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from syncd.store.tables import WORDS, metadata, now, time

watch_state: Final = Table(
    "watch_state",
    metadata,
    Column("watch", WORDS, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("walks", BigInteger, nullable=False, server_default=text("0")),
    Column("based", Boolean, nullable=False, server_default=text("false")),
    time("last_walk"),
)

watch_record: Final = Table(
    "watch_record",
    metadata,
    Column("watch", WORDS, nullable=False),
    Column("key", WORDS, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("document", JSONB, nullable=False),
    Column("levels", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    Column("missed", BigInteger),
    PrimaryKeyConstraint("watch", "key"),
    Index("watch_record_missed", "watch", "key", postgresql_where=text("missed IS NOT NULL")),
)

event: Final = Table(
    "event",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("number", BigInteger, Identity(always=True), nullable=False),
    now("at"),
    Column("event", Text, nullable=False),
    Column("source", WORDS, nullable=False),
    Column("key", WORDS, nullable=False),
    Column("subject", JSONB, nullable=False),
    Column("before", JSONB(none_as_null=True)),
    Column("after", JSONB(none_as_null=True)),
    Column("changed", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    Column("level", Numeric),
    UniqueConstraint("number", name="event_number"),
    Index("event_age", "at"),
)

_PENDING: Final = text("state = 'pending'")

delivery: Final = Table(
    "delivery",
    metadata,
    Column("event", Uuid, ForeignKey("event.id", ondelete="CASCADE"), primary_key=True),
    Column("target", WORDS, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("source", WORDS, nullable=False),
    Column("key", WORDS, nullable=False),
    Column(
        "state",
        Text,
        CheckConstraint("state IN ('pending', 'delivered', 'dead')"),
        nullable=False,
        server_default=text("'pending'"),
    ),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("due_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    time("ended_at"),
    Column("detail", Text, nullable=False, server_default=text("''")),
    Index("delivery_due", "target", "number", postgresql_where=_PENDING),
    Index("delivery_order", "target", "source", "key", "number", postgresql_where=_PENDING),
    Index("delivery_latest", "state", "number"),
)
