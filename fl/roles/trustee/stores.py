"""What a trustee keeps on its own disk: its shares, and the member keys that shares are sealed to on their way.

Invariant: what is stored is durable before anybody hears of it; what is erased or destroyed was overwritten first.

Source: PROTOCOL.md 9, At rest.
Not here: when (shares.py, member_keys.py); files (fl/storage/shares.py, fl/storage/keyring.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from fl.crypto.encrypted_keystore import HeldShare
from fl.crypto.hpke_keys import PrivateKey
from fl.protocol.names import KeyUse


class Shares(Protocol):
    """Where a trustee's shares lie."""

    def put(self, held: HeldShare) -> None:
        """Store a share durably; the same once more is no error."""

    def get(self, use: KeyUse, epoch: int) -> HeldShare:
        """Return a share, or raise KeystoreUnreadable."""

    def has(self, use: KeyUse, epoch: int) -> bool:
        """Return whether a share is there."""

    def epochs(self, use: KeyUse) -> Sequence[int]:
        """Return the epochs of which a share, whole or not, is there."""

    def erase(self, use: KeyUse, epoch: int) -> None:
        """Overwrite and remove a share; without one, do nothing."""


class MemberKeys(Protocol):
    """Where a trustee's member keys lie."""

    def create(self, epoch: int) -> PrivateKey:
        """Return the key of an epoch, made and stored durably unless it is there."""

    def of(self, epoch: int) -> PrivateKey:
        """Return a key, or raise KeystoreUnreadable."""

    def epochs(self) -> Sequence[int]:
        """Return the epochs of which a key, whole or not, is there."""

    def destroy(self, epoch: int) -> None:
        """Overwrite and remove a key; without one, do nothing."""


@dataclass(frozen=True)
class TrusteeStores:
    """One trustee's disk."""

    shares: Shares
    keys: MemberKeys
