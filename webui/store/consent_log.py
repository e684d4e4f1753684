"""Every choice of consent that a patient made, with its time; the patient reads the list.

Invariant: a choice is written in the transaction that makes it count, and is never changed.

Source: GDPR, Art. 7(1) (a controller shall be able to demonstrate that the data subject has consented).
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ForeignKey, Index, Integer, SmallInteger, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from webui.store.base import Base, Id, Seconds
from webui.store.database import Database

MOST = 200
"""Choices that a page or an export lists."""


class ConsentChoice(Base):
    """One choice of one patient."""

    __tablename__ = "consent_choice"
    __table_args__ = (Index("ix_consent_choice_patient_id", "patient_id"),)

    id: Mapped[Id]
    patient_id: Mapped[int] = mapped_column(ForeignKey("patient_profile.account_id", ondelete="CASCADE"))
    readers: Mapped[int] = mapped_column(SmallInteger)
    consent: Mapped[int] = mapped_column(Integer)
    """As in patient_profile."""
    chosen_at: Mapped[Seconds]


def note_choice(session: Session, choice: ConsentChoice) -> None:
    """Add a choice within the write that makes it count."""
    session.add(choice)


def choices_of(database: Database, patient_id: int) -> Sequence[ConsentChoice]:
    """Return a patient's choices, the newest first."""
    query = select(ConsentChoice).where(ConsentChoice.patient_id == patient_id)
    with database.reading() as session:
        return session.scalars(query.order_by(ConsentChoice.id.desc()).limit(MOST)).all()
