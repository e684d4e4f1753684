"""People: addresses compared by a key, accounts that can be disabled, codes for new passwords; one appointment per
patient, doctor and day; no overlaps; openings of records.

Two accounts whose addresses turn out to be the same mailbox (written in two ways, which earlier versions took for two)
both stay: the older one gets the key, the other one is found by exactly what it typed. The log names both.

No batch, as in 0002: it would copy the tables, and foreign keys would empty others.

Revision: 0005, after 0004.
"""

from __future__ import annotations

import logging
from itertools import groupby

import sqlalchemy as sa
from alembic import op

from webui.store.emails import search_key

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

LOG = logging.getLogger("hemaledger.site")
BOOKED = "state = 'booked'"
SAME_TIME = "starts_at < NEW.ends_at AND NEW.starts_at < ends_at"
TRIGGERS = {
    "appointment": f"""WHEN NEW.state = 'booked' AND EXISTS (SELECT 1 FROM appointment WHERE {BOOKED}
        AND id IS NOT NEW.id AND (doctor_id = NEW.doctor_id OR patient_id = NEW.patient_id) AND {SAME_TIME})""",  # noqa: S608 our own names
    "office_hours": """WHEN EXISTS (SELECT 1 FROM office_hours WHERE doctor_id = NEW.doctor_id
        AND weekday = NEW.weekday AND id IS NOT NEW.id
        AND opens_minute < NEW.closes_minute AND NEW.opens_minute < closes_minute)""",
}
EXCLUSIONS = {
    ("appointment", "doctor"): f"int4range(doctor_id, doctor_id, '[]') WITH &&, int8range(starts_at, ends_at) WITH &&) "
    f"WHERE ({BOOKED}",
    ("appointment", "patient"): "int4range(patient_id, patient_id, '[]') WITH &&, int8range(starts_at, ends_at) "
    f"WITH &&) WHERE ({BOOKED}",
    ("office_hours", "doctor"): "int4range(doctor_id, doctor_id, '[]') WITH &&, "
    "int4range(weekday * 1440 + opens_minute, weekday * 1440 + closes_minute) WITH &&",
}


def upgrade() -> None:
    op.add_column("account", sa.Column("email_key", sa.String(length=254), nullable=False, server_default=""))
    op.add_column("account", sa.Column("disabled_at", sa.BigInteger(), nullable=True))
    op.add_column("account", sa.Column("reset_digest", sa.LargeBinary(length=32), nullable=True))
    op.add_column("account", sa.Column("reset_ends_at", sa.BigInteger(), nullable=True))
    _fill_keys()
    op.create_index("uq_account_email_key", "account", ["email_key"], unique=True)
    op.add_column("appointment", sa.Column("day", sa.Date(), nullable=True))
    op.add_column("appointment", sa.Column("cancelled_by", sa.String(length=16), nullable=True))
    op.create_index(
        "uq_appointment_doctor_patient_day",
        "appointment",
        ["doctor_id", "patient_id", "day"],
        unique=True,
        sqlite_where=sa.text(BOOKED),
        postgresql_where=sa.text(BOOKED),
    )
    op.create_table(
        "opening",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("record_row", sa.Integer(), nullable=False),
        sa.Column("reader_id", sa.Integer(), nullable=False),
        sa.Column("how", sa.String(length=16), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["record_row"], ["record.id"], name=op.f("fk_opening_record_row"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["reader_id"], ["account.id"], name=op.f("fk_opening_reader_id"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_opening")),
    )
    op.create_index("ix_opening_record_row_reader_id", "opening", ["record_row", "reader_id"], unique=False)
    _join_hours()
    if _on_sqlite():
        for table, condition in TRIGGERS.items():
            for event in ("INSERT", "UPDATE"):
                op.execute(
                    f"CREATE TRIGGER {table}_overlap_{event.lower()} BEFORE {event} ON {table} {condition} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} overlaps'); END"
                )
    else:
        op.alter_column("account", "name", type_=sa.String(length=480), existing_nullable=False)
        for (table, whose), columns in EXCLUSIONS.items():
            op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ex_{table}_{whose} EXCLUDE USING gist ({columns})")


def downgrade() -> None:
    if _on_sqlite():
        for table in TRIGGERS:
            for event in ("insert", "update"):
                op.execute(f"DROP TRIGGER {table}_overlap_{event}")
    else:
        for table, whose in EXCLUSIONS:
            op.execute(f"ALTER TABLE {table} DROP CONSTRAINT ex_{table}_{whose}")
        op.execute("UPDATE account SET name = substr(name, 1, 120)")
        op.alter_column("account", "name", type_=sa.String(length=120), existing_nullable=False)
    op.drop_table("opening")
    op.drop_index("uq_appointment_doctor_patient_day", table_name="appointment")
    op.drop_column("appointment", "cancelled_by")
    op.drop_column("appointment", "day")
    op.drop_index("uq_account_email_key", table_name="account")
    for column in ("reset_ends_at", "reset_digest", "disabled_at", "email_key"):
        op.drop_column("account", column)


def _on_sqlite() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _fill_keys() -> None:
    taken: dict[str, int] = {}
    rows = op.get_bind().execute(sa.text("SELECT id, email FROM account ORDER BY id")).all()
    for row_id, email in rows:
        key = search_key(email)
        if key in taken:
            LOG.warning("accounts %d and %d have one e-mail address, written in two ways", taken[key], row_id)
            key = f"#{row_id}"  # no address; the account is found by what was typed
        taken[key] = row_id
        op.get_bind().execute(sa.text("UPDATE account SET email_key = :k WHERE id = :i"), {"k": key, "i": row_id})


def _join_hours() -> None:
    """Make one stretch of stretches that overlap; together they offer the same minutes."""
    bind = op.get_bind()
    query = "SELECT id, doctor_id, weekday, opens_minute, closes_minute FROM office_hours ORDER BY 2, 3, 4, 5"
    for _, stretches in groupby(bind.execute(sa.text(query)).all(), lambda row: (row[1], row[2])):
        kept, closes = None, -1
        for row_id, _doctor, _day, opens, ends in stretches:
            if kept is None or opens >= closes:
                kept, closes = row_id, ends
                continue
            closes = max(closes, ends)
            bind.execute(sa.text("DELETE FROM office_hours WHERE id = :i"), {"i": row_id})
            bind.execute(sa.text("UPDATE office_hours SET closes_minute = :c WHERE id = :i"), {"c": closes, "i": kept})
