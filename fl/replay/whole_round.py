"""A round with clusters as who looks at all clusters sees it, for a hospital that else looks at its own alone.

Invariant: it is read from the same entries of the chain, by the same rules; nothing is read before somebody asks.

Source: PROTOCOL.md 5W.5 (Who reads what).
"""

from __future__ import annotations

from fl.protocol.federation import Federation, fold
from fl.protocol.ports import Endorser, Vault
from fl.protocol.records import BatchRecord, Entry
from fl.protocol.rounds.round import Round
from fl.replay.batches import expand


class WholeRound:
    """The newest round with clusters."""

    def __init__(self, before: Federation, opened: Entry) -> None:
        """Begin with the entry of the chain that opens the round; `before` is the ledger until then."""
        self._federation = before
        self._waiting = [opened]

    def note(self, entry: Entry) -> None:
        """Note the next entry of the chain."""
        self._waiting.append(entry)

    def read(self, vault: Vault, endorser: Endorser) -> Round:
        """Return the round as it is after the newest entry.

        Raises:
            VaultMissing, VaultUnavailable: a file is not there.
            BatchInvalid: a file breaks a rule.
        """
        while self._waiting:
            entry = self._waiting[0]
            if isinstance(entry.record, BatchRecord):
                self._federation = expand(entry, self._federation, vault, endorser).federation
            else:
                self._federation = fold(self._federation, [entry])
            self._waiting.pop(0)
        return self._federation.rounds[-1]
