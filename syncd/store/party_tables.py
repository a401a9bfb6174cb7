"""The tables of the search for duplicates as the queries see them, beside those of ``store.tables``. Holds no query."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from syncd.store.tables import WORDS, metadata, now, time

directory: Final = Table(
    "directory",
    metadata,
    Column("name", WORDS, primary_key=True),
    Column("source", Text, nullable=False, server_default=text("''")),
    Column("parties", BigInteger, nullable=False, server_default=text("0")),
    Column("records", BigInteger),
    Column("version", Text),
    time("keyed_at"),
    CheckConstraint("(records IS NULL) = (version IS NULL)", name="directory_keyed"),
)

party: Final = Table(
    "party",
    metadata,
    Column("directory", WORDS, nullable=False),
    Column("key", WORDS, nullable=False),
    Column("inputs", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("party", JSONB, nullable=False),
    Column("prepared", JSONB, nullable=False),
    Column("name", WORDS, nullable=False),
    Column("form", Text, nullable=False),
    Column("tin", Text, nullable=False),
    Column("blocks", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    Column("due", Text, CheckConstraint("due IN ('no', 'around', 'changed')"), nullable=False),
    Column("missed", Boolean, nullable=False, server_default=text("false")),
    time("gone_at"),
    now("updated_at"),
    PrimaryKeyConstraint("directory", "key"),
    CheckConstraint("gone_at IS NULL OR due = 'no'", name="party_gone_is_not_due"),
    Index("party_missed", "directory", "key", postgresql_where=text("missed AND gone_at IS NULL")),
    Index("party_name", "directory", "name", "form", "tin", postgresql_where=text("gone_at IS NULL")),
    Index("party_due", "directory", "due", "key", postgresql_where=text("due <> 'no'")),
)

# A party's own block keys stand in its row as well, so these rows need no index by party.
party_block: Final = Table(
    "party_block",
    metadata,
    Column("directory", WORDS, nullable=False),
    Column("block", WORDS, nullable=False),
    Column("key", WORDS, nullable=False),
    PrimaryKeyConstraint("directory", "block", "key"),
)

party_fact: Final = Table(
    "party_fact",
    metadata,
    Column("directory", WORDS, nullable=False),
    Column("kind", Text, nullable=False),
    Column("value", WORDS, nullable=False),
    Column("stem", WORDS, nullable=False),
    Column("key", WORDS, nullable=False),
    PrimaryKeyConstraint("directory", "kind", "value", "stem", "key"),
    Index("party_fact_of", "directory", "key"),
)

party_token: Final = Table(
    "party_token",
    metadata,
    Column("directory", WORDS, nullable=False),
    Column("token", WORDS, nullable=False),
    Column("parties", BigInteger, CheckConstraint("parties >= 0"), nullable=False),
    PrimaryKeyConstraint("directory", "token"),
)

party_case: Final = Table(
    "party_case",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("directory", WORDS, nullable=False),
    Column("left_key", WORDS, nullable=False),
    Column("right_key", WORDS, nullable=False),
    Column("band", Text, CheckConstraint("band IN ('auto', 'review', 'no')"), nullable=False),
    Column("tier", Text, nullable=False),
    Column("bits", Double, nullable=False),
    Column("decision", JSONB, nullable=False),
    Column("left_inputs", Text, nullable=False),
    Column("right_inputs", Text, nullable=False),
    Column(
        "state",
        Text,
        CheckConstraint("state IN ('open', 'yes', 'no', 'merged', 'withdrawn', 'gone')"),
        nullable=False,
    ),
    now("opened_at"),
    now("updated_at"),
    Column("decided_by", Text),
    time("decided_at"),
    Column("note", Text, nullable=False, server_default=text("''")),
    CheckConstraint("left_key < right_key", name="party_case_ordered"),
    CheckConstraint("state NOT IN ('yes', 'no') OR decided_by IS NOT NULL", name="party_case_answered"),
    UniqueConstraint("directory", "left_key", "right_key", name="party_case_pair"),
    Index("party_case_right", "directory", "right_key"),
    Index("party_case_review", "directory", "state", text("bits DESC"), "id"),
)

case_answer: Final = Table(
    "case_answer",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("case_id", BigInteger, ForeignKey("party_case.id", ondelete="CASCADE"), nullable=False),
    Column("answer", Text, CheckConstraint("answer IN ('yes', 'no', 'open')"), nullable=False),
    Column("by", Text, nullable=False),
    now("at"),
    Column("note", Text, nullable=False),
    Column("left_inputs", Text, nullable=False),
    Column("right_inputs", Text, nullable=False),
    Index("case_answer_of", "case_id", "id"),
)
