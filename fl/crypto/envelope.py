"""Envelopes: a file sealed to several recipients, bound to its sender, round and consortium.

Invariant: `receive` and `open_with` check size, digest, sender and every header field against values that the caller
rebuilt from the ledger, and only then decrypt.

Layout (core and head: envelope_form.py):
    wrap      = keyId[16] ‖ length:u16 ‖ the content key CEK, sealed (key_wrapping.py)
    body      = AES-256-GCM(HKDF(CEK, H(core), "BAFL/1/body"), nonce 0^12, aad=H(head ‖ wraps), plaintext)

Source: PROTOCOL.md 4; RFC 5869; key commitment after Dodis et al. (CRYPTO 2018).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Sequence
from hmac import compare_digest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fl.crypto.envelope_form import CORE_BYTES, MAX_RECIPIENTS, TAG_BYTES, Core, Expected, Parts, check_core, check_file
from fl.crypto.key_wrapping import (
    CONTENT_KEY_BYTES,
    AnyPrivateKey,
    CommitteeKey,
    CommitteeSecret,
    Recipient,
    unwrap,
    unwrap_with,
    wrap,
)
from fl.crypto.long_committee import LongCommittee
from fl.crypto.threshold import ThresholdKey
from fl.protocol.codec import Writer, sha256
from fl.protocol.errors import AuthFailure, EncodingError, KeyCommitMismatch, RecipientNotFound
from fl.protocol.keys.long_keys import LongKey
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import LABEL_PREFIX, Blob, Suite
from fl.timing import timed

_NONCE = bytes(12)


def new_content_key() -> bytes:
    """Return a fresh content key, 32 bytes."""
    return os.urandom(CONTENT_KEY_BYTES)


@timed("seal")
def seal(core: Core, recipients: Sequence[Recipient], plaintext: Blob, shared: bytes | None = None) -> bytearray:
    """Seal `plaintext` to every recipient under a fresh content key; two members with the same key get one wrap.

    `shared`: the content key of all parts of one model, whose cores differ (PROTOCOL.md 4, Files in parts).

    Raises:
        EncodingError: fewer than 1 or more than 1024 recipients, or a key of another suite.
        InvalidPoint: a recipient's key is not a point.
    """
    recipients = list({recipient.key_id: recipient for recipient in recipients}.values())
    if not 1 <= len(recipients) <= MAX_RECIPIENTS:
        raise EncodingError("envelope", f"it has {len(recipients)} recipients")
    _check_keys(core.suite, recipients)
    body_bytes = len(plaintext) + TAG_BYTES
    core_bytes = core.to_bytes()
    content_key = new_content_key() if shared is None else shared
    body_key, commitment = _derive(content_key, core_bytes)
    head = Writer().raw(core_bytes, CORE_BYTES).raw(commitment, 32).u64(body_bytes).u16(len(recipients)).bytes()
    prefix = head + b"".join(wrap(content_key, recipient, head) for recipient in recipients)
    out = bytearray(len(prefix) + body_bytes)
    out[: len(prefix)] = prefix
    AESGCM(body_key).encrypt_into(_NONCE, plaintext, sha256(prefix), memoryview(out)[len(prefix) :])
    return out


def _check_keys(suite: Suite, recipients: Sequence[Recipient]) -> None:
    """Raise EncodingError unless all keys are of a suite: one classical key would open a file of suite 2."""
    allowed = (LongKey, LongCommittee) if suite == Suite.HYBRID else (MemberKey, ThresholdKey)
    if not all(isinstance(recipient, allowed) for recipient in recipients):
        raise EncodingError("envelope", f"a reader has no key of suite {int(suite)}")


def receive(file: bytes, expected: Expected, key: AnyPrivateKey) -> bytes:
    """Check and open a file, in the order of PROTOCOL.md 4; nothing is decrypted before step 4.

    Raises:
        TooLarge: step 1.
        NotOnChain, HashMismatch: step 2.
        WrongSender, StaleRound, KeyEpochMismatch, UnsupportedSuite, WrongContext: step 3.
        EncodingError, RecipientNotFound, AuthFailure, KeyCommitMismatch: step 4.
    """
    check_file(file, expected)
    return open_file(file, expected.core, key)


@timed("open")
def open_file(file: bytes, core: Core, key: AnyPrivateKey) -> bytes:
    """Do steps 3 and 4, for a file with the right size and digest; raises as `receive` does."""
    check_core(file, core)
    parts = Parts.of(file)
    return _open(parts, key.key_id, lambda sealed: unwrap(sealed, key, parts.head))


@timed("open")
def open_with(file: bytes, expected: Expected, key: CommitteeKey, secret: CommitteeSecret) -> bytes:
    """Check and open a file with the secret of a committee from t trustees (Requester.open).

    Raises:
        InvalidPoint: step 4; the wrap of the threshold key is not a ciphertext.
        TooLarge, ...: as `receive`.
    """
    check_file(file, expected)
    parts = Parts.of(file)
    return _open(parts, key.key_id, lambda sealed: unwrap_with(sealed, key, secret, parts.head))


def content_key(file: bytes, core: Core, key: AnyPrivateKey) -> bytes:
    """Return the content key of a file with the right size and digest, 32 bytes, so that it can be granted to others.

    Raises as `receive` does in steps 3 and 4, but does not open the body.
    """
    check_core(file, core)
    parts = Parts.of(file)
    if key.key_id not in parts.wraps:
        raise RecipientNotFound
    found = unwrap(parts.wraps[key.key_id], key, parts.head)
    _body_key(parts, found)
    return found


def released_content_key(file: bytes, expected: Expected, key: CommitteeKey, secret: CommitteeSecret) -> bytes:
    """Return the content key of a file with the secret of a committee; raises as `open_with` does."""
    check_file(file, expected)
    parts = Parts.of(file)
    if key.key_id not in parts.wraps:
        raise RecipientNotFound
    found = unwrap_with(parts.wraps[key.key_id], key, secret, parts.head)
    _body_key(parts, found)
    return found


def check_content_key(file: bytes, core: Core, key: bytes) -> None:
    """Raise KeyCommitMismatch if it is the key of another file, or what is wrong with the file's head."""
    check_core(file, core)
    _body_key(Parts.of(file), key)


