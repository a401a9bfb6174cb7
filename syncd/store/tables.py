"""The tables as the queries see them. ``migrations/`` makes them; a test compares the two."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ColumnElement,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from syncd.core.model import Side

metadata: Final = MetaData()

WORDS: Final = Text(collation="C")  # keys compare by bytes: quicker, and the same order on every machine


def now(name: str) -> Column[Any]:
    """A time that is now unless given."""
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.now())


def time(name: str) -> Column[Any]:
    """A time that may be missing."""
    return Column(name, DateTime(timezone=True))


def _value(name: str) -> Column[Any]:
    """A nullable value: SQL NULL is null, ``{"$absent": true}`` is absent."""
    return Column(name, JSONB(none_as_null=True))


def _serial(name: str = "id") -> Column[Any]:
    return Column(name, BigInteger, Identity(always=True), primary_key=True)


def _side(**kw: Any) -> Column[Any]:
    return Column("side", Text, CheckConstraint("side IN ('external', 'flowtly')"), nullable=False, **kw)


mapping_state: Final = Table(
    "mapping_state",
    metadata,
    Column("mapping", WORDS, primary_key=True),
    Column("approved_fingerprint", Text, nullable=False),
    now("approved_at"),
)

cursor: Final = Table(
    "cursor",
    metadata,
    Column("mapping", WORDS, primary_key=True),
    _side(primary_key=True),
    Column("cursor", Text, nullable=False),
    Column("run_id", BigInteger),
    now("updated_at"),
)

lease: Final = Table(
    "lease",
    metadata,
    Column("name", WORDS, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    now("acquired_at"),
    Column("expires_at", DateTime(timezone=True), nullable=False),
)

run: Final = Table(
    "run",
    metadata,
    _serial(),
    Column("mapping", WORDS, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    now("started_at"),
    time("finished_at"),
    Column("outcome", Text),
    Column("counts", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    Index("run_latest", "mapping", "id"),
    Index("run_unfinished", "mapping", postgresql_where=text("finished_at IS NULL")),
)

certificate: Final = Table(
    "certificate",
    metadata,
    _serial(),
    Column("mapping", WORDS, nullable=False),
    _side(),
    Column("run_id", BigInteger, nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("repeated", BigInteger, nullable=False),
    Column("pages", Integer, nullable=False),
    Column("total", BigInteger),
    Column("complete", Boolean, nullable=False),
    Column("shrunk", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("missed_by_cursor", BigInteger, nullable=False),
    Column("missing", BigInteger, nullable=False),
    now("finished_at"),
    Column("fingerprint", Text, nullable=False, server_default=text("''")),
    Column("digest", Text, nullable=False, server_default=text("''")),
    Column("canaries", Integer, nullable=False, server_default=text("0")),
    Column("canaries_seen", Integer, nullable=False, server_default=text("0")),
    UniqueConstraint("id", "run_id", "mapping", "side", "complete", "fingerprint", name="certificate_proof"),
    Index("certificate_latest", "mapping", "side", "id"),
    Index("certificate_complete", "mapping", "side", "id", postgresql_where=text("complete")),
)

link: Final = Table(
    "link",
    metadata,
    _serial(),
    Column("mapping", WORDS, nullable=False),
    Column("external_key", WORDS, nullable=False),
    Column("flowtly_key", WORDS, nullable=False),
    Column("base", JSONB, nullable=False),
    Column("external_digest", LargeBinary, nullable=False),
    Column("flowtly_digest", LargeBinary, nullable=False),
    Column("origin", Text, nullable=False),
    now("created_at"),
    now("updated_at"),
    Column("updated_run", BigInteger, nullable=False),
    UniqueConstraint("mapping", "external_key", name="link_one_per_external_key"),
    UniqueConstraint("mapping", "flowtly_key", name="link_one_per_flowtly_key"),
    # Settling rewrites no indexed column, so with room on the page the row's new version stays there (HOT).
    postgresql_with={"fillfactor": "85"},
)

observation: Final = Table(
    "observation",
    metadata,
    Column("mapping", WORDS, nullable=False),
    _side(),
    Column("key", WORDS, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("document", JSONB(none_as_null=True)),
    Column(
        "status",
        Text,
        CheckConstraint("status IN ('dirty', 'parked', 'waiting', 'asked', 'alone')"),
        nullable=False,
    ),
    time("changed_at"),
    Column("problem", Text),
    Column("waiting_for", Text),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    time("due_at"),
    now("first_seen"),
    Column("match_keys", ARRAY(Text), nullable=False, server_default=text("'{}'::text[]")),
    PrimaryKeyConstraint("mapping", "side", "key"),
    Index("observation_due", "mapping", "side", postgresql_where=text("status IN ('dirty', 'parked')")),
    # Hashed, because a reference holds a peer's text and a b-tree refuses long ones.
    Index(
        "observation_waiting",
        "waiting_for",
        postgresql_using="hash",
        postgresql_where=text("waiting_for IS NOT NULL"),
    ),
)

_PROOF: Final = ("mapping", "side", "certified", "fingerprint")

# What makes two certificates a proof stands here again, so that the database refuses a removal without it.
removal: Final = Table(
    "removal",
    metadata,
    _serial(),
    Column("mapping", WORDS, nullable=False),
    _side(),
    Column("external_key", WORDS, nullable=False),
    Column("flowtly_key", WORDS, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("certified", Boolean, CheckConstraint("certified"), nullable=False, server_default=text("true")),
    Column("first_certificate", BigInteger, nullable=False),
    Column("first_run", BigInteger, nullable=False),
    Column("second_certificate", BigInteger, nullable=False),
    Column("second_run", BigInteger, nullable=False),
    Column("verified_at", DateTime(timezone=True), nullable=False),
    Column("evidence", Text, nullable=False),
    Column(
        "state",
        Text,
        CheckConstraint("state IN ('quarantined', 'approved', 'done', 'withdrawn')"),
        nullable=False,
    ),
    Column("detail", Text, nullable=False, server_default=text("''")),
    Column("run_id", BigInteger, nullable=False),
    now("opened_at"),
    Column("approved_by", Text),
    time("approved_at"),
    time("ended_at"),
    CheckConstraint("first_certificate < second_certificate AND first_run < second_run", name="removal_two_runs"),
    *(
        ForeignKeyConstraint(
            [f"{which}_certificate", f"{which}_run", *_PROOF],
            [f"certificate.{name}" for name in ("id", "run_id", "mapping", "side", "complete", "fingerprint")],
            name=f"removal_{which}_proof",
        )
        for which in ("first", "second")
    ),
    Index(
        "removal_one_open",
        "mapping",
        "side",
        "external_key",
        unique=True,
        postgresql_where=text("state IN ('quarantined', 'approved')"),
    ),
    Index("removal_done", "mapping", "side", "ended_at", postgresql_where=text("state = 'done'")),
)

operation: Final = Table(
    "operation",
    metadata,
    Column("id", Uuid, primary_key=True),
    Column("mapping", WORDS, nullable=False),
    Column("kind", Text, CheckConstraint("kind IN ('create', 'patch', 'delete', 'replace')"), nullable=False),
    _side(),
    Column("source_key", WORDS, nullable=False),
    Column("target_key", WORDS),
    Column("payload", JSONB, nullable=False),
    Column("reason", Text, nullable=False),
    Column(
        "state",
        Text,
        CheckConstraint(
            "state IN ('intended', 'in_doubt', 'quarantined', 'rejected', 'done', 'refused', 'dropped')",
        ),
        nullable=False,
    ),
    Column("detail", Text, nullable=False, server_default=text("''")),
    Column("run_id", BigInteger, nullable=False),
    Column("fence", BigInteger, nullable=False),
    now("created_at"),
    time("ended_at"),
    Column("removal", BigInteger, ForeignKey("removal.id")),
    CheckConstraint("kind <> 'delete' OR removal IS NOT NULL", name="operation_delete_needs_proof"),
    CheckConstraint("kind <> 'replace' OR target_key IS NOT NULL", name="operation_replace_names_it"),
    Index(
        "operation_one_open_create",
        "mapping",
        "side",
        "source_key",
        unique=True,
        postgresql_where=text("kind IN ('create', 'replace') AND state IN ('intended', 'in_doubt', 'quarantined')"),
    ),
    Index(
        "operation_open",
        "mapping",
        "created_at",
        postgresql_where=text("state IN ('intended', 'in_doubt', 'quarantined')"),
    ),
    Index("operation_latest", "created_at"),
)

conflict: Final = Table(
    "conflict",
    metadata,
    _serial(),
    Column("mapping", WORDS, nullable=False),
    Column("kind", Text, nullable=False),
    Column("external_key", WORDS),
    Column("flowtly_key", WORDS),
    Column("field", Text, nullable=False),
    _value("base_external"),
    _value("base_flowtly"),
    _value("external"),
    _value("flowtly"),
    Column("detail", Text, nullable=False),
    Column("run_id", BigInteger, nullable=False),
    now("opened_at"),
    time("resolved_at"),
    Column("resolution", Text),
    Column("resolved_by", Text),
    time("carried_out_at"),
    Index(
        "conflict_one_open_question",
        "mapping",
        "kind",
        text("coalesce(external_key, '')"),
        text("coalesce(flowtly_key, '')"),
        "field",
        unique=True,
        postgresql_where=text("resolved_at IS NULL"),
    ),
    # What a settlement has to close: still open, or answered and not carried out yet.
    Index("conflict_pending_external", "mapping", "external_key", postgresql_where=text("carried_out_at IS NULL")),
    Index("conflict_pending_flowtly", "mapping", "flowtly_key", postgresql_where=text("carried_out_at IS NULL")),
)

decision: Final = Table(
    "decision",
    metadata,
    _serial(),
    Column("mapping", WORDS, nullable=False),
    Column("external_key", WORDS, nullable=False),
    Column("field", Text, nullable=False),
    Column("conflict_id", BigInteger, ForeignKey("conflict.id"), nullable=False),
    _value("external"),
    _value("flowtly"),
    Column("choice", Text, CheckConstraint("choice IN ('external', 'flowtly')")),
    _value("value"),
    Column("decided_by", Text, nullable=False),
    now("decided_at"),
    Index("decision_latest", "mapping", "external_key", "field", "id"),
)

absence: Final = Table(
    "absence",
    metadata,
    Column("mapping", WORDS, nullable=False),
    _side(),
    Column("key", WORDS, nullable=False),
    Column("first_certificate", BigInteger, ForeignKey("certificate.id"), nullable=False),
    Column("last_certificate", BigInteger, ForeignKey("certificate.id"), nullable=False),
    now("since"),
    Column("excused", Text),
    time("looked_at"),
    PrimaryKeyConstraint("mapping", "side", "key"),
)

ledger: Final = Table(
    "ledger",
    metadata,
    Column("id", BigInteger, Identity(always=True), nullable=False),
    now("at"),
    Column("mapping", WORDS, nullable=False),
    Column("run_id", BigInteger),
    Column("event", Text, nullable=False),
    Column("external_key", WORDS),
    Column("flowtly_key", WORDS),
    Column("side", Text, CheckConstraint("side IN ('external', 'flowtly')")),
    Column("field", Text),
    _value("before"),
    _value("after"),
    Column("rule", Text, nullable=False),
    Column("operation", Uuid),
    time("seen_at"),
    time("changed_at"),
    Column("verified", Text),
    Column("hidden", Boolean, nullable=False, server_default=text("false")),
    # Split by month on ``at``, which is therefore part of the key; ``store.history`` makes and drops the months.
    PrimaryKeyConstraint("id", "at"),
    Index("ledger_of_external", "mapping", "external_key", "id"),
    Index("ledger_of_flowtly", "mapping", "flowtly_key", "id"),
    Index("ledger_of_run", "run_id"),
    postgresql_partition_by="RANGE (at)",
)

ledger_salt: Final = Table(
    "ledger_salt",
    metadata,
    Column("one", Boolean, CheckConstraint("one"), primary_key=True, server_default=text("true")),
    Column("salt", LargeBinary, nullable=False),
)

tenant: Final = Table(
    "tenant",
    metadata,
    Column("name", WORDS, primary_key=True),
    Column("measurement", JSONB, nullable=False),
    Column("stops", JSONB, nullable=False, server_default=text("'{}'::jsonb")),
    now("measured_at"),
)


def link_key(side: Side) -> ColumnElement[str]:
    """The column of a link that holds the key of one side."""
    column: ColumnElement[str] = link.c.external_key if side is Side.EXTERNAL else link.c.flowtly_key
    return column


def link_digest(side: Side) -> ColumnElement[bytes]:
    """The column of a link that holds the digest of one side."""
    column: ColumnElement[bytes] = link.c.external_digest if side is Side.EXTERNAL else link.c.flowtly_digest
    return column


# Lives only on a full pass's own connection; kept out of ``metadata`` because no migration makes it.
seen: Final = Table(
    "pass_seen",
    MetaData(),
    Column("key", WORDS, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
)
