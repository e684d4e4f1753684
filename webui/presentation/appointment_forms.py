"""The forms around appointments, for patients.

Invariant: no field takes free text about a patient; the reason comes from a fixed list.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask_babel import gettext, lazy_gettext
from wtforms import DateField, RadioField, SelectField, SubmitField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import InputRequired, ValidationError

from webui.presentation.calendar_wording import language_name, meeting_words, part_words, reason_words
from webui.presentation.forms import Form
from webui.store.booking_rules import Visit
from webui.store.calendar_tables import Meeting, Part, Reason
from webui.store.doctor_plans import Doctor
from webui.store.slots import Slot

NO_CHECK = ""
ANY = ""


class BookForm(Form):
    """An appointment: why, about which check, and where."""

    reason = SelectField(lazy_gettext("Why do you come?"), default=Reason.OTHER.value)
    check = SelectField(lazy_gettext("Which check do you want to talk about?"), default=NO_CHECK)
    meeting = RadioField(lazy_gettext("Where do you want to meet?"))
    submit = SubmitField(lazy_gettext("Book"))

    def __init__(self, doctor: Doctor, checks: Sequence[tuple[int, str]], about: int | None) -> None:
        """Offer the checks (row and words) and the doctor's ways to meet; `about` is chosen at first."""
        known = about is not None and about in {row for row, _ in checks}
        chosen = {
            "reason": (Reason.RESULT if known else Reason.OTHER).value,
            "check": str(about) if known else NO_CHECK,
        }
        super().__init__(data={**chosen, "meeting": doctor.meetings[0].value})
        self.reason.choices = [SelectChoice(each.value, reason_words(each)) for each in Reason]
        self.check.choices = [
            SelectChoice(NO_CHECK, gettext("No check")),
            *(SelectChoice(str(row), words) for row, words in checks),
        ]
        self.meeting.choices = [SelectChoice(each.value, meeting_words(each)) for each in doctor.meetings]

    @property
    def visit(self) -> Visit:
        check = int(self.check.data) if self.check.data else None
        return Visit(Reason(self.reason.data), check, Meeting(self.meeting.data))


class WaitForm(Form):
    """A place on a waiting list: from which day to which day, and in which part of the day."""

    first_day = DateField(lazy_gettext("From"), [InputRequired(lazy_gettext("Please choose the first day."))])
    last_day = DateField(lazy_gettext("Until"), [InputRequired(lazy_gettext("Please choose the last day."))])
    part = RadioField(lazy_gettext("At what time of the day"), default=Part.ANY.value)
    submit = SubmitField(lazy_gettext("Join the waiting list"))

    def __init__(self, **days: object) -> None:
        super().__init__(data=days)
        self.part.choices = [SelectChoice(each.value, part_words(each)) for each in Part]

    def validate_last_day(self, field: DateField) -> None:
        """Refuse days in the wrong order."""
        if self.first_day.data and field.data and field.data < self.first_day.data:
            raise ValidationError(gettext("The last day must not be before the first."))


@dataclass(frozen=True)
class Search:
    """What a patient looks for; an empty text is anything. It comes from the address, so a search can be kept."""

    place: str = ANY
    specialty: str = ANY
    language: str = ANY
    meeting: str = ANY

    def finds(self, doctor: Doctor) -> bool:
        return (
            self.place in {ANY, doctor.terms.place}
            and self.specialty in {ANY, doctor.specialty}
            and (self.language == ANY or self.language in doctor.terms.languages)
            and (self.meeting == ANY or self.meeting in doctor.meetings)
        )

    @property
    def empty(self) -> bool:
        return self == Search()


Choices = list[tuple[str, str]]


def search_choices(doctors: Sequence[Doctor]) -> dict[str, Choices]:
    """Return, for each filter, the values that a doctor has and their words."""
    places = sorted({each.terms.place for each in doctors} - {""})
    specialties = sorted({each.specialty for each in doctors} - {""})
    languages = {code: language_name(code) for each in doctors for code in each.terms.languages}
    meetings = {way for each in doctors for way in each.meetings}
    return {
        "place": [(each, each) for each in places],
        "specialty": [(each, each) for each in specialties],
        "language": sorted(languages.items(), key=lambda pair: pair[1]),
        "meeting": [(way.value, meeting_words(way)) for way in Meeting if way in meetings],
    }


def soonest_first(doctors: Sequence[tuple[Doctor, list[Slot]]]) -> list[tuple[Doctor, list[Slot]]]:
    """Order doctors by their next free time; those without one come last."""
    return sorted(doctors, key=lambda pair: (not pair[1], pair[1][:1]))
