"""The port for decryption requests: ask a committee for a record, and let its trustees answer.

Invariant: a record is opened only after the threshold of approvals is on the ledger.

Source: PROTOCOL.md 9, Requests.
Not here: who may ask (usecases/record_requests.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Protocol

from fl.protocol.codec import JsonValue
from fl.protocol.names import Address, Digest, Purpose, Refusal
from webui.ports.records import SealedRecord


class RequestState(StrEnum):
    """The state of a request."""

    OPEN = "open"
    READY = "ready"
    """Enough trustees approved; the requester may open the record."""
    FULFILLED = "fulfilled"
    REFUSED = "refused"
    EXPIRED = "expired"
    """Its deadline passed before enough trustees answered."""
    STALE = "stale"
    """Another committee holds the key now, or the shares have expired."""


class AskReason(IntEnum):
    """Why a doctor asks for a record; the site stores it, and the ledger does not have it."""

    TREATING = 1
    OPINION = 2
    URGENT = 3
    PATIENT = 4
    COMPARISON = 5
    OTHER = 6


@dataclass(frozen=True)
class TrusteeAnswer:
    """One trustee's answer, and its place on the ledger."""

    trustee: str
    account: Address
    refused: Refusal | None
    """None: approved."""
    block: int
    answered_at: int
    """Seconds since 1970."""


@dataclass(frozen=True)
class RequestFacts:
    """One request, as the ledger records it."""

    number: int
    requester: str
    """Name of the hospital that asked."""
    own: bool
    """Whether this site's hospital asked."""
    label: Digest
    """The label that the ciphertext is bound to; it stays the same if the file is sealed again with the same policy."""
    capsule: Digest
    """Of the requested capsule, which belongs to one file only."""
    purpose: Purpose
    block: int
    asked_at: int
    """Seconds since 1970."""
    deadline: int
    """Seconds since 1970."""
    state: RequestState
    threshold: int
    trustees: tuple[str, ...]
    """Names, in the order of their party numbers."""
    dealer_made: bool
    """Whether the operator dealt this key and therefore knew it."""
    answers: tuple[TrusteeAnswer, ...]
    """In the order of the ledger."""
    ended_block: int | None = None
    """Of the entry that fulfilled the request or refused it for good."""

    @property
    def approvals(self) -> int:
        return sum(answer.refused is None for answer in self.answers)


@dataclass(frozen=True)
class OpenedRecord:
    """A record that a quorum opened."""

    body: bytes = field(repr=False)
    wrong: tuple[str, ...]
    """Names of trustees whose answers were missing or wrong."""


@dataclass(frozen=True)
class SignedAnswer:
    """The answer that a trustee's browser sends."""

    envelope: bytes | None
    """The PARTIAL envelope; None for a refusal."""
    transaction: bytes
    """Raw and signed."""


class RequestService(Protocol):
    """Requests to the committee for records. Every method may raise UnavailableError."""

    def capsule_of(self, sealed: SealedRecord) -> Digest | None:
        """Return the digest of this file's capsule, unique to the file; None if no threshold key opens the file."""

    def request(self, sealed: SealedRecord, purpose: Purpose, deadline: int) -> int:
        """Put the record's capsule into the vault, make the request as this hospital, and return its number.

        Trustees can answer until `deadline`, in seconds since 1970.

        Raises:
            RefusedError: the ledger's rules forbid it (NoCommittee, KeyExpired...).
        """

    def facts(self, numbers: Sequence[int]) -> Mapping[int, RequestFacts]:
        """Return the facts of these requests by number; numbers that the ledger does not have are missing."""

    def about(self, labels: Sequence[Digest]) -> Sequence[RequestFacts]:
        """Return all requests for files with these labels, by any hospital, oldest first."""

    def waiting_for(self, trustee: Address) -> Sequence[RequestFacts]:
        """Return the requests for records that this trustee may answer now, oldest first."""

    def approval(self, number: int, trustee: Address) -> Mapping[str, JsonValue]:
        """Return the facts for the trustee's browser (webui/client/approve.js), except `submit_url`.

        Raises:
            WrongRequest: there is no such request, or it is not for a record.
            RefusedError: this trustee may not answer it now (fl/protocol/keys/requests.py).
            VaultMissing, HashMismatch, CiphertextInvalid: the capsule is missing or wrong.
        """

    def submit(self, number: int, trustee: Address, answer: SignedAnswer) -> None:
        """Check a trustee's answer, store its envelope, and send its transaction.

        Raises:
            AnswerMismatch: transaction, trustee, request and envelope do not belong together.
            AnswerOutdated: the trustee's nonce or member key changed after the page was opened.
            EncodingError: it is not a transaction.
            RefusedError: the ledger refuses it.
        """

    def open(self, number: int, sealed: SealedRecord, leaf: Digest) -> OpenedRecord:
        """Combine the answers, open the record, and write to the ledger once that it was opened.

        Raises:
            QuorumNotReached: fewer correct answers than the threshold.
            WrongContext: the request is about another file, or the record was sealed again.
            TamperedError, MalformedError: as RecordService.open.
        """
