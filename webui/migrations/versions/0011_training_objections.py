"""Patients who asked that their data are not used for training any more.

Revision: 0011.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "training_objection",
        sa.Column(
            "patient_id",
            sa.Integer(),
            sa.ForeignKey("patient_profile.account_id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("order_name", sa.String(16), nullable=True),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("answered_by", sa.String(480), nullable=True),
        sa.Column("pictures", sa.Integer(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("training_objection")
