"""How long the coordinator waits after rounds in which nobody took part.

Invariant: after several rounds without any commitment, the fault is not one hospital's. The pause before the next round
doubles each time, and the first commitment ends it.

Source: PROTOCOL.md 5 (phase 0); exponential back-off with a cap.
"""

from __future__ import annotations

from fl.events import Event
from fl.protocol.federation import Federation
from fl.protocol.rounds.round import Phase
from fl.replay.ledger_view import Ports

IDLE_ROUNDS = 3
"""After this many rounds in a row without a commitment, the coordinator pauses before it opens another."""
PAUSE_S, MAX_PAUSE_S = 60, 3600
"""The first pause; each further one is twice as long, up to an hour."""


class Pauses:
    """Tells when the next round must wait, and reports each reason once."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._alarmed = (0, "")
        """The last round before a wait that was reported, and the reason."""

    def running(self, federation: Federation) -> bool:
        """Return whether the next round must still wait."""
        last, pause = federation.rounds[-1].last if federation.rounds else None, pause_s(idle_rounds(federation))
        return last is not None and pause > 0 and self._ports.now() < last.timestamp + pause

    def hold(self, federation: Federation) -> bool:
        """Return whether the next round must still wait; sound one alarm if so."""
        running, idle = self.running(federation), idle_rounds(federation)
        if running:
            why = f"{idle} rounds in a row ended before any hospital committed; the next one opens in {pause_s(idle)} s"
            self.alarm(federation, why)
        return running

    def alarm(self, federation: Federation, reason: str, what: Event = Event.ALARM) -> None:
        """Sound an alarm about the next round, or report `what`, unless the last one before it was the same."""
        if self._alarmed == (federation.last_round, reason):
            return
        self._alarmed = federation.last_round, reason
        self._ports.notify(what, {"round": federation.last_round, "reason": reason})


def pause_s(idle: int) -> int:
    """Return the pause after this many idle rounds; 0 = none."""
    return 0 if idle < IDLE_ROUNDS else min(PAUSE_S << min(idle - IDLE_ROUNDS, 10), MAX_PAUSE_S)


def idle_rounds(federation: Federation) -> int:
    """Return how many rounds in a row, up to the newest, were aborted before anybody committed."""
    idle = 0
    for current in reversed(federation.rounds):
        if current.phase != Phase.ABORTED or current.commitments:
            break
        idle += 1
    return idle
