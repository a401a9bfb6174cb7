"""The tables of merges as the queries see them, beside those of ``store.tables``. Holds no query.

What must never happen is refused here, not only in code: a call without an approval, a second call for one pair, two
merges that touch one record at once, and a tier that approves bank accounts in place of a person.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.types import BigInteger

from syncd.store.tables import WORDS, metadata, now, time

STATES: Final = "'proposed', 'approved', 'changing', 'sending', 'done', 'unclear', 'refused', 'withdrawn'"
APPROVED: Final = "'approved', 'changing', 'sending', 'done', 'unclear'"
CALLED: Final = "'sending', 'done', 'unclear'"
HOLDING: Final = "'changing', 'sending', 'unclear'"
OPEN: Final = "'proposed', 'approved', 'changing', 'sending', 'unclear'"


def _said(name: str) -> Column[Any]:
    return Column(name, JSONB, nullable=False)


# The one call of a pair, whichever of the two survives. Rows are only ever added.
merge_call: Final = Table(
    "merge_call",
    metadata,
    Column("merge", Uuid, primary_key=True),
    Column("low", WORDS, nullable=False),
    Column("high", WORDS, nullable=False),
    now("sent_at"),
    UniqueConstraint("low", "high", name="merge_call_once"),
    CheckConstraint("low < high", name="merge_call_ordered"),
)

# Who works on a record now. A row stands while its merge is neither over nor waiting.
merge_party: Final = Table(
    "merge_party",
    metadata,
    Column("key", WORDS, primary_key=True),
    Column("merge", Uuid, nullable=False),
    UniqueConstraint("key", "merge", name="merge_party_of"),
)

merge_operation: Final = Table(
    "merge_operation",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("directory", WORDS, nullable=False),
    Column("survivor", WORDS, nullable=False),
    Column("loser", WORDS, nullable=False),
    Column("low", WORDS, nullable=False),
    Column("high", WORDS, nullable=False),
    Column("case_id", BigInteger, nullable=False),
    Column("tier", Text, nullable=False),
    Column("bits", Float, nullable=False),
    *(_said(name) for name in ("evidence", "changes", "provenance", "snapshots", "digests")),
    Column("needs_approval_of", ARRAY(Text), nullable=False),
    Column("state", Text, CheckConstraint(f"state IN ({STATES})"), nullable=False),
    Column("detail", Text, nullable=False, server_default=text("''")),
    Column("approved_by", Text),
    time("approved_at"),
    Column("call", Uuid, ForeignKey("merge_call.merge")),
    Column("held_survivor", WORDS),
    Column("held_loser", WORDS),
    now("created_at"),
    time("ended_at"),
    CheckConstraint(
        "low < high AND ((low = survivor AND high = loser) OR (low = loser AND high = survivor))", name="merge_pair"
    ),
    CheckConstraint(
        f"state NOT IN ({APPROVED}) OR (approved_by IS NOT NULL AND approved_at IS NOT NULL)", name="merge_is_approved"
    ),
    CheckConstraint(
        "cardinality(needs_approval_of) = 0 OR approved_by IS NULL OR NOT starts_with(approved_by, 'tier ')",
        name="merge_accounts_by_a_person",
    ),
    CheckConstraint(f"state NOT IN ({CALLED}) OR (call IS NOT NULL AND call = id)", name="merge_has_its_call"),
    CheckConstraint(
        f"state NOT IN ({HOLDING}) OR (held_survivor IS NOT NULL AND held_survivor = survivor"
        " AND held_loser IS NOT NULL AND held_loser = loser)",
        name="merge_holds_both",
    ),
    ForeignKeyConstraint(["held_survivor", "id"], ["merge_party.key", "merge_party.merge"], name="merge_survivor_held"),
    ForeignKeyConstraint(["held_loser", "id"], ["merge_party.key", "merge_party.merge"], name="merge_loser_held"),
    Index("merge_one_open", "low", "high", unique=True, postgresql_where=text(f"state IN ({OPEN})")),
    Index("merge_by_state", "state", "created_at"),
)

redirect: Final = Table(
    "redirect",
    metadata,
    Column("system", WORDS, nullable=False),
    Column("resource", WORDS, nullable=False),
    Column("loser", WORDS, nullable=False),
    Column("survivor", WORDS, nullable=False),
    Column("by", Text, CheckConstraint("by IN ('us', 'people')"), nullable=False),
    now("at"),
    _said("evidence"),
    Column("merge", Uuid, ForeignKey("merge_operation.id")),
    PrimaryKeyConstraint("system", "resource", "loser"),
    CheckConstraint("loser <> survivor", name="redirect_elsewhere"),
    CheckConstraint("by <> 'us' OR merge IS NOT NULL", name="redirect_of_ours"),
)
