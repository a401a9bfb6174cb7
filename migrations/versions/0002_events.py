"""Watches and the outbox of events."""

from __future__ import annotations

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TABLES = {
    "watch_state": """
        watch       text COLLATE "C" PRIMARY KEY,
        fingerprint text NOT NULL,
        walks       bigint NOT NULL DEFAULT 0,
        based       boolean NOT NULL DEFAULT false,
        last_walk   timestamptz
    """,
    "watch_record": """
        watch    text COLLATE "C" NOT NULL,
        key      text COLLATE "C" NOT NULL,
        digest   bytea NOT NULL,
        document jsonb NOT NULL,
        levels   text[] NOT NULL DEFAULT '{}',
        missed   bigint,
        PRIMARY KEY (watch, key)
    """,
    "event": """
        id      uuid PRIMARY KEY,
        number  bigint GENERATED ALWAYS AS IDENTITY CONSTRAINT event_number UNIQUE,
        at      timestamptz NOT NULL DEFAULT now(),
        event   text NOT NULL,
        source  text COLLATE "C" NOT NULL,
        key     text COLLATE "C" NOT NULL,
        subject jsonb NOT NULL,
        before  jsonb,
        after   jsonb,
        changed text[] NOT NULL DEFAULT '{}',
        level   numeric
    """,
    "delivery": """
        event    uuid NOT NULL REFERENCES event (id) ON DELETE CASCADE,
        target   text COLLATE "C" NOT NULL,
        number   bigint NOT NULL,
        source   text COLLATE "C" NOT NULL,
        key      text COLLATE "C" NOT NULL,
        state    text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'dead')),
        attempts integer NOT NULL DEFAULT 0,
        due_at   timestamptz NOT NULL DEFAULT now(),
        ended_at timestamptz,
        detail   text NOT NULL DEFAULT '',
        PRIMARY KEY (event, target)
    """,
}

_INDEXES = (
    "CREATE INDEX watch_record_missed ON watch_record (watch, key) WHERE missed IS NOT NULL",
    "CREATE INDEX event_age ON event (at)",
    "CREATE INDEX delivery_due ON delivery (target, number) WHERE state = 'pending'",
    "CREATE INDEX delivery_order ON delivery (target, source, key, number) WHERE state = 'pending'",
    "CREATE INDEX delivery_latest ON delivery (state, number)",
)


def upgrade() -> None:
    for name, columns in _TABLES.items():
        op.execute(f"CREATE TABLE {name} ({columns})")
    for statement in _INDEXES:
        op.execute(statement)


def downgrade() -> None:
    for name in reversed(_TABLES):
        op.execute(f"DROP TABLE {name}")
