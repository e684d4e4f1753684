"""A member's HPKE keys as password-protected files, one per epoch: `hpke-1.pem`, `hpke-2.pem`...

Invariant: a key file is written once and never replaced, and only its owner can read it. A key is overwritten before
it is deleted, but the disk may keep copies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from fl.crypto.hpke_keys import PrivateKey
from fl.files import erase, numbers, write_once
from fl.protocol.errors import KeystoreUnreadable


class FolderKeys:
    """Implements the MemberKeys port over a folder; it reads a key each time that it is used."""

    def __init__(self, folder: Path, password: str) -> None:
        self._folder = folder
        self._password = password

    def epochs(self) -> list[int]:
        return numbers(self._folder, "hpke-", ".pem")

    def of(self, epoch: int) -> PrivateKey:
        return _load(_path(self._folder, epoch), epoch, self._password)

    def create(self, epoch: int) -> PrivateKey:
        return create_key(self._folder, epoch, self._password)

    def destroy(self, epoch: int) -> None:
        erase(_path(self._folder, epoch))


class LiveKeys(Mapping[int, PrivateKey]):
    """A member's keys by epoch; a key that another process stores later is found when somebody needs it."""

    def __init__(self, folder: Path, password: str) -> None:
        """Read the keys in `folder`, or raise KeystoreUnreadable."""
        self._folder = folder
        self._password = password
        self._read = load_keys(folder, password)

    def __getitem__(self, epoch: int) -> PrivateKey:
        """Return a key, or raise KeyError without one, or KeystoreUnreadable."""
        if epoch not in self._read:
            path = _path(self._folder, epoch)
            if not path.exists():
                raise KeyError(epoch)
            self._read[epoch] = _load(path, epoch, self._password)
        return self._read[epoch]

    def __iter__(self) -> Iterator[int]:
        stems = (path.stem.removeprefix("hpke-") for path in self._folder.glob("hpke-*.pem"))
        return iter(sorted({*self._read, *(int(stem) for stem in stems if stem.isdecimal())}))

    def __len__(self) -> int:
        return len(list(iter(self)))


def create_key(folder: Path, epoch: int, password: str, made: PrivateKey | None = None) -> PrivateKey:
    """Store the key of an epoch, `made` or a new one; load it instead if it exists already.

    Raises:
        KeystoreUnreadable: the password is empty, or the key exists and the password is wrong.
        StorageFull: it could not be written.
    """
    path = _path(folder, epoch)
    if not path.exists():
        if not password:
            raise KeystoreUnreadable(str(path), "its password is empty")
        write_once(path, (made or PrivateKey.generate(epoch)).to_pem(password), mode=0o600)
    return _load(path, epoch, password)


def load_keys(folder: Path, password: str) -> dict[int, PrivateKey]:
    """Return all keys of a member by epoch, or raise KeystoreUnreadable."""
    keys = {}
    for path in sorted(folder.glob("hpke-*.pem")):
        epoch = path.stem.removeprefix("hpke-")
        if not epoch.isdecimal():
            raise KeystoreUnreadable(str(path), "its name has no epoch")
        keys[int(epoch)] = _load(path, int(epoch), password)
    return keys


def _path(folder: Path, epoch: int) -> Path:
    return folder / f"hpke-{epoch}.pem"


def _load(path: Path, epoch: int, password: str) -> PrivateKey:
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise KeystoreUnreadable(str(path), error.strerror or "it cannot be read") from error
    return PrivateKey.from_pem(epoch, pem, password, str(path))
