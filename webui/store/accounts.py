"""Who can sign in.

Invariant: an e-mail address belongs to one account; a password leaves this module only as a hash.

Source: OWASP Authentication and Session Management Cheat Sheets.
Not here: cookies and pages (webui/login.py, webui/pages/accounts.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webui.store.database import Database
from webui.store.models import EMAIL_CHARS, Account, DoctorProfile, OfficeHours, PatientProfile, SiteRole
from webui.store.passwords import Passwords
from webui.store.refusals import AccountExists, EmailMalformed, SignInRefused


@dataclass(frozen=True)
class Member:
    """An account as the pages see it; the shape Flask-Login asks for."""

    id: int
    role: SiteRole
    name: str
    session_version: int
    is_authenticated: bool = field(default=True, init=False)
    is_active: bool = field(default=True, init=False)
    is_anonymous: bool = field(default=False, init=False)

    def get_id(self) -> str:
        """Return what the session cookie carries."""
        return f"{self.id}:{self.session_version}"


@dataclass(frozen=True)
class PatientFacts:
    """What a patient tells beside name and address."""

    date_of_birth: date


@dataclass(frozen=True)
class Hours:
    """A stretch of a weekday (0 is Monday), in minutes since local midnight."""

    weekday: int
    opens_minute: int
    closes_minute: int


@dataclass(frozen=True)
class DoctorFacts:
    """What patients see of a doctor, and when the doctor sees patients."""

    specialty: str
    room: str
    slot_minutes: int
    hours: tuple[Hours, ...]


@dataclass(frozen=True)
class NewAccount:
    """An account to create."""

    role: SiteRole
    email: str
    name: str
    password: str = field(repr=False)
    facts: PatientFacts | DoctorFacts | None = None
    """PatientFacts for a patient, DoctorFacts for a doctor, None for the others."""


class AccountStore:
    """The accounts."""

    def __init__(self, database: Database, passwords: Passwords, clock: Callable[[], int]) -> None:
        """Keep accounts in `database`; `clock` gives seconds since 1970."""
        self._database = database
        self._passwords = passwords
        self._clock = clock

    def create(self, new: NewAccount) -> Member:
        """Create an account with the profile of its role.

        Raises:
            AccountExists: the e-mail address is taken.
            EmailMalformed: it is no e-mail address.
            TypeError: role and facts do not belong together.
        """
        account = Account(
            email=fold_email(new.email),
            name=new.name.strip(),
            role=new.role.value,
            password_hash=self._passwords.hash(new.password),
            session_version=0,
            created_at=self._clock(),
        )
        profile = _profile(new)

        def work(session: Session) -> Member:
            session.add(account)
            session.flush()
            if profile is not None:
                profile.account = account
                session.add(profile)
                session.flush()
            return _member(account)

        try:
            return self._database.write(work)
        except IntegrityError as error:
            if self._find(account.email) is None:
                raise
            raise AccountExists from error

    def seed(self, accounts: Iterable[NewAccount]) -> tuple[str, ...]:
        """Create those accounts whose address is free and return their addresses; the others stay as they are."""
        created = []
        for new in accounts:
            try:
                self.create(new)
            except AccountExists:
                continue
            created.append(fold_email(new.email))
        return tuple(created)

    def sign_in(self, email: str, password: str) -> Member:
        """Return the account to which both belong; its hash is renewed when it was made at another cost.

        Raises:
            SignInRefused: they do not; which of the two is wrong is not told, nor by the time it takes.
        """
        account = self._find(email.strip().casefold())
        fits = self._passwords.fits(account.password_hash if account is not None else None, password)
        if account is None or not fits:
            raise SignInRefused
        if self._passwords.outdated(account.password_hash):
            self._rehash(account.id, password)
        return _member(account)

    def resume(self, session_id: str) -> Member | None:
        """Return the account of a session cookie, or None when the session was ended."""
        try:
            account_id, version = (int(part) for part in session_id.split(":"))
        except ValueError:
            return None
        with self._database.reading() as session:
            account = session.get(Account, account_id)
        return _member(account) if account is not None and account.session_version == version else None

    def end_sessions(self, account_id: int) -> None:
        """End every session of this account, on all devices."""

        def work(session: Session) -> None:
            session.get_one(Account, account_id).session_version += 1

        self._database.write(work)

    def _find(self, email: str) -> Account | None:
        with self._database.reading() as session:
            return session.scalar(select(Account).where(Account.email == email))

    def _rehash(self, account_id: int, password: str) -> None:
        renewed = self._passwords.hash(password)

        def work(session: Session) -> None:
            session.get_one(Account, account_id).password_hash = renewed

        self._database.write(work)


def fold_email(text: str) -> str:
    """Return the address as it is stored and compared.

    Raises:
        EmailMalformed: not one `@` between two parts, blanks inside, or too long.
    """
    folded = text.strip().casefold()
    local, at, domain = folded.partition("@")
    printable = folded.isprintable() and " " not in folded
    if not (local and at and domain) or "@" in domain or not printable or len(folded) > EMAIL_CHARS:
        raise EmailMalformed
    return folded


def _member(account: Account) -> Member:
    return Member(account.id, SiteRole(account.role), account.name, account.session_version)


def _profile(new: NewAccount) -> PatientProfile | DoctorProfile | None:
    match new.role, new.facts:
        case SiteRole.PATIENT, PatientFacts(date_of_birth):
            return PatientProfile(date_of_birth=date_of_birth)
        case SiteRole.DOCTOR, DoctorFacts(specialty, room, slot_minutes, hours):
            rows = [
                OfficeHours(weekday=h.weekday, opens_minute=h.opens_minute, closes_minute=h.closes_minute)
                for h in hours
            ]
            return DoctorProfile(specialty=specialty, room=room, slot_minutes=slot_minutes, hours=rows)
        case ((SiteRole.AUDITOR | SiteRole.OPERATOR), None):
            return None
    raise TypeError(f"an account of the role {new.role} has other facts")
