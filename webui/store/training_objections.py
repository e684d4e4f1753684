"""Patients who asked that their data are not used for training any more, and what the hospital made of it.

Invariant: a patient has one objection, the newest. An answer is written once, by the staff or by what their order
became; an order that failed leaves the objection open.

Source: GDPR, Art. 7(3) and 21 (withdrawal of consent, objection).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Integer, String, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from webui.store.base import NAME_UNITS, Base, Seconds
from webui.store.database import Database
from webui.store.models import PatientProfile

MOST = 200
"""Rows of one list."""
ORDER_CHARS = 16


class ObjectionState(StrEnum):
    """How far an objection is."""

    ASKED = "asked"
    ORDERED = "ordered"
    """The staff ordered that the pictures are taken out, and the agent has not done it yet."""
    TAKEN_OUT = "taken_out"
    NONE_HERE = "none_here"
    """The staff found no picture of this patient in what the hospital trains on."""
    CALLED_OFF = "called_off"
    """The patient took it back."""


OPEN = (ObjectionState.ASKED.value, ObjectionState.ORDERED.value)


class TrainingObjection(Base):
    """The objection of one patient."""

    __tablename__ = "training_objection"

    patient_id: Mapped[int] = mapped_column(
        ForeignKey("patient_profile.account_id", ondelete="CASCADE"), primary_key=True
    )
    asked_at: Mapped[Seconds]
    state: Mapped[str] = mapped_column(String(16))
    """A value of `ObjectionState`."""
    order_name: Mapped[str | None] = mapped_column(String(ORDER_CHARS))
    """Of the order that takes the pictures out."""
    answered_at: Mapped[int | None] = mapped_column(BigInteger)
    """In seconds since 1970."""
    answered_by: Mapped[str | None] = mapped_column(String(NAME_UNITS))
    pictures: Mapped[int] = mapped_column(Integer)
    """How many pictures are gone, of all patients of the same order."""


Tell = Callable[[Session, int], None]
"""Queue a mail to an account within the transaction."""


class ObjectionStore:
    """The objections at one site."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        """Store them in `database`; `clock` gives seconds since 1970."""
        self._database = database
        self._clock = clock

    def of(self, patient_id: int) -> TrainingObjection | None:
        with self._database.reading() as session:
            return session.get(TrainingObjection, patient_id)

    def open_ones(self) -> Sequence[tuple[TrainingObjection, PatientProfile]]:
        """Return the open objections with their patients, the oldest first."""
        query = (
            select(TrainingObjection, PatientProfile)
            .join(PatientProfile, PatientProfile.account_id == TrainingObjection.patient_id)
            .where(TrainingObjection.state.in_(OPEN))
            .order_by(TrainingObjection.asked_at, TrainingObjection.patient_id)
        )
        with self._database.reading() as session:
            return [(row, profile) for row, profile in session.execute(query.limit(MOST))]

    def ask(self, patient_id: int, tell: Callable[[Session], None]) -> bool:
        """Store an objection, and tell the staff; return False if one is open."""

        def work(session: Session) -> bool:
            row = session.get(TrainingObjection, patient_id)
            if row is not None and row.state in OPEN:
                return False
            row = row or TrainingObjection(patient_id=patient_id)
            row.asked_at, row.state, row.pictures = self._clock(), ObjectionState.ASKED.value, 0
            row.order_name = row.answered_at = row.answered_by = None
            session.add(row)
            tell(session)
            return True

        return self._database.write(work)

    def call_off(self, patient_id: int) -> bool:
        """Take an objection back that nobody has answered; return whether there was one."""
        return self._answer(patient_id, ObjectionState.CALLED_OFF, None, lambda _session, _id: None)

    def none_here(self, patient_id: int, by: str, tell: Tell) -> bool:
        """Note that there is no picture of the patient, and tell; return False if the objection is not open."""
        return self._answer(patient_id, ObjectionState.NONE_HERE, by, tell)

    def ordered(self, patient_ids: Collection[int], order: str, by: str) -> None:
        """Note which order answers open objections."""
        asked = (
            TrainingObjection.patient_id.in_(patient_ids),
            TrainingObjection.state == ObjectionState.ASKED.value,
        )
        values = {"state": ObjectionState.ORDERED.value, "order_name": order, "answered_by": by}
        self._database.write(lambda session: session.execute(update(TrainingObjection).where(*asked).values(**values)))

    def settle(self, order: str, rows: int | None, tell: Tell) -> int:
        """Note what became of an order, and tell: how many pictures are gone, None if it failed; return of how many."""

        def work(session: Session) -> int:
            waits = (TrainingObjection.order_name == order, TrainingObjection.state == ObjectionState.ORDERED.value)
            found = session.scalars(select(TrainingObjection).where(*waits)).all()
            for row in found:
                if rows is None:
                    row.state, row.order_name, row.answered_by = ObjectionState.ASKED.value, None, None
                else:
                    row.state, row.answered_at, row.pictures = ObjectionState.TAKEN_OUT.value, self._clock(), rows
                    tell(session, row.patient_id)
            return len(found)

        return self._database.write(work)

    def waiting_orders(self) -> Sequence[str]:
        """Return the orders of which nobody has noted what became of them."""
        query = select(TrainingObjection.order_name).where(TrainingObjection.state == ObjectionState.ORDERED.value)
        with self._database.reading() as session:
            return [name for name in session.scalars(query.distinct()) if name is not None]

    def _answer(self, patient_id: int, state: ObjectionState, by: str | None, tell: Tell) -> bool:
        def work(session: Session) -> bool:
            row = session.get(TrainingObjection, patient_id)
            if row is None or row.state != ObjectionState.ASKED.value:
                return False
            row.state, row.answered_at, row.answered_by = state.value, self._clock(), by
            tell(session, patient_id)
            return True

        return self._database.write(work)
