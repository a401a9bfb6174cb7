"""The ledger split by month, with when and how its facts came about; and the salt of values that are never shown.

Rows are copied, month by month, and keep their numbers. A default partition takes what no month is made for, so an
entry is never refused; the janitor makes months ahead and moves what fell into it.
"""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_COPY = """
    INSERT INTO ledger (id, at, mapping, run_id, event, external_key, flowtly_key, side, field, before, after, rule,
                        operation)
    OVERRIDING SYSTEM VALUE
    SELECT id, at, mapping, run_id, event, external_key, flowtly_key, side, field, before, after, rule, operation
    FROM ledger_whole ORDER BY id
"""

_TABLE = """
    CREATE TABLE {name} (
        id           bigint GENERATED ALWAYS AS IDENTITY,
        at           timestamptz NOT NULL DEFAULT now(),
        mapping      text COLLATE "C" NOT NULL,
        run_id       bigint,
        event        text NOT NULL,
        external_key text COLLATE "C",
        flowtly_key  text COLLATE "C",
        side         text CONSTRAINT ledger_side_check CHECK (side IN ('external', 'flowtly')),
        field        text,
        before       jsonb,
        after        jsonb,
        rule         text NOT NULL,
        operation    uuid{more}
    ){split}
"""

# At least the present month and the two after it; more where the ledger is older.
_MONTHS = """
    DO $$
    DECLARE
        month timestamp := date_trunc('month', least(
            (SELECT min(at) FROM ledger_whole) AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'));
    BEGIN
        WHILE month <= (now() AT TIME ZONE 'UTC') + interval '2 months' LOOP
            EXECUTE format(
                'CREATE TABLE %I PARTITION OF ledger FOR VALUES FROM (%L) TO (%L)',
                to_char(month, '"ledger_y"YYYY"m"MM'), month::text || '+00',
                (month + interval '1 month')::text || '+00');
            month := month + interval '1 month';
        END LOOP;
    END $$
"""

_INDEXES = (
    "CREATE INDEX ledger_of_external ON ledger (mapping, external_key, id)",
    "CREATE INDEX ledger_of_flowtly ON ledger (mapping, flowtly_key, id)",
    "CREATE INDEX ledger_of_run ON ledger (run_id)",
)

# By row, because such a trigger is on every partition as well, also on one that is made later.
_BY_ROW = """
    CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE ON ledger
    FOR EACH ROW EXECUTE FUNCTION ledger_is_append_only()
"""
_BY_STATEMENT = """
    CREATE TRIGGER ledger_is_append_only BEFORE UPDATE OR DELETE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()
"""
_NOT_EMPTIED = """
    CREATE TRIGGER ledger_is_not_emptied BEFORE TRUNCATE ON ledger
    FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()
"""

_SALT = """
    CREATE TABLE ledger_salt (
        one  boolean PRIMARY KEY DEFAULT true CHECK (one),
        salt bytea NOT NULL CHECK (length(salt) >= 16)
    );
    INSERT INTO ledger_salt (salt)
    SELECT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex')
"""


def upgrade() -> None:
    _set_whole_aside()
    more = ", seen_at timestamptz, changed_at timestamptz, verified text, hidden boolean NOT NULL DEFAULT false"
    op.execute(_TABLE.format(name="ledger", more=more, split=" PARTITION BY RANGE (at)"))
    op.execute("CREATE TABLE ledger_rest PARTITION OF ledger DEFAULT")
    op.execute(_MONTHS)
    _take_over()
    for statement in (_BY_ROW, _NOT_EMPTIED, _SALT):
        op.execute(statement)


def downgrade() -> None:
    _set_whole_aside()
    op.execute(_TABLE.format(name="ledger", more="", split=""))
    _take_over()
    op.execute(_BY_STATEMENT)
    op.execute("DROP TABLE ledger_salt")


def _set_whole_aside() -> None:
    """The ledger as it is gets another name; its constraint and sequence make room for the new one's."""
    op.execute("ALTER TABLE ledger RENAME TO ledger_whole")
    op.execute("ALTER SEQUENCE ledger_id_seq RENAME TO ledger_whole_id_seq")


def _take_over() -> None:
    """All rows with their numbers, then the old table goes and its names are free."""
    op.execute(_COPY)
    op.execute(
        "SELECT setval('ledger_id_seq', greatest((SELECT last_value FROM ledger_whole_id_seq), 1), "
        "(SELECT is_called FROM ledger_whole_id_seq))"
    )
    op.execute("DROP TABLE ledger_whole")
    op.execute("ALTER TABLE ledger ADD PRIMARY KEY (id, at)")
    for statement in _INDEXES:
        op.execute(statement)
