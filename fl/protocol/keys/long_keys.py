"""Long keys: a member's hybrid public keys, for files that must stay closed for decades.

Invariant: a long key belongs to one epoch of a member's HPKE key, which signs it; after a rotation the member states a
new one. Only its newest statement counts.

Layout:
    document(1317) = epoch u32 ‖ key[1249] ‖ proof[64]
    proof          = ECDSA-P256-SHA256 (r ‖ s, low s) with the HPKE key of that epoch, over
                     "BAFL/1/longkey" ‖ consortium[32] ‖ chainId u64 ‖ authority[20] ‖ account[20] ‖ epoch u32 ‖
                     key[1249]

Source: PROTOCOL.md 3 (Long keys).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

from fl.protocol.codec import Reader, Writer
from fl.protocol.names import Address, Suite
from fl.protocol.ports import Anchor

LONG_KEY_BYTES = 1249
_PROOF_BYTES = 64
DOCUMENT_BYTES = 4 + LONG_KEY_BYTES + _PROOF_BYTES


@dataclass(frozen=True)
class LongKey:
    """One epoch's hybrid public key of a member."""

    epoch: int
    """Of the HPKE key that signed it."""
    public_key: bytes
    """ML-KEM-768 encapsulation key[1184] ‖ P-256 point, uncompressed[65] (fl/crypto/hybrid_kem.py)."""

    @cached_property
    def key_id(self) -> bytes:
        """Return the first 16 bytes of SHA-256(`keyid` ‖ suite 2 ‖ key)."""
        return Writer("keyid").u16(Suite.HYBRID).raw(self.public_key, LONG_KEY_BYTES).digest()[:16]

    def message(self, anchor: Anchor, account: Address) -> bytes:
        """Return the message that the proof signs."""
        head = Writer("longkey").raw(anchor.consortium, 32).u64(anchor.chain_id).raw(anchor.authority, 20)
        return head.raw(account, 20).u32(self.epoch).raw(self.public_key, LONG_KEY_BYTES).bytes()


@dataclass(frozen=True)
class LongKeyDocument:
    """What a member's statement of a long key is about."""

    key: LongKey
    proof: bytes
    """64 bytes."""

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse 1,317 bytes, or raise EncodingError."""
        reader = Reader(data, "long key")
        epoch = reader.u32()
        document = cls(LongKey(epoch, reader.raw(LONG_KEY_BYTES)), reader.raw(_PROOF_BYTES))
        reader.end()
        return document

    def to_bytes(self) -> bytes:
        writer = Writer().u32(self.key.epoch).raw(self.key.public_key, LONG_KEY_BYTES)
        return writer.raw(self.proof, _PROOF_BYTES).bytes()
