"""A request as pages tell it: who asked, who answered what and when, where it stands.

Invariant: everything comes from the ledger; names are those that the operator registered.

Source: PROTOCOL.md 9, Requests.
Not here: what the site itself knows of a request (store/disclosures.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fl.protocol.errors import DuplicateStep, NotInCommittee, StaleCommittee
from fl.protocol.federation import Federation
from fl.protocol.names import Address, CeremonyKind, KeyUse
from fl.protocol.ports import Ledger
from fl.protocol.records import DecryptionApproved, DecryptionRefused, Entry
from fl.protocol.requests import Request, RequestPhase
from webui.disclosure_services import RequestFacts, RequestState, TrusteeAnswer


@dataclass(frozen=True)
class Told:
    """The ledger at one moment, as far as requests need it."""

    federation: Federation
    account: Address
    """Of this site's hospital."""
    now: int
    """Seconds since 1970."""
    answers: Mapping[int, tuple[Entry, ...]]
    """By request, in the order of the ledger."""


@dataclass(frozen=True)
class Scene:
    """Where the facts come from."""

    ledger: Ledger
    federation: Callable[[], Federation]

    def tell(self, federation: Federation, now: int) -> Told:
        """Return the facts of all requests up to `federation`."""
        answers: dict[int, tuple[Entry, ...]] = {}
        for entry in self.ledger.replay():
            record = entry.record
            if isinstance(record, DecryptionApproved | DecryptionRefused):
                answers[record.request] = (*answers.get(record.request, ()), entry)
        return Told(federation, self.ledger.account, now, answers)


def request_facts(request: Request, told: Told) -> RequestFacts:
    """Return one request for a page."""
    book, committee, asked = told.federation.book, request.committee, request.requested
    return RequestFacts(
        number=request.number,
        requester=book.name_of(request.requester),
        own=request.requester == told.account,
        label=request.record.label,
        capsule=request.record.capsule_digest,
        purpose=request.record.purpose,
        block=asked.position.block,
        asked_at=asked.timestamp,
        deadline=request.record.deadline,
        state=_state(request, told),
        threshold=committee.threshold,
        trustees=tuple(book.name_of(account) for account in committee.members),
        dealer_made=committee.origin == CeremonyKind.DEALER,
        answers=tuple(_answer(entry, told) for entry in told.answers.get(request.number, ())),
        ended_block=request.last.position.block if request.closed and request.last else None,
    )


def answerable(federation: Federation, request: Request, trustee: Address) -> None:
    """Check that a trustee can answer a request at all; its deadline and its content are other questions.

    Raises:
        StaleCommittee, NotInCommittee, DuplicateStep: it cannot.
    """
    holder = federation.threshold.holder(KeyUse.RECORDS, request.epoch)
    epoch = holder.epoch if holder else 0
    if epoch != request.epoch:
        raise StaleCommittee(request.epoch, epoch)
    if request.committee.party(trustee) is None:
        raise NotInCommittee(trustee)
    if trustee in request.approvals or trustee in request.refusals:
        raise DuplicateStep(trustee)


def _state(request: Request, told: Told) -> RequestState:
    ended = {
        RequestPhase.FULFILLED: RequestState.FULFILLED,
        RequestPhase.REFUSED: RequestState.REFUSED,
        RequestPhase.APPROVED: RequestState.READY,
    }
    if request.phase in ended:
        return ended[request.phase]
    if told.now > request.record.deadline:
        return RequestState.EXPIRED
    committee = request.committee
    if told.federation.threshold.holder(request.key_use, request.epoch) != committee or told.now > committee.expires_at:
        return RequestState.STALE
    return RequestState.OPEN


def _answer(entry: Entry, told: Told) -> TrusteeAnswer:
    record = entry.record
    if not isinstance(record, DecryptionApproved | DecryptionRefused):
        raise TypeError("only answers are collected")
    refused = record.reason if isinstance(record, DecryptionRefused) else None
    name = told.federation.book.name_of(record.sender)
    return TrusteeAnswer(name, record.sender, refused, entry.position.block, entry.timestamp)
