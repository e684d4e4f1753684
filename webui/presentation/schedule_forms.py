"""The forms of a doctor's schedule.

Invariant: hours are read here once; what comes out is in minutes since local midnight, or moments in UTC.
"""

from __future__ import annotations

import re
from datetime import date
from zoneinfo import ZoneInfo

from flask_babel import gettext, lazy_gettext
from wtforms import (
    BooleanField,
    DateField,
    IntegerField,
    SelectField,
    SelectMultipleField,
    StringField,
    SubmitField,
    TimeField,
)
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, Length, NumberRange, Optional, ValidationError

from webui.errors import NotFound
from webui.http.error_words import sentence_of
from webui.presentation.calendar_wording import clock_of, language_name, meeting_words
from webui.presentation.forms import Form
from webui.store.base import NAME_CHARS
from webui.store.calendar_errors import HoursMalformed
from webui.store.calendar_tables import ADDRESS_CHARS, Meeting
from webui.store.doctor_plans import Doctor, Terms
from webui.store.new_accounts import WEEKDAYS, DoctorFacts, Hours
from webui.store.slots import DAY_MINUTES, Slot, Stretch, moment_of

STRETCH = re.compile(r"(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})")
HOURS_CHARS = 120
MOST_STRETCHES = 6
"""Of one day."""
LANGUAGES = (
    "ar", "bg", "cs", "da", "de", "el", "en", "es", "et", "fa", "fi", "fr", "he", "hi", "hr", "hu", "it", "ja", "ko",
    "lt", "lv", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sl", "so", "sq", "sr", "sv", "ta", "ti", "tr", "uk", "ur",
    "vi", "zh",
)  # fmt: skip


def stretches(text: str | None) -> list[Stretch]:
    """Return the hours in a text such as `09:00-12:00, 13:30-17:00`; no text is no hours.

    Raises:
        HoursMalformed: it is something else, or a stretch ends before it begins.
    """
    parts = [part.strip() for part in (text or "").replace(";", ",").split(",") if part.strip()]
    if len(parts) > MOST_STRETCHES:
        raise HoursMalformed(parts[MOST_STRETCHES])
    return [_stretch(part) for part in parts]


def _stretch(part: str) -> Stretch:
    found = STRETCH.fullmatch(part)
    if found is None:
        raise HoursMalformed(part)
    opens, closes = (int(found[place]) * 60 + int(found[place + 1]) for place in (1, 3))
    if int(found[2]) > 59 or int(found[4]) > 59 or not 0 <= opens < closes <= DAY_MINUTES:  # noqa: PLR2004 minutes
        raise HoursMalformed(part)
    return Stretch(opens, closes)


def hours_text(hours: list[Stretch]) -> str:
    """Return hours as `stretches` reads them."""
    return ", ".join(f"{clock_of(each.opens_minute)}-{clock_of(each.closes_minute)}" for each in sorted(hours))


class _HoursField(StringField):  # type: ignore[misc]  # WTForms brings no types
    """The hours of one day."""

    def pre_validate(self, form: Form) -> None:  # noqa: ARG002 WTForms' signature
        """Refuse what is not a list of hours."""
        try:
            stretches(self.data)
        except HoursMalformed as error:
            raise ValidationError(sentence_of(error)) from error


def _day_field(number: int) -> _HoursField:
    return _HoursField(lazy_gettext(WEEKDAYS[number]), [Length(max=HOURS_CHARS)])


class HoursForm(Form):
    """The weekly hours, slots and buffer of a doctor."""

    day0, day1, day2, day3, day4, day5, day6 = (_day_field(number) for number in range(7))
    slot_minutes = IntegerField(
        lazy_gettext("Minutes of one appointment"), [InputRequired(), NumberRange(5, 240, lazy_gettext("5 to 240."))]
    )
    buffer_minutes = IntegerField(
        lazy_gettext("Free minutes between two"), [InputRequired(), NumberRange(0, 120, lazy_gettext("0 to 120."))]
    )
    submit = SubmitField(lazy_gettext("Save the hours"))

    def __init__(self, doctor: Doctor) -> None:
        weekly = {
            f"day{number}": hours_text([hours for day, hours in doctor.plan.weekly if day == number])
            for number in range(7)
        }
        minutes = {"slot_minutes": doctor.slot_minutes, "buffer_minutes": doctor.terms.buffer_minutes}
        super().__init__(data={**weekly, **minutes})

    @property
    def days(self) -> list[_HoursField]:
        return [self[f"day{number}"] for number in range(7)]

    def facts(self, doctor: Doctor) -> DoctorFacts:
        """Return the doctor's facts with these hours.

        Raises:
            HoursOverlap: two stretches of one day share a minute.
        """
        hours = tuple(
            Hours(number, each.opens_minute, each.closes_minute)
            for number, field in enumerate(self.days)
            for each in stretches(field.data)
        )
        return DoctorFacts(doctor.specialty, doctor.room, self.slot_minutes.data, hours)


