"""The tables of handled forms and of unfinished changes of consent.

Invariant: a form has one row, by its key; a patient has one change.
"""

from __future__ import annotations

from sqlalchemy import Boolean, ForeignKey, Index, Integer, LargeBinary, SmallInteger, Text
from sqlalchemy.orm import Mapped, mapped_column

from webui.store.base import DIGEST_BYTES, Base, Seconds


class HandledForm(Base):
    """A sent form and its answer; a second click finds it here."""

    __tablename__ = "handled_form"
    __table_args__ = (Index("ix_handled_form_begun_at", "begun_at"),)

    key: Mapped[bytes] = mapped_column(LargeBinary(DIGEST_BYTES), primary_key=True)
    """A keyed digest of sender and contents; it reveals neither."""
    begun_at: Mapped[Seconds]
    outcome: Mapped[str | None] = mapped_column(Text)
    """JSON of `handled.FormOutcome`; None until the form is handled."""


class ConsentChange(Base):
    """A change of consent; the patient's records are being sealed again."""

    __tablename__ = "consent_change"

    patient_id: Mapped[int] = mapped_column(
        ForeignKey("patient_profile.account_id", ondelete="CASCADE"), primary_key=True
    )
    readers: Mapped[int] = mapped_column(SmallInteger)
    consent: Mapped[int] = mapped_column(Integer)
    """As in patient_profile."""
    asked_at: Mapped[Seconds]
    after_row: Mapped[int] = mapped_column(Integer)
    """Records up to this row are done."""
    total: Mapped[int] = mapped_column(Integer)
    changed: Mapped[int] = mapped_column(Integer)
    unopened: Mapped[int] = mapped_column(Integer)
    """Records that could not be opened and do not change."""
    done: Mapped[bool] = mapped_column(Boolean)
