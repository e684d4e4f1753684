"""A trustee's shares as password-protected files, one per use and epoch: `records-3.json`.

Invariant: a share is durable before the trustee confirms it. A share is overwritten before it is deleted, but the disk
may keep copies.

Source: PROTOCOL.md 9, At rest.
"""

from __future__ import annotations

from pathlib import Path

from fl.crypto.encrypted_keystore import LOCKBOX_CAP, HeldShare, Lockbox, lock
from fl.files import erase, numbers, write_atomic
from fl.protocol.errors import KeystoreUnreadable
from fl.protocol.names import KeyUse


class FolderShares:
    """Implements the Shares port over a folder; only the owner can read the files."""

    def __init__(self, folder: Path, password: str) -> None:
        self._folder = folder
        self._password = password

    def put(self, share: HeldShare) -> None:
        """Store a share durably; storing it twice is allowed.

        Raises:
            KeystoreUnreadable: the password is empty.
            StorageFull: it could not be written.
        """
        path = self._path(share.seat.use, share.seat.epoch)
        if not self._password:
            raise KeystoreUnreadable(str(path), "its password is empty")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomic(path, lock(share, self._password), mode=0o600)

    def get(self, use: KeyUse, epoch: int) -> HeldShare:
        path = self._path(use, epoch)
        try:
            with path.open("rb") as file:
                data = file.read(LOCKBOX_CAP + 1)
        except OSError as error:
            raise KeystoreUnreadable(str(path), error.strerror or "it cannot be read") from error
        share = Lockbox.parse(data, str(path)).unlock(self._password)
        if not isinstance(share, HeldShare) or (share.seat.use, share.seat.epoch) != (use, epoch):
            raise KeystoreUnreadable(str(path), "its name does not fit the share in it")
        return share

    def has(self, use: KeyUse, epoch: int) -> bool:
        return self._path(use, epoch).exists()

    def epochs(self, use: KeyUse) -> list[int]:
        return numbers(self._folder, f"{use.name.lower()}-", ".json")

    def erase(self, use: KeyUse, epoch: int) -> None:
        erase(self._path(use, epoch))

    def _path(self, use: KeyUse, epoch: int) -> Path:
        return self._folder / f"{use.name.lower()}-{epoch}.json"
