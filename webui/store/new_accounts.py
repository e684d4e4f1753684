"""What a new account needs: the person, and the facts of a patient or a doctor.

Invariant: role and facts belong together, and a doctor's hours never overlap.

Source: webui/store/accounts.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from webui.errors import HoursOverlap
from webui.store.calendar_tables import DoctorSchedule, Meeting
from webui.store.models import Account, DoctorProfile, OfficeHours, PatientProfile, SiteRole

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


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


def hours_of(profile: DoctorProfile) -> tuple[Hours, ...]:
    return tuple(Hours(row.weekday, row.opens_minute, row.closes_minute) for row in profile.hours)


def profile_of(new: NewAccount, account: Account) -> PatientProfile | DoctorProfile | None:
    """Return the profile of a new account, None for roles without one; wrong facts are a mistake (TypeError)."""
    match new.role, new.facts:
        case SiteRole.PATIENT, PatientFacts(date_of_birth):
            return PatientProfile(account=account, date_of_birth=date_of_birth)
        case SiteRole.DOCTOR, DoctorFacts() as facts:
            return facts.profile(account)
        case ((SiteRole.AUDITOR | SiteRole.OPERATOR | SiteRole.HOSPITAL), None):
            return None
    raise TypeError(f"these are not the facts of an account with the role {new.role}")
