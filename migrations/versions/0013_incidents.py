"""Incidents: control totals that do not agree, each once while it stands; and how far budgets are used."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE incident (
            id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            allocation  text COLLATE "C" NOT NULL,
            kind        text COLLATE "C" NOT NULL,
            scope       text COLLATE "C" NOT NULL,
            targets     text[] NOT NULL DEFAULT '{}'::text[],
            detail      jsonb NOT NULL,
            opened_at   timestamptz NOT NULL DEFAULT now(),
            opened_run  bigint NOT NULL,
            cleared_at  timestamptz,
            cleared_run bigint
        );

        CREATE UNIQUE INDEX incident_once ON incident (allocation, kind, scope) WHERE cleared_at IS NULL;

        CREATE TABLE spending (
            allocation text COLLATE "C" NOT NULL,
            target     text COLLATE "C" NOT NULL,
            period     text COLLATE "C" NOT NULL,
            threshold  integer NOT NULL,
            crossed    boolean NOT NULL,
            used       numeric NOT NULL,
            planned    numeric NOT NULL,
            currency   text NOT NULL,
            changed_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (allocation, target, period, threshold)
        );
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE spending, incident")
