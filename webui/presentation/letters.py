"""Mails about doctors' work and patients' data: a review arrived, a request waits or was answered, who asked or opened.

Invariant: a mail names no result, no patient, no reason and no purpose. It says that there is news, and where to look.

Source: webui/usecases/mail.py.
"""

from __future__ import annotations

from webui.presentation.texts import gettext
from webui.store.patient_notices import News
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


def news_letter(kind: News, site_address: str) -> Message:
    """Return the mail to a patient about news of a kind; `site_address` is that of the site."""
    where = f"{site_address}/requests/accesses"
    subject, text = {
        News.ASKED: (
            gettext("Somebody asked for one of your records"),
            gettext(
                "Somebody asked the trustees to open one of your records. Sign in to see who, when and why: "
                "%(address)s",
                address=where,
            ),
        ),
        News.OPENED: (
            gettext("Your records were opened"),
            gettext(
                "Somebody opened one or more of your records since the last mail of this kind. Sign in to see who, "
                "when and which: %(address)s",
                address=where,
            ),
        ),
        News.RECEIPT: (
            gettext("Your receipt can be compared with the ledger"),
            gettext(
                "The fingerprint of an answer that you got is on the ledger now. Sign in to download its receipt "
                "again: %(address)s",
                address=f"{site_address}/checks/",
            ),
        ),
        News.PROOF: (
            gettext("The proof of your receipt is there"),
            gettext(
                "The receipt of an answer that you got has its proof now: anybody can check it without this hospital. "
                "Sign in to download the receipt again: %(address)s",
                address=f"{site_address}/checks/",
            ),
        ),
    }[kind]
    off = gettext(
        "You can switch these mails off on the page Your account: %(address)s", address=f"{site_address}/account"
    )
    return Message(subject, f"{text}\n\n{off}\n")
