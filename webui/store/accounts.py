"""Accounts: create, sign in, change the password.

Invariant: one e-mail address, in any spelling, has one account; a password leaves this module only as a hash; a
disabled account has no session.

Source: OWASP Authentication and Session Management Cheat Sheets.
Not here: changes by the hospital's staff (staff.py).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from hashlib import sha256
from itertools import pairwise

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webui.errors import AccountExists, CodeRefused, HoursOverlap, SignInRefused
from webui.store.calendar_tables import DoctorSchedule, Meeting
from webui.store.database import Database
from webui.store.emails import email_key, search_key, typed_email
from webui.store.models import Account, DoctorProfile, OfficeHours, PatientProfile, SiteRole
from webui.store.passwords import Passwords, typed_form
from webui.store.person_names import person_name

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class SignedInUser:
    """An account for the pages, in the shape that Flask-Login requires."""

    id: int
    role: SiteRole
    name: str
    session_version: int
    is_authenticated: bool = field(default=True, init=False)
    is_active: bool = field(default=True, init=False)
    is_anonymous: bool = field(default=False, init=False)

    def get_id(self) -> str:
        """Return the contents of the session cookie."""
        return f"{self.id}:{self.session_version}"


@dataclass(frozen=True)
class PatientFacts:
    """What the site knows about a patient besides the account."""

    date_of_birth: date


@dataclass(frozen=True)
class Hours:
    """Working hours on a weekday (0 is Monday), in minutes since local midnight."""

    weekday: int
    opens_minute: int
    closes_minute: int


@dataclass(frozen=True)
class DoctorFacts:
    """A doctor's public facts and working hours."""

    specialty: str
    room: str
    slot_minutes: int
    hours: tuple[Hours, ...]
    place: str = ""
    """The clinic's site; only for a new account, as the languages. Later the doctor changes both."""
    languages: tuple[str, ...] = ()
    """Codes of ISO 639-1."""

    def __post_init__(self) -> None:
        """Refuse hours that overlap.

        Raises:
            HoursOverlap: two of them share a minute.
        """
        in_order = sorted(self.hours, key=lambda each: (each.weekday, each.opens_minute))
        for first, second in pairwise(in_order):
            if first.weekday == second.weekday and second.opens_minute < first.closes_minute:
                raise HoursOverlap(WEEKDAYS[first.weekday])

    def rows(self) -> list[OfficeHours]:
        return [
            OfficeHours(weekday=each.weekday, opens_minute=each.opens_minute, closes_minute=each.closes_minute)
            for each in self.hours
        ]

    def schedule(self, account: Account) -> DoctorSchedule:
        """Return the row of what the doctor sets later."""
        return DoctorSchedule(
            doctor_id=account.id,
            place=self.place,
            languages=" ".join(self.languages),
            meeting=Meeting.ROOM.value,
            video_address="",
            buffer_minutes=0,
            several_a_day=False,
        )

    def profile(self, account: Account) -> DoctorProfile:
        shown = {"specialty": self.specialty, "room": self.room, "slot_minutes": self.slot_minutes}
        return DoctorProfile(account=account, hours=self.rows(), **shown)


@dataclass(frozen=True)
class NewAccount:
    """An account to create."""

    role: SiteRole
    email: str
    name: str
    password: str = field(repr=False)
    facts: PatientFacts | DoctorFacts | None = None
    """PatientFacts for a patient, DoctorFacts for a doctor, None for other roles."""


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
        profile = _profile(new, account)

        def work(session: Session) -> SignedInUser:
            session.add(account)
            session.flush()
            if profile is not None:
                session.add(profile)
                session.flush()
            if isinstance(new.facts, DoctorFacts):
                session.add(new.facts.schedule(account))
                session.flush()
            return _member(account)

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
        return _member(account)

    def change_password(self, account_id: int, old: str, new: str) -> SignedInUser:
        """Change a password and end all sessions of the account; return the account for a new session.

        Raises:
            SignInRefused: `old` is not the current password.
            PasswordMalformed, PasswordWeak: `new` is not acceptable.
        """
        with self._database.reading() as session:
            account = session.get_one(Account, account_id)
        if not self._passwords.matches(account.password_hash, typed_form(old)) or account.disabled_at is not None:
            raise SignInRefused
        return self._renew(account, new)

    def replace_forgotten(self, email: str, code: str, new: str) -> SignedInUser:
        """Set a new password with a one-time code; this ends the code and all sessions.

        Raises:
            CodeRefused: address and code do not match, or the code expired or was used.
            PasswordMalformed, PasswordWeak: `new` is not acceptable; the code stays valid.
        """
        account = self._find(email)
        digest, now = code_digest(code), self._clock()
        if account is None or not _code_matches(account, digest, now):
            raise CodeRefused
        return self._renew(account, new, digest)

    def resume(self, session_id: str) -> SignedInUser | None:
        """Return the account of a session cookie, or None if the session has ended."""
        try:
            account_id, version = (int(part) for part in session_id.split(":"))
        except ValueError:
            return None
        with self._database.reading() as session:
            account = session.get(Account, account_id)
        if account is None or account.session_version != version or account.disabled_at is not None:
            return None
        return _member(account)

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

    def _renew(self, known: Account, new: str, code: bytes | None = None) -> SignedInUser:
        """Store a new password; if two use one code at once, refuse the second."""
        renewed, now = self._passwords.accept(new, (known.name, known.email)), self._clock()

        def work(session: Session) -> SignedInUser:
            account = session.get_one(Account, known.id)
            if code is not None and not _code_matches(account, code, now):
                raise CodeRefused
            account.password_hash = renewed
            account.session_version += 1
            account.reset_digest = account.reset_ends_at = None
            return _member(account)

        return self._database.write(work)


def find_account(session: Session, email: str) -> Account | None:
    """Return the account of an e-mail address in any spelling."""
    return session.scalar(select(Account).where(Account.email_key == search_key(email)))


def code_digest(code: str) -> bytes:
    """Return the stored form of a one-time code; case, hyphens and blanks do not count."""
    return sha256("".join(sign for sign in code.upper() if sign.isalnum()).encode(errors="replace")).digest()


def hours_of(profile: DoctorProfile) -> tuple[Hours, ...]:
    return tuple(Hours(row.weekday, row.opens_minute, row.closes_minute) for row in profile.hours)


def _code_matches(account: Account, digest: bytes, now: int) -> bool:
    ends_at = account.reset_ends_at or 0
    return account.disabled_at is None and account.reset_digest == digest and now < ends_at


def _member(account: Account) -> SignedInUser:
    return SignedInUser(account.id, SiteRole(account.role), account.name, account.session_version)


def _profile(new: NewAccount, account: Account) -> PatientProfile | DoctorProfile | None:
    match new.role, new.facts:
        case SiteRole.PATIENT, PatientFacts(date_of_birth):
            return PatientProfile(account=account, date_of_birth=date_of_birth)
        case SiteRole.DOCTOR, DoctorFacts() as facts:
            return facts.profile(account)
        case ((SiteRole.AUDITOR | SiteRole.OPERATOR), None):
            return None
    raise TypeError(f"these are not the facts of an account with the role {new.role}")
