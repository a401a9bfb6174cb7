"""Aliases: further external records of a Flowtly record that is linked. Read by all, written by the primary."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE alias (
            mapping      text COLLATE "C" NOT NULL,
            external_key text COLLATE "C" NOT NULL,
            primary_key  text COLLATE "C" NOT NULL,
            base         jsonb NOT NULL,
            told         jsonb NOT NULL,
            since        timestamptz NOT NULL DEFAULT now(),
            made_by      text NOT NULL,
            missed_run   bigint,
            PRIMARY KEY (mapping, external_key),
            CONSTRAINT alias_of_another CHECK (external_key <> primary_key)
        );

        CREATE INDEX alias_of ON alias (mapping, primary_key);
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE alias")
