"""Envelopes: a file sealed to several recipients, bound to its sender, round and consortium.

Invariant: `receive` decrypts nothing before size, digest on the ledger, sender and every header field were checked
against values that the caller rebuilt from the ledger.

Layout (big-endian):
    core(138) = "BAFL" ver=1 kind:u8 suite:u16 flags:u16=0 consortium[32] chainId:u64 contract[20] sender[20]
                round:u64 epoch:u32 seq:u32 context[32]
    head(180) = core ‖ keyCommit[32] ‖ bodyLen:u64 ‖ nRecipients:u16
    wrap      = keyId[16] ‖ u16 length ‖ HPKE.SealBase(pk, info="BAFL/1/wrap" ‖ H(head) ‖ keyId, CEK)
    body      = AES-256-GCM(HKDF(CEK, H(core), "BAFL/1/body"), nonce 0^12, aad=H(head ‖ wraps), plaintext)

Source: PROTOCOL.md 4; RFC 9180; RFC 5869; key commitment after Dodis et al. (CRYPTO 2018).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from hmac import compare_digest

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fl.crypto.keys import PrivateKey, load_point
from fl.protocol.codec import Reader, Writer, sha256
from fl.protocol.errors import (
    AuthFailure,
    EncodingError,
    HashMismatch,
    KeyCommitMismatch,
    KeyEpochMismatch,
    NotOnChain,
    RecipientNotFound,
    StaleRound,
    TooLarge,
    UnsupportedSuite,
    WrongContext,
    WrongSender,
)
from fl.protocol.keys import MemberKey
from fl.protocol.names import LABEL_PREFIX, NO_DIGEST, Address, Blob, Digest
from fl.protocol.ports import Anchor

MAGIC = b"BAFL"
VERSION = 1
SUITE_P256 = 1
"""DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, AES-256-GCM."""
CORE_BYTES = 138
HEAD_BYTES = 180
WRAP_BYTES = 131
TAG_BYTES = 16
MAX_RECIPIENTS = 1024
_CEK_BYTES = 32
_SEALED_CEK_BYTES = WRAP_BYTES - 18
_NONCE = bytes(12)
_SUITE = hpke.Suite(hpke.KEM.P256, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


class Kind(IntEnum):
    """What an envelope holds (PROTOCOL.md 4); UPDATE is that of sealed rounds."""

    MASKED = 1
    MODEL = 2
    SHARES = 3
    UNMASK = 4
    RECORD = 5
    PARTIAL = 6
    GRANT = 7
    ENCHEAD = 8
    UPDATE = 9


@dataclass(frozen=True)
class Core:
    """What an envelope is bound to."""

    kind: Kind
    anchor: Anchor
    sender: Address
    round: int
    epoch: int
    """Key epoch of the sender when the round opened."""
    context: bytes
    """32 bytes: the round's ctx."""
    seq: int = 0

    def to_bytes(self) -> bytes:
        """Return the 138 bytes of the layout."""
        writer = Writer().raw(MAGIC, 4).u8(VERSION).u8(self.kind).u16(SUITE_P256).u16(0)
        writer.raw(self.anchor.consortium, 32).u64(self.anchor.chain_id).raw(self.anchor.contract, 20)
        writer.raw(self.sender, 20).u64(self.round).u32(self.epoch).u32(self.seq)
        return writer.raw(self.context, 32).bytes()


@dataclass(frozen=True)
class Expected:
    """What the ledger says about a file that should be opened."""

    core: Core
    digest: Digest
    """SHA-256 on the ledger, or NO_DIGEST when there is none."""
    cap: int
    """Bytes; a larger file is refused unread."""


def sealed_size(body: int, recipients: int) -> int:
    """Return the bytes of an envelope of `body` plaintext bytes."""
    return HEAD_BYTES + WRAP_BYTES * recipients + body + TAG_BYTES


def seal(core: Core, recipients: Sequence[MemberKey], plaintext: Blob) -> bytearray:
    """Seal `plaintext` to every recipient under a fresh content key.

    Raises:
        EncodingError: not 1 to 1024 recipients.
        InvalidPoint: a recipient's key is no point.
    """
    if not 1 <= len(recipients) <= MAX_RECIPIENTS:
        raise EncodingError("envelope", f"it has {len(recipients)} recipients")
    body_bytes = len(plaintext) + TAG_BYTES
    core_bytes = core.to_bytes()
    content_key = os.urandom(_CEK_BYTES)
    body_key, commitment = _derive(content_key, core_bytes)
    head = Writer().raw(core_bytes, CORE_BYTES).raw(commitment, 32).u64(body_bytes).u16(len(recipients)).bytes()
    parts = [head]
    for recipient in recipients:
        sealed = _SUITE.encrypt(content_key, load_point(recipient.public_key), _wrap_info(head, recipient.key_id))
        parts.append(Writer().raw(recipient.key_id, 16).u16(len(sealed)).raw(sealed, _SEALED_CEK_BYTES).bytes())
    prefix = b"".join(parts)
    out = bytearray(len(prefix) + body_bytes)
    out[: len(prefix)] = prefix
    AESGCM(body_key).encrypt_into(_NONCE, plaintext, sha256(prefix), memoryview(out)[len(prefix) :])
    return out


