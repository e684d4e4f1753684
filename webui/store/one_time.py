"""Things that work once and for a short time: links in mails, and questions to passkeys.

Invariant: taking one deletes it in the same statement, so of two who take it at once only one gets it.

Source: OWASP Forgot Password Cheat Sheet; WebAuthn Level 3, 13.4.3 (challenges).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webui.store.account_tables import OneTimeRow
from webui.store.database import Database

TOKEN_BYTES = 32


class OneTime(StrEnum):
    """What it is for."""

    RESET = "reset"
    EMAIL = "email"
    NEW_PASSKEY = "new passkey"
    PASSKEY = "passkey"


@dataclass(frozen=True)
class Granted:
    """What a one-time thing allows."""

    account_id: int | None
    about: str


class OneTimeStore:
    """The links and questions that are open."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        """Store them in `database`; `clock` gives seconds since 1970."""
        self.database = database
        self._clock = clock

    def new(
        self, session: Session, purpose: OneTime, lasts_s: int, account_id: int | None = None, about: str = ""
    ) -> bytes:
        """Store a new one in the caller's transaction, and return 32 random bytes that take it."""
        now, token = self._clock(), secrets.token_bytes(TOKEN_BYTES)
        session.execute(delete(OneTimeRow).where(OneTimeRow.ends_at <= now))
        row = OneTimeRow(key=_key(token), purpose=purpose.value, account_id=account_id, about=about or None)
        row.ends_at = now + lasts_s
        session.add(row)
        return token

    def look(self, purpose: OneTime, token: bytes) -> Granted | None:
        """Return what a token allows without using it up; None if it is wrong, used or too old."""
        with self.database.reading() as session:
            return self._find(session, purpose, token)

    def take(self, session: Session, purpose: OneTime, token: bytes) -> Granted | None:
        """Use a token up in the caller's transaction; None if it is wrong, used or too old."""
        granted = self._find(session, purpose, token)
        if granted is None:
            return None
        gone = session.execute(delete(OneTimeRow).where(OneTimeRow.key == _key(token)))
        return granted if gone.rowcount == 1 else None  # type: ignore[attr-defined]  # a DELETE has a count

    def forget(self, session: Session, purpose: OneTime, account_id: int) -> None:
        """Make all others of an account worthless, in the caller's transaction."""
        whose = (OneTimeRow.purpose == purpose.value, OneTimeRow.account_id == account_id)
        session.execute(delete(OneTimeRow).where(*whose))

    def _find(self, session: Session, purpose: OneTime, token: bytes) -> Granted | None:
        row = session.scalar(select(OneTimeRow).where(OneTimeRow.key == _key(token)))
        if row is None or row.purpose != purpose.value or row.ends_at <= self._clock():
            return None
        return Granted(row.account_id, row.about or "")


def _key(token: bytes) -> str:
    return sha256(token).hexdigest()
