"""Opens, makes and checks grants: the content key of a model's file, sealed by a reader to a member who came later.

Invariant: a grant is opened only after its digest and sender were checked on the ledger. What it holds opens only the
one file to which it is bound, because that file commits to its content key.

Source: PROTOCOL.md 4 (Grants).
"""

from __future__ import annotations

from fl.crypto.envelope import Core, Expected, Kind, Parts, check_file, open_file, seal, sealed_size
from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.key_wrapping import CONTENT_KEY_BYTES
from fl.protocol.errors import GrantUnusable, MalformedError, RefusedError, TamperedError
from fl.protocol.grants import Grant
from fl.protocol.ports import Vault
from fl.replay.vault_files import read_document

GRANT_CAP = sealed_size(CONTENT_KEY_BYTES, 1)
"""A grant has one reader, so every right one has exactly this size: 359 bytes."""


def grant_core(grant: Grant) -> Core:
    """Return the header of a grant's envelope; its sender has a key in every grant that counts."""
    epoch = grant.sender_key.epoch if grant.sender_key else 0
    model = grant.model
    return Core(Kind.GRANT, model.source.anchor, grant.record.sender, model.number, epoch, grant.context)


def expected_grant(grant: Grant) -> Expected:
    return Expected(grant_core(grant), grant.record.digest, GRANT_CAP)


def seal_grant(grant: Grant, content_key: bytes) -> bytes:
    """Return the envelope of a grant whose digest nobody knows yet."""
    return bytes(seal(grant_core(grant), [grant.reader_key], content_key))


def open_grant(grant: Grant, vault: Vault, key: PrivateKey) -> bytes:
    """Return the content key in a grant, 32 bytes.

    Raises:
        VaultMissing, TooLarge, HashMismatch: its file.
        GrantUnusable: it does not open, or has something else in it.
    """
    file = read_document(vault, grant.record.digest, GRANT_CAP)
    try:
        found = open_file(file, grant_core(grant), key)
    except (MalformedError, RefusedError, TamperedError) as error:
        raise GrantUnusable(grant.record.sender, str(error)) from error
    if len(found) != CONTENT_KEY_BYTES:
        raise GrantUnusable(grant.record.sender, "it does not hold a key")
    return found


def check_grant(grant: Grant, vault: Vault) -> None:
    """Check what everybody can check without a key.

    Raises:
        VaultMissing, TooLarge, HashMismatch, ...: its file (envelope.check_file).
        GrantUnusable: its sender could not read the model, or it is sealed to somebody else.
    """
    if not grant.counts:
        raise GrantUnusable(grant.record.sender, "its sender could not open this model itself")
    expected = expected_grant(grant)
    file = read_document(vault, expected.digest, expected.cap)
    check_file(file, expected)
    parts = Parts.of(file)
    if set(parts.wraps) != {grant.reader_key.key_id}:
        raise GrantUnusable(grant.record.sender, "it is sealed to another key than that of the member it names")