def receive(file: bytes, expected: Expected, key: PrivateKey) -> bytes:
    """Check and open a file, in the order of PROTOCOL.md 4; nothing is decrypted before step 4.

    Raises:
        TooLarge: step 1.
        NotOnChain, HashMismatch: step 2.
        WrongSender, StaleRound, KeyEpochMismatch, UnsupportedSuite, WrongContext: step 3.
        EncodingError, RecipientNotFound, AuthFailure, KeyCommitMismatch: step 4.
    """
    check_file(file, expected)
    return _open(file, key)


def check_file(file: bytes, expected: Expected) -> None:
    """Steps 1 to 3 alone: what anybody can check without a key; raises as `receive` does."""
    if len(file) > expected.cap:
        raise TooLarge(len(file), expected.cap)
    check_digest(file, expected.digest)
    _check_core(file, expected.core)


def check_digest(file: bytes, recorded: Digest) -> None:
    """Step 2: raise NotOnChain when nothing is recorded, HashMismatch when it is another file."""
    actual = sha256(file)
    if recorded == NO_DIGEST:
        raise NotOnChain(actual)
    if actual != recorded:
        raise HashMismatch(recorded, actual)


def _check_core(file: bytes, expected: Core) -> None:
    """Step 3: the header equals the one rebuilt from the ledger; the first difference names the error."""
    reader = Reader(file[:CORE_BYTES], "envelope header")
    if reader.raw(4) != MAGIC or reader.u8() != VERSION:
        raise EncodingError("envelope header", "it is not a BAFL/1 envelope")
    kind, suite, flags = reader.u8(), reader.u16(), reader.u16()
    consortium, chain_id, contract = reader.raw(32), reader.u64(), reader.raw(20)
    sender, number, epoch, seq, context = reader.raw(20), reader.u64(), reader.u32(), reader.u32(), reader.raw(32)
    if suite != SUITE_P256:
        raise UnsupportedSuite(suite)
    if sender != expected.sender:
        raise WrongSender(expected.sender, sender)
    if number != expected.round:
        raise StaleRound(expected.round, number)
    if epoch != expected.epoch:
        raise KeyEpochMismatch(expected.epoch, epoch)
    anchor = expected.anchor
    for what, found, wanted in (
        ("kind", kind, int(expected.kind)),
        ("flags", flags, 0),
        ("consortium", consortium, anchor.consortium),
        ("chain", chain_id, anchor.chain_id),
        ("contract", contract, anchor.contract),
        ("sequence number", seq, expected.seq),
        ("round context", context, expected.context),
    ):
        if found != wanted:
            raise WrongContext(what)


def _open(file: bytes, key: PrivateKey) -> bytes:
    """Step 4: strict parse, own wrap, key commitment, body."""
    reader = Reader(file, "envelope")
    core_bytes, commitment = reader.raw(CORE_BYTES), reader.raw(32)
    body_bytes, count = reader.u64(), reader.u16()
    if not 1 <= count <= MAX_RECIPIENTS or body_bytes < TAG_BYTES:
        raise EncodingError("envelope", "its recipients or its body are missing")
    wraps = {}
    for _ in range(count):
        key_id, length = reader.raw(16), reader.u16()
        wraps[key_id] = reader.raw(length)
    prefix = file[: reader.position]
    body = reader.rest(body_bytes)
    own = key.member_key.key_id
    if own not in wraps:
        raise RecipientNotFound
    try:
        content_key = _SUITE.decrypt(wraps[own], key.secret, _wrap_info(prefix[:HEAD_BYTES], own))
    except (InvalidTag, ValueError) as error:
        raise AuthFailure("key wrap") from error
    body_key, found = _derive(content_key, core_bytes)
    if not compare_digest(found, commitment):
        raise KeyCommitMismatch
    try:
        return AESGCM(body_key).decrypt(_NONCE, body, sha256(prefix))
    except InvalidTag as error:
        raise AuthFailure("body") from error


def _derive(content_key: bytes, core_bytes: bytes) -> tuple[bytes, bytes]:
    """Return (body key, key commitment), 32 bytes each."""
    salt = hashlib.sha256(core_bytes).digest()
    body, commit = (
        HKDF(hashes.SHA256(), 32, salt, LABEL_PREFIX + label).derive(content_key) for label in (b"body", b"commit")
    )
    return body, commit


def _wrap_info(head: bytes, key_id: bytes) -> bytes:
    return Writer("wrap").raw(sha256(head), 32).raw(key_id, 16).bytes()
