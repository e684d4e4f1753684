"""The vault: large sealed files by their SHA-256, in a folder that may be shared by many machines.

Invariant: a file is whole or absent. Nothing here is trusted: who reads checks the digest, and what is no regular file
is not opened.

Source: HOUSE.md, idea 3.
"""

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from fl.protocol.codec import sha256
from fl.protocol.errors import TooLarge, VaultMissing
from fl.protocol.names import Blob, Digest
from fl.protocol.ports import Mark
from fl.storage.files import write_atomic

_NO_SURPRISE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Others write here too: no link is followed, and no pipe or device is waited for."""


class FolderVault:
    """Implements the Vault port over `folder/ab/abcd...`, the first byte of the digest being the subfolder."""

    checked = False

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, data: Blob) -> Digest:
        """Store `data` durably and return its digest; an existing file of that name is replaced by the same bytes."""
        digest = sha256(data)
        path = self.path(digest)
        _make_way(path.parent, folder=True)
        _make_way(path, folder=False)
        write_atomic(path, data)
        return digest

    def get(self, digest: Digest, cap: int) -> bytes:
        """Return the file unverified, or raise VaultMissing or TooLarge (unread)."""
        try:
            with os.fdopen(os.open(self.path(digest), _NO_SURPRISE), "rb") as file:
                found = os.fstat(file.fileno())
                if not stat.S_ISREG(found.st_mode):
                    raise VaultMissing(digest)
                if found.st_size > cap:
                    raise TooLarge(found.st_size, cap)
                data = file.read(found.st_size + 1)
        except OSError as error:
            raise VaultMissing(digest) from error
        if len(data) > cap:  # it grew meanwhile
            raise TooLarge(len(data), cap)
        return data

    def has(self, digest: Digest) -> bool:
        """Return whether a regular file of that name exists and can be seen."""
        return self.mark(digest) is not None

    def mark(self, digest: Digest) -> Mark | None:
        """Return inode, size and times of the regular file of that name; no writer can choose when it changed."""
        try:
            found = self.path(digest).lstat()
        except OSError:
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def path(self, digest: Digest) -> Path:
        """Return where a file of that digest lies."""
        name = digest.hex()
        return self._folder / name[:2] / name


def _make_way(path: Path, *, folder: bool) -> None:
    """Rename what others made where a file or its folder belongs; nothing of it is deleted."""
    with suppress(OSError):  # nothing is there; or else the writing itself says what is wrong
        found = path.lstat().st_mode
        if stat.S_ISDIR(found) != folder and not stat.S_ISLNK(found):
            path.rename(path.with_name(f".{path.name}.{secrets.token_hex(6)}.aside"))
