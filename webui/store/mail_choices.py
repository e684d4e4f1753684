"""Which mails people do not want.

Invariant: without a choice, a person gets every mail. Mails about the account itself cannot be switched off.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, Session, mapped_column

from webui.store.base import Base
from webui.store.database import Database


class MailChoice(Base):
    """The choice of one account; no row is a yes to everything."""

    __tablename__ = "mail_choice"

    account_id: Mapped[int] = mapped_column(ForeignKey("account.id", ondelete="CASCADE"), primary_key=True)
    bookings: Mapped[bool]
    """Of a doctor: mails about booked, moved and cancelled appointments."""


class MailChoices:
    """The choices of all accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def bookings(self, account_id: int) -> bool:
        """Return whether a doctor wants mails about appointments."""
        with self._database.reading() as session:
            return wants_bookings(session, account_id)

    def choose(self, account_id: int, *, bookings: bool) -> None:
        self._database.write(lambda session: session.merge(MailChoice(account_id=account_id, bookings=bookings)))


def wants_bookings(session: Session, account_id: int) -> bool:
    """Return whether a doctor wants mails about appointments, in the caller's transaction."""
    row = session.get(MailChoice, account_id)
    return row is None or row.bookings
