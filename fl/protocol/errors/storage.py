"""What vault and disk refuse: files that are missing, places that do not answer, writes that failed."""

from __future__ import annotations

import errno
from dataclasses import dataclass

from fl.protocol.errors.families import UnavailableError


@dataclass(eq=False)
class VaultMissing(UnavailableError):
    """The vault has no file with this digest."""

    digest: bytes
    sentence = "The vault has no file with the SHA-256 {digest} (not uploaded yet, or deleted)."


@dataclass(eq=False)
class VaultUnavailable(UnavailableError):
    """The vault's folder was moved or replaced, or does not answer."""

    path: str
    why: str
    sentence = "The vault is not at {path}: {why}. Put it back or mount it; no program creates it a second time."


@dataclass(eq=False)
class VaultForbidden(UnavailableError):
    """The account of this process may not write to the vault's folder."""

    path: str
    sentence = (
        "This account may not write {path}. Give the accounts of all members a common group that may write in the "
        "vault's folder (mode 2770), or use a store."
    )


@dataclass(eq=False)
class StorageFull(UnavailableError):
    """A file could not be written; no part of it remains."""

    path: str
    why: str
    sentence = "{path} could not be written ({why}); no part of it remains. Free some space and run again."


@dataclass(eq=False)
class StorageForbidden(StorageFull):
    """A file could not be written, because this user may not write there or the disk is read-only."""

    sentence = (
        "{path} could not be written ({why}); no part of it remains. Let this user write there, or name another place."
    )


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def refused_write(path: str, error: OSError) -> StorageFull:
    """Return what a person reads after a write that the system refused."""
    leaf = StorageFull if error.errno in FULL or error.errno is None else StorageForbidden
    return leaf(path, error.strerror or "the disk refused it")
