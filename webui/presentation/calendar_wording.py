"""Appointments, places and languages as words for people.

Invariant: every text is translated when a page is made, not when this module is loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from zoneinfo import ZoneInfo

from babel import Locale
from babel.core import UnknownLocaleError
from flask_babel import get_locale, gettext

from webui.presentation.wording import listing
from webui.store.calendar_tables import Meeting, Part, Reason
from webui.store.models import Appointment, BookingState, SiteRole
from webui.store.slots import local_day


def clock_of(minute: int) -> str:
    """Return minutes since midnight as `09:30`."""
    return f"{minute // 60:02}:{minute % 60:02}"


def meeting_words(meeting: str) -> str:
    """Return where patient and doctor meet."""
    words: dict[Meeting, str] = {
        Meeting.ROOM: gettext("in the room"),
        Meeting.VIDEO: gettext("by video"),
        Meeting.BOTH: gettext("in the room or by video"),
    }
    return words[Meeting(meeting)]


def reason_words(reason: str) -> str:
    """Return why a patient comes."""
    words: dict[Reason, str] = {
        Reason.RESULT: gettext("Talk about a check"),
        Reason.QUESTION: gettext("Ask a question"),
        Reason.FOLLOW_UP: gettext("Come again, as agreed"),
        Reason.SECOND_OPINION: gettext("Get a second opinion"),
        Reason.OTHER: gettext("Something else"),
    }
    return words[Reason(reason)]


def part_words(part: str) -> str:
    """Return a part of the day."""
    words: dict[Part, str] = {
        Part.ANY: gettext("at any time of the day"),
        Part.MORNING: gettext("before noon"),
        Part.AFTERNOON: gettext("after noon"),
    }
    return words[Part(part)]


def day_of(seconds: int, zone: ZoneInfo) -> date:
    """Return the local day of a moment."""
    return local_day(seconds, zone)


def language_list(codes: Sequence[str]) -> str:
    """Return the names of languages, as a list in words."""
    return listing([language_name(code) for code in codes])


def language_name(code: str) -> str:
    """Return the name of a language in the language of the page; the code itself if it has no name."""
    try:
        return Locale.parse(code).get_display_name(get_locale()) or code
    except (UnknownLocaleError, ValueError):
        return code


def booking_state(booking: Appointment, now: int) -> tuple[str, str]:
    """Return the tone and the words for an appointment's state."""
    if booking.state == BookingState.BOOKED:
        return ("good", gettext("booked")) if booking.starts_at > now else ("plain", gettext("past"))
    return {
        SiteRole.PATIENT.value: ("plain", gettext("cancelled")),
        SiteRole.DOCTOR.value: ("wait", gettext("cancelled by the doctor")),
    }.get(booking.cancelled_by or "", ("wait", gettext("cancelled by the hospital")))
