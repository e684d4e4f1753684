"""The tables.

Invariant: what must never be stored twice is forbidden here, by an index, not by the code above. Times are seconds
since 1970 in UTC.

Source: FACTS: booking systems double-book unless a constraint forbids it.
Not here: queries (the other modules of this folder); how the tables came to be (webui/migrations).
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

NAMES = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}
EMAIL_CHARS = 254
NAME_CHARS = 120
DIGEST_BYTES = 32

Id = Annotated[int, mapped_column(Integer, primary_key=True)]
Seconds = Annotated[int, mapped_column(BigInteger)]
Name = Annotated[str, mapped_column(String(NAME_CHARS))]
RawDigest = Annotated[bytes, mapped_column(LargeBinary(DIGEST_BYTES))]


class SiteRole(StrEnum):
    """What an account may do on the site; one account has one role."""

    PATIENT = "patient"
    DOCTOR = "doctor"
    AUDITOR = "auditor"
    OPERATOR = "operator"


class BookingState(StrEnum):
    """Whether a booking holds its slot."""

    BOOKED = "booked"
    CANCELLED = "cancelled"


class Base(DeclarativeBase):
    """All tables of the site."""

    metadata = MetaData(naming_convention=NAMES)


class Account(Base):
    """Somebody who can sign in."""

    __tablename__ = "account"
    __table_args__ = (CheckConstraint("role IN ('patient', 'doctor', 'auditor', 'operator')", name="role"),)

    id: Mapped[Id]
    email: Mapped[str] = mapped_column(String(EMAIL_CHARS), unique=True)
    """Case-folded."""
    name: Mapped[Name]
    role: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str] = mapped_column(String(255))
    session_version: Mapped[int] = mapped_column(Integer, default=0)
    """Raised at sign-out, so that a copied cookie of an ended session is worth nothing."""
    created_at: Mapped[Seconds]


class PatientProfile(Base):
    """What the site knows about a patient beside the account."""

    __tablename__ = "patient_profile"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    date_of_birth: Mapped[date]
    account: Mapped[Account] = relationship(lazy="joined", innerjoin=True)


class DoctorProfile(Base):
    """What the site knows about a doctor beside the account."""

    __tablename__ = "doctor_profile"
    __table_args__ = (CheckConstraint("slot_minutes BETWEEN 5 AND 240", name="slot_minutes"),)

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    specialty: Mapped[Name]
    room: Mapped[Name]
    slot_minutes: Mapped[int] = mapped_column(Integer)
    account: Mapped[Account] = relationship(lazy="joined", innerjoin=True)
    hours: Mapped[list[OfficeHours]] = relationship(
        lazy="selectin", order_by="OfficeHours.weekday, OfficeHours.opens_minute", cascade="all, delete-orphan"
    )


class OfficeHours(Base):
    """A stretch of one weekday in which a doctor sees patients, in the hospital's zone."""

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


class StoredPrediction(Base):
    """One image a patient had checked, with what the model said and how the model was verified at that moment."""

    __tablename__ = "prediction"
    __table_args__ = (
        Index("ix_prediction_patient_id_created_at", "patient_id", "created_at"),
        CheckConstraint("0 <= probability AND probability <= 1", name="probability"),
        CheckConstraint("protection IN ('masked', 'sealed')", name="protection"),
    )

    id: Mapped[Id]
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient_profile.account_id", ondelete="CASCADE"))
    image_png: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    """Encoded anew by us, without metadata; never the uploaded bytes."""
    label: Mapped[Name]
    positive_class: Mapped[Name]
    probability: Mapped[float]
    """Of `positive_class`, in 0..1."""
    model_round: Mapped[int] = mapped_column(BigInteger)
    model_digest: Mapped[RawDigest]
    envelope_digest: Mapped[RawDigest]
    protection: Mapped[str] = mapped_column(String(16))
    coordinator_name: Mapped[Name]
    attested_by: Mapped[list[str]] = mapped_column(JSON)
    final_at: Mapped[Seconds]
    verified: Mapped[bool]
    verified_at: Mapped[Seconds]
    created_at: Mapped[Seconds]
    patient: Mapped[PatientProfile] = relationship(lazy="joined", innerjoin=True)


class Appointment(Base):
    """A booking of one slot of one doctor by one patient."""

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
        CheckConstraint("state IN ('booked', 'cancelled')", name="state"),
        CheckConstraint("starts_at < ends_at", name="times"),
    )

    id: Mapped[Id]
    doctor_id: Mapped[int] = mapped_column(ForeignKey("doctor_profile.account_id", ondelete="RESTRICT"))
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient_profile.account_id", ondelete="CASCADE"))
    starts_at: Mapped[Seconds]
    ends_at: Mapped[Seconds]
    state: Mapped[str] = mapped_column(String(16), default=BookingState.BOOKED.value)
    created_at: Mapped[Seconds]
    cancelled_at: Mapped[int | None] = mapped_column(BigInteger)
    doctor: Mapped[DoctorProfile] = relationship(lazy="joined", innerjoin=True)
    patient: Mapped[PatientProfile] = relationship(lazy="joined", innerjoin=True)


class Attempts(Base):
    """How often something was tried within the current window (throttle.py)."""

    __tablename__ = "attempts"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 in hexadecimal, so that addresses are not kept in the clear."""
    count: Mapped[int] = mapped_column(Integer)
    window_ends_at: Mapped[Seconds]
