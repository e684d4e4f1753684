"""Opens, makes and checks grants: the content key of a model's file, sealed by a reader to a member who came later.

Invariant: a grant is opened only after its digest and sender were checked on the ledger. What it holds opens only the
one file to which it is bound, because that file commits to its content key.

Source: PROTOCOL.md 4 (Grants).
"""

from __future__ import annotations

from fl.crypto.envelope import open_file, seal
from fl.crypto.envelope_form import Core, Expected, Kind, Parts, check_file, sealed_size
from fl.crypto.key_wrapping import CONTENT_KEY_BYTES, AnyPrivateKey
from fl.protocol.errors import GrantUnusable, MalformedError, RefusedError, TamperedError
from fl.protocol.grants import Grant
from fl.protocol.keys.long_keys import LongKey
from fl.protocol.names import Suite
from fl.protocol.ports import Vault
from fl.replay.vault_files import read_document


def grant_size(suite: Suite) -> int:
    """Return the size of a right grant, which has one reader: 359 bytes in suite 1, 1,447 in suite 2."""
    return sealed_size(CONTENT_KEY_BYTES, 1, suite=suite)


def grant_core(grant: Grant, suite: Suite = Suite.P256) -> Core:
    """Return the header of a grant's envelope; its sender has a key in every grant that counts."""
    epoch = grant.sender_key.epoch if grant.sender_key else 0
    model = grant.model
    return Core(Kind.GRANT, model.source.anchor, grant.record.sender, model.number, epoch, grant.context, suite=suite)


def expected_grant(grant: Grant, suite: Suite = Suite.P256) -> Expected:
    return Expected(grant_core(grant, suite), grant.record.digest, grant_size(suite))


def seal_grant(grant: Grant, content_key: bytes, long_key: LongKey | None = None) -> bytes:
    """Return the envelope of a grant whose digest nobody knows yet; of suite 2 if the reader's `long_key` is given."""
    if long_key is not None:
        return bytes(seal(grant_core(grant, Suite.HYBRID), [long_key], content_key))
    return bytes(seal(grant_core(grant), [grant.reader_key], content_key))


def open_grant(grant: Grant, vault: Vault, key: AnyPrivateKey, suite: Suite = Suite.P256) -> bytes:
    """Return the content key in a grant, 32 bytes.

    Raises:
        VaultMissing, TooLarge, HashMismatch: its file.
        GrantUnusable: it does not open, or has something else in it.
    """
    file = read_document(vault, grant.record.digest, grant_size(suite))
    try:
        found = open_file(file, grant_core(grant, suite), key)
    except (MalformedError, RefusedError, TamperedError) as error:
        raise GrantUnusable(grant.record.sender, str(error)) from error
    if len(found) != CONTENT_KEY_BYTES:
        raise GrantUnusable(grant.record.sender, "it does not hold a key")
    return found


def check_grant(grant: Grant, vault: Vault, long_key: LongKey | None = None) -> None:
    """Check what everybody can check without a key; a model of suite 2 needs the `long_key` of the grant's reader.

    Raises:
        VaultMissing, TooLarge, HashMismatch, ...: its file.
        GrantUnusable: its sender could not read the model, or it is sealed to somebody else.
    """
    if not grant.counts:
        raise GrantUnusable(grant.record.sender, "its sender could not open this model itself")
    expected = expected_grant(grant, Suite.P256 if long_key is None else Suite.HYBRID)
    file = read_document(vault, expected.digest, expected.cap)
    check_file(file, expected)
    parts = Parts.of(file)
    if set(parts.wraps) != {(long_key or grant.reader_key).key_id}:
        raise GrantUnusable(grant.record.sender, "it is sealed to another key than that of the member it names")
