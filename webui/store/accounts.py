"""Accounts: create, sign in, change the password.

Invariant: one e-mail address, in any spelling, has one account; a password leaves this module only as a hash; a
disabled account has no session.

Source: OWASP Authentication and Session Management Cheat Sheets.
Not here: changes by the hospital's staff (staff.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webui.errors import AccountExists, CodeRefused, SignInRefused
from webui.store.database import Database
from webui.store.emails import email_key, search_key, typed_email
from webui.store.models import Account, SiteRole
from webui.store.new_accounts import DoctorFacts, NewAccount, profile_of
from webui.store.passwords import Passwords, typed_form
from webui.store.person_names import person_name

Also = Callable[[Session, int], None]
"""What else happens in the transaction that changes an account, by its number."""


def nothing_else(_session: Session, _account_id: int) -> None:
    """Do nothing else."""


@dataclass(frozen=True)
class SignedInUser:
    """An account for the pages, in the shape that Flask-Login requires."""

    id: int
    role: SiteRole
    name: str
    session_version: int
    token: str = field(default="", repr=False)
    """Of this session (sessions.py); empty outside one."""
    steps: str = ""
    """How the person proved who they are: a value of `sessions.Steps`."""
    confirmed_at: int = 0
    """When they last did, in seconds since 1970."""
    is_authenticated: bool = field(default=True, init=False)
    is_active: bool = field(default=True, init=False)
    is_anonymous: bool = field(default=False, init=False)

    def get_id(self) -> str:
        """Return the contents of the session cookie."""
        return f"{self.id}:{self.session_version}:{self.token}"

    @property
    def staff(self) -> bool:
        return self.role != SiteRole.PATIENT


class AccountStore:
    """The accounts."""

    def __init__(self, database: Database, passwords: Passwords, clock: Callable[[], int]) -> None:
        """Store accounts in `database`; `clock` gives seconds since 1970."""
        self._database = database
        self._passwords = passwords
        self._clock = clock

    def create(self, new: NewAccount) -> SignedInUser:
        """Create an account with the profile of its role.

        Raises:
            AccountExists: the e-mail address is taken.
            EmailMalformed, NameMalformed, PasswordMalformed, PasswordWeak: a value is not valid.
            TypeError: role and facts do not belong together.
        """
        account = Account(
            email=typed_email(new.email),
            email_key=email_key(new.email),
            name=person_name(new.name),
            role=new.role.value,
            password_hash=self._passwords.accept(new.password, (new.name, new.email)),
            session_version=0,
            created_at=self._clock(),
        )
        profile = profile_of(new, account)

        def work(session: Session) -> SignedInUser:
            session.add(account)
            session.flush()
            if profile is not None:
                session.add(profile)
                session.flush()
            if isinstance(new.facts, DoctorFacts):
                session.add(new.facts.schedule(account))
                session.flush()
            return member_of(account)

        try:
            return self._database.write(work)
        except IntegrityError as error:
            if self._find(new.email) is None:
                raise
            raise AccountExists from error

    def seed(self, accounts: Iterable[NewAccount]) -> tuple[str, ...]:
        """Create the accounts whose address is free, and return these addresses."""
        created = []
        for new in accounts:
            try:
                self.create(new)
            except AccountExists:
                continue
            created.append(new.email)
        return tuple(created)

    def sign_in(self, email: str, password: str) -> SignedInUser:
        """Return the account of this address and password; renew its hash if the cost has changed.

        Raises:
            SignInRefused: they do not match, or the account is disabled. Neither the error nor its timing says which.
        """
        account, typed = self._find(email), typed_form(password)
        matches = self._passwords.matches(account.password_hash if account is not None else None, typed)
        if account is None or not matches or account.disabled_at is not None:
            raise SignInRefused
        if self._passwords.outdated(account.password_hash):
            self._keep_hash(account.id, self._passwords.hash(typed))
        return member_of(account)

    def change_password(self, account_id: int, old: str, new: str, also: Also = nothing_else) -> SignedInUser:
        """Change a password and end all sessions of the account; return the account for a new session.

        `also` runs in the same transaction, as in the methods below.

        Raises:
            SignInRefused: `old` is not the current password.
            PasswordMalformed, PasswordWeak: `new` is not acceptable.
        """
        with self._database.reading() as session:
            account = session.get_one(Account, account_id)
        if not self._passwords.matches(account.password_hash, typed_form(old)) or account.disabled_at is not None:
            raise SignInRefused
        return self._renew(account, new, None, also)

    def replace_forgotten(self, email: str, code: str, new: str, also: Also = nothing_else) -> SignedInUser:
        """Set a new password with a one-time code; this ends the code and all sessions.

        Raises:
            CodeRefused: address and code do not match, or the code expired or was used.
            PasswordMalformed, PasswordWeak: `new` is not acceptable; the code stays valid.
        """
        account = self._find(email)
        digest, now = code_digest(code), self._clock()
        if account is None or not _code_matches(account, digest, now):
            raise CodeRefused
        return self._renew(account, new, digest, also)

    def new_hash(self, account_id: int, new: str) -> str:
        """Return the hash of a new password for an account, which the caller stores.

        Raises:
            PasswordMalformed, PasswordWeak: `new` is not acceptable.
        """
        with self._database.reading() as session:
            known = session.get_one(Account, account_id)
        return self._passwords.accept(new, (known.name, known.email))

    def check_password(self, account_id: int, password: str) -> None:
        """Check the current password of somebody who is signed in.

        Raises:
            SignInRefused: it is another one.
        """
        with self._database.reading() as session:
            account = session.get_one(Account, account_id)
        if not self._passwords.matches(account.password_hash, typed_form(password)):
            raise SignInRefused

    def get(self, account_id: int) -> SignedInUser | None:
        """Return an account without a session; None if it is disabled or gone."""
        with self._database.reading() as session:
            account = session.get(Account, account_id)
        return None if account is None or account.disabled_at is not None else member_of(account)

    def find(self, email: str) -> int | None:
        """Return the number of the account with this address, for the operator."""
        account = self._find(email)
        return None if account is None else account.id

    def email_of(self, account_id: int) -> str:
        """Return an account's address as it was typed."""
        with self._database.reading() as session:
            return session.get_one(Account, account_id).email

    def end_sessions(self, account_id: int) -> None:
        def work(session: Session) -> None:
            session.get_one(Account, account_id).session_version += 1

        self._database.write(work)

    def _find(self, email: str) -> Account | None:
        with self._database.reading() as session:
            return find_account(session, email)

    def _keep_hash(self, account_id: int, renewed: str) -> None:
        def work(session: Session) -> None:
            session.get_one(Account, account_id).password_hash = renewed

        self._database.write(work)

    def _renew(self, known: Account, new: str, code: bytes | None, also: Also) -> SignedInUser:
        """Store a new password; if two use one code at once, refuse the second."""
        renewed, now = self._passwords.accept(new, (known.name, known.email)), self._clock()

        def work(session: Session) -> SignedInUser:
            account = session.get_one(Account, known.id)
            if code is not None and not _code_matches(account, code, now):
                raise CodeRefused
            account.password_hash = renewed
            account.session_version += 1
            account.reset_digest = account.reset_ends_at = None
            also(session, account.id)
            return member_of(account)

        return self._database.write(work)


def find_account(session: Session, email: str) -> Account | None:
    """Return the account of an e-mail address in any spelling."""
    return session.scalar(select(Account).where(Account.email_key == search_key(email)))


def code_digest(code: str) -> bytes:
    """Return the stored form of a one-time code; case, hyphens and blanks do not count."""
    return sha256("".join(sign for sign in code.upper() if sign.isalnum()).encode(errors="replace")).digest()


def _code_matches(account: Account, digest: bytes, now: int) -> bool:
    ends_at = account.reset_ends_at or 0
    return account.disabled_at is None and account.reset_digest == digest and now < ends_at


def member_of(account: Account) -> SignedInUser:
    """Return an account for the pages, without a session."""
    return SignedInUser(account.id, SiteRole(account.role), account.name, account.session_version)
