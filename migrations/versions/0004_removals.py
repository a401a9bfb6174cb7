"""Deletes need proof: what a reading is believed for, and a removal that cannot be stored without two of them.

``removal`` repeats what makes its two certificates a proof (their run, mapping, side, and that they are complete), so
that foreign keys and checks refuse a removal whose certificates are of one run, of another side, or prove nothing.
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE certificate
            ADD COLUMN fingerprint text NOT NULL DEFAULT '',
            ADD COLUMN digest text NOT NULL DEFAULT '',
            ADD COLUMN canaries integer NOT NULL DEFAULT 0,
            ADD COLUMN canaries_seen integer NOT NULL DEFAULT 0,
            ADD CONSTRAINT certificate_proof UNIQUE (id, run_id, mapping, side, complete, fingerprint);

        ALTER TABLE absence
            ADD COLUMN excused text,
            ADD COLUMN looked_at timestamptz;

        CREATE TABLE removal (
            id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            mapping            text COLLATE "C" NOT NULL,
            side               text NOT NULL CHECK (side IN ('external', 'flowtly')),
            external_key       text COLLATE "C" NOT NULL,
            flowtly_key        text COLLATE "C" NOT NULL,
            fingerprint        text NOT NULL,
            certified          boolean NOT NULL DEFAULT true CHECK (certified),
            first_certificate  bigint NOT NULL,
            first_run          bigint NOT NULL,
            second_certificate bigint NOT NULL,
            second_run         bigint NOT NULL,
            verified_at        timestamptz NOT NULL,
            evidence           text NOT NULL,
            state              text NOT NULL CHECK (state IN ('quarantined', 'approved', 'done', 'withdrawn')),
            detail             text NOT NULL DEFAULT '',
            run_id             bigint NOT NULL,
            opened_at          timestamptz NOT NULL DEFAULT now(),
            approved_by        text,
            approved_at        timestamptz,
            ended_at           timestamptz,
            CONSTRAINT removal_two_runs CHECK (first_certificate < second_certificate AND first_run < second_run),
            CONSTRAINT removal_first_proof
                FOREIGN KEY (first_certificate, first_run, mapping, side, certified, fingerprint)
                REFERENCES certificate (id, run_id, mapping, side, complete, fingerprint),
            CONSTRAINT removal_second_proof
                FOREIGN KEY (second_certificate, second_run, mapping, side, certified, fingerprint)
                REFERENCES certificate (id, run_id, mapping, side, complete, fingerprint)
        );
        CREATE UNIQUE INDEX removal_one_open ON removal (mapping, side, external_key)
            WHERE state IN ('quarantined', 'approved');
        CREATE INDEX removal_done ON removal (mapping, side, ended_at) WHERE state = 'done';

        ALTER TABLE operation
            ADD COLUMN removal bigint REFERENCES removal (id),
            DROP CONSTRAINT operation_kind_check,
            ADD CONSTRAINT operation_kind_check CHECK (kind IN ('create', 'patch', 'delete')),
            ADD CONSTRAINT operation_delete_needs_proof CHECK (kind <> 'delete' OR removal IS NOT NULL);
        """
    )


def downgrade() -> None:
    op.execute(
        """
        DELETE FROM operation WHERE kind = 'delete';
        ALTER TABLE operation
            DROP CONSTRAINT operation_delete_needs_proof,
            DROP CONSTRAINT operation_kind_check,
            ADD CONSTRAINT operation_kind_check CHECK (kind IN ('create', 'patch')),
            DROP COLUMN removal;
        DROP TABLE removal;
        ALTER TABLE absence DROP COLUMN excused, DROP COLUMN looked_at;
        ALTER TABLE certificate
            DROP CONSTRAINT certificate_proof,
            DROP COLUMN fingerprint, DROP COLUMN digest, DROP COLUMN canaries, DROP COLUMN canaries_seen;
        """
    )
