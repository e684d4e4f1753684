"""A hospital says that a wide round went on without its signed step, although the step was on the board in time.

The contract cannot see who was left out of a batch; the hospital that was can. Its statement names the digest of the
step, so that anybody with the vault can look at the file and judge.

Invariant: it states only its own steps, each once, only of phases that decide who is in the sum, and only if its
journal says that the step was on the board before the deadline of the phase.

Source: PROTOCOL.md 5W.2 (Left out).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from fl.events import Event
from fl.protocol.errors import RefusedError
from fl.protocol.names import Address, StatementKind
from fl.protocol.records import StatementMade
from fl.protocol.rounds.round import Phase, Round
from fl.replay.batched_ledger import BatchedLedger
from fl.replay.ledger_view import Ports
from fl.roles.hospital.outbox import RoundOutbox

OMITTED = StatementKind.OMITTED


class Omissions:
    """Reports each omission once, to people and on the ledger."""

    def __init__(self, ports: Ports, promises: RoundOutbox) -> None:
        self._ports = ports
        self._promises = promises

    def step(self, current: Round) -> bool:
        """State an omission that was not stated yet; False when there is none."""
        ledger = self._ports.ledger
        if current.wide is None or current.phase == Phase.ABORTED or not isinstance(ledger, BatchedLedger):
            return False
        for phase, done in _ended(current).items():
            step, at = ledger.posted(current, phase), ledger.in_time(current, phase)
            if step is None or at is None or ledger.account in done:
                continue
            name = phase.name.lower()
            if self._promises.note_once(f"omitted {name}", current, name):
                text = f"{name}, on the board since {datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S} UTC"
                return self._state(current, StatementMade(ledger.account, current.number, OMITTED, step.digest, text))
        return False

    def _state(self, current: Round, made: StatementMade) -> bool:
        reason = f"the batch of this phase has no step of this hospital: {made.text}"
        self._ports.notify(Event.MISSING_IN_SET, {"round": current.number, "reason": reason})
        try:
            self._ports.append(made)
        except RefusedError:  # the membership ended, or the ledger was handed over
            return False
        return True


def _ended(current: Round) -> Mapping[Phase, Mapping[Address, object]]:
    """Return who is in the batch of each phase that ended and decides who is in the sum."""
    every: dict[Phase, Mapping[Address, object]] = {
        Phase.ADVERTISE: current.advertised,
        Phase.SHARE: current.dealt,
        Phase.COMPLAIN: current.checked,
        Phase.MASK: current.commitments,
    }
    return {phase: done for phase, done in every.items() if phase < current.phase}
