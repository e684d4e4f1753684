"""Counts attempts in the database, so that all processes count together and a restart loses nothing.

Invariant: an attempt is counted before it is made, so parallel attempts cannot exceed the limit.

Source: OWASP Authentication Cheat Sheet (throttling); NIST SP 800-63B, 5.2.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from sqlalchemy import delete
from sqlalchemy.orm import Session

from webui.config import Limit
from webui.errors import TooManyAttempts
from webui.store.database import Database
from webui.store.models import Attempts


@dataclass(frozen=True)
class Meter:
    """One counter: what it counts, for whom, and its limit."""

    what: str
    whose: str
    limit: Limit
    cost: int = 1
    """How many attempts this one counts as."""

    @property
    def key(self) -> str:
        """Return the row's key; the address itself is not stored."""
        return sha256(f"{self.what}\0{self.whose}".encode()).hexdigest()


class Throttle:
    """The counters."""

    def __init__(self, database: Database, clock: Callable[[], int]) -> None:
        """Count in `database`; `clock` gives seconds since 1970."""
        self._database = database
        self._clock = clock

    def take(self, *meters: Meter) -> None:
        """Count one attempt on every meter, or as many as it costs.

        Raises:
            TooManyAttempts: one of them would exceed its limit; then nothing is counted.
        """
        now = self._clock()

        def work(session: Session) -> None:
            session.execute(delete(Attempts).where(Attempts.window_ends_at <= now))
            for meter in meters:
                _count(session, meter, now)

        self._database.write(work)

    def forget(self, *meters: Meter) -> None:
        """Set the meters back to zero."""
        keys = [meter.key for meter in meters]
        self._database.write(lambda session: session.execute(delete(Attempts).where(Attempts.key.in_(keys))))

    def give_back(self, *meters: Meter) -> None:
        """Take one attempt back, or as many as it cost."""

        def work(session: Session) -> None:
            for meter in meters:
                row = session.get(Attempts, meter.key)
                if row is not None:
                    row.count = max(0, row.count - meter.cost)

        self._database.write(work)


def _count(session: Session, meter: Meter, now: int) -> None:
    row = session.get(Attempts, meter.key)
    if row is None:
        row = Attempts(key=meter.key, count=0, window_ends_at=now + meter.limit.window_s)
        session.add(row)
    if row.count + meter.cost > meter.limit.count:
        raise TooManyAttempts(row.window_ends_at - now)
    row.count += meter.cost
