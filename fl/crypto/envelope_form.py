"""The form of an envelope: its header, its wraps, its sizes; and the checks that need no key.

Invariant: a header is compared, field by field, with the one that the caller rebuilt from the ledger.

Layout (big-endian):
    core(138) = "BAFL" ver=1 kind:u8 suite:u16 flags:u16=0 consortium[32] chainId:u64 contract[20] sender[20]
                round:u64 epoch:u32 seq:u32 context[32]
    head(180) = core ‖ keyCommit[32] ‖ bodyLen:u64 ‖ nRecipients:u16
    file      = head ‖ wraps ‖ body (envelope.py)
    wrap      = keyId[16] ‖ length:u16 ‖ sealed[length]

Source: PROTOCOL.md 4.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from fl.crypto.key_wrapping import KEY_ID_BYTES, LONG_WRAP_BYTES, MEMBER_WRAP_BYTES, THRESHOLD_WRAP_BYTES
from fl.crypto.threshold import LABELLED_BYTES
from fl.protocol.codec import Reader, Writer, sha256
from fl.protocol.errors import (
    EncodingError,
    HashMismatch,
    KeyEpochMismatch,
    NotOnChain,
    StaleRound,
    TooLarge,
    UnsupportedSuite,
    WrongContext,
    WrongSender,
)
from fl.protocol.names import NO_DIGEST, Address, Digest, Suite
from fl.protocol.ports import Anchor

MAGIC = b"BAFL"
VERSION = 1
CORE_BYTES = LABELLED_BYTES
HEAD_BYTES = 180
TAG_BYTES = 16
MAX_RECIPIENTS = 1024


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
