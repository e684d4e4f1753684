"""The coordinator's part of a sealed round: it opens and sums the files of the frozen set.

Invariant: the coordinator waits for a missing file of the set until the round's close deadline, and no longer.

Source: PROTOCOL.md 5S, steps 3 and 4.
"""

from __future__ import annotations

from fl.protocol.errors import UpdateUnusable, VaultMissing
from fl.protocol.names import Address
from fl.protocol.rounds.round import Round
from fl.replay.ledger_view import Ports
from fl.replay.round_replay import sealed_sum
from fl.replay.round_sum import RoundSum
from fl.training.aggregation.sum import Sum
from fl.training.aggregation.work import Work


class Opening:
    """Opens and sums the updates of a frozen set."""

    def __init__(self, ports: Ports, sums: RoundSum) -> None:
        self._ports = ports
        self._sums = sums

    def total(self, current: Round, work: Work) -> Sum:
        """Return the sum.

        Raises:
            VaultMissing: a file is missing, and may come back before the close deadline.
            UpdateUnusable: a hospital's file cannot be added, or did not come back.
        """
        for hospital in current.hospitals:
            try:
                self._add(current, hospital)
            except VaultMissing as error:
                if self._ports.now() <= current.terms.close_deadline:
                    raise
                raise UpdateUnusable(hospital, error) from error
        return sealed_sum(current, self._sums, work)

    def _add(self, current: Round, hospital: Address) -> None:
        """Add an update; its file must be in the vault even if it was added before, because others open it too."""
        digest = current.commitments[hospital]
        if not self._ports.vault.has(digest):
            raise VaultMissing(digest)
        self._sums.add(current, hospital)
