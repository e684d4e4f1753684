"""Forms that were handled, so that two clicks make one; changes of consent that go on in the background.

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
        "handled_form",
        sa.Column("key", sa.LargeBinary(length=32), nullable=False),
        sa.Column("begun_at", sa.BigInteger(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_handled_form")),
    )
    op.create_index("ix_handled_form_begun_at", "handled_form", ["begun_at"], unique=False)
    op.create_table(
        "consent_change",
        sa.Column("patient_id", sa.Integer(), nullable=False),
        sa.Column("readers", sa.SmallInteger(), nullable=False),
        sa.Column("consent", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("after_row", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["patient_id"],
            ["patient_profile.account_id"],
            name=op.f("fk_consent_change_patient_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("patient_id", name=op.f("pk_consent_change")),
    )


def downgrade() -> None:
    op.drop_table("consent_change")
    op.drop_table("handled_form")
