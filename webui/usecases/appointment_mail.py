"""Mails to patients about appointments: booked, moved, cancelled, a reminder, an offer of the waiting list.

Invariant: a mail is queued in the transaction of its change. It names the doctor, the time and the place, and nothing
about health: neither specialty nor reason nor result.

Not here: how mail leaves the site (mail.py); the words to doctors (doctor_mail.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from babel import Locale
from flask_babel import get_locale, gettext
from sqlalchemy.orm import Session

from webui.ports.mail import Attachment
from webui.store.booking_rules import News
from webui.store.calendar_tables import AppointmentDetail, DoctorSchedule, TakenTime, WaitingWish
from webui.store.models import Appointment
from webui.store.preferences import Preferences
from webui.usecases.calendar_files import MEDIA_TYPE, Method, Publisher, calendar_file, entry_of, place_of
from webui.usecases.dates import day_words
from webui.usecases.doctor_mail import doctor_note, to_be_told
from webui.usecases.mail import Mail
from webui.usecases.readers import writing_to

OWN = {News.BOOKED, News.RESTORED, News.MOVED, News.CANCELLED}
"""What the patient does."""
GONE = {News.CANCELLED, News.CALLED_OFF, News.HOSPITAL_CANCELLED}


@dataclass(frozen=True)
class Letterhead:
    """What every mail of one hospital has."""

    hospital: str
    sender: str
    address: str
    """Of the site, without a slash at the end; empty if it is not known."""
    zone: ZoneInfo

    @property
    def publisher(self) -> Publisher:
        return Publisher(self.hospital, self.sender)

    def moment(self, seconds: int, reader: Preferences) -> str:
        """Return a moment with weekday, date, time and zone, as the reader of the mail wants it."""
        zone = reader.zone_or(self.zone)
        local = datetime.fromtimestamp(seconds, zone)
        day = day_words(local, "yMMMMEEEEd", get_locale() or Locale("en"), reader.dates)
        return f"{day}, {local:%H:%M} ({zone.key})"


class AppointmentMail:
    """Writes the mails of one hospital."""

    def __init__(self, mail: Mail, head: Letterhead, clock: Callable[[], int]) -> None:
        """Queue in `mail`; `clock` gives seconds since 1970."""
        self._mail = mail
        self._head = head
        self._clock = clock

    def tell(self, session: Session, booking: Appointment, news: News) -> None:
        """Queue the mails to the patient and to the doctor, who may not want one, with a file for the calendar."""
        with writing_to(session, booking.patient_id, own=news in OWN) as reader:
            self._tell_patient(session, booking, news, reader)
        if to_be_told(session, booking, news):
            with writing_to(session, booking.doctor_id) as reader:
                self._tell_doctor(session, booking, news, reader)

    def _tell_patient(self, session: Session, booking: Appointment, news: News, reader: Preferences) -> None:
        facts = {
            "doctor": booking.doctor.account.name,
            "moment": self._head.moment(booking.starts_at, reader),
            "hospital": self._head.hospital,
        }
        where = "" if news in GONE else self._place(session, booking)
        parts = (_sentence(news, facts), _where(where), self._foot("/appointments/"))
        text = "\n\n".join(part for part in parts if part)
        title = gettext("Appointment: %(doctor)s", doctor=booking.doctor.account.name)
        file = self._file(session, booking, news, title, where)
        self._mail.queue(session, booking.patient.account.email, _subject(news, facts), text, [file])

    def _tell_doctor(self, session: Session, booking: Appointment, news: News, reader: Preferences) -> None:
        note = doctor_note(news, self._head.moment(booking.starts_at, reader))
        file = self._file(session, booking, news, note.title, self._place(session, booking))
        text = f"{note.text}\n\n{self._foot('/doctor/')}"
        self._mail.queue(session, booking.doctor.account.email, note.subject, text, [file])

    def _file(self, session: Session, booking: Appointment, news: News, title: str, where: str) -> Attachment:
        """Return the appointment for somebody's calendar."""
        method = Method.CANCEL if news in GONE else Method.PUBLISH
        entry = entry_of(booking, session.get(AppointmentDetail, booking.id), title, where, self._clock())
        return Attachment("appointment.ics", MEDIA_TYPE, calendar_file([entry], self._head.publisher, method))

    def offer(self, session: Session, wish: WaitingWish, offer: TakenTime) -> None:
        """Queue the mail that offers a time to somebody on a waiting list."""
        session.refresh(wish)
        with writing_to(session, wish.patient_id) as reader:
            self._offer(session, wish, offer, reader)

    def _offer(self, session: Session, wish: WaitingWish, offer: TakenTime, reader: Preferences) -> None:
        facts = {
            "doctor": wish.doctor.account.name,
            "moment": self._head.moment(offer.starts_at, reader),
            "until": self._head.moment(offer.held_until or offer.starts_at, reader),
        }
        text = gettext(
            "A time with %(doctor)s is free: %(moment)s.\n\nThe site keeps it for you until %(until)s. Sign in to "
            "accept or decline it. After that, the next person on the waiting list gets it.",
            **facts,
        )
        subject = gettext("A free time on %(moment)s", moment=facts["moment"])
        self._mail.queue(session, wish.patient.account.email, subject, f"{text}\n\n{self._foot('/appointments/')}")

    def _place(self, session: Session, booking: Appointment) -> str:
        detail, terms = session.get(AppointmentDetail, booking.id), session.get(DoctorSchedule, booking.doctor_id)
        video, place = (terms.video_address, terms.place) if terms is not None else ("", "")
        return place_of(booking, detail, video, place)

    def _foot(self, path: str) -> str:
        where = f"{self._head.address}{path}" if self._head.address else ""
        return "\n".join(part for part in (self._head.hospital, where) if part)


