"""Forms that were sent: each is handled once, and whoever sends it again gets what the first one led to.

Invariant: of two that send the same form at the same moment one handles it; the unique key in the database decides. A
form that made a record is marked in the transaction that made it, so no crash makes a second one.

Source: Stripe, "Idempotent requests"; IETF draft-ietf-httpapi-idempotency-key-header.
Not here: what makes two forms the same (webui/http/once.py).
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
"""Second clicks that wait at once; each holds a thread of the server."""
LEASE_S = 120
"""Seconds after which a form whose handling never ended may be sent again: the site was stopped in between."""
KEPT_S = 24 * 3600
MADE = ""
"""In the place of an outcome: the form made a record, and its answer is not written yet."""
IN_HAND: ContextVar[bytes | None] = ContextVar("the key of the form in hand", default=None)


@dataclass(frozen=True)
class FormOutcome:
    """What a form led to; nothing that a record says."""

    status: int
    location: str = ""
    """Of a redirect."""
    body: str = ""
    """Of an answer to a script."""
    flashes: tuple[tuple[str, str], ...] = ()
    """(category, message) for the next page."""
    session_id: str = ""
    """Of whom this form signed in; empty when it signed nobody in."""


class HandledForms:
    """The forms that were handled."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        """Keep them in `database`; `clock` gives seconds since 1970."""
        self._database = database
        self._clock = clock
        self._here: set[bytes] = set()
        """Keys of forms that this process is handling."""
        self._ended = Condition()
        self._waiting = BoundedSemaphore(WAITING)

    def begin(self, key: bytes) -> FormOutcome | None:
        """Begin with a form: return None when it is ours to handle, else what it led to.

        Raises:
            StillHandled: somebody handles it, and was not ready in `WAIT_S`.
            AlreadyMade: it made a record, and its handling broke off before there was an answer.
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
        """There is no answer to keep: unless the form made a record, it may be sent again."""
        unmade = (HandledForm.key == key, HandledForm.outcome.is_(None))
        self._end(key, lambda session: session.execute(delete(HandledForm).where(*unmade)))

    def forget_old(self) -> None:
        """Drop what is older than any open page."""
        old = HandledForm.begun_at < self._clock() - KEPT_S
        self._database.write(lambda session: session.execute(delete(HandledForm).where(old)))

    def _take(self, key: bytes) -> tuple[bool, FormOutcome | None]:
        """Return whether it is ours now; if not, what it led to as far as that is known."""
        now = self._clock()

        def work(session: Session) -> tuple[bool, FormOutcome | None]:
            row = session.get(HandledForm, key, with_for_update=True)
            if row is None:
                session.add(HandledForm(key=key, begun_at=now))
                return True, None
            if row.outcome:
                return False, _outcome(row.outcome)
            if row.outcome == MADE and key not in self._here:
                raise AlreadyMade
            if key in self._here or now - row.begun_at < LEASE_S:
                return False, None
            row.begun_at = now
            return True, None

        try:
            taken, outcome = self._database.note(work)
        except IntegrityError:  # another process, or thread, has just begun with it
            taken, outcome = False, None
        if taken:
            with self._ended:
                self._here.add(key)
            IN_HAND.set(key)
        return taken, outcome

    def _wait_for(self, key: bytes) -> None:
        if not self._waiting.acquire(blocking=False):
            raise StillHandled
        try:
            with self._ended:
                self._ended.wait_for(lambda: key not in self._here, WAIT_S)
        finally:
            self._waiting.release()

    def _end(self, key: bytes, work: Callable[[Session], object]) -> None:
        try:
            self._database.note(work)
        finally:
            IN_HAND.set(None)
            with self._ended:
                self._here.discard(key)
                self._ended.notify_all()


def mark_made(session: Session) -> None:
    """Note, in the transaction that makes a record, that the form in hand made one; without a form do nothing."""
    key = IN_HAND.get()
    row = session.get(HandledForm, key) if key is not None else None
    if row is not None:
        row.outcome = MADE


def _outcome(text: str) -> FormOutcome:
    fields = json.loads(text)
    return FormOutcome(**{**fields, "flashes": tuple((kind, message) for kind, message in fields["flashes"])})
