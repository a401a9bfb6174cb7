"""The table of aliases as the queries see it, beside those of ``store.tables``. Holds no query.

The Flowtly key of an alias is that of its primary's link, so it stands there alone and cannot be wrong here.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, PrimaryKeyConstraint, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from syncd.store.tables import WORDS, metadata, now

alias: Final = Table(
    "alias",
    metadata,
    Column("mapping", WORDS, nullable=False),
    Column("external_key", WORDS, nullable=False),
    Column("primary_key", WORDS, nullable=False),
    Column("base", JSONB, nullable=False),
    Column("told", JSONB, nullable=False),
    now("since"),
    Column("made_by", Text, nullable=False),
    Column("missed_run", BigInteger),
    PrimaryKeyConstraint("mapping", "external_key"),
    CheckConstraint("external_key <> primary_key", name="alias_of_another"),
    Index("alias_of", "mapping", "primary_key"),
)
