"""What public registers said of tax numbers, until when it counts, and how many requests of a day were spent.

An answer that says nothing never counts: only a real one has an end of its life.
"""

from __future__ import annotations

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE register_answer (
            register     text NOT NULL,
            number       text COLLATE "C" NOT NULL,
            outcome      text NOT NULL CHECK (outcome IN ('valid', 'invalid', 'unavailable')),
            name         text NOT NULL DEFAULT '',
            address      text NOT NULL DEFAULT '',
            accounts     text[] NOT NULL DEFAULT '{}'::text[],
            consultation text NOT NULL DEFAULT '',
            detail       text NOT NULL DEFAULT '',
            answered_at  timestamptz,
            fetched_at   timestamptz NOT NULL DEFAULT now(),
            expires_at   timestamptz,
            due_at       timestamptz NOT NULL DEFAULT now(),
            failures     integer NOT NULL DEFAULT 0,
            PRIMARY KEY (register, number),
            CONSTRAINT register_answer_counts CHECK ((outcome = 'unavailable') = (expires_at IS NULL))
        );

        CREATE TABLE register_budget (
            register text NOT NULL,
            day      date NOT NULL,
            requests integer NOT NULL CHECK (requests > 0),
            PRIMARY KEY (register, day)
        );
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE register_answer, register_budget")
