"""What the site needs in order to keep records that nobody opens alone: the port and the values that cross it.

Invariant: the site holds no key; whatever it stores of a check is a file that came from `RecordService.seal`.

Source: PROTOCOL.md 4 (envelopes) and 9 (encapsulation, records).
Not here: requests to a committee (decryption_requests.py); implementations (records.py, tests/support).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fl.crypto.capsule import RecordPolicy
from fl.crypto.envelope import CORE_BYTES
from fl.crypto.threshold import label_of
from fl.protocol.codec import sha256
from fl.protocol.merkle import record_leaf
from fl.protocol.names import Address, Digest


@dataclass(frozen=True)
class CommitteeFacts:
    """Who holds the shares of the key for records."""

    epoch: int
    threshold: int
    trustees: tuple[str, ...]
    """Names, in order of their parties."""
    dealer_made: bool
    """Whether the operator dealt the shares, and so knew the key."""
    expires_at: int
    """Seconds since 1970 after which nobody answers until the shares are refreshed."""
    key_id: bytes = field(repr=False)
    """16 bytes: names the key in wraps."""


@dataclass(frozen=True)
class SealedRecord:
    """A sealed record, and what must be known in order to check it before it is opened."""

    file: bytes = field(repr=False)
    """A RECORD envelope."""
    salt: bytes = field(repr=False)
    """32 random bytes, in the leaf only."""
    policy: RecordPolicy
    key_id: bytes
    """Of K_REC, 16 bytes; capsule.NO_KEY when no committee held it yet."""
    key_epoch: int
    """Of the hospital's member key when it sealed."""

    @property
    def leaf(self) -> Digest:
        """Return what stands for this file in the tree of its batch."""
        return record_leaf(self.salt, sha256(self.file))

    @property
    def label(self) -> Digest:
        """Return what a request for this file names, and one for the same record sealed anew by the same policy."""
        return label_of(self.file[:CORE_BYTES])


@dataclass(frozen=True)
class Anchored:
    """A root of the own hospital on the ledger."""

    batch: int
    root: Digest
    block: int
    transaction: bytes
    anchored_at: int
    """Seconds since 1970."""


@dataclass(frozen=True)
class Sealer:
    """Whose records these are."""

    account: Address
    """Of the hospital."""
    name: str
    consortium: bytes
    chain_id: int
    authority: Address
    """The contract that records roots."""


class RecordService(Protocol):
    """Seals and opens as the hospital whose site this is, and puts roots onto the ledger."""

    def sealer(self) -> Sealer:
        """Return whose records these are."""

    def committee(self) -> CommitteeFacts | None:
        """Return who holds K_REC, None when nobody does yet; the last known ones while the chain is silent.

        Raises:
            UnavailableError: the chain does not answer and never did.
        """

    def dealt_keys(self) -> frozenset[bytes]:
        """Return the ids of all K_REC, in force or not, that the operator dealt; the last known while it is silent.

        Raises:
            UnavailableError: the chain does not answer and never did.
        """

    def seal(self, policy: RecordPolicy, body: bytes) -> SealedRecord:
        """Seal a record to those whom its policy names, K_REC among them as soon as a committee holds it.

        Raises:
            NoCommittee: the policy names K_REC alone, and nobody holds it.
            UnavailableError: the chain does not answer and never did.
        """

    def open(self, sealed: SealedRecord, leaf: Digest) -> bytes:
        """Return the plaintext, opened with the hospital's own key; `leaf` is the one that was recorded.

        Raises:
            RecipientNotFound: it is sealed to K_REC alone.
            TamperedError, MalformedError: it is another file than was recorded, or changed.
        """

    def roots(self) -> Sequence[Anchored]:
        """Return the hospital's roots on the ledger, in order.

        Raises:
            UnavailableError: the chain does not answer.
        """

    def anchor(self, batch: int, root: Digest) -> Anchored:
        """Record the root of a batch.

        Raises:
            WrongBatch: it is not this batch's turn.
            UnavailableError: the chain does not answer.
        """
