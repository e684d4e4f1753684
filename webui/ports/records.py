"""The port for sealed records, and the values that cross it.

Invariant: the site holds no key; it stores a check only as a file from `RecordService.seal`.

Source: PROTOCOL.md 4 (envelopes) and 9 (encapsulation, records).
Not here: requests to a committee (decryption_requests.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from fl.crypto.capsule import RecordPolicy
from fl.crypto.envelope_form import CORE_BYTES
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
    """Names, in the order of their party numbers."""
    dealer_made: bool
    """Whether the operator dealt the shares and therefore knew the key."""
    expires_at: int
    """Seconds since 1970; afterwards trustees cannot answer until the shares are refreshed."""
    key_id: bytes = field(repr=False)
    """16 bytes that name the key in wraps; at a site that seals for decades also the trustees' long keys.

    capsule.NO_KEY while such a site cannot seal to the trustees.
    """
    accounts: tuple[bytes, ...] = ()
    """Of the trustees on the ledger, in the order of `trustees`."""
    ready: bool = True
    """False: this site seals for decades, and cannot seal to these trustees now."""


@dataclass(frozen=True)
class SealedRecord:
    """A sealed record, and the facts to check it with before it is opened."""

    file: bytes = field(repr=False)
    """A RECORD envelope."""
    salt: bytes = field(repr=False)
    """32 random bytes; only the leaf contains them."""
    policy: RecordPolicy
    key_id: bytes
    """Of K_REC, 16 bytes; capsule.NO_KEY if no committee held it then."""
    key_epoch: int
    """Of the hospital's member key at the time of sealing."""

    @property
    def leaf(self) -> Digest:
        """Return the leaf of this file in the tree of its batch."""
        return record_leaf(self.salt, sha256(self.file))

    @property
    def label(self) -> Digest:
        """Return the label by which a request names this file; sealing again with the same policy keeps it."""
        return label_of(self.file[:CORE_BYTES])


@dataclass(frozen=True)
class Anchored:
    """A root of this hospital on the ledger."""

    batch: int
    root: Digest
    block: int
    transaction: bytes
    anchored_at: int
    """Seconds since 1970."""


@dataclass(frozen=True)
class Sealer:
    """The hospital whose records these are."""

    account: Address
    name: str
    consortium: bytes
    chain_id: int
    authority: Address
    """The contract that stores roots."""


class RecordService(Protocol):
    """Seals and opens records as this hospital, and anchors roots on the ledger."""

    def sealer(self) -> Sealer: ...

    def committee(self) -> CommitteeFacts | None:
        """Return who holds K_REC, or None; while the chain is silent, return the last known answer.

        Raises:
            UnavailableError: the chain has not answered since the start.
        """

    def dealt_keys(self) -> frozenset[bytes]:
        """Return the first 8 bytes of the ids of every K_REC that the operator dealt, also old ones.

        These bytes are the same with and without the trustees' long keys. Last known while the chain is silent.

        Raises:
            UnavailableError: the chain has not answered since the start.
        """

    def seal(self, policy: RecordPolicy, body: bytes) -> SealedRecord:
        """Seal a record to the readers of its policy, and to K_REC as soon as a committee holds it.

        Raises:
            NoCommittee: the policy allows only K_REC, and nobody holds it.
            LongKeyMissing, VaultMissing: the same at a site that seals for decades: a trustee's long key is not known.
            KeystoreUnreadable: this site does not have the hospital's own key.
            UnavailableError: the chain has not answered since the start.
        """

    def open(self, sealed: SealedRecord, leaf: Digest) -> bytes:
        """Open a record with the hospital's own key, and return the plaintext; `leaf` is the stored one.

        Raises:
            RecipientNotFound: it is sealed only to K_REC.
            TamperedError, MalformedError: the file was changed or exchanged.
        """

    def roots(self) -> Sequence[Anchored]:
        """Return the hospital's roots on the ledger, in order.

        Raises:
            UnavailableError: the chain does not answer.
        """

    def anchor(self, batch: int, root: Digest) -> Anchored:
        """Record the root of a batch.

        Raises:
            WrongBatch: this is not the number of the next batch.
            UnavailableError: the chain does not answer.
        """
