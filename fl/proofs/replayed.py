"""A member's own replay of the ledger: the log over all records, and the members with their keys.

Invariant: every entry of the log was folded by the rules of the protocol before anybody asks about the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fl.proofs.log_view import LogView
from fl.proofs.trusting import keys_of
from fl.protocol.federation import Federation
from fl.protocol.names import Address, StatementKind
from fl.protocol.tlog.notes import VerifierKey
from fl.replay.ledger_view import LedgerView


@dataclass(frozen=True)
class Replayed:
    """Two readers of one chain: of its raw records, and of the federation that they make."""

    log: LogView
    members: LedgerView

    def refresh(self) -> Federation:
        """Read what is new; raises as LogView.refresh and LedgerView.refresh."""
        self.log.refresh()
        return self.members.refresh()

    @property
    def federation(self) -> Federation:
        """Return the federation as it was read last."""
        return self.members.federation

    def keys(self, kind: StatementKind) -> tuple[Sequence[Address], Sequence[VerifierKey]]:
        """Return who stated a key (LOG or WITNESS) that counts, and the keys."""
        return keys_of(self.federation, kind)
