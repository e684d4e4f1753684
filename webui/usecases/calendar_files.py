"""Appointments as iCalendar: one file, or a whole calendar.

Invariant: a file has the time, the place and who meets, and nothing about health: neither specialty nor reason nor
result, because other programs and servers read it. All times are in UTC, which no change of clocks moves.

Source: RFC 5545 (iCalendar), 3.3.5 (form 2: UTC) and 3.8.7.4 (SEQUENCE); RFC 5546 (PUBLISH and CANCEL).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import NAMESPACE_URL, uuid5

from webui.store.calendar_tables import AppointmentDetail, Meeting
from webui.store.models import Appointment, BookingState

PRODUCT = "-//Hemaledger//Appointments//EN"
MEDIA_TYPE = "text/calendar"


class Method(StrEnum):
    """What a program does with a file."""

    PUBLISH = "PUBLISH"
    CANCEL = "CANCEL"


@dataclass(frozen=True)
class Entry:
    """One appointment in a calendar."""

    uid: str
    starts_at: int
    ends_at: int
    sequence: int
    title: str
    place: str
    cancelled: bool
    changed_at: int
    """Seconds since 1970."""


@dataclass(frozen=True)
class Publisher:
    """Who publishes a calendar."""

    name: str
    mail: str


def uid_of(booking: Appointment) -> str:
    """Return the identifier of an appointment; it stays the same when the appointment moves."""
    return str(uuid5(NAMESPACE_URL, f"hemaledger:{booking.id}:{booking.doctor_id}:{booking.created_at}"))


def entry_of(booking: Appointment, detail: AppointmentDetail | None, title: str, place: str, now: int) -> Entry:
    return Entry(
        uid=uid_of(booking),
        starts_at=booking.starts_at,
        ends_at=booking.ends_at,
        sequence=detail.sequence if detail is not None else 0,
        title=title,
        place=place,
        cancelled=booking.state != BookingState.BOOKED,
        changed_at=now,
    )


def place_of(booking: Appointment, detail: AppointmentDetail | None, video: str, site: str) -> str:
    """Return the room or the address of the video call; `site` is the town or house of the clinic."""
    if detail is not None and detail.meeting == Meeting.VIDEO:
        return video
    return ", ".join(part for part in (site, booking.doctor.room) if part)


def calendar_file(entries: Sequence[Entry], publisher: Publisher, method: Method = Method.PUBLISH) -> bytes:
    """Return an iCalendar file, with CRLF line ends and folded lines."""
    from icalendar import Calendar, Event, vCalAddress, vText  # noqa: PLC0415 - it takes long to import

    calendar = Calendar()
    for name, value in (("prodid", PRODUCT), ("version", "2.0"), ("method", method.value)):
        calendar.add(name, value)
    calendar.add("x-wr-calname", publisher.name)
    organizer = vCalAddress(f"mailto:{publisher.mail}")
    organizer.params["CN"] = vText(publisher.name)
    for entry in entries:
        event = Event()
        event.add("uid", entry.uid)
        event.add("dtstamp", _moment(entry.changed_at))
        event.add("dtstart", _moment(entry.starts_at))
        event.add("dtend", _moment(entry.ends_at))
        event.add("sequence", entry.sequence)
        event.add("summary", entry.title)
        event.add("status", "CANCELLED" if entry.cancelled else "CONFIRMED")
        event["organizer"] = organizer
        if entry.place:
            event.add("location", entry.place)
        calendar.add_component(event)
    data: bytes = calendar.to_ical()
    return data


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
