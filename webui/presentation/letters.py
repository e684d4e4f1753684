"""Mails about doctors' work: that a review arrived, that a request waits, that it was answered.

Invariant: a mail names no result, no patient, no reason and no purpose. It says that there is news, and where to look.

Source: webui/usecases/mail.py.
"""

from __future__ import annotations

from webui.presentation.texts import gettext
from webui.usecases.request_notices import Message, Messages
from webui.usecases.superseded_notices import SupersededLetters


def review_letter(doctor: str, address: str) -> Message:
    """Return the mail to a patient: `doctor` has looked at a check, which is at `address`."""
    text = gettext(
        "%(doctor)s has looked at one of your checks. Sign in to read what the doctor says: %(address)s",
        doctor=doctor,
        address=address,
    )
    return Message(gettext("A doctor has looked at your check"), text)


def superseded_letters(address: str) -> SupersededLetters:
    """Return the mails about a model that is no longer in use; `address` is that of the site."""
    subject = gettext("A model that gave answers is no longer in use")
    patient = gettext(
        "A hospital left or took data back, so the hospitals no longer use a model that may have answered one of your "
        "checks. Sign in to see which of your results are marked, and what you can do: %(address)s",
        address=address,
    )
    doctor = gettext(
        "A hospital left or took data back, so the hospitals no longer use a model that may have answered checks of "
        "your patients. Sign in to see which results are marked: %(address)s",
        address=address,
    )
    return SupersededLetters(Message(subject, patient), Message(subject, doctor))


def request_letters(address: str) -> Messages:
    """Return the mails about requests; `address` is that of the page of requests."""
    return Messages(_waiting_letter(address), _answered_letter(address))


def _waiting_letter(address: str) -> Message:
    text = gettext(
        "Somebody asks to open a record, and you are one of the trustees who can answer. "
        "Sign in to see who asks, why and until when: %(address)s",
        address=address,
    )
    return Message(gettext("A request waits for your answer"), text)


def _answered_letter(address: str) -> Message:
    text = gettext("There is news about your request to open a record. Sign in to see it: %(address)s", address=address)
    return Message(gettext("News about your request"), text)
