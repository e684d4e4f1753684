"""Who asked a committee to open what, and what its trustees answered.

Invariant: the checks stand in the order of Requests.sol, so both refuse the same record with the same error. A request
belongs to the committee that it names, as long as that is the newest of its key.

Source: PROTOCOL.md 9, Requests.
Not here: what a trustee checks before it approves, and the partial decryptions (fl/crypto, fl/roles).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntEnum
from types import MappingProxyType

from fl.protocol.ceremony import Committee
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
from fl.protocol.keys import KeyBook
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
        KeyUse.INFERENCE: (),
    }
)
"""Who may ask for what."""

MAX_WAIT_S = 366 * DAY_S
"""From a request to its deadline."""

Answer = DecryptionApproved | DecryptionRefused


class RequestPhase(IntEnum):
    """Where a request stands; the numbers are those of the contract."""

    NONE = 0
    OPEN = 1
    APPROVED = 2
    """By the threshold; more may approve, in case a partial decryption is wrong or missing."""
    FULFILLED = 3
    REFUSED = 4
    """By so many that the threshold cannot be reached."""


@dataclass(frozen=True)
class Approval:
    """A trustee's consent."""

    digest: Digest
    """SHA-256 of its PARTIAL envelope."""
    entry: Entry


@dataclass(frozen=True)
class Request:
    """One ciphertext that somebody asked to have opened."""

    record: DecryptionRequested
    requested: Entry
    committee: Committee
    """The committee that was asked."""
    phase: RequestPhase = RequestPhase.OPEN
    approvals: Mapping[Address, Approval] = field(default_factory=lambda: MappingProxyType({}))
    refusals: Mapping[Address, Refusal] = field(default_factory=lambda: MappingProxyType({}))
    last: Entry | None = None
    """The entry that brought the request where it stands."""

    @property
    def number(self) -> int:
        """Return the request's number."""
        return self.record.request

    @property
    def requester(self) -> Address:
        """Return who asked."""
        return self.record.sender

    @property
    def key_use(self) -> KeyUse:
        """Return which key was asked for."""
        return self.record.key_use

    @property
    def epoch(self) -> int:
        """Return the epoch of the committee that was asked."""
        return self.committee.epoch

    @property
    def closed(self) -> bool:
        """Return whether no answer is taken any more, whatever the time."""
        return self.phase in (RequestPhase.FULFILLED, RequestPhase.REFUSED)


def ask(entry: Entry, record: DecryptionRequested, number: int, holder: Committee | None, book: KeyBook) -> Request:
    """Return request `number` to a committee; `holder` is the newest with the key of the one that is named.

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
    committee = _check_holder(record.epoch, holder, entry.timestamp)
    fits = (record.purpose == Purpose.RELEASE) == (record.key_use == KeyUse.MODEL)
    if not fits or not entry.timestamp < record.deadline <= entry.timestamp + MAX_WAIT_S:
        raise RequestInvalid
    if record.request != number:
        raise EncodingError("request", f"its number is {record.request}, not {number}")
    return Request(record, entry, committee, last=entry)


def answer(request: Request, entry: Entry, record: Answer, holder: Committee | None, book: KeyBook) -> Request:
    """Return the request after a trustee's answer; the sender's role was checked before (`check_trustee`).

    Raises:
        RequestClosed, StaleCommittee, KeyExpired, NotInCommittee, DeadlinePassed, DuplicateStep, RevokedSender: as
            IRequests.approveDecryption; `holder` is the newest committee with the key of the one asked.
    """
    check_answer(request, entry.timestamp, record.sender, holder)
    asked = request.committee
    if isinstance(record, DecryptionApproved):
        book.active(request.requester)
        approvals = MappingProxyType({**request.approvals, record.sender: Approval(record.digest, entry)})
        reached = len(approvals) >= asked.threshold
        phase = RequestPhase.APPROVED if reached else request.phase
        return replace(request, approvals=approvals, phase=phase, last=entry)
    refusals = MappingProxyType({**request.refusals, record.sender: record.reason})
    hopeless = len(refusals) > len(asked.members) - asked.threshold
    phase = RequestPhase.REFUSED if hopeless else request.phase
    return replace(request, refusals=refusals, phase=phase, last=entry)


def fulfil(request: Request, entry: Entry, record: DecryptionFulfilled) -> Request:
    """Return the request after its end, or raise WrongRole, RequestClosed or QuorumNotReached, in that order."""
    if record.sender != request.requester:
        raise WrongRole(record.sender)
    if request.closed:
        raise RequestClosed(request.number)
    if len(request.approvals) < request.committee.threshold:
        raise QuorumNotReached(len(request.approvals), request.committee.threshold)
    return replace(request, phase=RequestPhase.FULFILLED, last=entry)


def check_answer(request: Request, now: int, sender: Address, holder: Committee | None) -> None:
    """Raise what the ledger answers a trustee with who may not answer (now); `holder` is as in `answer`."""
    if request.closed:
        raise RequestClosed(request.number)
    committee = _check_holder(request.epoch, holder, now)
    if sender not in committee.members:
        raise NotInCommittee(sender)
    if now > request.record.deadline:
        raise DeadlinePassed(request.record.deadline)
    if sender in request.approvals or sender in request.refusals:
        raise DuplicateStep(sender)


def _check_holder(asked: int, holder: Committee | None, now: int) -> Committee:
    """Return the committee asked, or raise StaleCommittee unless it holds its key, KeyExpired when it is too late."""
    if holder is None or holder.epoch != asked:
        raise StaleCommittee(asked, holder.epoch if holder else 0)
    if now > holder.expires_at:
        raise KeyExpired(holder.use, holder.expires_at)
    return holder
