"""Sealed records take the place of predictions in the clear.

Old rows cannot be sealed here: a migration has no keys. They are kept in `old_prediction` until the site starts, or
`hemaledger records seal-old` runs; both seal them and drop the table (webui/usecases/old_predictions.py).

Revision: 0002, after 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_leaves()
    _create_records()
    _create_requests()
    # No batch: it would copy and drop the table, and SQLite would delete what refers to it.
    op.add_column("patient_profile", sa.Column("readers", sa.SmallInteger(), server_default="1", nullable=False))
    op.add_column("patient_profile", sa.Column("consent", sa.Integer(), server_default="15", nullable=False))
    op.add_column("doctor_profile", sa.Column("trustee_account", sa.LargeBinary(length=20), nullable=True))
    op.create_index("uq_doctor_profile_trustee_account", "doctor_profile", ["trustee_account"], unique=True)
    op.drop_index("ix_prediction_patient_id_created_at", table_name="prediction")
    if op.get_bind().scalar(sa.text("SELECT count(*) FROM prediction")):
        op.rename_table("prediction", "old_prediction")
    else:
        op.drop_table("prediction")


def _create_leaves() -> None:
    op.create_table(
        "batch",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("block", sa.BigInteger(), nullable=True),
        sa.Column("transaction", sa.LargeBinary(length=32), nullable=True),
        sa.Column("anchored_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_batch")),
    )
    op.create_table(
        "leaf",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("batch", sa.BigInteger(), nullable=True),
        sa.Column("place", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["batch"], ["batch.number"], name=op.f("fk_leaf_batch"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_leaf")),
        sa.UniqueConstraint("digest", name=op.f("uq_leaf_digest")),
        sa.UniqueConstraint("batch", "place", name=op.f("uq_leaf_batch_place")),
    )
    op.create_index("ix_leaf_batch", "leaf", ["batch"], unique=False)


def _create_records() -> None:
    op.create_table(
        "record",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("about_id", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.String(length=16), nullable=True),
        sa.Column("record_id", sa.LargeBinary(length=16), nullable=True),
        sa.Column("file", sa.LargeBinary(), nullable=True),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=True),
        sa.Column("readers", sa.SmallInteger(), nullable=True),
        sa.Column("consent", sa.Integer(), nullable=True),
        sa.Column("key_id", sa.LargeBinary(length=16), nullable=True),
        sa.Column("key_epoch", sa.BigInteger(), nullable=True),
        sa.Column("leaf_id", sa.Integer(), nullable=False),
        sa.Column("erased_at", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("(erased_at IS NULL) = (file IS NOT NULL)", name=op.f("ck_record_erased")),
        sa.CheckConstraint(
            "(erased_at IS NULL) = (salt IS NOT NULL AND number IS NOT NULL AND record_id IS NOT NULL "
            "AND readers IS NOT NULL AND consent IS NOT NULL AND key_id IS NOT NULL AND key_epoch IS NOT NULL)",
            name=op.f("ck_record_whole"),
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient_profile.account_id"], name=op.f("fk_record_patient_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["about_id"], ["record.id"], name=op.f("fk_record_about_id"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["leaf_id"], ["leaf.id"], name=op.f("fk_record_leaf_id"), ondelete="RESTRICT"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_record")),
        sa.UniqueConstraint("number", name=op.f("uq_record_number")),
        sa.UniqueConstraint("leaf_id", name=op.f("uq_record_leaf_id")),
    )
    op.create_index("ix_record_patient_id_created_at", "record", ["patient_id", "created_at"], unique=False)
    op.create_index("ix_record_about_id", "record", ["about_id"], unique=False)


def _create_requests() -> None:
    op.create_table(
        "disclosure",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("record_row", sa.Integer(), nullable=False),
        sa.Column("asker_id", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.SmallInteger(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["record_row"], ["record.id"], name=op.f("fk_disclosure_record_row"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["asker_id"], ["account.id"], name=op.f("fk_disclosure_asker_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_disclosure")),
        sa.UniqueConstraint("number", name=op.f("uq_disclosure_number")),
    )
    op.create_index("ix_disclosure_record_row", "disclosure", ["record_row"], unique=False)
    op.create_index("ix_disclosure_asker_id", "disclosure", ["asker_id"], unique=False)


def downgrade() -> None:
    """Go back to predictions in the clear; sealed records are lost, for nothing here can open them."""
    op.drop_table("disclosure")
    op.drop_table("record")
    op.drop_table("leaf")
    op.drop_table("batch")
    op.drop_index("uq_doctor_profile_trustee_account", table_name="doctor_profile")
    op.drop_column("doctor_profile", "trustee_account")
    op.drop_column("patient_profile", "consent")
    op.drop_column("patient_profile", "readers")
    op.execute("DROP TABLE IF EXISTS old_prediction")
    op.create_table(
        "prediction",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("image_png", sa.LargeBinary(), nullable=False),
        sa.Column("label", sa.String(length=120), nullable=False),
        sa.Column("positive_class", sa.String(length=120), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column("model_round", sa.BigInteger(), nullable=False),
        sa.Column("model_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("envelope_digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("protection", sa.String(length=16), nullable=False),
        sa.Column("coordinator_name", sa.String(length=120), nullable=False),
        sa.Column("attested_by", sa.JSON(), nullable=False),
        sa.Column("final_at", sa.BigInteger(), nullable=False),
        sa.Column("verified", sa.Boolean(), nullable=False),
        sa.Column("verified_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["patient_id"], ["patient_profile.account_id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_prediction_patient_id_created_at", "prediction", ["patient_id", "created_at"], unique=False)
