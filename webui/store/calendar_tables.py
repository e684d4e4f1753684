"""The tables of doctors' schedules, of what takes a doctor's time, of waiting lists and of calendar feeds.

Invariant: `taken_time` has one row for each booking in force, each held offer and each block, and two rows of one
doctor never overlap. The database itself forbids it (migration 0003), and its triggers write the rows of bookings.

Not here: appointments and weekly working hours (models.py).
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from sqlalchemy import BigInteger, Boolean, CheckConstraint, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from webui.store.base import NAME_CHARS, Base, Id, Name, RawDigest, Seconds
from webui.store.models import DoctorProfile, PatientProfile

ADDRESS_CHARS = 255


class Meeting(StrEnum):
    """Where patient and doctor meet."""

    ROOM = "room"
    VIDEO = "video"
    BOTH = "both"
    """Only for a doctor: the patient chooses."""


class Reason(StrEnum):
    """Why a patient comes; a fixed list, so that the database holds no clinical text."""

    RESULT = "result"
    QUESTION = "question"
    FOLLOW_UP = "follow-up"
    SECOND_OPINION = "second-opinion"
    OTHER = "other"


class Part(StrEnum):
    """A part of the day, in the hospital's zone; the afternoon begins at noon."""

    ANY = "any"
    MORNING = "morning"
    AFTERNOON = "afternoon"


class Taking(StrEnum):
    """What takes a doctor's time."""

    BOOKING = "booking"
    OFFER = "offer"
    """Held for one patient of the waiting list."""
    BLOCK = "block"


class DoctorSchedule(Base):
    """What a doctor sets besides weekly hours; a doctor without a row has the defaults."""

    __tablename__ = "doctor_schedule"
    __table_args__ = (
        CheckConstraint("buffer_minutes BETWEEN 0 AND 120", name="buffer"),
        CheckConstraint("meeting IN ('room', 'video', 'both')", name="meeting"),
    )

    doctor_id: Mapped[int] = mapped_column(
        ForeignKey("doctor_profile.account_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    place: Mapped[Name]
    """The clinic's site, such as a town; patients look for doctors by it."""
    languages: Mapped[str] = mapped_column(String(NAME_CHARS))
    """Codes of ISO 639-1, separated by blanks."""
    meeting: Mapped[str] = mapped_column(String(8))
    video_address: Mapped[str] = mapped_column(String(ADDRESS_CHARS))
    buffer_minutes: Mapped[int] = mapped_column(Integer)
    """Free minutes between two bookings."""
    several_a_day: Mapped[bool] = mapped_column(Boolean)
    """Whether one patient may have several appointments on one day."""


class ClosedDay(Base):
    """A day on which the weekly hours of a doctor do not count."""

    __tablename__ = "closed_day"

    doctor_id: Mapped[int] = mapped_column(
        ForeignKey("doctor_profile.account_id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    day: Mapped[date] = mapped_column(primary_key=True)


class ExtraHours(Base):
    """Working hours on one day, besides the weekly ones."""

    __tablename__ = "extra_hours"
    __table_args__ = (
        CheckConstraint("0 <= opens_minute AND opens_minute < closes_minute AND closes_minute <= 1440", name="minutes"),
    )

    id: Mapped[Id]
    doctor_id: Mapped[int] = mapped_column(ForeignKey("doctor_profile.account_id", ondelete="CASCADE"), index=True)
    day: Mapped[date]
    opens_minute: Mapped[int] = mapped_column(Integer)
    """Minutes since local midnight."""
    closes_minute: Mapped[int] = mapped_column(Integer)


class WaitingWish(Base):
    """A patient who waits for a free time of a doctor."""

    __tablename__ = "waiting_wish"
    __table_args__ = (
        UniqueConstraint("patient_id", "doctor_id", "active"),
        CheckConstraint("first_day <= last_day", name="days"),
        CheckConstraint("part IN ('any', 'morning', 'afternoon')", name="part"),
    )

    id: Mapped[Id]
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient_profile.account_id", ondelete="CASCADE"))
    doctor_id: Mapped[int] = mapped_column(ForeignKey("doctor_profile.account_id", ondelete="CASCADE"), index=True)
    first_day: Mapped[date]
    last_day: Mapped[date]
    part: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[Seconds]
    active: Mapped[int | None] = mapped_column(Integer)
    """1, or None when the patient left, booked, or the last day is over."""
    patient: Mapped[PatientProfile] = relationship(lazy="joined", innerjoin=True)
    doctor: Mapped[DoctorProfile] = relationship(lazy="joined", innerjoin=True)


class PassedOffer(Base):
    """A time that somebody on the waiting list declined or let pass; it is not offered to this person again."""

    __tablename__ = "passed_offer"

    wish_id: Mapped[int] = mapped_column(
        ForeignKey("waiting_wish.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    starts_at: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class TakenTime(Base):
    """A time at which a doctor cannot be booked."""

    __tablename__ = "taken_time"
    __table_args__ = (
        CheckConstraint("starts_at < ends_at", name="times"),
        CheckConstraint("kind IN ('booking', 'offer', 'block')", name="kind"),
        CheckConstraint("(kind = 'booking') = (appointment_id IS NOT NULL)", name="booking"),
        CheckConstraint("(kind = 'offer') = (wish_id IS NOT NULL AND held_until IS NOT NULL)", name="offer"),
        Index("ix_taken_time_doctor_id_ends_at", "doctor_id", "ends_at"),
    )

    id: Mapped[Id]
    doctor_id: Mapped[int] = mapped_column(ForeignKey("doctor_profile.account_id", ondelete="CASCADE"))
    starts_at: Mapped[Seconds]
    ends_at: Mapped[Seconds]
    kind: Mapped[str] = mapped_column(String(8))
    appointment_id: Mapped[int | None] = mapped_column(ForeignKey("appointment.id", ondelete="CASCADE"), unique=True)
    wish_id: Mapped[int | None] = mapped_column(ForeignKey("waiting_wish.id", ondelete="CASCADE"), unique=True)
    held_until: Mapped[int | None] = mapped_column(BigInteger)


class AppointmentDetail(Base):
    """What is known of an appointment besides its time; none for appointments of before this table."""

    __tablename__ = "appointment_detail"

    appointment_id: Mapped[int] = mapped_column(
        ForeignKey("appointment.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    reason: Mapped[str] = mapped_column(String(16))
    """A value of `Reason`."""
    check_id: Mapped[int | None] = mapped_column(ForeignKey("record.id", ondelete="SET NULL"))
    """The check that the patient wants to talk about."""
    meeting: Mapped[str] = mapped_column(String(8))
    sequence: Mapped[int] = mapped_column(Integer)
    """How often it changed (RFC 5545, 3.8.7.4)."""
    reminded_at: Mapped[int | None] = mapped_column(BigInteger)


class CalendarFeed(Base):
    """The private address of somebody's calendar; only the digest of its secret part is stored."""

    __tablename__ = "calendar_feed"

    account_id: Mapped[int] = mapped_column(
        ForeignKey("account.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    digest: Mapped[RawDigest] = mapped_column(unique=True)
    made_at: Mapped[Seconds]
