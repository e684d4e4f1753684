"""Sent forms: each is handled once, and a repeated one gets the first answer.

Invariant: if two requests send the same form at the same moment, the unique key in the database lets only one handle
it. The transaction that makes a record also marks its form, so a crash cannot lead to a second record.

Source: Stripe, "Idempotent requests"; IETF draft-ietf-httpapi-idempotency-key-header.
Not here: which forms are the same (webui/http/once.py).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from threading import BoundedSemaphore, Condition

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from webui.errors import AlreadyMade, StillHandled
from webui.store.database import Database
from webui.store.job_tables import HandledForm

WAIT_S = 4.0
"""How long a second click waits for the first."""
WAITING = 2
"""How many second clicks may wait at once; each occupies a thread of the server."""
LEASE_S = 120
"""Seconds after which an unfinished form may be sent again, because the site was stopped."""
KEPT_S = 24 * 3600
MADE = ""
"""Instead of an outcome: the form made a record, but its answer is not stored yet."""
IN_HAND: ContextVar[bytes | None] = ContextVar("the key of the form in hand", default=None)


@dataclass(frozen=True)
class FormOutcome:
    """The answer to a form; it has no contents of records."""

    status: int
    location: str = ""
    """The target, if it is a redirect."""
    body: str = ""
    """The body, if it is an answer to a script."""
    flashes: tuple[tuple[str, str], ...] = ()
    """(category, message) for the next page."""
    session_id: str = ""
    """Of the session that this form began, encrypted (http/once.py); empty if none."""


class HandledForms:
    """The forms that were handled."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        """Store them in `database`; `clock` gives seconds since 1970."""
        self._database = database
        self._clock = clock
        self._in_progress: set[bytes] = set()
        """Keys of the forms that this process is handling."""
        self._ended = Condition()
        self._waiting = BoundedSemaphore(WAITING)

    def begin(self, key: bytes) -> FormOutcome | None:
        """Begin with a form: return None if the caller must handle it, else the first answer.

        Raises:
            StillHandled: another request is handling it and was not done within `WAIT_S`.
            AlreadyMade: it made a record, but the site stopped before it stored the answer.
        """
        taken, outcome = self._take(key)
        if not taken and outcome is None:
            self._wait_for(key)
            taken, outcome = self._take(key)
        if not taken and outcome is None:
            raise StillHandled
        return outcome

    def finish(self, key: bytes, outcome: FormOutcome) -> None:
        text = json.dumps(asdict(outcome))

        def work(session: Session) -> None:
            row = session.get(HandledForm, key)
            if row is not None:
                row.outcome = text

        self._end(key, work)

    def abandon(self, key: bytes) -> None:
        """End a form without an answer; unless it made a record, it may be sent again."""
        unmade = (HandledForm.key == key, HandledForm.outcome.is_(None))
        self._end(key, lambda session: session.execute(delete(HandledForm).where(*unmade)))

    def forget_old(self) -> None:
        """Delete forms that are older than any open page."""
        old = HandledForm.begun_at < self._clock() - KEPT_S
        self._database.write(lambda session: session.execute(delete(HandledForm).where(old)))

    def _take(self, key: bytes) -> tuple[bool, FormOutcome | None]:
        """Return whether the caller must handle the form; if not, its answer, if there is one."""
        now = self._clock()

        def work(session: Session) -> tuple[bool, FormOutcome | None]:
            row = session.get(HandledForm, key, with_for_update=True)
            if row is None:
                session.add(HandledForm(key=key, begun_at=now))
                return True, None
            if row.outcome:
                return False, _outcome(row.outcome)
            if row.outcome == MADE and key not in self._in_progress:
                raise AlreadyMade
            if key in self._in_progress or now - row.begun_at < LEASE_S:
                return False, None
            row.begun_at = now
            return True, None

        try:
            taken, outcome = self._database.note(work)
        except IntegrityError:  # another process or thread has just begun with it
            taken, outcome = False, None
        if taken:
            with self._ended:
                self._in_progress.add(key)
            IN_HAND.set(key)
        return taken, outcome

    def _wait_for(self, key: bytes) -> None:
        if not self._waiting.acquire(blocking=False):
            raise StillHandled
        try:
            with self._ended:
                self._ended.wait_for(lambda: key not in self._in_progress, WAIT_S)
        finally:
            self._waiting.release()

    def _end(self, key: bytes, work: Callable[[Session], object]) -> None:
        try:
            self._database.note(work)
        finally:
            IN_HAND.set(None)
            with self._ended:
                self._in_progress.discard(key)
                self._ended.notify_all()


def mark_made(session: Session) -> None:
    """Mark the current form, if there is one, in the transaction that makes its record."""
    key = IN_HAND.get()
    row = session.get(HandledForm, key) if key is not None else None
    if row is not None:
        row.outcome = MADE


def _outcome(text: str) -> FormOutcome:
    fields = json.loads(text)
    return FormOutcome(**{**fields, "flashes": tuple((kind, message) for kind, message in fields["flashes"])})
