"""The vault: large sealed files by their SHA-256, in a folder that may be shared by many machines.

Invariant: a file is whole or absent. Nothing here is trusted: who reads checks the digest.

Source: HOUSE.md, idea 3.
"""

from __future__ import annotations

from pathlib import Path

from fl.protocol.codec import sha256
from fl.protocol.errors import TooLarge, VaultMissing
from fl.protocol.names import Blob, Digest
from fl.storage.files import write_atomic


class FolderVault:
    """Implements the Vault port over `folder/ab/abcd...`, the first byte of the digest being the subfolder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: Blob) -> Digest:
        """Store `data` durably and return its digest; an existing file of that name is replaced by the same bytes."""
        digest = sha256(data)
        write_atomic(self.path(digest), data)
        return digest

    def get(self, digest: Digest, cap: int) -> bytes:
        """Return the file unverified, or raise VaultMissing or TooLarge (unread)."""
        path = self.path(digest)
        try:
            size = path.stat().st_size
            if size > cap:
                raise TooLarge(size, cap)
            return path.read_bytes()
        except OSError as error:
            raise VaultMissing(digest) from error

    def has(self, digest: Digest) -> bool:
        """Return whether a file of that name exists and can be seen."""
        try:
            return self.path(digest).is_file()
        except OSError:
            return False

    def path(self, digest: Digest) -> Path:
        """Return where a file of that digest lies."""
        name = digest.hex()
        return self._folder / name[:2] / name
