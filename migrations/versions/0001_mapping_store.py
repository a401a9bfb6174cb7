"""The mapping store.

Plain SQL, so that what a database gets is what is read here. PostgreSQL 14 or newer, no extension.
"""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Keys are COLLATE "C": they compare by bytes, which is quick and the same order on every machine.
_TABLES = {
    "mapping_state": """
        mapping              text COLLATE "C" PRIMARY KEY,
        approved_fingerprint text NOT NULL,
        approved_at          timestamptz NOT NULL DEFAULT now()
    """,
    "cursor": """
        mapping    text COLLATE "C" NOT NULL,
        side       text NOT NULL CHECK (side IN ('external', 'flowtly')),
        cursor     text NOT NULL,
        run_id     bigint,
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (mapping, side)
    """,
    "lease": """
        name        text COLLATE "C" PRIMARY KEY,
        owner       text NOT NULL,
        fence       bigint NOT NULL,
        acquired_at timestamptz NOT NULL DEFAULT now(),
        expires_at  timestamptz NOT NULL
    """,
    "run": """
        id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        mapping     text COLLATE "C" NOT NULL,
        trigger     text NOT NULL,
        owner       text NOT NULL,
        fence       bigint NOT NULL,
        started_at  timestamptz NOT NULL DEFAULT now(),
        finished_at timestamptz,
        outcome     text,
        counts      jsonb NOT NULL DEFAULT '{}'
    """,
    "certificate": """
        id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        mapping          text COLLATE "C" NOT NULL,
        side             text NOT NULL CHECK (side IN ('external', 'flowtly')),
        run_id           bigint NOT NULL,
        seen             bigint NOT NULL,
        repeated         bigint NOT NULL,
        pages            integer NOT NULL,
        total            bigint,
        complete         boolean NOT NULL,
        shrunk           boolean NOT NULL,
        reason           text NOT NULL,
        missed_by_cursor bigint NOT NULL,
        missing          bigint NOT NULL,
        finished_at      timestamptz NOT NULL DEFAULT now()
    """,
    "link": """
        id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        mapping         text COLLATE "C" NOT NULL,
        external_key    text COLLATE "C" NOT NULL,
        flowtly_key     text COLLATE "C" NOT NULL,
        base            jsonb NOT NULL,
        external_digest bytea NOT NULL,
        flowtly_digest  bytea NOT NULL,
        origin          text NOT NULL,
        created_at      timestamptz NOT NULL DEFAULT now(),
        updated_at      timestamptz NOT NULL DEFAULT now(),
        updated_run     bigint NOT NULL,
        CONSTRAINT link_one_per_external_key UNIQUE (mapping, external_key),
        CONSTRAINT link_one_per_flowtly_key UNIQUE (mapping, flowtly_key)
    """,
    "observation": """
        mapping     text COLLATE "C" NOT NULL,
        side        text NOT NULL CHECK (side IN ('external', 'flowtly')),
        key         text COLLATE "C" NOT NULL,
        digest      bytea NOT NULL,
        document    jsonb,
        status      text NOT NULL CHECK (status IN ('dirty', 'parked', 'waiting', 'asked', 'alone')),
        changed_at  timestamptz,
        problem     text,
        waiting_for text,
        attempts    integer NOT NULL DEFAULT 0,
        due_at      timestamptz,
        first_seen  timestamptz NOT NULL DEFAULT now(),
        match_keys  text[] NOT NULL DEFAULT '{}',
        PRIMARY KEY (mapping, side, key)
    """,
    "operation": """
        id         uuid PRIMARY KEY,
        mapping    text COLLATE "C" NOT NULL,
        kind       text NOT NULL CHECK (kind IN ('create', 'patch')),
        side       text NOT NULL CHECK (side IN ('external', 'flowtly')),
        source_key text COLLATE "C" NOT NULL,
        target_key text COLLATE "C",
        payload    jsonb NOT NULL,
        reason     text NOT NULL,
        state      text NOT NULL CHECK (state IN
                       ('intended', 'in_doubt', 'quarantined', 'rejected', 'done', 'refused', 'dropped')),
        detail     text NOT NULL DEFAULT '',
        run_id     bigint NOT NULL,
        fence      bigint NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        ended_at   timestamptz
    """,
    "conflict": """
        id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        mapping        text COLLATE "C" NOT NULL,
        kind           text NOT NULL,
        external_key   text COLLATE "C",
        flowtly_key    text COLLATE "C",
        field          text NOT NULL,
        base_external  jsonb,
        base_flowtly   jsonb,
        external       jsonb,
        flowtly        jsonb,
        detail         text NOT NULL,
        run_id         bigint NOT NULL,
        opened_at      timestamptz NOT NULL DEFAULT now(),
        resolved_at    timestamptz,
        resolution     text,
        resolved_by    text,
        carried_out_at timestamptz
    """,
    "decision": """
        id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        mapping      text COLLATE "C" NOT NULL,
        external_key text COLLATE "C" NOT NULL,
        field        text NOT NULL,
        conflict_id  bigint NOT NULL REFERENCES conflict (id),
        external     jsonb,
        flowtly      jsonb,
        choice       text CHECK (choice IN ('external', 'flowtly')),
        value        jsonb,
        decided_by   text NOT NULL,
        decided_at   timestamptz NOT NULL DEFAULT now()
    """,
    "absence": """
        mapping           text COLLATE "C" NOT NULL,
        side              text NOT NULL CHECK (side IN ('external', 'flowtly')),
        key               text COLLATE "C" NOT NULL,
        first_certificate bigint NOT NULL REFERENCES certificate (id),
        last_certificate  bigint NOT NULL REFERENCES certificate (id),
        since             timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (mapping, side, key)
    """,
    # The time is part of the key so that the table can become the first partition of one that is split by month.
    "ledger": """
        id           bigint GENERATED ALWAYS AS IDENTITY,
        at           timestamptz NOT NULL DEFAULT now(),
        mapping      text COLLATE "C" NOT NULL,
        run_id       bigint,
        event        text NOT NULL,
        external_key text COLLATE "C",
        flowtly_key  text COLLATE "C",
        side         text CHECK (side IN ('external', 'flowtly')),
        field        text,
        before       jsonb,
        after        jsonb,
        rule         text NOT NULL,
        operation    uuid,
        PRIMARY KEY (id, at)
    """,
}

