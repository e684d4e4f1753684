"""What the site needs to ask a committee for a record, and to let its trustees answer: the port and its values.

Invariant: nothing here opens a record before the threshold of approvals is on the ledger.

Source: PROTOCOL.md 9, Requests.
Not here: who may ask here, and for what (record_requests.py); implementations (decryption_requests.py, tests/support).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from fl.protocol.codec import JsonValue
from fl.protocol.names import Address, Digest, Purpose, Refusal
from webui.ports.records import SealedRecord


class RequestState(StrEnum):
    """Where a request stands."""

    OPEN = "open"
    READY = "ready"
    """The threshold approved; the requester may open."""
    FULFILLED = "fulfilled"
    REFUSED = "refused"
    EXPIRED = "expired"
    """Its deadline passed before enough trustees answered."""
    STALE = "stale"
    """Another committee holds the key by now, or its shares expired."""


@dataclass(frozen=True)
class TrusteeAnswer:
    """What one trustee said, and where on the ledger."""

    trustee: str
    account: Address
    refused: Refusal | None
    """None: approved."""
    block: int
    answered_at: int
    """Seconds since 1970."""


@dataclass(frozen=True)
class RequestFacts:
    """One request as the ledger tells it."""

    number: int
    requester: str
    """Name of the hospital that asked."""
    own: bool
    """Whether this site's hospital asked."""
    label: Digest
    """What the ciphertext is bound to; a file sealed anew by the same policy keeps it."""
    capsule: Digest
    """Of the capsule that was asked for: of this one file."""
    purpose: Purpose
    block: int
    asked_at: int
    """Seconds since 1970."""
    deadline: int
    """Seconds since 1970."""
    state: RequestState
    threshold: int
    trustees: tuple[str, ...]
    """Names, in order of their parties."""
    dealer_made: bool
    """Whether the operator dealt this key, and so knew it."""
    answers: tuple[TrusteeAnswer, ...]
    """In the order of the ledger."""
    ended_block: int | None = None
    """Of the record that fulfilled it, or refused it for good."""

    @property
    def approvals(self) -> int:
        """Return how many approved."""
        return sum(answer.refused is None for answer in self.answers)


@dataclass(frozen=True)
class OpenedRecord:
    """A record that a quorum opened."""

    body: bytes = field(repr=False)
    wrong: tuple[str, ...]
    """Names of trustees whose answers were missing or did not fit their shares."""


@dataclass(frozen=True)
class SignedAnswer:
    """What a trustee's browser hands in."""

    envelope: bytes | None
    """The PARTIAL envelope; None in a refusal."""
    transaction: bytes
    """Raw and signed."""


class RequestService(Protocol):
    """Requests to the committee for records. Every method may raise UnavailableError."""

    def capsule_of(self, sealed: SealedRecord) -> Digest | None:
        """Return the digest of this file's capsule, which no other file has; None: no trustees' key opens it."""

    def request(self, sealed: SealedRecord, purpose: Purpose, deadline: int) -> int:
        """Put the record's capsule into the vault, ask as this hospital, and return the request's number.

        Answers count until `deadline`, in seconds since 1970.

        Raises:
            RefusedError: the ledger's rules forbid it (NoCommittee, KeyExpired...).
        """

    def facts(self, numbers: Sequence[int]) -> Mapping[int, RequestFacts]:
        """Return what the ledger says of these requests; those it does not have are left out."""

    def about(self, labels: Sequence[Digest]) -> Sequence[RequestFacts]:
        """Return all requests that name one of these files, whoever made them, oldest first."""

    def waiting_for(self, trustee: Address) -> Sequence[RequestFacts]:
        """Return the requests for records that this trustee may answer now, oldest first."""

    def approval(self, number: int, trustee: Address) -> Mapping[str, JsonValue]:
        """Return what the trustee's browser needs (webui/client/approve.js), without `submit_url`.

        Raises:
            WrongRequest: there is no such request for a record.
            RefusedError: this trustee may not answer it now (fl/protocol/keys/requests.py).
            VaultMissing, HashMismatch, CiphertextInvalid: its capsule.
        """

    def submit(self, number: int, trustee: Address, answer: SignedAnswer) -> None:
        """Check a trustee's answer, keep its envelope, and send its transaction.

        Raises:
            AnswerMismatch: the transaction is not this trustee's answer to this request with this envelope.
            AnswerOutdated: the trustee's account or member key moved on since the page was opened.
            EncodingError: it is no transaction.
            RefusedError: the ledger refuses it.
        """

    def open(self, number: int, sealed: SealedRecord, leaf: Digest) -> OpenedRecord:
        """Combine the answers, open the record, and record once that it was opened.

        Raises:
            QuorumNotReached: fewer right answers than the threshold.
            WrongContext: the request is about another file, or the record was sealed anew since.
            TamperedError, MalformedError: as RecordService.open.
        """