def _where(place: str) -> str:
    return gettext("Where: %(place)s", place=place) if place else ""


def _subject(news: News, facts: dict[str, str]) -> str:
    words: dict[News, str] = {
        News.BOOKED: gettext("Your appointment on %(moment)s", **facts),
        News.RESTORED: gettext("Booked again: your appointment on %(moment)s", **facts),
        News.MOVED: gettext("New time: your appointment on %(moment)s", **facts),
        News.CANCELLED: gettext("Cancelled: your appointment on %(moment)s", **facts),
        News.CALLED_OFF: gettext("Cancelled by the doctor: your appointment on %(moment)s", **facts),
        News.HOSPITAL_CANCELLED: gettext("Cancelled by the hospital: your appointment on %(moment)s", **facts),
        News.REMINDER: gettext("Reminder: your appointment on %(moment)s", **facts),
    }
    return words[news]


def _sentence(news: News, facts: dict[str, str]) -> str:
    words: dict[News, str] = {
        News.BOOKED: gettext("You have an appointment with %(doctor)s: %(moment)s.", **facts),
        News.RESTORED: gettext("Your appointment with %(doctor)s is booked again: %(moment)s.", **facts),
        News.MOVED: gettext("Your appointment with %(doctor)s has a new time: %(moment)s.", **facts),
        News.CANCELLED: gettext("You cancelled your appointment with %(doctor)s: %(moment)s.", **facts),
        News.CALLED_OFF: gettext(
            "%(doctor)s cannot see you on %(moment)s and has cancelled the appointment. We are sorry. Sign in to "
            "choose another time.",
            **facts,
        ),
        News.HOSPITAL_CANCELLED: gettext(
            "The hospital has cancelled your appointment with %(doctor)s: %(moment)s. We are sorry. To get another "
            "appointment, sign in or call the hospital.",
            **facts,
        ),
        News.REMINDER: gettext(
            "Please remember your appointment with %(doctor)s: %(moment)s. If you cannot come, cancel it on the site, "
            "so that somebody else can have the time.",
            **facts,
        ),
    }
    return words[news]
