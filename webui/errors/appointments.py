"""The errors of the appointment book (more are in store/calendar_errors.py)."""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors import RefusedError


@dataclass(eq=False)
class SlotNotOffered(RefusedError):
    """The time is outside the doctor's hours, in the past, or too far ahead."""

    starts_at: int
    http_status = 409
    sentence = "This doctor does not offer an appointment at that time. Please choose one of the free times."


@dataclass(eq=False)
class BookingOverlaps(RefusedError):
    """The patient already has an appointment at that time."""

    starts_at: int
    http_status = 409
    sentence = "You already have an appointment at that time. Cancel it first, or choose another time."


@dataclass(eq=False)
class TooManyBookings(RefusedError):
    """The patient has reached the limit of future appointments."""

    allowed: int
    http_status = 409
    sentence = "You already have {allowed} future appointments, which is the limit. Cancel one before you book another."


@dataclass(eq=False)
class BookingFixed(RefusedError):
    """The appointment has begun, is over, or was already cancelled."""

    starts_at: int
    http_status = 409
    sentence = "You cannot cancel this appointment: it has begun, is over, or was already cancelled."


@dataclass(eq=False)
class HoursOverlap(RefusedError):
    """Two parts of one doctor's working day overlap."""

    weekday: str
    http_status = 409
    sentence = "The working hours on {weekday} overlap. Give hours that do not overlap."


@dataclass(eq=False)
class OneADay(RefusedError):
    """The patient already has an appointment with this doctor on that day."""

    starts_at: int
    http_status = 409
    sentence = "You already have an appointment with this doctor on that day. Cancel it first, or choose another day."
