"""What a proof of one line of the access log needs: a salt, a name, and which line an opening has.

Revision: 0010.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("access_entry", sa.Column("name", sa.String(120), nullable=False, server_default=""))
    op.add_column("access_entry", sa.Column("salt", sa.String(32), nullable=False, server_default=""))
    op.add_column("opening", sa.Column("entry_id", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("opening", "entry_id")
    op.drop_column("access_entry", "salt")
    op.drop_column("access_entry", "name")
