"""The outbox: mails that wait for delivery.

Invariant: two processes never deliver one mail at the same time. A mail that was delivered is not tried again; only a
crash between delivery and its note here can repeat one, with the same Message-ID.

Source: the pattern "transactional outbox"; RFC 5321, 4.5.4 (retries, giving up after four to five days).
"""

from __future__ import annotations

import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, undefer

from webui.ports.mail import Attachment, Letter
from webui.store.database import Database
from webui.store.mail_tables import WHY_CHARS, MailRow

FIRST_WAIT_S = 60
LONGEST_WAIT_S = 6 * 3600
GIVE_UP_S = 4 * 24 * 3600
CLAIM_S = 10 * 60
"""How long a process may work on a mail before another one tries."""
KEPT_S = 30 * 24 * 3600


class MailStore:
    """The mails of one site."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        """Store mails in `database`; `clock` gives seconds since 1970."""
        self._database = database
        self._clock = clock

    def has(self, session: Session, name: str) -> bool:
        """Return whether there is a mail of that name (its Message-ID), delivered or not."""
        return session.scalar(select(MailRow.id).where(MailRow.message_id == name).limit(1)) is not None

    def put(self, session: Session, letter: Letter, name: str = "") -> None:
        """Store a mail in the caller's transaction; `name` is its Message-ID, random without one."""
        now = self._clock()
        session.add(
            MailRow(
                message_id=name or f"{secrets.token_hex(16)}@hemaledger",
                recipient=letter.to,
                subject=letter.subject,
                text=letter.text,
                attachments=_packed(letter.attachments),
                created_at=now,
                next_at=now,
                tries=0,
            )
        )

    def claim(self) -> tuple[int, Letter] | None:
        """Take the next mail whose time has come; return its row and contents, or None."""
        now = self._clock()
        with self._database.reading() as session:  # most turns find nothing, and need not wait for writers
            if session.scalar(select(MailRow.id).where(MailRow.next_at <= now).limit(1)) is None:
                return None

        def work(session: Session) -> tuple[int, Letter] | None:
            query = select(MailRow).where(MailRow.next_at <= now).order_by(MailRow.next_at, MailRow.id).limit(1)
            row = session.scalar(query.options(undefer(MailRow.attachments)))
            if row is None:
                return None
            row.next_at, row.tries = now + CLAIM_S, row.tries + 1
            letter = Letter(row.recipient, row.subject, row.text, _unpacked(row.attachments), row.message_id)
            return row.id, letter

        return self._database.write(work)

    def delivered(self, row_id: int) -> None:
        now = self._clock()

        def work(session: Session) -> None:
            row = session.get_one(MailRow, row_id)
            row.sent_at, row.next_at, row.why = now, None, None
            row.text, row.attachments = "", None

        self._database.write(work)

    def failed(self, row_id: int, why: str, *, for_ever: bool = False) -> bool:
        """Note a failed try; return whether the mail is given up."""
        now = self._clock()

        def work(session: Session) -> bool:
            row = session.get_one(MailRow, row_id)
            row.why = why[:WHY_CHARS]
            given_up = for_ever or now - row.created_at >= GIVE_UP_S
            row.next_at = None if given_up else now + waiting_s(row.tries)
            if given_up:
                row.text, row.attachments = "", None
            return given_up

        return self._database.write(work)

    def forget_old(self) -> None:
        """Delete mails that were delivered or given up long ago."""
        old = (MailRow.next_at.is_(None), MailRow.created_at < self._clock() - KEPT_S)
        with self._database.reading() as session:
            if session.scalar(select(MailRow.id).where(*old).limit(1)) is None:
                return
        self._database.write(lambda session: session.execute(delete(MailRow).where(*old)))

    def waiting(self) -> int:
        """Return how many mails wait, for the operator's page."""
        with self._database.reading() as session:
            return session.scalar(select(func.count(MailRow.id)).where(MailRow.next_at.is_not(None))) or 0

    def given_up(self) -> Sequence[MailRow]:
        """Return the mails that nobody got, newest first, for the operator's page."""
        with self._database.reading() as session:
            query = select(MailRow).where(MailRow.next_at.is_(None), MailRow.sent_at.is_(None))
            return session.scalars(query.order_by(MailRow.id.desc()).limit(100)).all()


def waiting_s(tries: int) -> int:
    """Return the seconds to wait after `tries` failed tries: a minute, doubled each time, up to six hours."""
    return min(FIRST_WAIT_S << min(tries - 1, 16), LONGEST_WAIT_S)


def _packed(attachments: tuple[Attachment, ...]) -> bytes | None:
    if not attachments:
        return None
    return json.dumps([[each.name, each.media_type, b64encode(each.data).decode()] for each in attachments]).encode()


def _unpacked(raw: bytes | None) -> tuple[Attachment, ...]:
    return tuple(Attachment(name, kind, b64decode(data)) for name, kind, data in json.loads(raw)) if raw else ()
