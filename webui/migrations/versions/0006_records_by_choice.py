"""An index by which records that are sealed otherwise are found without reading a file.

Revision: 0006, after 0005.
"""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

NAME = "ix_record_patient_id_readers_consent_key_id"


def upgrade() -> None:
    op.create_index(NAME, "record", ["patient_id", "readers", "consent", "key_id"], unique=False)


def downgrade() -> None:
    op.drop_index(NAME, table_name="record")
