"""Replacements: a record that its peer cannot change is deleted and made anew, in one operation."""

from __future__ import annotations

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE operation
            DROP CONSTRAINT operation_kind_check,
            ADD CONSTRAINT operation_kind_check CHECK (kind IN ('create', 'patch', 'delete', 'replace')),
            ADD CONSTRAINT operation_replace_names_it CHECK (kind <> 'replace' OR target_key IS NOT NULL);

        DROP INDEX operation_one_open_create;
        CREATE UNIQUE INDEX operation_one_open_create ON operation (mapping, side, source_key)
            WHERE kind IN ('create', 'replace') AND state IN ('intended', 'in_doubt', 'quarantined');
        """
    )


def downgrade() -> None:
    op.execute(
        """
        DELETE FROM operation WHERE kind = 'replace';
        ALTER TABLE operation
            DROP CONSTRAINT operation_replace_names_it,
            DROP CONSTRAINT operation_kind_check,
            ADD CONSTRAINT operation_kind_check CHECK (kind IN ('create', 'patch', 'delete'));

        DROP INDEX operation_one_open_create;
        CREATE UNIQUE INDEX operation_one_open_create ON operation (mapping, side, source_key)
            WHERE kind = 'create' AND state IN ('intended', 'in_doubt', 'quarantined');
        """
    )
