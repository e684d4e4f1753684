"""Care: how long a doctor has access to a patient's records.

Invariant: access begins with a booking and ends a fixed time after the end of the last appointment that was not
cancelled. Lists, pictures, notes, proofs and pages all use this one rule.

Source: Health records follow the treating relation (ISO 22600-1, 5); EHDS (EU) 2025/327, Art. 9.
Not here: access through a quorum of trustees (webui/usecases/record_requests.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import InstrumentedAttribute

from webui.store.booking_rules import IN_FORCE
from webui.store.database import Database
from webui.store.models import Account, Appointment, DoctorProfile, PatientProfile, SiteRole

DAY_S = 24 * 3600


@dataclass(frozen=True)
class Care:
    """The hospital's period of access, and the clock."""

    days: int
    """After the last appointment."""
    clock: Callable[[], int]
    """Seconds since 1970."""

    def until(self, ends_at: int) -> int:
        """Return when the access ends if the last appointment ends at `ends_at`."""
        return ends_at + self.days * DAY_S

    def lasting(self) -> ColumnElement[bool]:
        """Return the condition for appointments that give access now."""
        return IN_FORCE & (Appointment.ends_at > self.clock() - self.days * DAY_S)

    def of(self, doctor_id: int, patient: InstrumentedAttribute[int]) -> ColumnElement[bool]:
        """Return the condition that a doctor has access to `patient` now."""
        mine = (Appointment.doctor_id == doctor_id, Appointment.patient_id == patient, self.lasting())
        return select(Appointment.id).where(*mine).exists()


class CareStore:
    """Who has access to whom, for pages."""

    def __init__(self, database: Database, care: Care) -> None:
        self._database = database
        self._care = care
        self.until = care.until

    def doctors_of(self, patient_id: int) -> Sequence[tuple[DoctorProfile, int]]:
        """Return the doctors with access to a patient and when it ends, the latest end first."""
        ends = func.max(Appointment.ends_at)
        query = (
            select(DoctorProfile, ends)
            .join(Appointment, Appointment.doctor_id == DoctorProfile.account_id)
            .join(Account, Account.id == DoctorProfile.account_id)
            .where(Appointment.patient_id == patient_id, self._care.lasting())
            .where(Account.disabled_at.is_(None), Account.role == SiteRole.DOCTOR.value)
            .group_by(DoctorProfile.account_id, Account.id)
            .order_by(ends.desc())
        )
        with self._database.reading() as session:
            return [(doctor, self._care.until(last)) for doctor, last in session.execute(query).unique()]

    def patients_of(self, doctor_id: int) -> Sequence[tuple[PatientProfile, int]]:
        """Return the patients to whom a doctor has access and when it ends, the earliest end first."""
        ends = func.max(Appointment.ends_at)
        query = (
            select(PatientProfile, ends)
            .join(Appointment, Appointment.patient_id == PatientProfile.account_id)
            .join(Account, Account.id == PatientProfile.account_id)
            .where(Appointment.doctor_id == doctor_id, self._care.lasting())
            .group_by(PatientProfile.account_id, Account.id)
            .order_by(ends)
        )
        with self._database.reading() as session:
            return [(patient, self._care.until(last)) for patient, last in session.execute(query).unique()]
