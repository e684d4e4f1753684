"""Ways back into an account by mail: a link for a new password, and a link that confirms a new address.

Invariant: a link works once, for 30 minutes, and the answer to a request never says whether the address has an account.
A new password ends all sessions and all other links. One that replaces a forgotten password ends all tokens of programs
and the calendar address, too: a thief may have made them.

Source: OWASP Forgot Password Cheat Sheet; NIST SP 800-63B, 4.2.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable

from flask_babel import gettext
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webui.account_errors import LinkRefused
from webui.errors import AccountExists
from webui.store.accounts import AccountStore, SignedInUser, find_account, member_of
from webui.store.calendar_feeds import end_feed
from webui.store.database import Database
from webui.store.emails import email_key, typed_email
from webui.store.models import Account
from webui.store.one_time import OneTime, OneTimeStore
from webui.store.tokens import revoke_all
from webui.usecases.notices import Notice, Notices
from webui.usecases.readers import writing_to

LINK_S = 30 * 60
LINK_MINUTES = LINK_S // 60
LINK_CHARS = 43
"""Of 32 bytes in base64url without padding."""


class WaysBack:
    """Links in mails."""

    def __init__(
        self,
        database: Database,
        accounts: AccountStore,
        links: OneTimeStore,
        notices: Notices,
        clock: Callable[[], int],
    ) -> None:
        """Store links in `database`; `clock` gives seconds since 1970."""
        self._database = database
        self._accounts = accounts
        self._links = links
        self._notices = notices
        self._clock = clock

    def ask(self, email: str, path: str) -> None:
        """Mail a link for a new password if the address has an account; `path` has `{}` for the code."""

        def work(session: Session) -> None:
            account = find_account(session, email)
            if account is None or account.disabled_at is not None:
                return
            code = _written(self._links.new(session, OneTime.RESET, LINK_S, account.id))
            with writing_to(session, account.id, own=True):
                self._mail_link(
                    session,
                    account.email,
                    gettext("A new password for your account"),
                    gettext("Somebody, perhaps you, asked for a new password for your account."),
                    self._notices.link(path.format(code)),
                )

        self._database.write(work)

    def check(self, code: str) -> None:
        """Check a link for a new password without using it up: programs that look into mails open links, too.

        Raises:
            LinkRefused: it is wrong, was used, or is too old.
        """
        if self._links.look(OneTime.RESET, _read(code)) is None:
            raise LinkRefused

    def renew(self, code: str, password: str) -> SignedInUser:
        """Set a new password with a link, and end all sessions; return the account.

        Raises:
            LinkRefused: the link is wrong, was used, or is too old.
            PasswordMalformed, PasswordWeak: the password is not acceptable; the link stays valid.
        """
        granted = self._links.look(OneTime.RESET, _read(code))
        if granted is None or granted.account_id is None:
            raise LinkRefused
        renewed = self._accounts.new_hash(granted.account_id, password)

        def work(session: Session) -> SignedInUser:
            taken = self._links.take(session, OneTime.RESET, _read(code))
            account = session.get(Account, taken.account_id) if taken is not None else None
            if account is None or account.disabled_at is not None:
                raise LinkRefused
            account.password_hash = renewed
            account.session_version += 1
            account.reset_digest = account.reset_ends_at = None
            self.replaced(session, account.id)
            return member_of(account)

        return self._database.write(work)

    def changed(self, session: Session, account_id: int) -> None:
        """Do what a changed password needs, in the caller's transaction: end open links, and tell the owner."""
        self._links.forget(session, OneTime.RESET, account_id)
        self._notices.send(session, account_id, Notice.PASSWORD_CHANGED)

    def replaced(self, session: Session, account_id: int) -> None:
        """Do what a password that replaces a forgotten one needs: end links, tokens and the calendar address, too."""
        self._links.forget(session, OneTime.RESET, account_id)
        revoke_all(session, account_id, self._clock())
        end_feed(session, account_id)
        self._notices.send(session, account_id, Notice.PASSWORD_REPLACED)

    def ask_address(self, user: SignedInUser, email: str, path: str) -> None:
        """Mail a link to a new address of the account; the address changes when somebody opens it there.

        Raises:
            EmailMalformed: it is not an e-mail address.
        """
        email_key(email)

        def work(session: Session) -> None:
            self._links.forget(session, OneTime.EMAIL, user.id)
            code = _written(self._links.new(session, OneTime.EMAIL, LINK_S, user.id, typed_email(email)))
            self._mail_link(
                session,
                typed_email(email),
                gettext("Confirm your new e-mail address"),
                gettext("Somebody, perhaps you, wants to use this e-mail address for an account."),
                self._notices.link(path.format(code)),
            )

        self._database.write(work)

    def new_address(self, user: SignedInUser, code: str) -> str:
        """Change the address of an account with a link, and return the new address.

        Raises:
            LinkRefused: the link is wrong, was used, is too old, or belongs to another account.
            AccountExists: another account has this address now.
        """

        def work(session: Session) -> str:
            taken = self._links.take(session, OneTime.EMAIL, _read(code))
            if taken is None or taken.account_id != user.id:
                raise LinkRefused
            account = session.get_one(Account, user.id)
            self._links.forget(session, OneTime.RESET, user.id)
            self._notices.send(session, user.id, Notice.ADDRESS_CHANGED, account.email)
            account.email, account.email_key = taken.about, email_key(taken.about)
            session.flush()
            return account.email

        try:
            return self._database.write(work)
        except IntegrityError as error:
            raise AccountExists from error

    def _mail_link(self, session: Session, to: str, subject: str, why: str, link: str) -> None:
        advice = gettext("Open this link within %(minutes)d minutes. It works once:", minutes=LINK_MINUTES)
        otherwise = gettext("If you did not ask for this, do nothing. Nothing changes without the link.")
        self._notices.letter(session, to, subject, [why, advice, link, otherwise])


def _written(token: bytes) -> str:
    return urlsafe_b64encode(token).decode().rstrip("=")


def _read(code: str) -> bytes:
    try:
        return urlsafe_b64decode(code + "=") if len(code) == LINK_CHARS else b""
    except (NotBase64, ValueError):
        return b""
