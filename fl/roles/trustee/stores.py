"""What a trustee stores on its own disk: its shares, and the member keys that dealers seal shares to.

Invariant: a stored item is durable before anybody learns about it; an erased or destroyed one was overwritten first.

Source: PROTOCOL.md 9, At rest.
Not here: implementations (fl/storage/shares.py, fl/storage/keyring.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fl.crypto.encrypted_keystore import HeldShare
from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.hybrid_kem import LongPrivateKey
from fl.protocol.names import KeyUse


class Shares(Protocol):
    """Stores a trustee's shares."""

    def put(self, held: HeldShare) -> None:
        """Store a share durably; storing the same share again is allowed."""

    def get(self, use: KeyUse, epoch: int) -> HeldShare:
        """Return a share, or raise KeystoreUnreadable."""

    def has(self, use: KeyUse, epoch: int) -> bool: ...

    def epochs(self, use: KeyUse) -> Sequence[int]:
        """Return the epochs that have a share here, whole or damaged."""

    def erase(self, use: KeyUse, epoch: int) -> None:
        """Overwrite and remove a share, if there is one."""


class MemberKeys(Protocol):
    """Stores a trustee's member keys."""

    def create(self, epoch: int) -> PrivateKey:
        """Return the key of an epoch; make it and store it durably if there is none."""

    def of(self, epoch: int) -> PrivateKey:
        """Return a key, or raise KeystoreUnreadable."""

    def epochs(self) -> Sequence[int]:
        """Return the epochs that have a key here, whole or damaged."""

    def destroy(self, epoch: int) -> None:
        """Overwrite and remove a key, if there is one."""

    def long_keys(self) -> Sequence[LongPrivateKey]:
        """Return the long keys here, own ones and those of seats that were taken over, or raise KeystoreUnreadable."""


@dataclass(frozen=True)
class TrusteeStores:
    """One trustee's disk."""

    shares: Shares
    keys: MemberKeys
