"""Who got answers while a model answered that is no longer in use.

Invariant: the database knows no result and no model of a record, so this list is by time; the opened record says which
model answered.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from webui.store.database import Database
from webui.store.models import Account, StoredRecord
from webui.store.records import IS_CHECK


class SupersededAnswers:
    """The answers of one site in a time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def patients(self, since: int, until: int) -> Sequence[int]:
        """Return the patients with a check from `since` to `until` (seconds since 1970) that is not erased."""
        query = (
            select(StoredRecord.patient_id)
            .where(IS_CHECK, StoredRecord.erased_at.is_(None), StoredRecord.created_at.between(since, until))
            .distinct()
            .order_by(StoredRecord.patient_id)
        )
        with self._database.reading() as session:
            return session.scalars(query).all()

    def email(self, session: Session, account_id: int) -> str | None:
        """Return the address of an account, None if it is gone or disabled."""
        account = session.get(Account, account_id)
        return account.email if account is not None and account.disabled_at is None else None