class TermsForm(Form):
    """What patients see and choose by."""

    place = StringField(lazy_gettext("Place (town or clinic)"), [Length(max=NAME_CHARS)])
    room = StringField(lazy_gettext("Room"), [Length(max=NAME_CHARS)])
    languages = SelectMultipleField(lazy_gettext("Languages that you speak"))
    meeting = SelectField(lazy_gettext("How patients meet you"))
    video_address = StringField(lazy_gettext("Address of your video room"), [Optional(), Length(max=ADDRESS_CHARS)])
    several_a_day = BooleanField(lazy_gettext("A patient may have several appointments with me on one day"))
    submit = SubmitField(lazy_gettext("Save"))

    def __init__(self, doctor: Doctor) -> None:
        terms = doctor.terms
        super().__init__(
            data={
                "place": terms.place,
                "room": doctor.room,
                "languages": list(terms.languages),
                "meeting": terms.meeting.value,
                "video_address": terms.video_address,
                "several_a_day": terms.several_a_day,
            }
        )
        names = sorted(((code, language_name(code)) for code in LANGUAGES), key=lambda pair: pair[1])
        self.languages.choices = [SelectChoice(code, name) for code, name in names]
        self.meeting.choices = [SelectChoice(each.value, meeting_words(each)) for each in Meeting]

    def validate_video_address(self, field: StringField) -> None:
        """Refuse what is not a web address."""
        if not field.data.startswith("https://") or not field.data.isprintable() or " " in field.data:
            raise ValidationError(gettext("Write it like https://video.example/room."))

    def validate_meeting(self, field: SelectField) -> None:
        """Refuse video without an address."""
        if field.data != Meeting.ROOM and not self.video_address.data:
            raise ValidationError(gettext("For video, please give the address of your video room."))

    def terms(self, doctor: Doctor) -> Terms:
        return Terms(
            place=" ".join(self.place.data.split()),
            languages=tuple(self.languages.data or ()),
            meeting=Meeting(self.meeting.data),
            video_address=self.video_address.data or "",
            buffer_minutes=doctor.terms.buffer_minutes,
            several_a_day=bool(self.several_a_day.data),
        )


class DayForm(Form):
    """An exception: a closed day, or extra hours on one day."""

    day = DateField(lazy_gettext("Day"), [InputRequired(lazy_gettext("Please choose a day."))])
    hours = _HoursField(lazy_gettext("Hours on that day; none closes it"), [Length(max=HOURS_CHARS)])
    submit = SubmitField(lazy_gettext("Add the exception"))


class BlockForm(Form):
    """A time that nobody can book."""

    block_day = DateField(lazy_gettext("Day"), [InputRequired(lazy_gettext("Please choose a day."))])
    begins = TimeField(lazy_gettext("From"), [InputRequired(lazy_gettext("Please give the time."))])
    ends = TimeField(lazy_gettext("Until"), [InputRequired(lazy_gettext("Please give the time."))])
    submit = SubmitField(lazy_gettext("Block this time"))

    def time(self, zone: ZoneInfo) -> Slot:
        """Return the block in UTC."""
        day: date = self.block_day.data
        begins, ends = (field.data.hour * 60 + field.data.minute for field in (self.begins, self.ends))
        return Slot(moment_of(day, begins, zone), moment_of(day, ends or DAY_MINUTES, zone))


class CallOffForm(Form):
    """A doctor cancels an appointment."""

    closed = BooleanField(lazy_gettext("Nobody else can book this time"), default=True)
    submit = SubmitField(lazy_gettext("Cancel and tell the patient"))


def pressed(form: Form) -> None:
    """Refuse a form whose token is wrong; a button has nothing else to check.

    Raises:
        NotFound: the form was not sent by a page of this site.
    """
    if not form.validate_on_submit():
        raise NotFound
