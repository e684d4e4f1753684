"""The first tables.

Constraints get their names from webui.store.base.NAMES. Active bookings of one doctor or patient must not overlap, nor
may office hours of one doctor: exclusion constraints on PostgreSQL and triggers on SQLite and MariaDB ensure this. A
later migration that copies these tables on SQLite must create the triggers again. MariaDB has no partial indexes: there
the column `booked`, 1 for an active booking and else NULL, is part of the unique indexes.

Revision: 0001, the first.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from webui.store.mariadb import IN_FORCE, is_mariadb

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

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
LOCKING_TRIGGERS = {
    "appointment": f"""DECLARE found INT;
        SELECT account_id INTO found FROM doctor_profile WHERE account_id = NEW.doctor_id FOR UPDATE;
        SELECT account_id INTO found FROM patient_profile WHERE account_id = NEW.patient_id FOR UPDATE;
        IF NEW.state = 'booked' THEN
            SELECT COUNT(*) INTO found FROM appointment WHERE {BOOKED} AND NOT id <=> {{own}} AND {SAME_TIME}
                AND (doctor_id = NEW.doctor_id OR patient_id = NEW.patient_id) LOCK IN SHARE MODE;
            IF found > 0 THEN {{refuse}}; END IF;
        END IF;""",  # noqa: S608 our own names
    "office_hours": """DECLARE found INT;
        SELECT account_id INTO found FROM doctor_profile WHERE account_id = NEW.doctor_id FOR UPDATE;
        SELECT COUNT(*) INTO found FROM office_hours WHERE doctor_id = NEW.doctor_id AND weekday = NEW.weekday
            AND NOT id <=> {own} AND opens_minute < NEW.closes_minute AND NEW.opens_minute < closes_minute
            LOCK IN SHARE MODE;
        IF found > 0 THEN {refuse}; END IF;""",
}
"""For MariaDB. The lock on the doctor's and the patient's row makes two writers wait, whatever their isolation."""
TABLES = (
    "consent_change",
    "handled_form",
    "opening",
    "decryption_request",
    "record_label",
    "record",
    "leaf",
    "batch",
    "office_hours",
    "appointment",
    "patient_profile",
    "doctor_profile",
    "attempts",
    "account",
)


def upgrade() -> None:
    _create_people()
    _create_appointments()
    _create_records()
    _create_requests()
    _create_forms()
    _forbid_overlaps()


def _create_people() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.create_table(
        "account",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("email", sa.String(length=254), nullable=False, unique=True),
        sa.Column("name", sa.String(length=120 if sqlite else 480), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("session_version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("email_key", sa.String(length=254), nullable=False, server_default=""),
        sa.Column("disabled_at", sa.BigInteger()),
        sa.Column("reset_digest", sa.LargeBinary(length=32)),
        sa.Column("reset_ends_at", sa.BigInteger()),
        sa.CheckConstraint("role IN ('patient', 'doctor', 'auditor', 'operator')", name="role"),
    )
    op.create_index("uq_account_email_key", "account", ["email_key"], unique=True)
    op.create_table(
        "attempts",
        sa.Column("key", sa.String(length=64), primary_key=True),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("window_ends_at", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "doctor_profile",
        _owner("account_id", "account.id", primary_key=True),
        sa.Column("specialty", sa.String(length=120), nullable=False),
        sa.Column("room", sa.String(length=120), nullable=False),
        sa.Column("slot_minutes", sa.Integer(), nullable=False),
        sa.Column("trustee_account", sa.LargeBinary(length=20)),
        sa.CheckConstraint("slot_minutes BETWEEN 5 AND 240", name="slot_minutes"),
    )
    op.create_index("uq_doctor_profile_trustee_account", "doctor_profile", ["trustee_account"], unique=True)
    op.create_table(
        "patient_profile",
        _owner("account_id", "account.id", primary_key=True),
        sa.Column("date_of_birth", sa.Date(), nullable=False),
        sa.Column("readers", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("consent", sa.Integer(), server_default="15", nullable=False),
    )


def _create_appointments() -> None:
    op.create_table(
        "appointment",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column(
            "doctor_id", sa.Integer(), sa.ForeignKey("doctor_profile.account_id", ondelete="RESTRICT"), nullable=False
        ),
        _owner("patient_id", "patient_profile.account_id"),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("cancelled_at", sa.BigInteger()),
        sa.Column("day", sa.Date()),
        sa.Column("cancelled_by", sa.String(length=16)),
        sa.CheckConstraint("state IN ('booked', 'cancelled')", name="state"),
        sa.CheckConstraint("starts_at < ends_at", name="times"),
        *_booked_column(),
    )
    in_force = [IN_FORCE] if is_mariadb(op.get_bind().dialect) else []
    for name, columns in (
        ("uq_appointment_doctor_start", ["doctor_id", "starts_at"]),
        ("uq_appointment_patient_start", ["patient_id", "starts_at"]),
        ("uq_appointment_doctor_patient_day", ["doctor_id", "patient_id", "day"]),
    ):
        booked = sa.text(BOOKED)
        op.create_index(
            name, "appointment", [*columns, *in_force], unique=True, sqlite_where=booked, postgresql_where=booked
        )
    op.create_table(
        "office_hours",
        sa.Column("id", sa.Integer(), primary_key=True),
        _owner("doctor_id", "doctor_profile.account_id", index=True),
        sa.Column("weekday", sa.Integer(), nullable=False),
        sa.Column("opens_minute", sa.Integer(), nullable=False),
        sa.Column("closes_minute", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "0 <= opens_minute AND opens_minute < closes_minute AND closes_minute <= 1440", name="minutes"
        ),
        sa.CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
    )


def _create_records() -> None:
    op.create_table(
        "batch",
        sa.Column("number", sa.BigInteger(), autoincrement=False, primary_key=True),
        sa.Column("root", sa.LargeBinary(length=32), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("block", sa.BigInteger()),
        sa.Column("transaction", sa.LargeBinary(length=32)),
        sa.Column("anchored_at", sa.BigInteger()),
    )
    op.create_table(
        "leaf",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False, unique=True),
        sa.Column("batch", sa.BigInteger(), sa.ForeignKey("batch.number", ondelete="RESTRICT"), index=True),
        sa.Column("place", sa.Integer()),
        sa.UniqueConstraint("batch", "place"),
    )
    op.create_table(
        "record",
        sa.Column("id", sa.Integer(), primary_key=True),
        _owner("patient_id", "patient_profile.account_id"),
        sa.Column("about_id", sa.Integer(), sa.ForeignKey("record.id", ondelete="CASCADE"), index=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.String(length=16), unique=True),
        sa.Column("record_id", sa.LargeBinary(length=16)),
        sa.Column("file", sa.LargeBinary()),
        sa.Column("salt", sa.LargeBinary(length=32)),
        sa.Column("readers", sa.SmallInteger()),
        sa.Column("consent", sa.Integer()),
        sa.Column("key_id", sa.LargeBinary(length=16)),
        sa.Column("key_epoch", sa.BigInteger()),
        sa.Column("leaf_id", sa.Integer(), sa.ForeignKey("leaf.id", ondelete="RESTRICT"), nullable=False, unique=True),
        sa.Column("erased_at", sa.BigInteger()),
        sa.CheckConstraint("(erased_at IS NULL) = (file IS NOT NULL)", name="erased"),
        sa.CheckConstraint(
            "(erased_at IS NULL) = (salt IS NOT NULL AND number IS NOT NULL AND record_id IS NOT NULL "
            "AND readers IS NOT NULL AND consent IS NOT NULL AND key_id IS NOT NULL AND key_epoch IS NOT NULL)",
            name="whole",
        ),
    )
    op.create_index("ix_record_patient_id_created_at", "record", ["patient_id", "created_at"])
    chosen = ["patient_id", "readers", "consent", "key_id"]
    op.create_index("ix_record_patient_id_readers_consent_key_id", "record", chosen)
    op.create_table(
        "record_label",
        sa.Column("label", sa.LargeBinary(length=32), primary_key=True),
        _owner("record_row", "record.id", index=True),
    )
    op.create_table(
        "opening",
        sa.Column("id", sa.Integer(), primary_key=True),
        _owner("record_row", "record.id"),
        _owner("reader_id", "account.id"),
        sa.Column("how", sa.String(length=16), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
    )
    op.create_index("ix_opening_record_row_reader_id", "opening", ["record_row", "reader_id"])


def _create_requests() -> None:
    op.create_table(
        "decryption_request",
        sa.Column("id", sa.Integer(), primary_key=True),
        _owner("record_row", "record.id", index=True),
        _owner("asker_id", "account.id", index=True),
        sa.Column("purpose", sa.SmallInteger(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("number", sa.BigInteger(), unique=True),
        sa.Column("capsule", sa.LargeBinary(length=32)),
        sa.Column("deadline", sa.BigInteger()),
    )
    asked = ["capsule", "purpose", "deadline"]
    op.create_index("uq_decryption_request_capsule_purpose_deadline", "decryption_request", asked, unique=True)


def _create_forms() -> None:
    op.create_table(
        "handled_form",
        sa.Column("key", sa.LargeBinary(length=32), primary_key=True),
        sa.Column("begun_at", sa.BigInteger(), nullable=False, index=True),
        sa.Column("outcome", sa.Text()),
    )
    op.create_table(
        "consent_change",
        _owner("patient_id", "patient_profile.account_id", primary_key=True),
        sa.Column("readers", sa.SmallInteger(), nullable=False),
        sa.Column("consent", sa.Integer(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("after_row", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("changed", sa.Integer(), nullable=False),
        sa.Column("unopened", sa.Integer(), nullable=False),
        sa.Column("done", sa.Boolean(), nullable=False),
    )


def _booked_column() -> list[sa.Column[int]]:
    if not is_mariadb(op.get_bind().dialect):
        return []
    return [sa.Column(IN_FORCE, sa.SmallInteger(), sa.Computed(f"CASE WHEN {BOOKED} THEN 1 END", persisted=False))]


def _forbid_overlaps() -> None:
    dialect = op.get_bind().dialect
    if dialect.name == "sqlite":
        for table, condition in TRIGGERS.items():
            for event in ("INSERT", "UPDATE"):
                op.execute(
                    f"CREATE TRIGGER {table}_overlap_{event.lower()} BEFORE {event} ON {table} {condition} "
                    f"BEGIN SELECT RAISE(ABORT, '{table} overlaps'); END"
                )
    elif is_mariadb(dialect):
        for table, body in LOCKING_TRIGGERS.items():
            refuse = f"SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 4025, MESSAGE_TEXT = '{table} overlaps'"
            for event, own in (("INSERT", "NULL"), ("UPDATE", "OLD.id")):
                statements = body.format(own=own, refuse=refuse)
                name = f"{table}_overlap_{event.lower()}"
                op.execute(f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW BEGIN {statements} END")
    else:
        for (table, whose), columns in EXCLUSIONS.items():
            op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ex_{table}_{whose} EXCLUDE USING gist ({columns})")


def _owner(name: str, target: str, *, primary_key: bool = False, index: bool = False) -> sa.Column[int]:
    """Return a column that refers to `target`; deleting the target row deletes this row."""
    key = sa.ForeignKey(target, ondelete="CASCADE")
    return sa.Column(name, sa.Integer(), key, nullable=False, primary_key=primary_key, index=index)


def downgrade() -> None:
    for table in TABLES:
        op.drop_table(table)
