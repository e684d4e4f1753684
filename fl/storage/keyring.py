"""A member's HPKE keys as password-protected files, one per epoch: `hpke-1.pem`, `hpke-2.pem`...

Invariant: a key file is written once, readable by its owner only, and never replaced.
"""

from __future__ import annotations

from pathlib import Path

from fl.crypto.keys import PrivateKey
from fl.protocol.errors import KeystoreUnreadable
from fl.storage.files import write_atomic


def create_key(folder: Path, epoch: int, password: str) -> PrivateKey:
    """Generate and store the key of an epoch; an existing one is loaded instead.

    Raises:
        KeystoreUnreadable: the password is empty, or the key exists and the password is wrong.
        StorageFull: it could not be written.
    """
    path = folder / f"hpke-{epoch}.pem"
    if path.exists():
        return _load(path, epoch, password)
    if not password:
        raise KeystoreUnreadable(str(path), "its password is empty")
    key = PrivateKey.generate(epoch)
    write_atomic(path, key.to_pem(password), mode=0o600)
    return key


def load_keys(folder: Path, password: str) -> dict[int, PrivateKey]:
    """Return all keys of a member by epoch, or raise KeystoreUnreadable."""
    found = {}
    for path in sorted(folder.glob("hpke-*.pem")):
        epoch = path.stem.removeprefix("hpke-")
        if not epoch.isdecimal():
            raise KeystoreUnreadable(str(path), "its name has no epoch")
        found[int(epoch)] = _load(path, int(epoch), password)
    return found


def _load(path: Path, epoch: int, password: str) -> PrivateKey:
    try:
        pem = path.read_bytes()
    except OSError as error:
        raise KeystoreUnreadable(str(path), error.strerror or "it cannot be read") from error
    return PrivateKey.from_pem(epoch, pem, password, str(path))
