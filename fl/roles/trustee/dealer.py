"""The operator as the dealer of a DEALER ceremony: one authority, marked as such on the ledger and on every page.

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
        """Return whether the newest ceremony of the use needs this dealer no more."""
        ceremony = self.view.federation.threshold.ceremony(self._use)
        return ceremony is None or ceremony.ended or ceremony.phase == CeremonyPhase.CONFIRM

    def step(self) -> bool:
        """Do the next thing."""
        return self._part.step(self.view.refresh())

    def finish(self) -> None:
        """Nothing is left to do: the polynomial was forgotten when the shares were sealed."""
