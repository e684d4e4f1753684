"""The tables.

Invariant: unique indexes, not only code, prevent duplicates. Times are seconds since 1970 in UTC.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    String,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webui.store.base import DIGEST_BYTES, EMAIL_CHARS, NAME_CHARS, NAME_UNITS, Base, Id, Name, RawDigest, Seconds

DEFAULT_READERS = 1
"""The treating hospital, and a quorum of trustees."""
DEFAULT_CONSENT = 0b1111
"""Treatment, second opinion, emergency, the patient's own wish."""


class SiteRole(StrEnum):
    """What an account may do on the site; one account has one role."""

    PATIENT = "patient"
    DOCTOR = "doctor"
    AUDITOR = "auditor"
    OPERATOR = "operator"
    HOSPITAL = "hospital"
    """Staff who take part in the training for this hospital."""


class BookingState(StrEnum):
    """The state of a booking."""

    BOOKED = "booked"
    CANCELLED = "cancelled"


class Account(Base):
    """Somebody who can sign in."""

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint("role IN ('patient', 'doctor', 'auditor', 'operator', 'hospital')", name="role"),
        Index("uq_account_email_key", "email_key", unique=True),
    )

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(String(EMAIL_CHARS), unique=True)
    """As it was typed."""
    email_key: Mapped[str] = mapped_column(String(EMAIL_CHARS), server_default="")
    """The key for searches (emails.py)."""
    name: Mapped[str] = mapped_column(String(NAME_UNITS).with_variant(String(NAME_CHARS), "sqlite"))
    """SQLite does not limit texts, and cannot widen a column without copying the table."""
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(String(255))
    session_version: Mapped[int] = mapped_column(Integer, default=0)
    """Increased at sign-out, so that a copied cookie becomes worthless."""
    created_at: Mapped[Seconds]
    disabled_at: Mapped[int | None] = mapped_column(BigInteger)
    """When the account was disabled; None if it is active."""
    reset_digest: Mapped[bytes | None] = mapped_column(LargeBinary(DIGEST_BYTES))
    """SHA-256 of the one-time code for a new password; None if there is none."""
    reset_ends_at: Mapped[int | None] = mapped_column(BigInteger)


class PatientProfile(Base):
    """What the site knows about a patient besides the account."""

    __tablename__ = "patient_profile"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    date_of_birth: Mapped[date]
    readers: Mapped[int] = mapped_column(SmallInteger, default=DEFAULT_READERS, server_default=str(DEFAULT_READERS))
    """capsule.Readers: who can open new records."""
    consent: Mapped[int] = mapped_column(Integer, default=DEFAULT_CONSENT, server_default=str(DEFAULT_CONSENT))
    """u16: bit p - 1 allows purpose p."""
    account: Mapped[Account] = relationship(lazy="joined", innerjoin=True)


class DoctorProfile(Base):
    """What the site knows about a doctor besides the account."""

    __tablename__ = "doctor_profile"
    __table_args__ = (
        CheckConstraint("slot_minutes BETWEEN 5 AND 240", name="slot_minutes"),
        Index("uq_doctor_profile_trustee_account", "trustee_account", unique=True),
    )

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    specialty: Mapped[Name]
    room: Mapped[Name]
    slot_minutes: Mapped[int] = mapped_column(Integer)
    trustee_account: Mapped[bytes | None] = mapped_column(LargeBinary(20))
    """The ledger account with which this doctor answers requests; only for trustees."""
    account: Mapped[Account] = relationship(lazy="joined", innerjoin=True)
    hours: Mapped[list[OfficeHours]] = relationship(
        lazy="selectin", order_by="OfficeHours.weekday, OfficeHours.opens_minute", cascade="all, delete-orphan"
    )


