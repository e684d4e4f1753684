"""A member's HPKE keys as password-protected files, one per epoch: `hpke-1.pem`, ...; long keys; seats.

Invariant: a key file is written once and never replaced, and only its owner can read it. A key is overwritten before
it is deleted, but the disk may keep copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.hybrid_kem import LongPrivateKey
from fl.files import erase, numbers, write_once
from fl.protocol.errors import KeystoreUnreadable


class PemKey(Protocol):
    """A private key that can be stored under a password."""

    def to_pem(self, password: str) -> bytes: ...


K = TypeVar("K", bound=PemKey)


@dataclass(frozen=True)
class KeyFiles(Generic[K]):
    """One kind of key in a member's folder, one file per epoch."""

    prefix: str
    generate: Callable[[int], K]
    from_pem: Callable[[int, bytes, str, str], K]

    def path(self, folder: Path, epoch: int) -> Path:
        return folder / f"{self.prefix}{epoch}.pem"

    def epochs(self, folder: Path) -> list[int]:
        """Return the epochs of all files, also of partial ones."""
        return numbers(folder, self.prefix, ".pem")

    def there(self, folder: Path) -> list[int]:
        """Return the epochs of the keys in a folder."""
        stems = (path.stem.removeprefix(self.prefix) for path in folder.glob(f"{self.prefix}*.pem"))
        return sorted(int(stem) for stem in stems if stem.isdecimal())

    def create(self, folder: Path, epoch: int, password: str, made: K | None = None) -> K:
        """Store the key of an epoch, `made` or a new one, and return it; raises as `create_key`."""
        path = self.path(folder, epoch)
        if not path.exists():
            if not password:
                raise KeystoreUnreadable(str(path), "its password is empty")
            write_once(path, (made or self.generate(epoch)).to_pem(password), mode=0o600)
        return self.load(folder, epoch, password)

    def load(self, folder: Path, epoch: int, password: str) -> K:
        """Return the key of an epoch, or raise KeystoreUnreadable."""
        path = self.path(folder, epoch)
        try:
            pem = path.read_bytes()
        except OSError as error:
            raise KeystoreUnreadable(str(path), error.strerror or "it cannot be read") from error
        return self.from_pem(epoch, pem, password, str(path))

    def load_all(self, folder: Path, password: str) -> dict[int, K]:
        """Return all keys by epoch, or raise KeystoreUnreadable."""
        for path in sorted(folder.glob(f"{self.prefix}*.pem")):
            if not path.stem.removeprefix(self.prefix).isdecimal():
                raise KeystoreUnreadable(str(path), "its name has no epoch")
        return {epoch: self.load(folder, epoch, password) for epoch in self.there(folder)}


HPKE = KeyFiles("hpke-", PrivateKey.generate, PrivateKey.from_pem)
LONG = KeyFiles("long-", LongPrivateKey.generate, LongPrivateKey.from_pem)
SEATS = KeyFiles("seat-", LongPrivateKey.generate, LongPrivateKey.from_pem)
"""Long keys of other trustees, whose seats a trustee took over; they have running numbers, not epochs."""


class FolderKeys:
    """Implements the MemberKeys port over a folder; it reads a key each time that it is used."""

    def __init__(self, folder: Path, password: str) -> None:
        self._folder = folder
        self._password = password

    def epochs(self) -> list[int]:
        return HPKE.epochs(self._folder)

    def of(self, epoch: int) -> PrivateKey:
        return HPKE.load(self._folder, epoch, self._password)

    def create(self, epoch: int) -> PrivateKey:
        return create_key(self._folder, epoch, self._password)

    def create_long(self, epoch: int) -> LongPrivateKey:
        return LONG.create(self._folder, epoch, self._password)

    def long_keys(self) -> list[LongPrivateKey]:
        return [*(key for kind in (LONG, SEATS) for key in kind.load_all(self._folder, self._password).values())]

    def keep_seats(self, keys: Sequence[LongPrivateKey]) -> None:
        """Store the long keys of seats that were taken over; one that is here already is not stored again."""
        here = {key.key_id for key in self.long_keys()}
        for key in keys:
            if key.key_id not in here:
                SEATS.create(self._folder, max(SEATS.there(self._folder), default=0) + 1, self._password, key)

    def destroy(self, epoch: int) -> None:
        erase(HPKE.path(self._folder, epoch))


class _Live(Mapping[int, K]):
    """A member's keys of one kind by epoch; a key that another process stores later is found when somebody needs it."""

    def __init__(self, folder: Path, password: str, kind: KeyFiles[K]) -> None:
        """Read the keys in `folder`, or raise KeystoreUnreadable."""
        self._folder = folder
        self._password = password
        self._kind = kind
        self._read = kind.load_all(folder, password)

    def __getitem__(self, epoch: int) -> K:
        """Return a key, or raise KeyError without one, or KeystoreUnreadable."""
        if epoch not in self._read:
            if not self._kind.path(self._folder, epoch).exists():
                raise KeyError(epoch)
            self._read[epoch] = self._kind.load(self._folder, epoch, self._password)
        return self._read[epoch]

    def __iter__(self) -> Iterator[int]:
        return iter(sorted({*self._read, *self._kind.there(self._folder)}))

    def __len__(self) -> int:
        return len(list(iter(self)))


class LiveKeys(_Live[PrivateKey]):
    """A member's HPKE keys."""

    def __init__(self, folder: Path, password: str) -> None:
        super().__init__(folder, password, HPKE)


class LiveLongKeys(_Live[LongPrivateKey]):
    """A member's long keys."""

    def __init__(self, folder: Path, password: str) -> None:
        super().__init__(folder, password, LONG)


def create_key(folder: Path, epoch: int, password: str, made: PrivateKey | None = None) -> PrivateKey:
    """Store the key of an epoch, `made` or a new one; load it instead if it exists already.

    Raises:
        KeystoreUnreadable: the password is empty, or the key exists and the password is wrong.
        StorageFull: it could not be written.
    """
    return HPKE.create(folder, epoch, password, made)


def load_keys(folder: Path, password: str) -> dict[int, PrivateKey]:
    """Return all HPKE keys of a member by epoch, or raise KeystoreUnreadable."""
    return HPKE.load_all(folder, password)


def load_seats(folder: Path, password: str) -> dict[int, LongPrivateKey]:
    """Return the long keys of seats that a trustee took over, by number, or raise KeystoreUnreadable."""
    return SEATS.load_all(folder, password)


def load_long_keys(folder: Path, password: str) -> dict[int, LongPrivateKey]:
    """Return all long keys of a member by epoch, or raise KeystoreUnreadable."""
    return LONG.load_all(folder, password)
