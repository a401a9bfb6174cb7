"""Merges of counterparties: plan, approval, the one call, and where the merged record went.

A call needs an approval and is made once for a pair, whichever of the two survives; two merges never touch one record
at once; a tier that was switched on never approves bank accounts in place of a person. The database refuses all four.
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE merge_call (
            merge   uuid PRIMARY KEY,
            low     text COLLATE "C" NOT NULL,
            high    text COLLATE "C" NOT NULL,
            sent_at timestamptz NOT NULL DEFAULT now(),
            CONSTRAINT merge_call_once UNIQUE (low, high),
            CONSTRAINT merge_call_ordered CHECK (low < high)
        );

        CREATE TABLE merge_party (
            key   text COLLATE "C" PRIMARY KEY,
            merge uuid NOT NULL,
            CONSTRAINT merge_party_of UNIQUE (key, merge)
        );

        CREATE TABLE merge_operation (
            id                uuid PRIMARY KEY,
            directory         text COLLATE "C" NOT NULL,
            survivor          text COLLATE "C" NOT NULL,
            loser             text COLLATE "C" NOT NULL,
            low               text COLLATE "C" NOT NULL,
            high              text COLLATE "C" NOT NULL,
            case_id           bigint NOT NULL,
            tier              text NOT NULL,
            bits              double precision NOT NULL,
            evidence          jsonb NOT NULL,
            changes           jsonb NOT NULL,
            provenance        jsonb NOT NULL,
            snapshots         jsonb NOT NULL,
            digests           jsonb NOT NULL,
            needs_approval_of text[] NOT NULL,
            state             text NOT NULL CHECK (state IN ('proposed', 'approved', 'changing', 'sending', 'done',
                                                             'unclear', 'refused', 'withdrawn')),
            detail            text NOT NULL DEFAULT '',
            approved_by       text,
            approved_at       timestamptz,
            call              uuid REFERENCES merge_call (merge),
            held_survivor     text COLLATE "C",
            held_loser        text COLLATE "C",
            created_at        timestamptz NOT NULL DEFAULT now(),
            ended_at          timestamptz,
            CONSTRAINT merge_pair CHECK (low < high AND ((low = survivor AND high = loser)
                                                         OR (low = loser AND high = survivor))),
            CONSTRAINT merge_is_approved CHECK (state NOT IN ('approved', 'changing', 'sending', 'done', 'unclear')
                                                OR (approved_by IS NOT NULL AND approved_at IS NOT NULL)),
            CONSTRAINT merge_accounts_by_a_person CHECK (cardinality(needs_approval_of) = 0 OR approved_by IS NULL
                                                         OR NOT starts_with(approved_by, 'tier ')),
            CONSTRAINT merge_has_its_call CHECK (state NOT IN ('sending', 'done', 'unclear')
                                                 OR (call IS NOT NULL AND call = id)),
            CONSTRAINT merge_holds_both CHECK (state NOT IN ('changing', 'sending', 'unclear')
                                               OR (held_survivor IS NOT NULL AND held_survivor = survivor
                                                   AND held_loser IS NOT NULL AND held_loser = loser)),
            CONSTRAINT merge_survivor_held FOREIGN KEY (held_survivor, id) REFERENCES merge_party (key, merge),
            CONSTRAINT merge_loser_held FOREIGN KEY (held_loser, id) REFERENCES merge_party (key, merge)
        );
        CREATE UNIQUE INDEX merge_one_open ON merge_operation (low, high)
            WHERE state IN ('proposed', 'approved', 'changing', 'sending', 'unclear');
        CREATE INDEX merge_by_state ON merge_operation (state, created_at);

        CREATE TABLE redirect (
            system   text COLLATE "C" NOT NULL,
            resource text COLLATE "C" NOT NULL,
            loser    text COLLATE "C" NOT NULL,
            survivor text COLLATE "C" NOT NULL,
            by       text NOT NULL CHECK (by IN ('us', 'people')),
            at       timestamptz NOT NULL DEFAULT now(),
            evidence jsonb NOT NULL,
            merge    uuid REFERENCES merge_operation (id),
            PRIMARY KEY (system, resource, loser),
            CONSTRAINT redirect_elsewhere CHECK (loser <> survivor),
            CONSTRAINT redirect_of_ours CHECK (by <> 'us' OR merge IS NOT NULL)
        );
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE redirect; DROP TABLE merge_operation; DROP TABLE merge_party; DROP TABLE merge_call")
