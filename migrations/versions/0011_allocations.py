"""Allocations: postings as last read, and the parts that are wanted of each. No two parts of a posting share a target.

What a reading has seen is kept apart, in a table that no log is written of: a reading that finds nothing new then
writes no row of the others. A crash of the server empties it; whoever ends a reading notices.
"""

from __future__ import annotations

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE allocation (
            allocation  text COLLATE "C" PRIMARY KEY,
            fingerprint text NOT NULL,
            cursor      text,
            number      bigint NOT NULL DEFAULT 0,
            full_at     timestamptz,
            full_number bigint NOT NULL DEFAULT 0
        );

        CREATE TABLE allocated_posting (
            allocation    text COLLATE "C" NOT NULL,
            posting       text COLLATE "C" NOT NULL,
            digest        bytea NOT NULL,
            state         text NOT NULL
                CONSTRAINT allocated_posting_state
                CHECK (state IN ('allocated', 'partly', 'unassigned', 'refused', 'gone')),
            on_day        date,
            account       text,
            currency      text NOT NULL,
            amount        bigint,
            unassigned    bigint NOT NULL DEFAULT 0,
            base_amount   bigint,
            base_currency text,
            reason        text NOT NULL DEFAULT '',
            next_slot     integer NOT NULL DEFAULT 1,
            missed        bigint,
            changed_at    timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (allocation, posting)
        );

        CREATE INDEX allocated_posting_open ON allocated_posting (allocation, changed_at)
            WHERE state IN ('partly', 'unassigned', 'refused');
        CREATE INDEX allocated_posting_missed ON allocated_posting (allocation, missed) WHERE missed IS NOT NULL;

        CREATE TABLE allocated_part (
            allocation  text COLLATE "C" NOT NULL,
            posting     text COLLATE "C" NOT NULL,
            slot        integer NOT NULL,
            target      text COLLATE "C" NOT NULL,
            employee    text COLLATE "C" NOT NULL DEFAULT '',
            amount      bigint NOT NULL,
            whole       boolean NOT NULL,
            rule        text NOT NULL,
            base_amount bigint,
            withdrawn   boolean NOT NULL DEFAULT false,
            skipped     text NOT NULL DEFAULT '',
            PRIMARY KEY (allocation, posting, slot),
            -- Looked at when a statement ends, so that two parts may change places.
            CONSTRAINT allocated_part_one_per_target UNIQUE (allocation, posting, target, employee)
                DEFERRABLE INITIALLY IMMEDIATE,
            CONSTRAINT allocated_part_of_posting FOREIGN KEY (allocation, posting)
                REFERENCES allocated_posting (allocation, posting) ON DELETE CASCADE
        );

        CREATE INDEX allocated_part_target ON allocated_part (allocation, target);
        CREATE INDEX allocated_part_withdrawn ON allocated_part (allocation) WHERE withdrawn;

        CREATE UNLOGGED TABLE walked (
            walk   text COLLATE "C" NOT NULL,
            number bigint NOT NULL,
            key    text COLLATE "C" NOT NULL,
            PRIMARY KEY (walk, number, key)
        );
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE walked, allocated_part, allocated_posting, allocation")
