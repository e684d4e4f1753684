"""Decryption requests: who asked a committee to open what, and what its trustees answered.

Invariant: the checks have the order of Requests.sol, so both refuse a record with the same error. A request belongs to
the committee that it names, as long as that is the newest committee of its key.

Source: PROTOCOL.md 9, Requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from types import MappingProxyType

from fl.protocol.errors import (
    DeadlinePassed,
    DuplicateStep,
    EncodingError,
    KeyEpochMismatch,
    KeyExpired,
    NotInCommittee,
    QuorumNotReached,
    RequestClosed,
    RequestInvalid,
    StaleCommittee,
    WrongRole,
)
from fl.protocol.keys.ceremony import Committee
from fl.protocol.keys.members import KeyBook
from fl.protocol.names import Address, Digest, KeyUse, Purpose, Refusal, Role
from fl.protocol.records import (
    DecryptionApproved,
    DecryptionFulfilled,
    DecryptionRefused,
    DecryptionRequested,
    Entry,
)
from fl.protocol.steps import DAY_S

REQUESTERS: Mapping[KeyUse, tuple[Role, ...]] = MappingProxyType(
    {
        KeyUse.RECORDS: (Role.HOSPITAL,),
        KeyUse.MODEL: (Role.HOSPITAL, Role.COORDINATOR, Role.AUDITOR),
        KeyUse.INFERENCE: (Role.HOSPITAL, Role.AUDITOR),
    }
)
"""Which roles may request which purpose."""

MAX_WAIT_S = 366 * DAY_S
"""From a request to its deadline."""

Answer = DecryptionApproved | DecryptionRefused


class RequestPhase(IntEnum):
    """The status of a request; the contract has the same numbers."""

    NONE = 0
    OPEN = 1
    APPROVED = 2
    """The threshold approved; more trustees may approve, in case a partial decryption is wrong or missing."""
    FULFILLED = 3
    REFUSED = 4
    """So many trustees refused that the threshold cannot be reached."""


@dataclass(frozen=True)
class Approval:
    """A trustee's consent."""

    digest: Digest
    """SHA-256 of its PARTIAL envelope."""
    entry: Entry


@dataclass(frozen=True)
class Refused:
    """A trustee's refusal."""

    reason: Refusal
    entry: Entry


@dataclass(frozen=True)
class DecryptionRequest:
    """A request to open one ciphertext."""

    record: DecryptionRequested
    requested: Entry
    committee: Committee
    """The committee that the request names."""
    phase: RequestPhase = RequestPhase.OPEN
    approvals: Mapping[Address, Approval] = field(default_factory=lambda: MappingProxyType({}))
    refusals: Mapping[Address, Refused] = field(default_factory=lambda: MappingProxyType({}))
    last: Entry | None = None
    """The request's newest entry."""

    @property
    def number(self) -> int:
        return self.record.request

    @property
    def requester(self) -> Address:
        return self.record.sender

    @property
    def key_use(self) -> KeyUse:
        return self.record.key_use

    @property
    def epoch(self) -> int:
        return self.committee.epoch

    @property
    def answers(self) -> Mapping[Address, Approval | Refused]:
        both: dict[Address, Approval | Refused] = {**self.approvals, **self.refusals}
        return dict(sorted(both.items(), key=lambda item: item[1].entry.position))

    @property
    def closed(self) -> bool:
        """Return whether the request takes no more answers, at any time."""
        return self.phase in (RequestPhase.FULFILLED, RequestPhase.REFUSED)


def ask(
    entry: Entry, record: DecryptionRequested, number: int, holder: Committee | None, book: KeyBook
) -> DecryptionRequest:
    """Return request `number` to a committee; `holder` is the newest committee with the named committee's key.

    Raises:
        UnknownSender, RevokedSender, WrongRole, KeyEpochMismatch, StaleCommittee, KeyExpired, RequestInvalid: as
            IRequests.requestDecryption.
        EncodingError: its number is not the one that the contract gives.
    """
    member = book.active(record.sender)
    if member.role not in REQUESTERS[record.key_use]:
        raise WrongRole(record.sender)
    if member.key is None:
        raise KeyEpochMismatch(1, 0)
    committee = check_holder(record.epoch, holder, entry.timestamp)
    fits = (record.purpose == Purpose.RELEASE) == (record.key_use == KeyUse.MODEL)
    if not fits or not entry.timestamp < record.deadline <= entry.timestamp + MAX_WAIT_S:
        raise RequestInvalid
    if record.request != number:
        raise EncodingError("request", f"its number is {record.request}, not {number}")
    return DecryptionRequest(record, entry, committee, last=entry)


def answer(request: DecryptionRequest, entry: Entry, record: Answer, book: KeyBook) -> DecryptionRequest:
    """Return the request after the answer of a trustee who may give it (`check_answer`).

    Raises:
        RevokedSender: an approval after the requester's membership ended.
    """
    committee = request.committee
    if isinstance(record, DecryptionApproved):
        book.active(request.requester)
        approvals = MappingProxyType({**request.approvals, record.sender: Approval(record.digest, entry)})
        reached = len(approvals) >= committee.threshold
        phase = RequestPhase.APPROVED if reached else request.phase
        return replace(request, approvals=approvals, phase=phase, last=entry)
    refusals = MappingProxyType({**request.refusals, record.sender: Refused(record.reason, entry)})
    hopeless = len(refusals) > len(committee.members) - committee.threshold
    phase = RequestPhase.REFUSED if hopeless else request.phase
    return replace(request, refusals=refusals, phase=phase, last=entry)


def fulfil(request: DecryptionRequest, entry: Entry, record: DecryptionFulfilled) -> DecryptionRequest:
    """Return the request after its end, or raise WrongRole, RequestClosed or QuorumNotReached, in that order."""
    if record.sender != request.requester:
        raise WrongRole(record.sender)
    if request.closed:
        raise RequestClosed(request.number)
    if len(request.approvals) < request.committee.threshold:
        raise QuorumNotReached(len(request.approvals), request.committee.threshold)
    return replace(request, phase=RequestPhase.FULFILLED, last=entry)


def check_answer(request: DecryptionRequest, trustee: Address, now: int, holder: Committee | None) -> None:
    """Check that a trustee may answer a request at `now`, in seconds since 1970.

    `holder` is the newest committee with the named committee's key; `ThresholdKeys.answerable` finds it.

    Raises:
        RequestClosed, StaleCommittee, KeyExpired, NotInCommittee, DeadlinePassed, DuplicateStep: as
            IRequests.approveDecryption.
    """
    if request.closed:
        raise RequestClosed(request.number)
    committee = check_holder(request.epoch, holder, now)
    if trustee not in committee.members:
        raise NotInCommittee(trustee)
    if now > request.record.deadline:
        raise DeadlinePassed(request.record.deadline)
    if trustee in request.approvals or trustee in request.refusals:
        raise DuplicateStep(trustee)


def check_holder(asked: int, holder: Committee | None, now: int) -> Committee:
    """Return the committee of the named epoch; `holder` and `now` are as in `check_answer`.

    Raises:
        StaleCommittee: it no longer has its key.
        KeyExpired: its shares expired.
    """
    if holder is None or holder.epoch != asked:
        raise StaleCommittee(asked, holder.epoch if holder else 0)
    if now > holder.expires_at:
        raise KeyExpired(holder.use, holder.expires_at)
    return holder
