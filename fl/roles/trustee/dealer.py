"""The operator as the single dealer of a DEALER ceremony; the ledger and every page show that there is only one.

Source: PROTOCOL.md 9, Ceremonies.
"""

from __future__ import annotations

from fl.protocol.keys.ceremony import CeremonyPhase
from fl.protocol.names import KeyUse
from fl.replay.ledger_view import LedgerView, Ports
from fl.roles.trustee.ceremonies import CeremonyPart


class Dealer:
    """The operator as the dealer of one DEALER ceremony."""

    def __init__(self, ports: Ports, use: KeyUse) -> None:
        self.view = LedgerView(ports.ledger)
        self._use = use
        self._part = CeremonyPart(ports, None)

    @property
    def done(self) -> bool:
        """Return whether the newest ceremony no longer needs this dealer."""
        ceremony = self.view.federation.threshold.ceremony(self._use)
        return ceremony is None or ceremony.ended or ceremony.phase == CeremonyPhase.CONFIRM

    def step(self) -> bool:
        return self._part.step(self.view.refresh())

    def finish(self) -> None:
        pass  # the polynomial was forgotten when the shares were sealed
