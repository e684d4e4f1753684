"""A vault on another machine, with the files that this machine has read or written kept on its own disk.

Invariant: only files that have their digest are kept or given from the disk, so a damaged copy costs a second download
and nothing else. The copies never count as the vault: `has` and `mark` ask the vault itself.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from fl.protocol.codec import sha256
from fl.protocol.errors import StorageFull, TooLarge, VaultForbidden, VaultMissing
from fl.protocol.names import Blob, Digest
from fl.protocol.ports import Mark
from fl.storage.object_vault import ObjectVault
from fl.storage.vault import FolderVault

KEPT_BYTES = 4 * 1024**3
"""The oldest copies go when there are more."""


class CachedVault:
    """Implements the Vault port over `inner`, with copies in `folder`."""

    def __init__(self, inner: ObjectVault, folder: Path, kept_bytes: int = KEPT_BYTES) -> None:
        self._inner = inner
        self._folder = folder
        self._copies = FolderVault(folder)
        self._kept_bytes = kept_bytes
        self._room = 0
        """How many bytes may still be added before the folder is measured again."""

    @property
    def checked(self) -> bool:
        return self._inner.checked

    def check(self) -> None:
        """Raise VaultUnavailable unless the vault is there."""
        self._inner.check()

    def put(self, data: Blob) -> Digest:
        digest = self._inner.put(data)
        self._keep(data)
        return digest

    def get(self, digest: Digest, cap: int) -> bytes:
        """Return the file as `Vault.get` does."""
        with suppress(VaultMissing, TooLarge):
            data = self._copies.get(digest, cap)
            if sha256(data) == digest:
                return data
        data = self._inner.get(digest, cap)
        if sha256(data) == digest:
            self._keep(data)
        return data

    def delete(self, digest: Digest) -> bool:
        """Remove a file from the vault, and the copy here; raises as the vault does."""
        gone = self._inner.delete(digest)
        with suppress(VaultForbidden):
            self._copies.delete(digest)
        return gone

    def has(self, digest: Digest) -> bool:
        return self._inner.has(digest)

    def mark(self, digest: Digest) -> Mark | None:
        return self._inner.mark(digest)

    def _keep(self, data: Blob) -> None:
        """Keep a copy if it fits; a full disk, or one of somebody else, costs only the copy."""
        size = memoryview(data).nbytes
        if size > self._kept_bytes:
            return
        with suppress(StorageFull, VaultForbidden, OSError):
            if size > self._room:
                self._room = self._kept_bytes - self._make_room(size)
            self._copies.put(data)
            self._room -= size

    def _make_room(self, wanted: int) -> int:
        """Delete the oldest copies until `wanted` bytes fit with a quarter to spare; return the bytes that stay."""
        files = []
        for each in self._folder.glob("*/*"):
            with suppress(FileNotFoundError):  # another process may delete copies, too
                files.append((each.stat(), each))
        total = sum(facts.st_size for facts, _ in files)
        if total + wanted <= self._kept_bytes:
            return total
        for facts, path in sorted(files, key=lambda each: each[0].st_mtime_ns):
            with suppress(OSError):
                os.unlink(path)  # noqa: PTH108 as cheap as it gets
                total -= facts.st_size
            if total + wanted <= self._kept_bytes * 3 // 4:
                break
        return total
