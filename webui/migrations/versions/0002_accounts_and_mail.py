"""Mail, second factors, sessions, and the access log.

Revision: 0002, after 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = (
    "access_batch",
    "access_entry",
    "preference",
    "one_time",
    "passkey",
    "recovery_code",
    "totp",
    "site_session",
    "mail",
)
MEBIBYTE = 1 << 20


def upgrade() -> None:
    _create_mail()
    _create_sessions()
    _create_second_steps()
    _create_the_rest()
    _create_access_log()


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


def _owner(*, primary_key: bool = False, nullable: bool = False, index: bool = False) -> sa.Column[int]:
    target = sa.ForeignKey("account.id", ondelete="CASCADE")
    if primary_key:
        return sa.Column("account_id", sa.Integer(), target, primary_key=True)
    return sa.Column("account_id", sa.Integer(), target, nullable=nullable, index=index)


def _create_sessions() -> None:
    op.create_table(
        "site_session",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("key", sa.String(length=64), nullable=False, unique=True),
        _owner(index=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("steps", sa.String(length=16), nullable=False),
        sa.Column("browser", sa.String(length=80), nullable=False),
        sa.Column("network", sa.String(length=80), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger()),
    )


def _create_second_steps() -> None:
    op.create_table(
        "totp",
        _owner(primary_key=True),
        sa.Column("secret", sa.LargeBinary(length=64), nullable=False),
        sa.Column("confirmed_at", sa.BigInteger()),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "recovery_code",
        sa.Column("id", sa.Integer(), primary_key=True),
        _owner(),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.UniqueConstraint("account_id", "key", name="uq_recovery_code_account_id_key"),
    )
    op.create_table(
        "passkey",
        sa.Column("id", sa.Integer(), primary_key=True),
        _owner(index=True),
        sa.Column("key", sa.String(length=64), nullable=False, unique=True),
        sa.Column("credential", sa.LargeBinary(length=1023), nullable=False),
        sa.Column("public_key", sa.LargeBinary(length=2048), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("synced", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger()),
    )


def _create_the_rest() -> None:
    op.create_table(
        "one_time",
        sa.Column("key", sa.String(length=64), primary_key=True),
        sa.Column("purpose", sa.String(length=16), nullable=False),
        _owner(nullable=True, index=True),
        sa.Column("about", sa.String(length=254)),
        sa.Column("ends_at", sa.BigInteger(), nullable=False, index=True),
    )
    op.create_table(
        "preference",
        _owner(primary_key=True),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("zone", sa.String(length=64), nullable=False),
        sa.Column("dates", sa.String(length=16), nullable=False),
    )


def _create_access_log() -> None:
    op.create_table(
        "access_entry",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("at", sa.BigInteger(), nullable=False, index=True),
        sa.Column("account_id", sa.Integer()),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("event", sa.String(length=32), nullable=False),
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("about", sa.String(length=64), nullable=False),
        sa.Column("network", sa.String(length=16), nullable=False),
    )
    op.create_index("ix_access_entry_account_id_id", "access_entry", ["account_id", "id"])
    op.create_table(
        "access_batch",
        sa.Column("number", sa.BigInteger(), autoincrement=False, primary_key=True),
        sa.Column("first_id", sa.Integer(), nullable=False),
        sa.Column("last_id", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sealed_at", sa.BigInteger(), nullable=False),
        sa.Column("leaf_id", sa.Integer(), sa.ForeignKey("leaf.id", ondelete="RESTRICT"), nullable=False, unique=True),
    )


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