@timed("open")
def open_granted(file: bytes, core: Core, granted: bytes) -> bytes:
    """Open a file with the right size and digest by its content key; raises as `receive`.

    Raises:
        KeyCommitMismatch: it is the key of another file.
    """
    check_core(file, core)
    return _open_body(Parts.of(file), granted)


def _open(parts: Parts, key_id: bytes, unseal: Callable[[bytes], bytes]) -> bytes:
    """Step 4 after parsing: own wrap, key commitment, body."""
    if key_id not in parts.wraps:
        raise RecipientNotFound
    return _open_body(parts, unseal(parts.wraps[key_id]))


def _body_key(parts: Parts, found: bytes) -> bytes:
    """Return the key of the body, or raise KeyCommitMismatch unless the file commits to this content key."""
    body_key, commitment = _derive(found, parts.head[:CORE_BYTES])
    if not compare_digest(commitment, parts.head[CORE_BYTES : CORE_BYTES + 32]):
        raise KeyCommitMismatch
    return body_key


def _open_body(parts: Parts, found: bytes) -> bytes:
    body_key = _body_key(parts, found)
    try:
        return AESGCM(body_key).decrypt(_NONCE, parts.body, sha256(parts.prefix))
    except InvalidTag as error:
        raise AuthFailure("body") from error


def _derive(content_key: bytes, core_bytes: bytes) -> tuple[bytes, bytes]:
    """Return (body key, key commitment), 32 bytes each."""
    salt = hashlib.sha256(core_bytes).digest()
    body, commit = (
        HKDF(hashes.SHA256(), 32, salt, LABEL_PREFIX + label).derive(content_key) for label in (b"body", b"commit")
    )
    return body, commit
