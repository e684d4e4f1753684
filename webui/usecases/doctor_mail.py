"""Mails to a doctor about appointments that others booked, moved or cancelled.

Invariant: a mail is queued in the transaction of its change, in the doctor's language. Like the doctor's private
calendar, it has the time and no patient's name, for a mailbox may be read by others. A doctor gets none about what the
doctor did, and none at all if the doctor does not want them.

Source: webui/store/mail_choices.py (the choice); appointment_mail.py (the mails to patients).
"""

from __future__ import annotations

from dataclasses import dataclass

from flask_babel import gettext
from sqlalchemy.orm import Session

from webui.store.booking_rules import News
from webui.store.mail_choices import wants_bookings
from webui.store.models import Appointment

TOLD = frozenset({News.BOOKED, News.RESTORED, News.MOVED, News.CANCELLED, News.HOSPITAL_CANCELLED})
"""Not CALLED_OFF, which the doctor did, and no reminders."""


@dataclass(frozen=True)
class DoctorNote:
    """The words of a mail to a doctor."""

    subject: str
    text: str
    title: str
    """Of the appointment in the doctor's calendar."""


def to_be_told(session: Session, booking: Appointment, news: News) -> bool:
    """Return whether the doctor of an appointment gets a mail about this news."""
    account = booking.doctor.account
    return news in TOLD and account.disabled_at is None and wants_bookings(session, account.id)


def doctor_note(news: News, moment: str) -> DoctorNote:
    """Return the words of a mail about an appointment at `moment`."""
    subjects = {
        News.BOOKED: gettext("New appointment: %(moment)s", moment=moment),
        News.RESTORED: gettext("Booked again: %(moment)s", moment=moment),
        News.MOVED: gettext("Moved to a new time: %(moment)s", moment=moment),
        News.CANCELLED: gettext("Cancelled by the patient: %(moment)s", moment=moment),
        News.HOSPITAL_CANCELLED: gettext("Cancelled by the hospital: %(moment)s", moment=moment),
    }
    sentences = {
        News.BOOKED: gettext("A patient booked an appointment with you: %(moment)s.", moment=moment),
        News.RESTORED: gettext("A patient booked a cancelled appointment with you again: %(moment)s.", moment=moment),
        News.MOVED: gettext("A patient moved an appointment with you. The new time is %(moment)s.", moment=moment),
        News.CANCELLED: gettext("A patient cancelled the appointment with you: %(moment)s.", moment=moment),
        News.HOSPITAL_CANCELLED: gettext("The hospital cancelled an appointment with you: %(moment)s.", moment=moment),
    }
    advice = gettext("Sign in to see who it is. On the page Your account you can switch these mails off.")
    return DoctorNote(subjects[news], f"{sentences[news]} {advice}", gettext("Appointment with a patient"))
