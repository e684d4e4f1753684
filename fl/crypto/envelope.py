"""Envelopes: a file sealed to several recipients, bound to its sender, round and consortium.

Invariant: `receive` and `open_with` check size, digest, sender and every header field against values that the caller
rebuilt from the ledger, and only then decrypt.

Layout (big-endian):
    core(138) = "BAFL" ver=1 kind:u8 suite:u16 flags:u16=0 consortium[32] chainId:u64 contract[20] sender[20]
                round:u64 epoch:u32 seq:u32 context[32]
    head(180) = core ‖ keyCommit[32] ‖ bodyLen:u64 ‖ nRecipients:u16
    wrap      = keyId[16] ‖ length:u16 ‖ the content key CEK, sealed (key_wrapping.py)
    body      = AES-256-GCM(HKDF(CEK, H(core), "BAFL/1/body"), nonce 0^12, aad=H(head ‖ wraps), plaintext)

Source: PROTOCOL.md 4; RFC 5869; key commitment after Dodis et al. (CRYPTO 2018).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from hmac import compare_digest
from typing import Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from fl.crypto.key_wrapping import (
    CONTENT_KEY_BYTES,
    KEY_ID_BYTES,
    LONG_WRAP_BYTES,
    MEMBER_WRAP_BYTES,
    THRESHOLD_WRAP_BYTES,
    AnyPrivateKey,
    CommitteeKey,
    CommitteeSecret,
    Recipient,
    unwrap,
    unwrap_with,
    wrap,
)
from fl.crypto.long_committee import LongCommittee
from fl.crypto.threshold import LABELLED_BYTES, ThresholdKey
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
from fl.protocol.keys.long_keys import LongKey
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import LABEL_PREFIX, NO_DIGEST, Address, Blob, Digest, Suite
from fl.protocol.ports import Anchor
from fl.timing import timed

MAGIC = b"BAFL"
VERSION = 1
CORE_BYTES = LABELLED_BYTES
HEAD_BYTES = 180
TAG_BYTES = 16
MAX_RECIPIENTS = 1024
_NONCE = bytes(12)


class Kind(IntEnum):
    """The content of an envelope (PROTOCOL.md 4); UPDATE is that of sealed rounds."""

    MASKED = 1
    MODEL = 2
    SHARES = 3
    UNMASK = 4
    RECORD = 5
    PARTIAL = 6
    GRANT = 7
    ENCHEAD = 8
    UPDATE = 9
    GROUP = 10
    SKETCH = 11
    SEATS = 12


@dataclass(frozen=True)
class Core:
    """The facts to which an envelope is bound."""

    kind: Kind
    anchor: Anchor
    sender: Address
    round: int
    epoch: int
    """Key epoch of the sender when the round opened."""
    context: bytes
    """32 bytes: the round's ctx."""
    seq: int = 0
    suite: Suite = Suite.P256
    """It follows from the purpose and from what was agreed before, never from a file."""

    def to_bytes(self) -> bytes:
        writer = Writer().raw(MAGIC, 4).u8(VERSION).u8(self.kind).u16(self.suite).u16(0)
        writer.raw(self.anchor.consortium, 32).u64(self.anchor.chain_id).raw(self.anchor.contract, 20)
        writer.raw(self.sender, 20).u64(self.round).u32(self.epoch).u32(self.seq)
        return writer.raw(self.context, 32).bytes()


