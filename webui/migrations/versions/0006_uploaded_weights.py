"""Uploads of weights by a hospital's staff, and the role `hospital`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

BEFORE = "role IN ('patient', 'doctor', 'auditor', 'operator')"
AFTER = "role IN ('patient', 'doctor', 'auditor', 'operator', 'hospital')"


def upgrade() -> None:
    _allow_roles(BEFORE, AFTER)
    op.create_table(
        "weight_upload",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(length=16), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("received_at", sa.BigInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False),
        sa.Column("base", sa.LargeBinary(length=32)),
        sa.Column("samples", sa.Integer(), nullable=False),
        sa.Column("correct", sa.Integer(), nullable=False),
        sa.Column("loss", sa.Float(), nullable=False),
        sa.Column("norm", sa.Float()),
        sa.Column("refused", sa.String(length=500), nullable=False, server_default=""),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name="fk_weight_upload_account_id", ondelete="CASCADE"),
    )
    op.create_index("uq_weight_upload_name", "weight_upload", ["name"], unique=True)
    op.create_index("ix_weight_upload_received_at", "weight_upload", ["received_at"])


def downgrade() -> None:
    op.drop_table("weight_upload")
    op.execute("DELETE FROM account WHERE role = 'hospital'")
    _allow_roles(AFTER, BEFORE)


def _allow_roles(old: str, new: str) -> None:
    """Replace the check of roles.

    SQLite cannot change a constraint, and a copy of `account` would break every reference to it. So the text of the
    table's definition is edited, as SQLite's documentation describes (lang_altertable.html, section 7).
    """
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        op.drop_constraint(op.f("ck_account_role"), "account", type_="check")
        op.create_check_constraint(op.f("ck_account_role"), "account", new)
        return
    version = connection.exec_driver_sql("PRAGMA schema_version").scalar_one()
    connection.exec_driver_sql("PRAGMA writable_schema = ON")
    changed = connection.execute(
        sa.text("UPDATE sqlite_master SET sql = replace(sql, :old, :new) WHERE type = 'table' AND name = 'account'"),
        {"old": old, "new": new},
    )
    connection.exec_driver_sql(f"PRAGMA schema_version = {int(version) + 1}")
    connection.exec_driver_sql("PRAGMA writable_schema = OFF")
    if changed.rowcount != 1:
        raise RuntimeError("the table of accounts was not found")