class OfficeHours(Base):
    """Working hours of a doctor on one weekday, in the hospital's zone."""

    __tablename__ = "office_hours"
    __table_args__ = (
        CheckConstraint("weekday BETWEEN 0 AND 6", name="weekday"),
        CheckConstraint("0 <= opens_minute AND opens_minute < closes_minute AND closes_minute <= 1440", name="minutes"),
    )

    id: Mapped[Id]
    doctor_id: Mapped[int] = mapped_column(ForeignKey("doctor_profile.account_id", ondelete="CASCADE"), index=True)
    weekday: Mapped[int] = mapped_column(Integer)
    """0 is Monday."""
    opens_minute: Mapped[int] = mapped_column(Integer)
    """Minutes since local midnight."""
    closes_minute: Mapped[int] = mapped_column(Integer)


class Batch(Base):
    """Records with a common root, which is or will be on the ledger."""

    __tablename__ = "batch"

    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """From 1 for each hospital, as on the ledger."""
    root: Mapped[RawDigest]
    size: Mapped[int] = mapped_column(Integer)
    block: Mapped[int | None] = mapped_column(BigInteger)
    """None until the ledger has confirmed the root."""
    transaction: Mapped[bytes | None] = mapped_column(LargeBinary(DIGEST_BYTES))
    anchored_at: Mapped[int | None] = mapped_column(BigInteger)


class Leaf(Base):
    """A sealed file's leaf in the tree of its batch; it stays after the file is erased."""

    __tablename__ = "leaf"
    __table_args__ = (UniqueConstraint("batch", "place", name="uq_leaf_batch_place"),)

    id: Mapped[Id]
    digest: Mapped[bytes] = mapped_column(LargeBinary(DIGEST_BYTES), unique=True)
    batch: Mapped[int | None] = mapped_column(ForeignKey("batch.number", ondelete="RESTRICT"), index=True)
    place: Mapped[int | None] = mapped_column(Integer)
    """Index in the batch, from 0."""


class StoredRecord(Base):
    """A sealed check, or a sealed note on a check; only the file has the contents."""

    __tablename__ = "record"
    __table_args__ = (
        Index("ix_record_patient_id_created_at", "patient_id", "created_at"),
        Index("ix_record_patient_id_readers_consent_key_id", "patient_id", "readers", "consent", "key_id"),
        CheckConstraint("(erased_at IS NULL) = (file IS NOT NULL)", name="erased"),
        CheckConstraint(
            "(erased_at IS NULL) = (salt IS NOT NULL AND number IS NOT NULL AND record_id IS NOT NULL "
            "AND readers IS NOT NULL AND consent IS NOT NULL AND key_id IS NOT NULL AND key_epoch IS NOT NULL)",
            name="whole",
        ),
    )

    id: Mapped[Id]
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient_profile.account_id", ondelete="CASCADE"))
    about_id: Mapped[int | None] = mapped_column(ForeignKey("record.id", ondelete="CASCADE"), index=True)
    """For a note: its check."""
    created_at: Mapped[Seconds]
    number: Mapped[str | None] = mapped_column(String(16), unique=True)
    """The record number for people; it comes from the random record id, so nobody can guess it."""
    record_id: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    file: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    """The RECORD envelope."""
    salt: Mapped[bytes | None] = mapped_column(LargeBinary(32))
    readers: Mapped[int | None] = mapped_column(SmallInteger)
    """capsule.Readers: who can open the file."""
    consent: Mapped[int | None] = mapped_column(Integer)
    """u16: bit p - 1 allows purpose p."""
    key_id: Mapped[bytes | None] = mapped_column(LargeBinary(16))
    """Of K_REC; zeros if the file is not sealed to it."""
    key_epoch: Mapped[int | None] = mapped_column(BigInteger)
    """Of the hospital's member key."""
    leaf_id: Mapped[int] = mapped_column(ForeignKey("leaf.id", ondelete="RESTRICT"), unique=True)
    erased_at: Mapped[int | None] = mapped_column(BigInteger)
    patient: Mapped[PatientProfile] = relationship(lazy="joined", innerjoin=True)
    leaf: Mapped[Leaf] = relationship(lazy="joined", innerjoin=True)


