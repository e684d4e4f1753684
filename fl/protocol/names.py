"""The protocol's scalar types and labels.

Invariant: identities travel as raw bytes (20-byte accounts, 32-byte digests); text forms exist only for people.

Source: PROTOCOL.md 2.
"""

from __future__ import annotations

import unicodedata
from enum import IntEnum
from typing import NewType

from fl.protocol.errors import EncodingError

Address = NewType("Address", bytes)
"""A 20-byte Ethereum account or contract."""

Digest = NewType("Digest", bytes)
"""A 32-byte SHA-256 value."""

Blob = bytes | bytearray | memoryview
"""Bytes to hash or to store; a memoryview saves a copy of large ones."""

ADDRESS_BYTES = 20
DIGEST_BYTES = 32
NO_ADDRESS = Address(bytes(ADDRESS_BYTES))
NO_DIGEST = Digest(bytes(DIGEST_BYTES))
LABEL_PREFIX = b"BAFL/1/"


class Role(IntEnum):
    """What a member may do; one account has one role."""

    OPERATOR = 1
    HOSPITAL = 2
    COORDINATOR = 3
    AUDITOR = 4
    TRUSTEE = 5


class Protection(IntEnum):
    """How a round hides one hospital's update (PROTOCOL.md 5 and 5S)."""

    MASKED = 1
    SEALED = 2
    WIDE = 3
    """Masked, for many hospitals: over a graph, in batches (5W)."""


class StatementKind(IntEnum):
    """What a member states beside the rounds (PROTOCOL.md 5, Statements)."""

    NONE = 0
    POLICY = 1
    """The digest of a hospital's site policy."""
    DECLINE = 2
    """A hospital does not take part in the running round."""
    RETENTION = 3
    """Old files may be deleted, by a record that a coordinator and an auditor stated."""
    OMITTED = 4
    """A hospital's step of a wide round is not in its batch, although the hospital put it on the board."""
    OPENED = 5
    """A hospital opened one of its own masks of a checked round, because its partner used another one."""
    CHECKED = 6
    """What an auditor found when it checked the updates of a checked round."""
    WITHDRAWAL = 7
    """A hospital leaves with its data, or takes data back."""
    LONG_KEY = 8
    """The digest of a member's key of suite 2, for files that stay closed for decades."""
    WITNESS = 9
    """The key with which a member cosigns checkpoints of the log."""
    LOG = 10
    """The key with which a keeper signs checkpoints of the log."""


class KeyUse(IntEnum):
    """What a threshold key opens; every use has its own key (PROTOCOL.md 9)."""

    RECORDS = 1
    MODEL = 2
    INFERENCE = 3


class CeremonyKind(IntEnum):
    """How a committee gets its shares."""

    GENERATE = 1
    DEALER = 2
    """The operator deals alone, and so knows the key."""
    REFRESH = 3
    RESHARE = 4


class Purpose(IntEnum):
    """The purpose of opening a sealed record or model."""

    TREATMENT = 1
    SECOND_OPINION = 2
    EMERGENCY = 3
    PATIENT_WISH = 4
    RESEARCH = 5
    QUALITY = 6
    RELEASE = 7
    """Only for models."""


class Refusal(IntEnum):
    """Why a trustee refused a request."""

    CIPHERTEXT = 1
    CONSENT = 2
    PURPOSE = 3
    REQUESTER = 4
    JUDGEMENT = 5


def address(raw: bytes) -> Address:
    """Return `raw` as an account, or raise EncodingError unless it has 20 bytes."""
    if len(raw) != ADDRESS_BYTES:
        raise EncodingError("account", f"it has {len(raw)} bytes, not {ADDRESS_BYTES}")
    return Address(raw)


def digest(raw: bytes) -> Digest:
    """Return `raw` as a SHA-256 value, or raise EncodingError unless it has 32 bytes."""
    if len(raw) != DIGEST_BYTES:
        raise EncodingError("digest", f"it has {len(raw)} bytes, not {DIGEST_BYTES}")
    return Digest(raw)


def parse_hex(text: str, length: int, what: str) -> bytes:
    """Parse hexadecimal `text` (0x optional) of exactly `length` bytes, or raise EncodingError for `what`."""
    try:
        raw = bytes.fromhex(text.removeprefix("0x"))
    except ValueError as error:
        raise EncodingError(what, "it is not hexadecimal") from error
    if len(raw) != length:
        raise EncodingError(what, f"it has {len(raw)} bytes, not {length}")
    return raw


def show(raw: bytes) -> str:
    """Return the 0x-prefixed hexadecimal form for people."""
    return "0x" + raw.hex()


UNSEEN = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
"""Unicode categories of invisible characters: controls, direction marks, joiners, unassigned ones."""


def shown(text: str) -> str:
    """Return text from outside for people, with invisible characters as escapes, so that they have no effect."""
    return "".join(_escape(each) if unicodedata.category(each) in UNSEEN else each for each in text)


def shown_lines(text: str) -> str:
    return "\n".join(map(shown, text.split("\n")))


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode("ascii")
