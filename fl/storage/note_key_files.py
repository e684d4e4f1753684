"""The Ed25519 keys of the log and of a witness, in a member's folder: `log-key.pem` and `witness-key.pem`.

Invariant: a key file is written once and never replaced, and only its owner can read it. It has no password: a program
that runs without a person signs with it, and a member replaces a stolen key by a statement on the ledger.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fl.crypto.note_keys import NoteKey
from fl.files import write_once
from fl.protocol.errors import KeystoreUnreadable

LOG, WITNESS = "log", "witness"


def create_note_key(folder: Path, use: str) -> NoteKey:
    """Return the key for LOG or WITNESS in a member's folder; make it if there is none.

    Raises:
        KeystoreUnreadable, StorageFull: the file is damaged, or could not be written.
    """
    path = _path(folder, use)
    if not path.exists():
        private = Ed25519PrivateKey.from_private_bytes(NoteKey.generate().seed)
        encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
        write_once(path, private.private_bytes(encoding, form, serialization.NoEncryption()), mode=0o600)
    return load_note_key(folder, use)


def has_note_key(folder: Path, use: str) -> bool:
    """Return whether a member's folder has the key for LOG or WITNESS."""
    return _path(folder, use).exists()


def load_note_key(folder: Path, use: str) -> NoteKey:
    """Return the key for LOG or WITNESS, or raise KeystoreUnreadable."""
    path = _path(folder, use)
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), None)
    except FileNotFoundError as error:
        raise KeystoreUnreadable(str(path), "it is missing") from error
    except (OSError, ValueError, TypeError) as error:
        raise KeystoreUnreadable(str(path), "it is damaged") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeystoreUnreadable(str(path), "it has a key of another kind")
    return NoteKey(key)


def _path(folder: Path, use: str) -> Path:
    return folder / f"{use}-key.pem"
