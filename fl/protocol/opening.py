"""How a ledger began: its first model and that model's readers.

Source: PROTOCOL.md 6.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fl.protocol.codec import Writer
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import NO_DIGEST, Address, Digest
from fl.protocol.ports import Anchor
from fl.protocol.records import Entry, FederationOpened


@dataclass(frozen=True)
class LedgerOpening:
    """How a ledger began: its first model and that model's readers."""

    record: FederationOpened
    opened: Entry
    anchor: Anchor
    keys: Mapping[Address, MemberKey]
    """The key of every active member at that moment."""
    config_digest: Digest = NO_DIGEST
    """Of the round that made its model; NO_DIGEST for the first model of all."""

    @property
    def context(self) -> bytes:
        return genesis_context(self.anchor, self.record.last_round, self.record.manifest_digest)


def genesis_context(anchor: Anchor, last_round: int, manifest_digest: Digest) -> bytes:
    """Return the envelope context of a ledger's first model, 32 bytes.

    SHA-256(`genesis` ‖ consortium[32] ‖ chainId u64 ‖ contract[20] ‖ last round u64 ‖ manifest digest[32]).
    """
    writer = Writer("genesis").raw(anchor.consortium, 32).u64(anchor.chain_id).raw(anchor.contract, 20)
    return writer.u64(last_round).raw(manifest_digest, 32).digest()
