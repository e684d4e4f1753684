"""The coordinator's part of a sealed round: the sum of a frozen set whose files it can open.

Invariant: a file of the set that is gone is waited for until the round's close deadline, and no longer.

Source: PROTOCOL.md 5S, steps 3 and 4.
Not here: who gets into the frozen set (survivors.py); masked rounds (masked_rounds.py).
"""

from __future__ import annotations

from fl.protocol.errors import UpdateUnusable, VaultMissing
from fl.protocol.names import Address
from fl.protocol.rounds.round import Round
from fl.replay.ledger_view import Ports
from fl.replay.round_replay import sealed_sum
from fl.replay.round_sum import RoundSum
from fl.training.aggregation.sum import Sum


class Opening:
    """Opens and sums the updates of a frozen set."""

    def __init__(self, ports: Ports, sums: RoundSum) -> None:
        self._ports = ports
        self._sums = sums

    def total(self, current: Round) -> Sum:
        """Return the sum.

        Raises:
            VaultMissing: a file is gone that may come back before the close deadline.
            UpdateUnusable: a hospital's file cannot be added, or did not come back.
        """
        for hospital in current.hospitals:
            try:
                self._add(current, hospital)
            except VaultMissing as error:
                if self._ports.now() <= current.terms.close_deadline:
                    raise
                raise UpdateUnusable(hospital, error) from error
        return sealed_sum(current, self._sums)

    def _add(self, current: Round, hospital: Address) -> None:
        """Add an update; one that was added before must still be there, for others have to open it too."""
        digest = current.commitments[hospital]
        if not self._ports.vault.has(digest):
            raise VaultMissing(digest)
        self._sums.add(current, hospital)
