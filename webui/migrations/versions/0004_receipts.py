"""Receipts of checks, and the changes of consent that a patient made.

Revision: 0004, after 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "receipt",
        sa.Column("record_row", sa.Integer(), nullable=False),
        sa.Column("salt", sa.LargeBinary(length=32), nullable=False),
        sa.Column("leaf_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("record_row", name="pk_receipt"),
        sa.ForeignKeyConstraint(["record_row"], ["record.id"], name="fk_receipt_record_row", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["leaf_id"], ["leaf.id"], name="fk_receipt_leaf_id", ondelete="RESTRICT"),
        sa.UniqueConstraint("leaf_id", name="uq_receipt_leaf_id"),
    )
    op.create_table(
        "consent_choice",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("readers", sa.SmallInteger(), nullable=False),
        sa.Column("consent", sa.Integer(), nullable=False),
        sa.Column("chosen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_consent_choice"),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient_profile.account_id"], name="fk_consent_choice_patient_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_consent_choice_patient_id", "consent_choice", ["patient_id"])


def downgrade() -> None:
    op.drop_table("consent_choice")
    op.drop_table("receipt")
