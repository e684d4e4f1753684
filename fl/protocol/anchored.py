"""The checkpoints of the log that keepers recorded on their ledger.

Invariant: a keeper's checkpoints on one ledger grow. Whether size and root are right is not known here: who has the
whole log compares them, and a wrong one is a finding, not an error of the ledger.

Source: PROTOCOL.md 8T; contracts/ledger/FederationLedger.sol (anchorCheckpoint).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from fl.protocol.errors import CheckpointBackwards
from fl.protocol.growing import ChangingMap, with_item
from fl.protocol.names import Address, Digest, Role
from fl.protocol.records import CheckpointAnchored, Entry, Position

KEEPERS = (Role.OPERATOR, Role.COORDINATOR, Role.AUDITOR)
"""Who may record a checkpoint."""


@dataclass(frozen=True)
class Anchored:
    """Every checkpoint that was recorded, in ledger order."""

    made: Mapping[Position, Entry] = field(default_factory=dict)
    _newest: ChangingMap[tuple[Address, Address], int] = field(default_factory=ChangingMap)
    """(Ledger, keeper) -> size of its newest checkpoint."""

    def newest(self, contract: Address, keeper: Address) -> int:
        """Return the size of a keeper's newest checkpoint on a ledger, 0 without one."""
        return self._newest.get((contract, keeper), 0)

    def holds(self, size: int, root: Digest, keeper: Address) -> bool:
        """Return whether a keeper recorded this checkpoint on any of the ledgers."""
        records = (entry.record for entry in self.made.values())
        return any(
            isinstance(each, CheckpointAnchored) and (each.sender, each.size, each.root) == (keeper, size, root)
            for each in records
        )

    def advance(self, entry: Entry, record: CheckpointAnchored) -> Anchored:
        """Return the checkpoints after `record` of a keeper, or raise CheckpointBackwards."""
        newest = self.newest(entry.contract, record.sender)
        if record.size <= newest:
            raise CheckpointBackwards(newest, record.size)
        grown = self._newest.with_item((entry.contract, record.sender), record.size)
        return Anchored(with_item(self.made, entry.position, entry), grown)
