"""Who was told about which request: trustees once for each request that waits, askers once for each new state.

Invariant: a note and its mail are one transaction, so nobody is told twice and nobody is forgotten.

Source: the pattern "transactional outbox" (store/mail.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from fl.protocol.names import Address
from webui.store.database import Database
from webui.store.doctor_tables import RequestNotice, TrusteeNotice
from webui.store.models import Account, DoctorProfile, RequestRow

LOOKED_AT_S = 40 * 24 * 3600
"""Requests that are older than this have ended, so nobody looks at them again."""
MOST_REQUESTS = 200
Queue = Callable[[Session, str], None]
"""Puts a mail to an e-mail address into the outbox of a transaction."""


@dataclass(frozen=True)
class LinkedTrustee:
    """A doctor who answers requests with a ledger account."""

    doctor_id: int
    email: str
    account: Address


@dataclass(frozen=True)
class Watched:
    """A request whose asker may not know its state yet."""

    row_id: int
    number: int
    email: str
    told: str
    """The last state that the asker was told; empty at first."""


class NoticeStore:
    """The notices of one site."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        """Store notices in `database`; `clock` gives seconds since 1970."""
        self._database = database
        self._clock = clock

    def trustees(self) -> list[LinkedTrustee]:
        query = (
            select(DoctorProfile.account_id, Account.email, DoctorProfile.trustee_account)
            .join(Account, Account.id == DoctorProfile.account_id)
            .where(DoctorProfile.trustee_account.is_not(None), Account.disabled_at.is_(None))
        )
        with self._database.reading() as session:
            return [LinkedTrustee(one, email, Address(raw)) for one, email, raw in session.execute(query) if raw]

    def wait_for(self, trustee: LinkedTrustee, numbers: Sequence[int], queue: Queue | None) -> int:
        """Store which requests wait for a trustee now; return how many the trustee did not know.

        If there are new ones, `queue` puts one mail into the outbox; None sends none: the trustee sees the list.
        """
        now, wanted = self._clock(), set(numbers)
        known = self._known(trustee.doctor_id)
        if known == {number: number in wanted for number in known} and wanted <= known.keys():
            return 0

        def work(session: Session) -> int:
            rows = session.scalars(select(TrusteeNotice).where(TrusteeNotice.doctor_id == trustee.doctor_id)).all()
            for row in rows:
                row.waiting = row.number in wanted
            new = sorted(wanted - {row.number for row in rows})
            session.add_all(
                TrusteeNotice(doctor_id=trustee.doctor_id, number=number, told_at=now, waiting=True) for number in new
            )
            if new and queue is not None:
                queue(session, trustee.email)
            return len(new)

        return self._database.write(work)

    def watched(self, ended: Sequence[str]) -> list[Watched]:
        """Return the newest requests whose asker was not told a state of `ended` yet."""
        query = (
            select(RequestRow.id, RequestRow.number, Account.email, RequestNotice.state)
            .join(Account, Account.id == RequestRow.asker_id)
            .outerjoin(RequestNotice, RequestNotice.request_row == RequestRow.id)
            .where(RequestRow.number.is_not(None), RequestRow.asked_at > self._clock() - LOOKED_AT_S)
            .where(RequestNotice.state.is_(None) | RequestNotice.state.not_in(ended), Account.disabled_at.is_(None))
            .order_by(RequestRow.id.desc())
            .limit(MOST_REQUESTS)
        )
        with self._database.reading() as session:
            return [Watched(row, number or 0, email, told or "") for row, number, email, told in session.execute(query)]

    def tell(self, request: Watched, state: str, queue: Queue | None) -> None:
        """Store that the asker knows a state; `queue` puts the mail into the outbox, None sends none."""

        def work(session: Session) -> None:
            row = session.get(RequestNotice, request.row_id)
            if row is not None and row.state == state:
                return
            if row is None:
                session.add(RequestNotice(request_row=request.row_id, state=state))
            else:
                row.state = state
            if queue is not None:
                queue(session, request.email)

        self._database.write(work)

    def _known(self, doctor_id: int) -> dict[int, bool]:
        query = select(TrusteeNotice.number, TrusteeNotice.waiting).where(TrusteeNotice.doctor_id == doctor_id)
        with self._database.reading() as session:
            return {row.number: row.waiting for row in session.execute(query)}
