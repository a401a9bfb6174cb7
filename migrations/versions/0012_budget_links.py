"""Budget links as Flowtly was last seen to hold them, and what a person decided about the unit of their amounts."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE budget_link (
            mapping         text COLLATE "C" NOT NULL,
            iri             text COLLATE "C" NOT NULL,
            transaction_iri text COLLATE "C" NOT NULL,
            target_iri      text COLLATE "C" NOT NULL,
            employee_iri    text COLLATE "C" NOT NULL DEFAULT '',
            amount          bigint,
            on_day          date,
            month           text,
            account_iri     text COLLATE "C",
            total           numeric,
            PRIMARY KEY (mapping, iri)
        );

        CREATE INDEX budget_link_transaction ON budget_link (mapping, transaction_iri);
        CREATE INDEX budget_link_target ON budget_link (mapping, target_iri);

        CREATE SEQUENCE budget_link_walk;

        CREATE TABLE calibration (
            mapping  text COLLATE "C" PRIMARY KEY,
            unit     text NOT NULL CONSTRAINT calibration_unit CHECK (unit IN ('minor', 'major')),
            sign     integer NOT NULL CONSTRAINT calibration_sign CHECK (sign IN (-1, 1)),
            evidence jsonb NOT NULL,
            made_by  text NOT NULL,
            made_at  timestamptz NOT NULL DEFAULT now()
        );
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE calibration, budget_link")
    op.execute("DROP SEQUENCE budget_link_walk")
