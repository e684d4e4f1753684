"""The coordinator's part of a masked round: end each set-up phase with those who did what it asked.

Invariant: whom it leaves out, everybody can see why: the sets are functions of ledger and vault (participants.py).

Source: PROTOCOL.md 5, phases 1 to 2b and 4 to 6.
"""

from __future__ import annotations

from collections.abc import Callable

from fl.protocol.errors import DeadlineNotPassed
from fl.protocol.names import Address
from fl.protocol.records import PhaseClosed
from fl.protocol.round import Phase, Round
from fl.roles.participants import advertisers, dealers, honest
from fl.roles.view import Ports


class SetUp:
    """Closes the phases ADVERTISE, SHARE and COMPLAIN, and watches over AGREE."""

    def __init__(self, ports: Ports, abort: Callable[[Round, str], bool]) -> None:
        self._ports = ports
        self._abort = abort

    def step(self, current: Round) -> bool:
        """Close the phase when everybody did what it asks, or at its deadline; False while it must wait."""
        late = self._ports.now() > current.step_deadline
        if current.phase == Phase.AGREE:
            return late and self._abort(current, f"RoundStalled: {len(current.endorsed)} hospitals endorsed the set")
        done = {
            Phase.ADVERTISE: current.advertised,
            Phase.SHARE: current.dealt,
            Phase.COMPLAIN: current.checked,
        }[current.phase]
        if len(done) < len(current.sharers) and not late:
            return False
        going = self._going_on(current)
        if current.phase == Phase.SHARE and len(going) < len(done) and not late:
            return False  # a file of shares may still be on its way
        if len(going) < current.terms.min_commitments:
            reason = f"BelowThreshold: {len(going)} of {current.terms.min_commitments} hospitals can go on"
            return self._abort(current, f"{reason} after {current.phase.name.lower()}")
        try:
            with self._ports.watch("chain"):
                closed = PhaseClosed(self._ports.ledger.account, current.number, current.phase, going)
                self._ports.ledger.append(closed)
        except DeadlineNotPassed:  # the chain's clock is behind ours, and it counts
            return False
        left = len(current.sharers) - len(going)
        self._ports.notify("closed", {"round": current.number, "phase": current.phase.name.lower(), "left_out": left})
        return True

    def _going_on(self, current: Round) -> tuple[Address, ...]:
        match current.phase:
            case Phase.ADVERTISE:
                return advertisers(current)
            case Phase.SHARE:
                return dealers(current, self._ports.vault)
            case _:
                return tuple(sorted(honest(current, self._ports.vault)))