class RecordLabel(Base):
    """The label of a record's current or earlier file in requests; it stays after the file is gone."""

    __tablename__ = "record_label"

    label: Mapped[bytes] = mapped_column(LargeBinary(DIGEST_BYTES), primary_key=True)
    """A digest that does not depend on the contents of the record."""
    record_row: Mapped[int] = mapped_column(ForeignKey("record.id", ondelete="CASCADE"), index=True)
    record: Mapped[StoredRecord] = relationship(lazy="joined", innerjoin=True)


class RequestRow(Base):
    """A decryption request for one record: who made it on this site, and its number on the ledger."""

    __tablename__ = "decryption_request"
    __table_args__ = (
        Index("uq_decryption_request_capsule_purpose_deadline", "capsule", "purpose", "deadline", unique=True),
    )

    id: Mapped[Id]
    record_row: Mapped[int] = mapped_column(ForeignKey("record.id", ondelete="CASCADE"), index=True)
    asker_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), index=True)
    """A doctor, or the patient."""
    purpose: Mapped[int] = mapped_column(SmallInteger)
    asked_at: Mapped[Seconds]
    number: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    """On the ledger; None if it did not get there."""
    capsule: Mapped[bytes | None] = mapped_column(LargeBinary(DIGEST_BYTES))
    """Digest of the requested capsule."""
    deadline: Mapped[int | None] = mapped_column(BigInteger)
    """No other request of this site has the same capsule, purpose and deadline."""
    record: Mapped[StoredRecord] = relationship(lazy="joined", innerjoin=True)
    asker: Mapped[Account] = relationship(lazy="joined", innerjoin=True)


class Appointment(Base):
    """A booking of one slot of one doctor by one patient.

    The first migration also forbids overlapping bookings of a doctor or a patient, and overlapping office hours
    (PostgreSQL: exclusion constraints; SQLite and MariaDB: triggers). MariaDB has no partial indexes (mariadb.py).
    """

    __tablename__ = "appointment"
    __table_args__ = (
        Index(
            "uq_appointment_doctor_start",
            "doctor_id",
            "starts_at",
            unique=True,
            sqlite_where=text("state = 'booked'"),
            postgresql_where=text("state = 'booked'"),
        ),
        Index(
            "uq_appointment_patient_start",
            "patient_id",
            "starts_at",
            unique=True,
            sqlite_where=text("state = 'booked'"),
            postgresql_where=text("state = 'booked'"),
        ),
        Index(
            "uq_appointment_doctor_patient_day",
            "doctor_id",
            "patient_id",
            "day",
            unique=True,
            sqlite_where=text("state = 'booked'"),
            postgresql_where=text("state = 'booked'"),
        ),
        CheckConstraint("state IN ('booked', 'cancelled')", name="state"),
        CheckConstraint("starts_at < ends_at", name="times"),
    )

    id: Mapped[Id]
    doctor_id: Mapped[int] = mapped_column(ForeignKey("doctor_profile.account_id", ondelete="RESTRICT"))
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient_profile.account_id", ondelete="CASCADE"))
    starts_at: Mapped[Seconds]
    ends_at: Mapped[Seconds]
    day: Mapped[date | None]
    """In the zone that the hospital had at the time of booking."""
    state: Mapped[str] = mapped_column(String(16), default=BookingState.BOOKED.value)
    created_at: Mapped[Seconds]
    cancelled_at: Mapped[int | None] = mapped_column(BigInteger)
    cancelled_by: Mapped[str | None] = mapped_column(String(16))
    """`patient` or `hospital`."""
    doctor: Mapped[DoctorProfile] = relationship(lazy="joined", innerjoin=True)
    patient: Mapped[PatientProfile] = relationship(lazy="joined", innerjoin=True)


class Attempts(Base):
    """The number of attempts in the current window (throttle.py)."""

    __tablename__ = "attempts"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 in hexadecimal, so that addresses are not stored in clear text."""
    count: Mapped[int] = mapped_column(Integer)
    window_ends_at: Mapped[Seconds]
