"""The decryption requests of this site: who asked for which record, and the request's number on the ledger.

Invariant: a request is stored before it goes to the ledger, with the facts that identify it there. So the site knows
who asked even after a crash.

Source: PROTOCOL.md 9, Requests.
Not here: whether somebody may ask (webui/usecases/record_requests.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, joinedload

from fl.protocol.names import Address, Digest, Purpose
from webui.errors import NotFound, TrusteeTaken
from webui.store.accounts import find_account
from webui.store.database import Database
from webui.store.models import DoctorProfile, RequestRow, StoredRecord
from webui.store.records import WITH_FILE

REQUEST_S = 7 * 24 * 3600
"""How long trustees can answer."""


@dataclass(frozen=True)
class NewRequest:
    """A request to store."""

    asker_id: int
    record_row: int
    capsule: Digest
    """Digest of the capsule of the record's current file."""
    purpose: Purpose


class RequestStore:
    """The requests of this site."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        """Store requests in `database`; `clock` gives seconds since 1970."""
        self._database = database
        self._clock = clock

    def begin(self, new: NewRequest) -> tuple[int, int]:
        """Store a request; return its row and its deadline, which no similar request has."""
        now = self._clock()

        def work(session: Session) -> tuple[int, int]:
            same = select(func.max(RequestRow.deadline)).where(
                RequestRow.capsule == new.capsule, RequestRow.purpose == int(new.purpose)
            )
            deadline = max(now + REQUEST_S, (session.scalar(same) or 0) + 1)
            row = RequestRow(asker_id=new.asker_id, record_row=new.record_row, purpose=int(new.purpose), asked_at=now)
            row.capsule, row.deadline = new.capsule, deadline
            session.add(row)
            session.flush()
            return row.id, deadline

        return self._database.write(work)

    def set_number(self, row_id: int, number: int) -> None:
        """Store the number that the ledger gave the request."""

        def work(session: Session) -> None:
            session.get_one(RequestRow, row_id).number = number

        self._database.write(work)

    def withdraw(self, row_id: int) -> None:
        """Delete a request that the ledger refused."""
        self._database.write(lambda session: session.delete(session.get_one(RequestRow, row_id)))

    def of_asker(self, asker_id: int) -> Sequence[RequestRow]:
        """Return the requests of one asker, the newest first."""
        return self._list(RequestRow.asker_id == asker_id)

    def about_patient(self, patient_id: int) -> Sequence[RequestRow]:
        """Return all requests about a patient, the newest first."""
        return self._list(RequestRow.record.has(StoredRecord.patient_id == patient_id))

    def by_numbers(self, numbers: Sequence[int]) -> dict[int, RequestRow]:
        """Return the requests of this site by their numbers on the ledger."""
        rows = self._list(RequestRow.number.in_(numbers))
        return {row.number: row for row in rows if row.number is not None}

    def own(self, asker_id: int, row_id: int) -> RequestRow:
        """Return one request with the record's file.

        Raises:
            NotFound: there is none, or somebody else made it.
        """
        with self._database.reading() as session:
            query = select(RequestRow).where(RequestRow.id == row_id, RequestRow.asker_id == asker_id)
            row = session.scalar(query.options(joinedload(RequestRow.record).options(WITH_FILE)))
        if row is None:
            raise NotFound
        return row

    def trustee_of(self, doctor_id: int) -> Address | None:
        """Return the ledger account with which a doctor answers requests."""
        with self._database.reading() as session:
            profile = session.get(DoctorProfile, doctor_id)
        return Address(profile.trustee_account) if profile is not None and profile.trustee_account else None

    def trustee_names(self) -> dict[bytes, str]:
        """Return the names of the doctors who answer requests, by their ledger accounts."""
        with self._database.reading() as session:
            query = select(DoctorProfile).where(DoctorProfile.trustee_account.is_not(None))
            return {row.trustee_account or b"": row.account.name for row in session.scalars(query).unique()}

    def link_trustee(self, email: str, account: Address | None) -> None:
        """Set the ledger account with which a doctor answers requests; None removes it.

        Raises:
            NotFound: no doctor has this e-mail address.
            TrusteeTaken: another doctor has this ledger account.
        """

        def work(session: Session) -> None:
            doctor = find_account(session, email)
            profile = session.get(DoctorProfile, doctor.id) if doctor is not None else None
            if profile is None:
                raise NotFound
            profile.trustee_account = account

        try:
            self._database.write(work)
        except IntegrityError as error:
            raise TrusteeTaken from error

    def _list(self, condition: ColumnElement[bool]) -> Sequence[RequestRow]:
        with self._database.reading() as session:
            query = select(RequestRow).where(condition).order_by(RequestRow.asked_at.desc(), RequestRow.id.desc())
            return session.scalars(query.options(joinedload(RequestRow.record).options(WITH_FILE))).unique().all()
