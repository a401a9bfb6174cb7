"""Parties that are searched for duplicates: as read and as prepared, what is counted of them, cases and answers.

A party that is gone keeps its row, and loses whatever would compare it with others.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        CREATE TABLE directory (
            name     text COLLATE "C" PRIMARY KEY,
            source   text NOT NULL DEFAULT '',
            parties  bigint NOT NULL DEFAULT 0,
            records  bigint,
            version  text,
            keyed_at timestamptz,
            CONSTRAINT directory_keyed CHECK ((records IS NULL) = (version IS NULL))
        );

        CREATE TABLE party (
            directory  text COLLATE "C" NOT NULL,
            key        text COLLATE "C" NOT NULL,
            inputs     text NOT NULL,
            version    integer NOT NULL,
            party      jsonb NOT NULL,
            prepared   jsonb NOT NULL,
            name       text COLLATE "C" NOT NULL,
            form       text NOT NULL,
            tin        text NOT NULL,
            blocks     text[] NOT NULL DEFAULT '{}'::text[],
            due        text NOT NULL CHECK (due IN ('no', 'around', 'changed')),
            missed     boolean NOT NULL DEFAULT false,
            gone_at    timestamptz,
            updated_at timestamptz NOT NULL DEFAULT now(),
            PRIMARY KEY (directory, key),
            CONSTRAINT party_gone_is_not_due CHECK (gone_at IS NULL OR due = 'no')
        );

        CREATE INDEX party_missed ON party (directory, key) WHERE missed AND gone_at IS NULL;
        CREATE INDEX party_name ON party (directory, name, form, tin) WHERE gone_at IS NULL;
        CREATE INDEX party_due ON party (directory, due, key) WHERE due <> 'no';

        CREATE TABLE party_block (
            directory text COLLATE "C" NOT NULL,
            block     text COLLATE "C" NOT NULL,
            key       text COLLATE "C" NOT NULL,
            PRIMARY KEY (directory, block, key)
        );

        CREATE TABLE party_fact (
            directory text COLLATE "C" NOT NULL,
            kind      text NOT NULL,
            value     text COLLATE "C" NOT NULL,
            stem      text COLLATE "C" NOT NULL,
            key       text COLLATE "C" NOT NULL,
            PRIMARY KEY (directory, kind, value, stem, key)
        );

        CREATE INDEX party_fact_of ON party_fact (directory, key);

        CREATE TABLE party_token (
            directory text COLLATE "C" NOT NULL,
            token     text COLLATE "C" NOT NULL,
            parties   bigint NOT NULL CHECK (parties >= 0),
            PRIMARY KEY (directory, token)
        );

        CREATE TABLE party_case (
            id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            directory    text COLLATE "C" NOT NULL,
            left_key     text COLLATE "C" NOT NULL,
            right_key    text COLLATE "C" NOT NULL,
            band         text NOT NULL CHECK (band IN ('auto', 'review', 'no')),
            tier         text NOT NULL,
            bits         double precision NOT NULL,
            decision     jsonb NOT NULL,
            left_inputs  text NOT NULL,
            right_inputs text NOT NULL,
            state        text NOT NULL CHECK (state IN ('open', 'yes', 'no', 'merged', 'withdrawn', 'gone')),
            opened_at    timestamptz NOT NULL DEFAULT now(),
            updated_at   timestamptz NOT NULL DEFAULT now(),
            decided_by   text,
            decided_at   timestamptz,
            note         text NOT NULL DEFAULT '',
            CONSTRAINT party_case_pair UNIQUE (directory, left_key, right_key),
            CONSTRAINT party_case_ordered CHECK (left_key < right_key),
            CONSTRAINT party_case_answered CHECK (state NOT IN ('yes', 'no') OR decided_by IS NOT NULL)
        );

        CREATE INDEX party_case_right ON party_case (directory, right_key);
        CREATE INDEX party_case_review ON party_case (directory, state, bits DESC, id);

        CREATE TABLE case_answer (
            id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            case_id      bigint NOT NULL REFERENCES party_case ON DELETE CASCADE,
            answer       text NOT NULL CHECK (answer IN ('yes', 'no', 'open')),
            by           text NOT NULL,
            at           timestamptz NOT NULL DEFAULT now(),
            note         text NOT NULL,
            left_inputs  text NOT NULL,
            right_inputs text NOT NULL
        );

        CREATE INDEX case_answer_of ON case_answer (case_id, id);
        """
    )


def downgrade() -> None:
    op.execute("DROP TABLE case_answer, party_case, party_token, party_fact, party_block, party, directory")
