"""The facts of a request for a page: who asked, who answered what and when, and its state.

Invariant: everything comes from the folded ledger; the operator registered the names.

Source: PROTOCOL.md 9, Requests.
"""

from __future__ import annotations

from fl.protocol.errors import KeyExpired, StaleCommittee
from fl.protocol.federation import Federation
from fl.protocol.keys.members import KeyBook
from fl.protocol.keys.requests import Approval, DecryptionRequest, Refused, RequestPhase, check_holder
from fl.protocol.names import Address, CeremonyKind
from webui.ports.decryption_requests import RequestFacts, RequestState, TrusteeAnswer

ENDED = {
    RequestPhase.FULFILLED: RequestState.FULFILLED,
    RequestPhase.REFUSED: RequestState.REFUSED,
    RequestPhase.APPROVED: RequestState.READY,
}


def request_facts(request: DecryptionRequest, federation: Federation, reader: Address, now: int) -> RequestFacts:
    """Return the facts of one request at `now`, in seconds since 1970, for a page of the hospital `reader`."""
    book, committee, requested = federation.book, request.committee, request.requested
    return RequestFacts(
        number=request.number,
        requester=book.name_of(request.requester),
        own=request.requester == reader,
        label=request.record.label,
        capsule=request.record.capsule_digest,
        purpose=request.record.purpose,
        block=requested.position.block,
        asked_at=requested.timestamp,
        deadline=request.record.deadline,
        state=_state(request, federation, now),
        threshold=committee.threshold,
        trustees=tuple(book.name_of(account) for account in committee.members),
        dealer_made=committee.origin == CeremonyKind.DEALER,
        answers=tuple(_answer(account, answer, book) for account, answer in request.answers.items()),
        ended_block=request.last.position.block if request.closed and request.last else None,
    )


def _state(request: DecryptionRequest, federation: Federation, now: int) -> RequestState:
    if request.phase in ENDED:
        return ENDED[request.phase]
    if now > request.record.deadline:
        return RequestState.EXPIRED
    try:
        check_holder(request.epoch, federation.threshold.holder(request.key_use, request.epoch), now)
    except (StaleCommittee, KeyExpired):
        return RequestState.STALE
    return RequestState.OPEN


def _answer(trustee: Address, answer: Approval | Refused, book: KeyBook) -> TrusteeAnswer:
    entry, refused = answer.entry, answer.reason if isinstance(answer, Refused) else None
    return TrusteeAnswer(book.name_of(trustee), trustee, refused, entry.position.block, entry.timestamp)
