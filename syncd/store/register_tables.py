"""The tables of registers' answers as the queries see them, beside those of ``store.tables``. Holds no query."""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, Date, Integer, PrimaryKeyConstraint, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

from syncd.store.tables import WORDS, metadata, now, time

register_answer: Final = Table(
    "register_answer",
    metadata,
    Column("register", Text, nullable=False),
    Column("number", WORDS, nullable=False),
    Column("outcome", Text, CheckConstraint("outcome IN ('valid', 'invalid', 'unavailable')"), nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("address", Text, nullable=False, server_default=""),
    Column("accounts", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    Column("consultation", Text, nullable=False, server_default=""),
    Column("detail", Text, nullable=False, server_default=""),
    time("answered_at"),
    now("fetched_at"),
    time("expires_at"),
    now("due_at"),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("register", "number"),
    CheckConstraint("(outcome = 'unavailable') = (expires_at IS NULL)", name="register_answer_counts"),
)

register_budget: Final = Table(
    "register_budget",
    metadata,
    Column("register", Text, nullable=False),
    Column("day", Date, nullable=False),
    Column("requests", Integer, CheckConstraint("requests > 0"), nullable=False),
    PrimaryKeyConstraint("register", "day"),
)
