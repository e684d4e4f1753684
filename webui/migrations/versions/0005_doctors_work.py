"""Doctors' work: read marks, reviews, reasons of requests, notices, and kits that were made in the browser.

Revision: 0005, after 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "check_read",
        _account("doctor_id", primary_key=True),
        _to("record", "check_row", primary_key=True),
        sa.Column("read_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_check_read_check_row", "check_read", ["check_row"])
    op.create_table(
        "review_mark",
        _to("record", "record_row", primary_key=True),
        _to("record", "check_row"),
        _account("doctor_id"),
        sa.Column("made_at", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_review_mark_check_row", "review_mark", ["check_row"])
    op.create_index("ix_review_mark_doctor_id", "review_mark", ["doctor_id"])
    _create_requests()
    op.create_table(
        "trustee_registration",
        _account("doctor_id", primary_key=True),
        sa.Column("account", sa.LargeBinary(20), nullable=False),
        sa.Column("public_key", sa.LargeBinary(65), nullable=False),
        sa.Column("proof", sa.LargeBinary(128), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    for table in (
        "trustee_registration",
        "trustee_notice",
        "request_notice",
        "request_reason",
        "review_mark",
        "check_read",
    ):
        op.drop_table(table)


def _create_requests() -> None:
    op.create_table(
        "request_reason",
        _to("decryption_request", "request_row", primary_key=True),
        sa.Column("reason", sa.SmallInteger, nullable=False),
        sa.Column("file", sa.LargeBinary(16 * 1024)),
        sa.Column("salt", sa.LargeBinary(32)),
        sa.Column("leaf", sa.LargeBinary(32)),
        sa.Column("record_id", sa.LargeBinary(16)),
        sa.Column("consent", sa.Integer),
        sa.Column("key_id", sa.LargeBinary(16)),
        sa.Column("key_epoch", sa.BigInteger),
    )
    op.create_table(
        "request_notice",
        _to("decryption_request", "request_row", primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
    )
    op.create_table(
        "trustee_notice",
        _account("doctor_id", primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("told_at", sa.BigInteger, nullable=False),
        sa.Column("waiting", sa.Boolean, nullable=False),
    )


def _account(name: str, *, primary_key: bool = False) -> sa.Column[int]:
    return _to("account", name, primary_key=primary_key)


def _to(table: str, name: str, *, primary_key: bool = False) -> sa.Column[int]:
    key = sa.ForeignKey(f"{table}.id", ondelete="CASCADE")
    return sa.Column(name, sa.Integer, key, primary_key=primary_key, autoincrement=False, nullable=False)
