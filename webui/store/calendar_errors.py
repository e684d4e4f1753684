"""The refusals of the appointment book, schedules and waiting lists.

Invariant: each is a leaf of one of the five families, as in webui/errors.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl.protocol.errors import MalformedError, RefusedError


@dataclass(eq=False)
class UndoTooLate(RefusedError):
    """A cancellation can be taken back for a short time only."""

    lasts_s: int
    http_status = 409
    sentence = "It is too late to take this back: you had {lasts_s} seconds. Please book a free time instead."


@dataclass(eq=False)
class TimeTaken(RefusedError):
    """A doctor's block or hours meet a booking, a held offer or another block."""

    http_status = 409
    sentence = (
        "There is already an appointment, a held offer or another block at that time. Cancel the appointment first, "
        "or choose another time."
    )


@dataclass(eq=False)
class DayHasBookings(RefusedError):
    """A doctor wants to close a day on which there are appointments."""

    bookings: int
    http_status = 409
    sentence = "You have {bookings} appointments on that day. Cancel them first in your calendar, then close the day."


@dataclass(eq=False)
class AlreadyWaiting(RefusedError):
    """The patient is already on this doctor's waiting list."""

    http_status = 409
    sentence = "You already wait for a time with this doctor. Leave that waiting list first, if you want other days."


@dataclass(eq=False)
class OfferGone(RefusedError):
    """The held offer ran out, was declined, or was never this patient's."""

    http_status = 409
    sentence = "This offer has ended. You are still on the waiting list, and the next free time may be yours."


@dataclass(eq=False)
class HoursMalformed(MalformedError):
    """A text that a doctor typed is not a list of hours."""

    typed: str
    sentence = "{typed} cannot be read as hours. Write them like 09:00-12:00, 13:30-17:00."


@dataclass(eq=False)
class TooManyWishes(RefusedError):
    """The patient waits for as many doctors as the site allows."""

    allowed: int
    http_status = 409
    sentence = "You already wait for {allowed} doctors, which is the limit. Leave one waiting list first."


@dataclass(eq=False)
class DaysNotOffered(RefusedError):
    """The days of a wish are over, or so far ahead that nobody can book them yet."""

    days: int
    http_status = 409
    sentence = "Please choose days from today on, within the next {days} days."


@dataclass(eq=False)
class ScheduleFull(RefusedError):
    """The doctor has reached the limit of exceptions or blocks."""

    allowed: int
    http_status = 409
    sentence = "You already have {allowed} of these, which is the limit. Remove some first."


@dataclass(eq=False)
class BlockMalformed(MalformedError):
    """A block or an exception has no valid times."""

    http_status = 400
    sentence = "The end must be after the start, and neither may be in the past."
