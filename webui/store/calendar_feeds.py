"""The private addresses of people's calendars.

Invariant: only the SHA-256 of a token is stored; a person has one address, and a new one ends the old.

Source: OWASP Forgot Password Cheat Sheet (random tokens, stored as digests).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from hashlib import sha256

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from webui.errors import NotFound
from webui.store.accounts import Also, nothing_else
from webui.store.calendar_tables import CalendarFeed
from webui.store.database import Database
from webui.store.models import Account

TOKEN_BYTES = 32
TOKEN_CHARS = 64
"""A longer text cannot be a token."""


class FeedStore:
    """The calendar addresses of all people."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        """Store digests in `database`; `clock` gives seconds since 1970."""
        self._database = database
        self._clock = clock

    def made_at(self, account_id: int) -> int | None:
        """Return since when somebody has an address; None if there is none."""
        with self._database.reading() as session:
            return session.scalar(select(CalendarFeed.made_at).where(CalendarFeed.account_id == account_id))

    def renew(self, account_id: int, also: Also = nothing_else) -> str:
        """Return the token of a new address; the old one ends. `also` runs in the same transaction."""
        token, now = secrets.token_urlsafe(TOKEN_BYTES), self._clock()

        def work(session: Session) -> None:
            session.merge(CalendarFeed(account_id=account_id, digest=_digest(token), made_at=now))
            also(session, account_id)

        self._database.write(work)
        return token

    def revoke(self, account_id: int) -> None:
        """End somebody's address."""
        self._database.write(lambda session: end_feed(session, account_id))

    def owner(self, token: str) -> Account:
        """Return whose calendar a token opens.

        Raises:
            NotFound: the token is wrong or was revoked, or the account is disabled.
        """
        if len(token) > TOKEN_CHARS:
            raise NotFound
        with self._database.reading() as session:
            query = select(Account).join(CalendarFeed, CalendarFeed.account_id == Account.id)
            account = session.scalar(query.where(CalendarFeed.digest == _digest(token), Account.disabled_at.is_(None)))
        if account is None:
            raise NotFound
        return account


def end_feed(session: Session, account_id: int) -> None:
    """End somebody's address in the caller's transaction."""
    session.execute(delete(CalendarFeed).where(CalendarFeed.account_id == account_id))


def _digest(token: str) -> bytes:
    return sha256(token.encode("utf-8", "surrogatepass")).digest()
