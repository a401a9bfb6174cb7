"""The tables of allocations and budget links as the queries see them, beside those of ``store.tables``. Holds no query.

No two parts of a posting share a target: the database refuses the second one.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Numeric,
    PrimaryKeyConstraint,
    Sequence,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from syncd.store.tables import WORDS, metadata, now, time


def _number(name: str, default: str | None = "0", kind: type[BigInteger | Integer] = BigInteger) -> Column[Any]:
    return Column(name, kind, nullable=False, server_default=None if default is None else text(default))


def _said(name: str) -> Column[Any]:
    return Column(name, Text, nullable=False, server_default=text("''"))


allocation: Final = Table(
    "allocation",
    metadata,
    Column("allocation", WORDS, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("cursor", Text),
    _number("number"),
    time("full_at"),
    _number("full_number"),
)

_OPEN: Final = text("state IN ('partly', 'unassigned', 'refused')")

allocated_posting: Final = Table(
    "allocated_posting",
    metadata,
    Column("allocation", WORDS, nullable=False),
    Column("posting", WORDS, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column(
        "state",
        Text,
        CheckConstraint(
            "state IN ('allocated', 'partly', 'unassigned', 'refused', 'gone')", name="allocated_posting_state"
        ),
        nullable=False,
    ),
    Column("on_day", Date),
    Column("account", Text),
    Column("currency", Text, nullable=False),
    Column("amount", BigInteger),
    _number("unassigned"),
    Column("base_amount", BigInteger),
    Column("base_currency", Text),
    _said("reason"),
    _number("next_slot", "1", Integer),
    Column("missed", BigInteger),
    now("changed_at"),
    PrimaryKeyConstraint("allocation", "posting"),
    Index("allocated_posting_open", "allocation", "changed_at", postgresql_where=_OPEN),
    Index("allocated_posting_missed", "allocation", "missed", postgresql_where=text("missed IS NOT NULL")),
)

allocated_part: Final = Table(
    "allocated_part",
    metadata,
    Column("allocation", WORDS, nullable=False),
    Column("posting", WORDS, nullable=False),
    Column("slot", Integer, nullable=False),
    Column("target", WORDS, nullable=False),
    Column("employee", WORDS, nullable=False, server_default=text("''")),
    _number("amount", None),
    Column("whole", Boolean, nullable=False),
    Column("rule", Text, nullable=False),
    Column("base_amount", BigInteger),
    Column("withdrawn", Boolean, nullable=False, server_default=text("false")),
    _said("skipped"),
    PrimaryKeyConstraint("allocation", "posting", "slot"),
    UniqueConstraint(
        *("allocation", "posting", "target", "employee"),
        name="allocated_part_one_per_target",
        deferrable=True,
        initially="IMMEDIATE",
    ),
    ForeignKeyConstraint(
        ["allocation", "posting"],
        ["allocated_posting.allocation", "allocated_posting.posting"],
        name="allocated_part_of_posting",
        ondelete="CASCADE",
    ),
    Index("allocated_part_target", "allocation", "target"),
    Index("allocated_part_withdrawn", "allocation", postgresql_where=text("withdrawn")),
)

# Not logged: a crash of the server empties it, which ``store.walked`` notices.
walked: Final = Table(
    "walked",
    metadata,
    Column("walk", WORDS, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("key", WORDS, nullable=False),
    PrimaryKeyConstraint("walk", "number", "key"),
    prefixes=["UNLOGGED"],
)

budget_link: Final = Table(
    "budget_link",
    metadata,
    Column("mapping", WORDS, nullable=False),
    Column("iri", WORDS, nullable=False),
    Column("transaction_iri", WORDS, nullable=False),
    Column("target_iri", WORDS, nullable=False),
    Column("employee_iri", WORDS, nullable=False, server_default=text("''")),
    Column("amount", BigInteger),
    Column("on_day", Date),
    Column("month", Text),
    Column("account_iri", WORDS),
    Column("total", Numeric),
    PrimaryKeyConstraint("mapping", "iri"),
    Index("budget_link_transaction", "mapping", "transaction_iri"),
    Index("budget_link_target", "mapping", "target_iri"),
)

budget_link_walk: Final = Sequence("budget_link_walk", metadata=metadata)

calibration: Final = Table(
    "calibration",
    metadata,
    Column("mapping", WORDS, primary_key=True),
    Column("unit", Text, CheckConstraint("unit IN ('minor', 'major')", name="calibration_unit"), nullable=False),
    Column("sign", Integer, CheckConstraint("sign IN (-1, 1)", name="calibration_sign"), nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("made_by", Text, nullable=False),
    now("made_at"),
)
