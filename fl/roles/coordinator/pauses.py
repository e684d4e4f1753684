"""How long the coordinator waits after rounds in which nobody took part.

Invariant: after so many rounds in a row without a commitment something is wrong everywhere, so each further one waits
twice as long; the first commitment ends the waiting.

Source: PROTOCOL.md 5 (phase 0); exponential back-off with a cap.
Not here: what ends such a round (agent.py, masked_rounds.py).
"""

from __future__ import annotations

from fl.events import Event
from fl.protocol.federation import Federation
from fl.protocol.rounds.round import Phase
from fl.replay.ledger_view import Ports

IDLE_ROUNDS = 3
"""So many rounds in a row without a commitment, and the coordinator waits before it opens another."""
PAUSE_S, MAX_PAUSE_S = 60, 3600
"""The first such wait; it doubles up to an hour."""


class Pauses:
    """Looks at the newest rounds, and reports each pause once."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._alarmed = 0
        """The last round whose pause was reported."""

    def going_on(self, federation: Federation) -> bool:
        """Return whether the next round has to wait."""
        idle, last = idle_rounds(federation), federation.rounds[-1].last if federation.rounds else None
        if idle < IDLE_ROUNDS or last is None:
            return False
        wait_s = min(PAUSE_S << min(idle - IDLE_ROUNDS, 10), MAX_PAUSE_S)
        waits: bool = self._ports.now() < last.timestamp + wait_s
        if waits and self._alarmed != federation.last_round:
            self._alarmed = federation.last_round
            reason = f"{idle} rounds in a row ended before anybody committed; the next one opens in {wait_s} s"
            self._ports.notify(Event.ALARM, {"round": federation.last_round, "reason": reason})
        return waits


def idle_rounds(federation: Federation) -> int:
    """Return how many rounds in a row, up to the newest, were aborted before anybody committed."""
    idle = 0
    for found in reversed(federation.rounds):
        if found.phase != Phase.ABORTED or found.commitments:
            break
        idle += 1
    return idle
