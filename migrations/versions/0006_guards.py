"""Fences: a mapping whose peer or store went back in time or was swapped writes nothing until a person accepts it.

The index serves the count of our own writes to one record within a window, by which a field that flaps is found.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE fence (
            mapping  text COLLATE "C" PRIMARY KEY,
            reasons  text[] NOT NULL CHECK (cardinality(reasons) > 0),
            evidence jsonb NOT NULL,
            run_id   bigint,
            since    timestamptz NOT NULL DEFAULT now()
        );

        CREATE INDEX operation_patched ON operation (mapping, created_at) WHERE kind = 'patch';
        """
    )


def downgrade() -> None:
    op.execute("DROP INDEX operation_patched; DROP TABLE fence")