_INDEXES = (
    "CREATE INDEX run_latest ON run (mapping, id)",
    "CREATE INDEX run_unfinished ON run (mapping) WHERE finished_at IS NULL",
    "CREATE INDEX certificate_latest ON certificate (mapping, side, id)",
    "CREATE INDEX certificate_complete ON certificate (mapping, side, id) WHERE complete",
    "CREATE INDEX observation_due ON observation (mapping, side) WHERE status IN ('dirty', 'parked')",
    # Hashed, because a reference holds a peer's text and a b-tree refuses long ones.
    "CREATE INDEX observation_waiting ON observation USING hash (waiting_for) WHERE waiting_for IS NOT NULL",
    (
        "CREATE UNIQUE INDEX operation_one_open_create ON operation (mapping, side, source_key) "
        "WHERE kind = 'create' AND state IN ('intended', 'in_doubt', 'quarantined')"
    ),
    (
        "CREATE INDEX operation_open ON operation (mapping, created_at) "
        "WHERE state IN ('intended', 'in_doubt', 'quarantined')"
    ),
    "CREATE INDEX operation_latest ON operation (created_at)",
    (
        "CREATE UNIQUE INDEX conflict_one_open_question ON conflict "
        "(mapping, kind, coalesce(external_key, ''), coalesce(flowtly_key, ''), field) WHERE resolved_at IS NULL"
    ),
    "CREATE INDEX conflict_pending_external ON conflict (mapping, external_key) WHERE carried_out_at IS NULL",
    "CREATE INDEX conflict_pending_flowtly ON conflict (mapping, flowtly_key) WHERE carried_out_at IS NULL",
    "CREATE INDEX decision_latest ON decision (mapping, external_key, field, id)",
    "CREATE INDEX ledger_of_external ON ledger (mapping, external_key, id)",
    "CREATE INDEX ledger_of_flowtly ON ledger (mapping, flowtly_key, id)",
    "CREATE INDEX ledger_of_run ON ledger (run_id)",
)

# Settling rewrites no indexed column of a link; with room on the page the new version stays there (HOT).
_ROOM = "ALTER TABLE link SET (fillfactor = 85)"

_APPEND_ONLY = """
    CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the ledger is append-only' USING ERRCODE = 'restrict_violation';
    END $$
"""
_APPEND_ONLY_TRIGGER = """
    CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()
"""


def upgrade() -> None:
    for name, columns in _TABLES.items():
        op.execute(f"CREATE TABLE {name} ({columns})")
    for statement in (*_INDEXES, _ROOM, _APPEND_ONLY, _APPEND_ONLY_TRIGGER):
        op.execute(statement)


def downgrade() -> None:
    for name in reversed(_TABLES):
        op.execute(f"DROP TABLE {name}")
    op.execute("DROP FUNCTION ledger_is_append_only()")
