"""Says at once whom a round leaves out, and after a while without news for whom the consortium waits.

Invariant: one fact is said once; silence is said again after twice the time, at most once an hour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from fl.events import Event
from fl.protocol.federation import Federation
from fl.protocol.names import Address
from fl.protocol.records import Position
from fl.protocol.rounds.round import Phase, Round
from fl.replay.attendance import Missed, Waiting, left_out, waiting

MOST_S = 3600
News = tuple[Event, Mapping[str, object]]


class Silence:
    """What one process has said about silence."""

    def __init__(self, quiet_after_s: int) -> None:
        self._first_s = self._pause_s = quiet_after_s
        self._next: float | None = None
        """When silence is said next, in seconds since 1970."""
        self._position: Position | None = None
        self._without: set[tuple[bytes, bytes]] = set()
        self._began = False

    def news(self, federation: Federation, waits: str, at: float) -> Iterator[News]:
        """Yield what a person should hear now.

        Args:
            federation: As the agent has read it.
            waits: Why the agent's last step could not end; empty if it did.
            at: Seconds since 1970.
        """
        yield from self._left_out(federation)
        if self._next is None or federation.position != self._position:
            self._position, self._pause_s, self._next = federation.position, self._first_s, at + self._first_s
        if at < self._next:
            return
        self._pause_s = min(2 * self._pause_s, max(MOST_S, self._first_s))
        self._next = at + self._pause_s
        yield Event.STILL_WAITING, facts_of(federation, waiting(federation), waits)

    def _left_out(self, federation: Federation) -> Iterator[News]:
        """Yield each hospital that the newest round goes on without; those of rounds before the start count as said."""
        for current in federation.rounds[-2:]:
            if current.phase == Phase.ABORTED:
                continue  # it goes on for nobody; its end says why
            for account, why in left_out(current).items():
                key = (current.context, account)
                if key not in self._without and self._began:
                    yield Event.GOES_ON_WITHOUT, _without(federation, current, account, why)
                self._without.add(key)
        self._began = True


def facts_of(federation: Federation, now: Waiting, waits: str) -> dict[str, object]:
    """Return for whom the consortium waits, since when and until when, for a log."""
    names = ", ".join(federation.book.name_of(account) for account in now.who)
    return {
        "round": now.round or None,
        "phase": now.phase,
        "waits for": names or None,
        "since": moment(now.since) if now.since else None,
        "until": moment(now.until) if now.until else None,
        "reason": waits or None,
    }


def moment(seconds: float) -> str:
    """Return a time for people, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _without(federation: Federation, current: Round, account: Address, why: Missed) -> dict[str, object]:
    return {"round": current.number, "hospital": federation.book.name_of(account), "reason": str(why)}
