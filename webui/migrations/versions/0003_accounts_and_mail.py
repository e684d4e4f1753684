"""Mail, second factors, sessions, and the access log.

Revision: 0003, after 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = ("mail",)
MEBIBYTE = 1 << 20


def upgrade() -> None:
    _create_mail()


def _create_mail() -> None:
    op.create_table(
        "mail",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("message_id", sa.String(length=64), nullable=False, unique=True),
        sa.Column("recipient", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text().with_variant(sa.Text(length=MEBIBYTE), "mysql", "mariadb"), nullable=False),
        sa.Column("attachments", sa.LargeBinary(length=MEBIBYTE)),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("next_at", sa.BigInteger()),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.BigInteger()),
        sa.Column("why", sa.String(length=200)),
    )
    op.create_index("ix_mail_next_at", "mail", ["next_at"])


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
