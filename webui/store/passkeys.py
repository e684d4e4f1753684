"""Passkeys: what the site keeps about each one.

Invariant: one credential belongs to one account, by a unique key; no private key is ever here.

Source: WebAuthn Level 3, 4 (credential record).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from webui.account_errors import TooManyPasskeys
from webui.errors import NotFound
from webui.store.account_tables import PASSKEY_NAME_CHARS, PasskeyRow
from webui.store.database import Database

MAX_PASSKEYS = 10


@dataclass(frozen=True)
class NewPasskey:
    """A verified passkey to store."""

    credential: bytes
    public_key: bytes = field(repr=False)
    count: int
    name: str
    synced: bool


class PasskeyStore:
    """The passkeys of all accounts."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        """Store them in `database`; `clock` gives seconds since 1970."""
        self.database = database
        self._clock = clock

    def of(self, account_id: int) -> Sequence[PasskeyRow]:
        """Return the passkeys of an account, the oldest first."""
        with self.database.reading() as session:
            mine = select(PasskeyRow).where(PasskeyRow.account_id == account_id)
            return session.scalars(mine.order_by(PasskeyRow.id)).all()

    def find(self, credential: bytes) -> PasskeyRow | None:
        with self.database.reading() as session:
            return session.scalar(select(PasskeyRow).where(PasskeyRow.key == _key(credential)))

    def add(self, session: Session, account_id: int, new: NewPasskey) -> None:
        """Store a passkey in the caller's transaction.

        Raises:
            TooManyPasskeys: the account has as many as it can have.
            IntegrityError: an account already has this passkey.
        """
        held = session.scalar(select(func.count(PasskeyRow.id)).where(PasskeyRow.account_id == account_id)) or 0
        if held >= MAX_PASSKEYS:
            raise TooManyPasskeys(MAX_PASSKEYS)
        row = PasskeyRow(account_id=account_id, key=_key(new.credential), credential=new.credential)
        row.public_key, row.count, row.synced = new.public_key, new.count, new.synced
        row.name, row.created_at = new.name[:PASSKEY_NAME_CHARS], self._clock()
        session.add(row)

    def used(self, session: Session, row_id: int, count: int) -> None:
        """Note a use in the caller's transaction."""
        row = session.get_one(PasskeyRow, row_id)
        row.count, row.used_at = count, self._clock()

    def rename(self, account_id: int, row_id: int, name: str) -> None:
        """Give a passkey another name.

        Raises:
            NotFound: the account has no such passkey.
        """

        def work(session: Session) -> None:
            row = session.get(PasskeyRow, row_id)
            if row is None or row.account_id != account_id:
                raise NotFound
            row.name = name

        self.database.write(work)

    def remove(self, session: Session, account_id: int, row_id: int) -> None:
        """Remove a passkey in the caller's transaction.

        Raises:
            NotFound: the account has no such passkey.
        """
        mine = (PasskeyRow.id == row_id, PasskeyRow.account_id == account_id)
        gone = session.execute(delete(PasskeyRow).where(*mine))
        if gone.rowcount != 1:  # type: ignore[attr-defined]  # a DELETE has a count
            raise NotFound


def _key(credential: bytes) -> str:
    return sha256(credential).hexdigest()
