"""Schedules of doctors, what takes their time, waiting lists and calendar feeds.

`taken_time` has every booking in force, held offer and block; the times of one doctor must not overlap. PostgreSQL
forbids it by an exclusion constraint, SQLite and MariaDB by triggers. Triggers of `appointment` write the rows of
bookings. A later migration that copies `appointment` on SQLite must create them again.

Revision: 0003.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TABLES = (
    "calendar_feed",
    "appointment_detail",
    "taken_time",
    "passed_offer",
    "waiting_wish",
    "extra_hours",
    "closed_day",
    "doctor_schedule",
)
SAME = {
    "taken_time": "doctor_id = NEW.doctor_id AND starts_at < NEW.ends_at AND NEW.starts_at < ends_at",
    "extra_hours": "doctor_id = NEW.doctor_id AND day = NEW.day "
    "AND opens_minute < NEW.closes_minute AND NEW.opens_minute < closes_minute",
}
EXCLUSIONS = {
    "taken_time": "int4range(doctor_id, doctor_id, '[]') WITH &&, int8range(starts_at, ends_at) WITH &&",
    "extra_hours": "int4range(doctor_id, doctor_id, '[]') WITH &&, daterange(day, day, '[]') WITH &&, "
    "int4range(opens_minute, closes_minute) WITH &&",
}
COLUMNS = "INSERT INTO taken_time (doctor_id, starts_at, ends_at, kind, appointment_id)"
TAKE = f"{COLUMNS} SELECT NEW.doctor_id, NEW.starts_at, NEW.ends_at, 'booking', NEW.id"
RELEASE = "DELETE FROM taken_time WHERE appointment_id = NEW.id"


def upgrade() -> None:
    _create_schedules()
    _create_waiting_list()
    _create_taken_time()
    _create_details()
    op.execute(
        f"{COLUMNS} SELECT doctor_id, starts_at, ends_at, 'booking', id FROM appointment WHERE state = 'booked'"  # noqa: S608 our own names
    )
    op.execute(
        "INSERT INTO appointment_detail (appointment_id, reason, meeting, sequence) "
        "SELECT id, 'other', 'room', 0 FROM appointment WHERE state = 'booked'"
    )
    dialect = op.get_bind().dialect.name
    {"sqlite": _sqlite_rules, "postgresql": _postgresql_rules}.get(dialect, _mariadb_rules)()


def _create_schedules() -> None:
    op.create_table(
        "doctor_schedule",
        _owner("doctor_id", "doctor_profile.account_id", primary_key=True),
        sa.Column("place", sa.String(length=120), nullable=False),
        sa.Column("languages", sa.String(length=120), nullable=False),
        sa.Column("meeting", sa.String(length=8), nullable=False),
        sa.Column("video_address", sa.String(length=255), nullable=False),
        sa.Column("buffer_minutes", sa.Integer(), nullable=False),
        sa.Column("several_a_day", sa.Boolean(), nullable=False),
        sa.CheckConstraint("buffer_minutes BETWEEN 0 AND 120", name="buffer"),
        sa.CheckConstraint("meeting IN ('room', 'video', 'both')", name="meeting"),
    )
    op.create_table(
        "closed_day",
        _owner("doctor_id", "doctor_profile.account_id", primary_key=True),
        sa.Column("day", sa.Date(), primary_key=True),
    )
    op.create_table(
        "extra_hours",
        sa.Column("id", sa.Integer(), primary_key=True),
        _owner("doctor_id", "doctor_profile.account_id", index=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("opens_minute", sa.Integer(), nullable=False),
        sa.Column("closes_minute", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "0 <= opens_minute AND opens_minute < closes_minute AND closes_minute <= 1440", name="minutes"
        ),
    )


def _create_waiting_list() -> None:
    op.create_table(
        "waiting_wish",
        sa.Column("id", sa.Integer(), primary_key=True),
        _owner("patient_id", "patient_profile.account_id"),
        _owner("doctor_id", "doctor_profile.account_id", index=True),
        sa.Column("first_day", sa.Date(), nullable=False),
        sa.Column("last_day", sa.Date(), nullable=False),
        sa.Column("part", sa.String(length=16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("active", sa.Integer()),
        sa.UniqueConstraint("patient_id", "doctor_id", "active"),
        sa.CheckConstraint("first_day <= last_day", name="days"),
        sa.CheckConstraint("part IN ('any', 'morning', 'afternoon')", name="part"),
    )
    op.create_table(
        "passed_offer",
        _owner("wish_id", "waiting_wish.id", primary_key=True),
        sa.Column("starts_at", sa.BigInteger(), autoincrement=False, primary_key=True),
    )


def _create_taken_time() -> None:
    op.create_table(
        "taken_time",
        sa.Column("id", sa.Integer(), primary_key=True),
        _owner("doctor_id", "doctor_profile.account_id"),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("appointment_id", sa.Integer(), sa.ForeignKey("appointment.id", ondelete="CASCADE"), unique=True),
        sa.Column("wish_id", sa.Integer(), sa.ForeignKey("waiting_wish.id", ondelete="CASCADE"), unique=True),
        sa.Column("held_until", sa.BigInteger()),
        sa.CheckConstraint("starts_at < ends_at", name="times"),
        sa.CheckConstraint("kind IN ('booking', 'offer', 'block')", name="kind"),
        sa.CheckConstraint("(kind = 'booking') = (appointment_id IS NOT NULL)", name="booking"),
        sa.CheckConstraint("(kind = 'offer') = (wish_id IS NOT NULL AND held_until IS NOT NULL)", name="offer"),
    )
    op.create_index("ix_taken_time_doctor_id_ends_at", "taken_time", ["doctor_id", "ends_at"])


def _create_details() -> None:
    op.create_table(
        "appointment_detail",
        _owner("appointment_id", "appointment.id", primary_key=True),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("check_id", sa.Integer(), sa.ForeignKey("record.id", ondelete="SET NULL")),
        sa.Column("meeting", sa.String(length=8), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("reminded_at", sa.BigInteger()),
    )
    op.create_table(
        "calendar_feed",
        _owner("account_id", "account.id", primary_key=True),
        sa.Column("digest", sa.LargeBinary(length=32), nullable=False, unique=True),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
    )


def _sqlite_rules() -> None:
    for table, same in SAME.items():
        for event in ("INSERT", "UPDATE"):
            op.execute(
                f"CREATE TRIGGER {table}_overlap_{event.lower()} BEFORE {event} ON {table} "  # noqa: S608
                f"WHEN EXISTS (SELECT 1 FROM {table} WHERE id IS NOT NEW.id AND {same}) "
                f"BEGIN SELECT RAISE(ABORT, '{table} overlaps'); END"
            )
    op.execute(
        "CREATE TRIGGER appointment_time_insert AFTER INSERT ON appointment "
        f"WHEN NEW.state = 'booked' BEGIN {TAKE}; END"
    )
    op.execute(
        f"CREATE TRIGGER appointment_time_update AFTER UPDATE ON appointment "
        f"BEGIN {RELEASE}; {TAKE} WHERE NEW.state = 'booked'; END"
    )


def _postgresql_rules() -> None:
    for table, columns in EXCLUSIONS.items():
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT ex_{table}_doctor EXCLUDE USING gist ({columns})")
    op.execute(
        f"CREATE FUNCTION appointment_time() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN {RELEASE}; {TAKE} WHERE NEW.state = 'booked'; RETURN NEW; END $$"
    )
    op.execute(
        "CREATE TRIGGER appointment_time AFTER INSERT OR UPDATE ON appointment "
        "FOR EACH ROW EXECUTE FUNCTION appointment_time()"
    )


def _mariadb_rules() -> None:
    for table, same in SAME.items():
        for event, own in (("INSERT", "NULL"), ("UPDATE", "OLD.id")):
            op.execute(
                f"CREATE TRIGGER {table}_overlap_{event.lower()} BEFORE {event} ON {table} FOR EACH ROW "  # noqa: S608
                "BEGIN DECLARE found INT; "
                "SELECT account_id INTO found FROM doctor_profile WHERE account_id = NEW.doctor_id FOR UPDATE; "
                f"SELECT COUNT(*) INTO found FROM {table} WHERE NOT id <=> {own} AND {same} LOCK IN SHARE MODE; "
                "IF found > 0 THEN SIGNAL SQLSTATE '23000' SET MYSQL_ERRNO = 4025, "
                f"MESSAGE_TEXT = '{table} overlaps'; END IF; END"
            )
    for event in ("INSERT", "UPDATE"):
        op.execute(
            f"CREATE TRIGGER appointment_time_{event.lower()} AFTER {event} ON appointment FOR EACH ROW "
            f"BEGIN {RELEASE}; {TAKE} FROM DUAL WHERE NEW.state = 'booked'; END"
        )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER appointment_time ON appointment")
        op.execute("DROP FUNCTION appointment_time()")
    else:
        for event in ("insert", "update"):
            op.execute(f"DROP TRIGGER appointment_time_{event}")
    for table in TABLES:
        op.drop_table(table)


def _owner(name: str, target: str, *, primary_key: bool = False, index: bool = False) -> sa.Column[int]:
    """Return a column that refers to `target`; deleting the target row deletes this row."""
    key = sa.ForeignKey(target, ondelete="CASCADE")
    return sa.Column(name, sa.Integer(), key, nullable=False, primary_key=primary_key, index=index, autoincrement=False)
