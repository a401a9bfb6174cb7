"""What is remembered of a Flowtly tenant, and which mappings its changes stopped."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE tenant (
            name        text COLLATE "C" PRIMARY KEY,
            measurement jsonb NOT NULL,
            stops       jsonb NOT NULL DEFAULT '{}',
            measured_at timestamptz NOT NULL DEFAULT now()
        )
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE tenant")
