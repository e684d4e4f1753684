"""Sessions: in which browsers somebody is signed in, and how well they proved who they are.

Invariant: a cookie is worth nothing once its row has ended or the account's session version has changed; the row has
only a digest of the cookie's token.

Source: OWASP Session Management Cheat Sheet; OWASP ASVS 5.0, 7.4 and 7.5 (see and end one's sessions).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from webui.errors import DatabaseUnavailable, NotFound
from webui.store.account_tables import SessionRow
from webui.store.accounts import SignedInUser, member_of
from webui.store.database import Database
from webui.store.models import Account

TOKEN_BYTES = 32
NOTED_EVERY_S = 60
"""How exact the time of the last use is."""
KEPT_S = 30 * 24 * 3600
ID_PARTS = 3


class Steps(StrEnum):
    """How the person of a session proved who they are."""

    PASSWORD = "password"  # noqa: S105 not a password
    APP = "app"
    PASSKEY = "passkey"
    RECOVERY = "recovery"


@dataclass(frozen=True)
class Place:
    """Where a session is used, as far as the site keeps it."""

    browser: str = ""
    """Such as `Firefox on Windows`."""
    network: str = ""


class SessionStore:
    """The sessions."""

    def __init__(self, database: Database, clock: Callable[[], int], idle_s: int) -> None:
        """Store sessions in `database`; `clock` gives seconds since 1970, `idle_s` is how long an idle one lasts."""
        self._database = database
        self._clock = clock
        self._idle_s = idle_s

    def begin(self, user: SignedInUser, steps: Steps, place: Place, also: Callable[[Session], None]) -> SignedInUser:
        """Begin a session and return the account with its token; `also` runs in the same transaction."""
        token, now = secrets.token_urlsafe(TOKEN_BYTES), self._clock()
        row = SessionRow(
            key=_key(token),
            account_id=user.id,
            version=user.session_version,
            steps=steps.value,
            browser=place.browser,
            network=place.network,
            created_at=now,
            confirmed_at=now,
            used_at=now,
        )

        def work(session: Session) -> None:
            session.add(row)
            also(session)

        self._database.write(work)
        return replace(user, token=token, steps=steps.value, confirmed_at=now)

    def resume(self, session_id: str) -> SignedInUser | None:
        """Return the account of a session cookie, or None if the session has ended."""
        parts = session_id.split(":")
        if len(parts) != ID_PARTS or not parts[2]:
            return None
        query = select(SessionRow, Account).join(Account, Account.id == SessionRow.account_id)
        with self._database.reading() as session:
            found = session.execute(query.where(SessionRow.key == _key(parts[2]))).one_or_none()
        if found is None:
            return None
        row, account = found
        if row.ended_at is not None or row.version != account.session_version or account.disabled_at is not None:
            return None
        if f"{account.id}:{account.session_version}" != ":".join(parts[:2]):
            return None
        self._note_use(row)
        return replace(member_of(account), token=parts[2], steps=row.steps, confirmed_at=row.confirmed_at)

    def of(self, user: SignedInUser) -> Sequence[SessionRow]:
        """Return the sessions of an account that still work, the last used first."""
        since = self._clock() - max(self._idle_s, NOTED_EVERY_S)
        query = select(SessionRow).where(
            SessionRow.account_id == user.id,
            SessionRow.version == user.session_version,
            SessionRow.ended_at.is_(None),
            SessionRow.used_at >= since,
        )
        with self._database.reading() as session:
            return session.scalars(query.order_by(SessionRow.used_at.desc(), SessionRow.id.desc())).all()

    def is_current(self, row: SessionRow, user: SignedInUser) -> bool:
        return row.key == _key(user.token)

    def end(self, account_id: int, row_id: int) -> None:
        """End one session of an account.

        Raises:
            NotFound: the account has no such session.
        """

        def work(session: Session) -> None:
            row = session.get(SessionRow, row_id)
            if row is None or row.account_id != account_id:
                raise NotFound
            row.ended_at = row.ended_at or self._clock()

        self._database.write(work)

    def end_this(self, user: SignedInUser) -> None:
        self._change(user, ended_at=self._clock())

    def end_others(self, user: SignedInUser) -> None:
        """End all sessions of an account except the current one."""
        self._database.write(lambda session: end_others(session, user, self._clock()))

    def confirm(self, user: SignedInUser, steps: Steps | None = None) -> None:
        """Note that the person has just proved who they are, and how."""
        more = {} if steps is None else {"steps": steps.value}
        self._change(user, confirmed_at=self._clock(), **more)

    def forget_old(self) -> None:
        """Delete sessions that were not used for a month."""
        old = SessionRow.used_at < self._clock() - KEPT_S
        with self._database.reading() as session:
            if session.scalar(select(SessionRow.id).where(old).limit(1)) is None:
                return
        self._database.write(lambda session: session.execute(delete(SessionRow).where(old)))

    def _change(self, user: SignedInUser, **values: object) -> None:
        change = update(SessionRow).where(SessionRow.key == _key(user.token)).values(**values)
        self._database.write(lambda session: session.execute(change))

    def _note_use(self, row: SessionRow) -> None:
        """Note the time of use, at most once a minute; a busy database does not stop the page."""
        now = self._clock()
        if now - row.used_at < NOTED_EVERY_S:
            return
        change = update(SessionRow).where(SessionRow.id == row.id).values(used_at=now)
        with suppress(DatabaseUnavailable):
            self._database.note(lambda session: session.execute(change))


def end_others(session: Session, user: SignedInUser, now: int) -> None:
    """End all other sessions of an account, in the caller's transaction."""
    others = (SessionRow.account_id == user.id, SessionRow.key != _key(user.token), SessionRow.ended_at.is_(None))
    session.execute(update(SessionRow).where(*others).values(ended_at=now))


def _key(token: str) -> str:
    return sha256(token.encode(errors="replace")).hexdigest()
