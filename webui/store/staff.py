"""Changes of accounts by the hospital's staff: list, change, disable, enable, issue a code for a new password.

Invariant: a disabled account has no session and cannot get one. A code works once, for a limited time, and only its
digest is stored.

Source: OWASP Forgot Password Cheat Sheet; NIST SP 800-63B, 4.2 (recovery codes).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webui.errors import AccountExists, NotFound, RoleFixed
from webui.store.access_log import Line, LogEvent, entry_of
from webui.store.accounts import code_digest, find_account
from webui.store.booking_rules import IN_FORCE, News, Notify, changed, tell_nobody
from webui.store.database import Database
from webui.store.emails import email_key, typed_email
from webui.store.factors import remove_all_factors
from webui.store.models import Account, Appointment, BookingState, DoctorProfile, SiteRole
from webui.store.new_accounts import DoctorFacts, hours_of
from webui.store.person_names import person_name
from webui.store.readable_codes import ALPHABET

CODE_CHARS = 20
"""100 bits."""
GROUP = 5
BY_HOSPITAL = "hospital"
"""Who cancelled, in `Appointment.cancelled_by`."""


@dataclass(frozen=True)
class Change:
    """Changes of an account; None changes nothing."""

    email: str | None = None
    name: str | None = None
    role: SiteRole | None = None
    doctor: DoctorFacts | None = None
    """All facts of the doctor; the account is or becomes a doctor's."""


class StaffStore:
    """The accounts, for the hospital's staff."""

    def __init__(self, database: Database, clock: Callable[[], int], notify: Notify = tell_nobody) -> None:
        """Change accounts in `database`; `clock` gives seconds since 1970; `notify` tells patients of cancellations."""
        self._database = database
        self._clock = clock
        self._notify = notify

    def all(self) -> Sequence[Account]:
        """Return all accounts of staff, by role and name."""
        with self._database.reading() as session:
            query = select(Account).where(Account.role != SiteRole.PATIENT.value)
            return session.scalars(query.order_by(Account.role, Account.name)).all()

    def one(self, account_id: int) -> Account:
        """Return an account of staff.

        Raises:
            NotFound: there is none, or it is a patient's.
        """
        with self._database.reading() as session:
            account = session.get(Account, account_id)
        if account is None or account.role == SiteRole.PATIENT.value:
            raise NotFound
        return account

    def doctor(self, email: str) -> DoctorFacts | None:
        """Return the facts of a doctor; None if the account never was a doctor's."""
        with self._database.reading() as session:
            profile = session.get(DoctorProfile, _found(session, email).id)
        if profile is None:
            return None
        return DoctorFacts(profile.specialty, profile.room, profile.slot_minutes, hours_of(profile))

    def change(self, email: str, change: Change) -> None:
        """Change an account; a new role ends its sessions.

        Raises:
            NotFound: no such account.
            RoleFixed: a patient would become staff, or staff a patient.
            AccountExists: another account has the new address.
            EmailMalformed, NameMalformed, HoursOverlap: the new facts are not valid.
        """

        def work(session: Session) -> None:
            account = _found(session, email)
            if change.email is not None:
                account.email, account.email_key = typed_email(change.email), email_key(change.email)
            if change.name is not None:
                account.name = person_name(change.name)
            if change.role is not None and change.role.value != account.role:
                _give_role(account, change.role)
            if change.doctor is not None:
                _refit(session, account, change.doctor)
            self._log(session, account, "staff.change")
            session.flush()

        try:
            self._database.write(work)
        except IntegrityError as error:
            if change.email is None:
                raise
            raise AccountExists from error

    def disable(self, email: str, *, keep_appointments: bool = False) -> list[Appointment]:
        """Disable an account and end its sessions; return the future appointments that this cancels.

        Each patient gets a mail in the same transaction.

        Raises:
            NotFound: no such account.
        """
        now = self._clock()

        def work(session: Session) -> list[Appointment]:
            account = _found(session, email)
            account.disabled_at = account.disabled_at or now
            self._log(session, account, "staff.disable")
            account.session_version += 1
            account.reset_digest = account.reset_ends_at = None
            whose = (Appointment.doctor_id == account.id) | (Appointment.patient_id == account.id)
            query = select(Appointment).where(whose, IN_FORCE, Appointment.starts_at > now)
            ahead = [] if keep_appointments else list(session.scalars(query.order_by(Appointment.starts_at)).unique())
            for booking in ahead:
                booking.state, booking.cancelled_at = BookingState.CANCELLED.value, now
                booking.cancelled_by = BY_HOSPITAL
                changed(session, booking)
                self._notify(session, booking, News.HOSPITAL_CANCELLED)
            return ahead

        return self._database.write(work)

    def to_call(self, account_id: int) -> Sequence[Appointment]:
        """Return the coming appointments of a doctor that were cancelled when the account was disabled."""
        query = select(Appointment).join(Account, Account.id == Appointment.doctor_id)
        query = query.where(Appointment.doctor_id == account_id, Appointment.cancelled_by == BY_HOSPITAL)
        query = query.where(Appointment.starts_at > self._clock(), Appointment.cancelled_at >= Account.disabled_at)
        with self._database.reading() as session:
            return session.scalars(query.order_by(Appointment.starts_at)).unique().all()

    def enable(self, email: str) -> None:
        """Let somebody sign in again.

        Raises:
            NotFound: no such account.
        """

        def work(session: Session) -> None:
            account = _found(session, email)
            account.disabled_at = None
            self._log(session, account, "staff.enable")

        self._database.write(work)

    def remove_second_steps(self, email: str) -> None:
        """Remove passkeys, app and recovery codes of somebody who lost them, and end all sessions of the account.

        Raises:
            NotFound: no such account.
        """

        def work(session: Session) -> None:
            account = _found(session, email)
            remove_all_factors(session, account.id)
            account.session_version += 1
            self._log(session, account, "staff.remove_steps")

        self._database.write(work)

    def start_reset(self, email: str, lasts_s: int) -> str:
        """Return a code with which the owner of an account chooses a new password once; an earlier one ends.

        Raises:
            NotFound: no such account, or it is disabled.
        """
        code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_CHARS))
        ends_at = self._clock() + lasts_s

        def work(session: Session) -> None:
            account = _found(session, email)
            if account.disabled_at is not None:
                raise NotFound
            account.reset_digest, account.reset_ends_at = code_digest(code), ends_at
            self._log(session, account, "staff.reset")

        self._database.write(work)
        return "-".join(code[start : start + GROUP] for start in range(0, CODE_CHARS, GROUP))

    def _log(self, session: Session, account: Account, what: str) -> None:
        """Write into the access log which account was changed; who did it is in the line of the page or the shell."""
        line = Line(None, "staff", LogEvent.CHANGED, what, f"account_id={account.id}")
        session.add(entry_of(line, self._clock()))


def _found(session: Session, email: str) -> Account:
    account = find_account(session, email)
    if account is None:
        raise NotFound
    return account


def _give_role(account: Account, role: SiteRole) -> None:
    if SiteRole.PATIENT in {SiteRole(account.role), role}:
        raise RoleFixed(account.role)
    account.role = role.value
    account.session_version += 1


def _refit(session: Session, account: Account, facts: DoctorFacts) -> None:
    """Change a doctor's facts; delete the old hours first, so that the new ones do not overlap them."""
    profile = session.get(DoctorProfile, account.id)
    if profile is None:
        session.add(facts.profile(account))
        return
    profile.specialty, profile.room, profile.slot_minutes = facts.specialty, facts.room, facts.slot_minutes
    profile.hours = []
    session.flush()
    profile.hours = facts.rows()
