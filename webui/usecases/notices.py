"""Mails about an account itself: what changed, so that its owner notices what somebody else did.

Invariant: each is queued in the transaction of the change, goes to the address of the account, and names no patient's
facts.

Source: OWASP ASVS 5.0, 6.3.7 (notify of changes to credentials).
"""

from __future__ import annotations

from enum import StrEnum

from flask_babel import gettext
from sqlalchemy.orm import Session

from webui.store.models import Account
from webui.usecases.mail import Mail
from webui.usecases.readers import writing_to


class Notice(StrEnum):
    """What happened to the account."""

    STEP_ADDED = "step added"
    STEP_REMOVED = "step removed"
    RECOVERY_USED = "recovery used"
    PASSWORD_CHANGED = "password changed"  # noqa: S105 not a password
    PASSWORD_REPLACED = "password replaced"  # noqa: S105 not a password
    TOKEN_MADE = "token made"  # noqa: S105 not a token
    FEED_MADE = "feed made"
    ADDRESS_CHANGED = "address changed"
    LOCKED = "locked"


class Notices:
    """Mails to the owners of accounts."""

    def __init__(self, mail: Mail, hospital: str, address: str) -> None:
        """Write in the name of `hospital`, whose site is at `address`."""
        self._mail = mail
        self._hospital = hospital
        self._address = address

    def send(self, session: Session, account_id: int, notice: Notice, to: str = "") -> None:
        """Queue a notice in the caller's transaction; `to` is another address than the account's."""
        account = session.get(Account, account_id)
        if account is not None:
            with writing_to(session, account_id, own=True):
                self._mail.queue(session, to or account.email, *self._words(account.name, notice))

    def token_made(self, session: Session, account_id: int) -> None:
        """Tell the owner that a program got access, in the caller's transaction."""
        self.send(session, account_id, Notice.TOKEN_MADE)

    def feed_made(self, session: Session, account_id: int) -> None:
        """Tell the owner that there is a private address of the calendar, in the caller's transaction."""
        self.send(session, account_id, Notice.FEED_MADE)

    def letter(self, session: Session, to: str, subject: str, paragraphs: list[str]) -> None:
        """Queue a mail of several paragraphs in the caller's transaction."""
        closing = gettext(
            "This mail comes from the site of %(hospital)s. Nobody reads answers to it.", hospital=self._hospital
        )
        self._mail.queue(session, to, subject, "\n\n".join([*paragraphs, closing]) + "\n")

    def link(self, path: str) -> str:
        """Return the whole address of a page, for a mail."""
        return f"{self._address}{path}"

    def _words(self, name: str, notice: Notice) -> tuple[str, str]:
        subject, what = _what(notice)
        greeting = gettext("Hello %(name)s,", name=name)
        advice = gettext(
            "If this was not you, sign in at %(address)s, change your password, and end all other sessions on the page "
            "Your account. If you cannot sign in, please call the hospital.",
            address=self._address,
        )
        closing = gettext(
            "This mail comes from the site of %(hospital)s. Nobody reads answers to it.", hospital=self._hospital
        )
        return subject, f"{greeting}\n\n{what}\n\n{advice}\n\n{closing}\n"


def _what(notice: Notice) -> tuple[str, str]:
    """Return the subject and the sentence of a notice."""
    words = {
        Notice.STEP_ADDED: (
            gettext("A second step was added to your account"),
            gettext("A passkey or an app for codes was added to your account. All your other sessions have ended."),
        ),
        Notice.STEP_REMOVED: (
            gettext("A second step was removed from your account"),
            gettext("A passkey or an app for codes was removed from your account."),
        ),
        Notice.RECOVERY_USED: (
            gettext("A recovery code was used for your account"),
            gettext("Somebody signed in to your account with your password and a recovery code."),
        ),
        Notice.PASSWORD_CHANGED: (
            gettext("The password of your account was changed"),
            gettext("The password of your account was changed. All other sessions have ended."),
        ),
        Notice.PASSWORD_REPLACED: (
            gettext("The password of your account was changed"),
            gettext(
                "Somebody replaced the forgotten password of your account. All other sessions have ended, and so have "
                "all tokens of programs and your calendar address."
            ),
        ),
        Notice.TOKEN_MADE: (
            gettext("A program got access to your account"),
            gettext(
                "Somebody who was signed in to your account made a token for a program. With it, the program can use "
                "your account without your password, until the token ends. You can revoke it on the page Tokens for "
                "programs."
            ),
        ),
        Notice.FEED_MADE: (
            gettext("Your calendar got a private address"),
            gettext(
                "Somebody who was signed in to your account made a private address of your calendar. Whoever knows it "
                "sees your appointments without your password. You can end it on the page Appointments in my own "
                "calendar."
            ),
        ),
        Notice.ADDRESS_CHANGED: (
            gettext("The e-mail address of your account was changed"),
            gettext("Your account now has another e-mail address. This mail goes to the old one."),
        ),
        Notice.LOCKED: (
            gettext("Too many wrong passwords for your account"),
            gettext(
                "Somebody typed a wrong password for your account too often. The site refuses further tries for a "
                "while. Your password was not changed."
            ),
        ),
    }
    return words[notice]