@dataclass(frozen=True)
class Header:
    """A parsed core that nobody has compared with the ledger yet."""

    kind: int
    suite: int
    flags: int
    consortium: bytes
    chain_id: int
    contract: bytes
    sender: bytes
    round: int
    epoch: int
    seq: int
    context: bytes

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Parse 138 bytes, or raise EncodingError (length, magic or version)."""
        reader = Reader(data, "envelope header")
        if reader.raw(4) != MAGIC or reader.u8() != VERSION:
            raise EncodingError("envelope header", "it is not a BAFL/1 envelope")
        kind, suite, flags = reader.u8(), reader.u16(), reader.u16()
        place = reader.raw(32), reader.u64(), reader.raw(20)
        header = cls(
            kind, suite, flags, *place, reader.raw(20), reader.u64(), reader.u32(), reader.u32(), reader.raw(32)
        )
        reader.end()
        return header


@dataclass(frozen=True)
class Parts:
    """The parts of an envelope, unchecked."""

    head: bytes
    wraps: Mapping[bytes, bytes]
    """Identity of a key -> the content key sealed to it."""
    prefix: bytes
    """Head and wraps, to which the body is bound."""
    body: memoryview

    @classmethod
    def of(cls, file: bytes) -> Self:
        """Parse a file strictly, or raise EncodingError."""
        reader = Reader(file, "envelope")
        reader.raw(HEAD_BYTES - 10)
        body_bytes, count = reader.u64(), reader.u16()
        if not 1 <= count <= MAX_RECIPIENTS or body_bytes < TAG_BYTES:
            raise EncodingError("envelope", "its recipients or its body are missing")
        wraps, end = _wraps(file, count)
        return cls(file[:HEAD_BYTES], wraps, file[:end], _rest(file, end, body_bytes))


def _wraps(file: bytes, count: int) -> tuple[dict[bytes, bytes], int]:
    """Return the wraps behind the head, and where they end; plain slices, because a file can have a thousand."""
    wraps: dict[bytes, bytes] = {}
    at = HEAD_BYTES
    for _ in range(count):
        start = at + KEY_ID_BYTES + 2
        length = int.from_bytes(file[start - 2 : start], "big")
        key_id, at = file[at : at + KEY_ID_BYTES], start + length
        if at > len(file):
            raise EncodingError("envelope", "it ends too early")
        if key_id in wraps:
            raise EncodingError("envelope", "it is sealed twice to one key")
        wraps[key_id] = file[start:at]
    return wraps, at


def _rest(file: bytes, start: int, length: int) -> memoryview:
    if start + length != len(file):
        raise EncodingError("envelope", "its length differs from the length in its header")
    return memoryview(file)[start:]


@dataclass(frozen=True)
class Expected:
    """The ledger's facts about a file."""

    core: Core
    digest: Digest
    """SHA-256 on the ledger, or NO_DIGEST when there is none."""
    cap: int
    """Bytes; a larger file is refused unread."""


def sealed_size(body: int, members: int, thresholds: int = 0, suite: Suite = Suite.P256) -> int:
    """Return the size of an envelope with `body` plaintext bytes, in bytes."""
    of_member = LONG_WRAP_BYTES if suite == Suite.HYBRID else MEMBER_WRAP_BYTES
    return HEAD_BYTES + of_member * members + THRESHOLD_WRAP_BYTES * thresholds + body + TAG_BYTES


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


def check_file(file: bytes, expected: Expected) -> None:
    """Do steps 1 to 3, which need no key; raises as `receive` does."""
    if len(file) > expected.cap:
        raise TooLarge(len(file), expected.cap)
    check_digest(file, expected.digest)
    check_core(file, expected.core)


def check_digest(file: bytes, recorded: Digest) -> None:
    """Step 2: raise NotOnChain if the ledger records no digest, HashMismatch if the digests differ."""
    actual = sha256(file)
    if recorded == NO_DIGEST:
        raise NotOnChain(actual)
    if actual != recorded:
        raise HashMismatch(recorded, actual)


def check_core(file: bytes, expected: Core) -> None:
    """Step 3: compare the header with the one rebuilt from the ledger; raise at the first difference."""
    header = Header.from_bytes(file[:CORE_BYTES])
    if header.suite != expected.suite:
        raise UnsupportedSuite(header.suite)
    if header.sender != expected.sender:
        raise WrongSender(expected.sender, header.sender)
    if header.round != expected.round:
        raise StaleRound(expected.round, header.round)
    if header.epoch != expected.epoch:
        raise KeyEpochMismatch(expected.epoch, header.epoch)
    anchor = expected.anchor
    for what, actual, wanted in (
        ("kind", header.kind, int(expected.kind)),
        ("flags", header.flags, 0),
        ("consortium", header.consortium, anchor.consortium),
        ("chain", header.chain_id, anchor.chain_id),
        ("contract", header.contract, anchor.contract),
        ("sequence number", header.seq, expected.seq),
        ("round context", header.context, expected.context),
    ):
        if actual != wanted:
            raise WrongContext(what)


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
