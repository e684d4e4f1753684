"""Labels that a record ever had, so that requests past this site are found after it was sealed anew or erased; and
what a request asked for, so that it is known again on the ledger.

A label is a digest of an envelope's core: of random bytes, account and policy, of nothing clinical. Labels that records
had before this revision are known only for the files that are here.

Revision: 0003, after 0002.
"""

from __future__ import annotations

from hashlib import sha256

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

CORE_BYTES = 138
LABEL = b"BAFL/1/label"


def upgrade() -> None:
    made = op.create_table(
        "record_label",
        sa.Column("label", sa.LargeBinary(length=32), nullable=False),
        sa.Column("record_row", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["record_row"], ["record.id"], name=op.f("fk_record_label_record_row"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("label", name=op.f("pk_record_label")),
    )
    op.create_index("ix_record_label_record_row", "record_label", ["record_row"], unique=False)
    query = sa.text(f"SELECT id, substr(file, 1, {CORE_BYTES}) FROM record WHERE file IS NOT NULL")  # noqa: S608 a number
    rows = [
        {"record_row": row, "label": sha256(LABEL + bytes(core)).digest()} for row, core in op.get_bind().execute(query)
    ]
    if rows:
        op.bulk_insert(made, rows)
    # No batch, as in 0002.
    op.add_column("disclosure", sa.Column("capsule", sa.LargeBinary(length=32), nullable=True))
    op.add_column("disclosure", sa.Column("deadline", sa.BigInteger(), nullable=True))
    op.create_index(
        "uq_disclosure_capsule_purpose_deadline", "disclosure", ["capsule", "purpose", "deadline"], unique=True
    )


def downgrade() -> None:
    op.drop_index("uq_disclosure_capsule_purpose_deadline", table_name="disclosure")
    op.drop_column("disclosure", "deadline")
    op.drop_column("disclosure", "capsule")
    op.drop_table("record_label")
