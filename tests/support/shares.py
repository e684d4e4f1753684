"""A trustee's shares in files that no password protects: deriving a key for each takes most of a ceremony's time.

Trusted because it passes the suite that FolderShares passes (tests/unit/storage/test_shares.py).
"""

from __future__ import annotations

from fl.crypto.encrypted_keystore import HeldShare, Seat
from fl.files import write_atomic
from fl.protocol.errors import KeystoreUnreadable
from fl.protocol.names import Address, KeyUse
from fl.storage.shares import FolderShares


class OpenShares(FolderShares):
    """Files of the same names, written and erased in the same way."""

    def put(self, held: HeldShare) -> None:
        path = self._path(held.seat.use, held.seat.epoch)
        write_atomic(path, held.seat.account + bytes([held.seat.index]) + held.share.to_bytes(32, "big"))

    def get(self, use: KeyUse, epoch: int) -> HeldShare:
        path = self._path(use, epoch)
        if not path.exists():
            raise KeystoreUnreadable(str(path), "it cannot be read")
        data = path.read_bytes()
        return HeldShare(Seat(Address(data[:20]), use, epoch, data[20]), int.from_bytes(data[21:], "big"))
