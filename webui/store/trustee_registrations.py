"""The public parts of kits that doctors made in the browser; they wait for the operator.

Invariant: a doctor has one; a new one replaces it. Only public facts are stored, and the proof was checked before.

Source: PROTOCOL.md 6 (proof of possession).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from fl.protocol.names import Address, Digest
from webui.store.database import Database
from webui.store.doctor_tables import TrusteeRegistration
from webui.store.models import Account, DoctorProfile


@dataclass(frozen=True)
class Registration:
    """What an operator needs to admit a trustee, and to compare by telephone."""

    doctor_id: int
    account: Address
    public_key: bytes
    """P-256, uncompressed, 65 bytes."""
    proof: bytes
    digest: Digest
    """SHA-256 of what the proof signs."""
    made_at: int
    """Seconds since 1970."""


@dataclass(frozen=True)
class Waiting:
    """A registration with its doctor, for the operator's page."""

    name: str
    email: str
    registration: Registration


class TrusteeRegistrations:
    """The registrations of one site."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        """Store registrations in `database`; `clock` gives seconds since 1970."""
        self._database = database
        self._clock = clock

    def put(self, doctor_id: int, account: Address, public_key: bytes, proof: bytes, digest: Digest) -> None:
        """Store or replace the registration of a doctor; the caller has checked the proof."""
        now = self._clock()

        def work(session: Session) -> None:
            row = session.get(TrusteeRegistration, doctor_id)
            if row is None:
                row = TrusteeRegistration(doctor_id=doctor_id)
                session.add(row)
            row.account, row.public_key, row.proof, row.digest, row.made_at = account, public_key, proof, digest, now

        self._database.write(work)

    def of(self, doctor_id: int) -> Registration | None:
        with self._database.reading() as session:
            row = session.get(TrusteeRegistration, doctor_id)
        return _registration(row) if row is not None else None

    def waiting(self) -> Sequence[Waiting]:
        """Return the registrations whose account is not linked to their doctor yet, the oldest first."""
        query = (
            select(TrusteeRegistration, Account.name, Account.email)
            .join(Account, Account.id == TrusteeRegistration.doctor_id)
            .join(DoctorProfile, DoctorProfile.account_id == TrusteeRegistration.doctor_id)
            .where(
                DoctorProfile.trustee_account.is_(None) | (DoctorProfile.trustee_account != TrusteeRegistration.account)
            )
            .where(Account.disabled_at.is_(None))
            .order_by(TrusteeRegistration.made_at)
        )
        with self._database.reading() as session:
            return [Waiting(name, email, _registration(row)) for row, name, email in session.execute(query)]


def _registration(row: TrusteeRegistration) -> Registration:
    account, digest = Address(row.account), Digest(row.digest)
    return Registration(row.doctor_id, account, row.public_key, row.proof, digest, row.made_at)
