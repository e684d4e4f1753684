"""Withdrawals on the site: what one means, who orders it, and a patient's way to it.

Invariant: at most one order is open. All other staff of the hospital get a mail in the transaction before the order is
left, so nobody takes a hospital out in silence. A patient's name never leaves the site: the staff say which person of
the imported pictures it is.

Source: PROTOCOL.md 5X; webui/ports/withdrawals.py.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fl.roles.hospital.orders import OrderState
from webui.errors import AgentSilent, AlreadyLeft, NoHospital, WithdrawalOpen
from webui.ports.withdrawals import Meaning, OwnWithdrawal, WithdrawalService, WithdrawalView
from webui.store.accounts import SignedInUser
from webui.store.database import Database
from webui.store.models import Account, PatientProfile, SiteRole, StoredRecord
from webui.store.records import IS_CHECK
from webui.store.training_objections import ObjectionState, ObjectionStore, TrainingObjection
from webui.usecases.readers import writing_to

Tell = Callable[[Session, str, str, str], None]
"""Queue a mail to an address and a name about what the person with the second name ordered."""
TellStaff = Callable[[Session, str, str], None]
"""Queue a mail to an address and a name: a patient asks."""
TellPatient = Callable[[Session, str, str, ObjectionState], None]
"""Queue a mail to an address and a name about the answer to an objection."""


@dataclass(frozen=True)
class Consequences:
    """What a withdrawal would mean, on this site too."""

    meaning: Meaning | None
    """None: the current model uses nothing of it, so nothing falls back."""
    answers: int
    """Checks on this site that a superseded model may have answered."""


class Withdrawals:
    """The withdrawals of one hospital's site."""

    def __init__(
        self,
        database: Database,
        service: WithdrawalService | None,
        objections: ObjectionStore,
    ) -> None:
        self._database = database
        self._given = service
        self.objections = objections

    def all(self) -> Sequence[WithdrawalView]:
        """Return all withdrawals of the consortium, the newest first; raise UnavailableError."""
        return self._given.all() if self._given is not None else ()

    def waiting(self) -> Consequences | None:
        """Return what it means to go back for all that waits; None if nothing waits; raise UnavailableError."""
        meaning = self._given.waiting() if self._given is not None else None
        return self._with_answers(meaning) if meaning is not None else None

    def now(self) -> OwnWithdrawal:
        """Return the newest order of this hospital, without asking the ledger; raise NoHospital."""
        return self._service.now()

    def left(self) -> bool:
        """Return whether this hospital took itself back; raise NoHospital, UnavailableError."""
        return self._service.left()

    def consequences(self, since: int = 1) -> Consequences:
        """Return what it would mean that this hospital takes back what it gave since a round.

        Raises:
            NoHospital: this site has none.
            UnavailableError: the ledger does not answer.
        """
        return self._with_answers(self._service.meaning(since))

    def order(
        self, user: SignedInUser, tell: Tell, persons: Sequence[str] = (), since: int = 1, of: Collection[int] = ()
    ) -> None:
        """Order a withdrawal; `of` are the patients whose objections it answers.

        Raises:
            AgentSilent: no agent runs that could carry it out.
            WithdrawalOpen: there is an order that has not ended.
            AlreadyLeft: this hospital took itself back.
        """
        found = self.now()
        if found.open:
            raise WithdrawalOpen
        if not found.agent_runs:
            raise AgentSilent
        if self.left():
            raise AlreadyLeft

        def work(session: Session) -> None:
            for account_id, email, name in staff(session, but=user.id):
                with writing_to(session, account_id):
                    tell(session, email, name, user.name)

        self._database.write(work)
        name = self._service.order(user.name, persons, since)
        if of:
            self.objections.ordered(of, name, user.name)

    def take_back(self) -> None:
        """Take back an order that no agent has taken."""
        self._service.take_back()

    def ask(self, tell: TellStaff, patient: SignedInUser) -> bool:
        """Store a patient's objection, and tell the hospital's staff; return False if one is open."""

        def told(session: Session) -> None:
            for account_id, email, name in staff(session):
                with writing_to(session, account_id):
                    tell(session, email, name)

        return self.objections.ask(patient.id, told)

    def none_here(self, patient_id: int, user: SignedInUser, tell: TellPatient) -> bool:
        """Note that the hospital has no picture of a patient; return False if the objection is not open."""
        return self.objections.none_here(patient_id, user.name, _to_patient(tell, ObjectionState.NONE_HERE))

    def open_objections(self) -> Sequence[tuple[TrainingObjection, PatientProfile]]:
        return self.objections.open_ones()

    def settle(self, tell: TellPatient) -> int:
        """Note for patients what became of orders; return for how many."""
        waiting, settled = self.objections.waiting_orders(), 0
        if not waiting:
            return 0
        found = self.now()
        newest = found.order.name if found.order is not None else ""
        told = _to_patient(tell, ObjectionState.TAKEN_OUT)
        for name in waiting:
            if name != newest:
                settled += self.objections.settle(name, None, told)
            elif found.outcome is not None and not found.open:
                done = found.outcome.state is OrderState.DONE
                settled += self.objections.settle(name, found.outcome.rows if done else None, told)
        return settled

    def _with_answers(self, meaning: Meaning | None) -> Consequences:
        """Count the checks since the first model that would be superseded; the database knows no model of a record."""
        if meaning is None:
            return Consequences(None, 0)
        made = StoredRecord.created_at >= meaning.since
        query = select(func.count(StoredRecord.id)).where(IS_CHECK, StoredRecord.erased_at.is_(None), made)
        with self._database.reading() as session:
            return Consequences(meaning, session.scalar(query) or 0)

    @property
    def _service(self) -> WithdrawalService:
        if self._given is None:
            raise NoHospital
        return self._given


def staff(session: Session, but: int = 0) -> Sequence[tuple[int, str, str]]:
    """Return number, address and name of the hospital's staff who can sign in, all but one."""
    query = select(Account.id, Account.email, Account.name).where(
        Account.role == SiteRole.HOSPITAL.value, Account.id != but, Account.disabled_at.is_(None)
    )
    return [(number, email, name) for number, email, name in session.execute(query)]


def _to_patient(tell: TellPatient, state: ObjectionState) -> Callable[[Session, int], None]:
    def told(session: Session, account_id: int) -> None:
        account = session.get(Account, account_id)
        if account is not None and account.disabled_at is None:
            with writing_to(session, account_id):
                tell(session, account.email, account.name, state)

    return told
