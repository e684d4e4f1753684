"""Requests for records without a ledger: a list of requests, three trustees of whom two open, answers by name.

Invariant: the same rules as the real one, held to them by tests/memory/test_webui_decryption_request_services.py; a
"transaction" here is a document that says who signed it.

Not here: sealing (site_records.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from fl.crypto.capsule import NO_KEY
from fl.protocol.codec import JsonValue, parse_document, write_document
from fl.protocol.errors import (
    ChainUnavailable,
    DeadlinePassed,
    DuplicateStep,
    EncodingError,
    KeyExpired,
    NoCommittee,
    QuorumNotReached,
    RefusedError,
    RequestClosed,
    StaleCommittee,
    UnknownSender,
    WrongContext,
    WrongRequest,
)
from fl.protocol.names import Address, Digest, KeyUse, Purpose, Refusal
from tests.support.site_records import TRUSTEES, FakeRecords
from webui.errors import AnswerMismatch
from webui.ports.decryption_requests import OpenedRecord, RequestFacts, RequestState, SignedAnswer, TrusteeAnswer
from webui.ports.records import SealedRecord

ACCOUNTS = tuple(Address(bytes([number]) * 20) for number in (0xD1, 0xD2, 0xD3))
THRESHOLD = 2


@dataclass
class FakeRequest:
    facts: RequestFacts
    epoch: int
    key_id: bytes
    opened: bool = False


@dataclass
class FakeRequests:
    records: FakeRecords
    made: list[FakeRequest] = field(default_factory=list)
    block: int = 500

    def capsule_of(self, sealed: SealedRecord) -> Digest | None:
        return None if sealed.key_id == NO_KEY else Digest(sha256(sealed.file).digest())

    def request(self, sealed: SealedRecord, purpose: Purpose, deadline: int) -> int:
        self._ask()
        committee = self.records.keys.get(sealed.key_id)
        if committee is None:
            raise NoCommittee(KeyUse.RECORDS)
        now, number = self.records.now(), len(self.made) + 1
        facts = RequestFacts(
            number=number,
            requester="alpha",
            own=True,
            label=sealed.label,
            capsule=Digest(sha256(sealed.file).digest()),
            purpose=purpose,
            block=self._next_block(),
            asked_at=now,
            deadline=deadline,
            state=RequestState.OPEN,
            threshold=THRESHOLD,
            trustees=TRUSTEES,
            dealer_made=committee.dealer_made,
            answers=(),
        )
        self.made.append(FakeRequest(facts, committee.epoch, committee.key_id))
        return number

    def facts(self, numbers: Sequence[int]) -> Mapping[int, RequestFacts]:
        self._ask()
        return {number: self._now(self.made[number - 1]) for number in numbers if 1 <= number <= len(self.made)}

    def about(self, labels: Sequence[Digest]) -> list[RequestFacts]:
        self._ask()
        return [self._now(each) for each in self.made if each.facts.label in labels]

    def waiting_for(self, trustee: Address) -> list[RequestFacts]:
        self._ask()
        return [self._now(each) for each in self.made if self._may_answer(each, trustee)]

    def approval(self, number: int, trustee: Address) -> Mapping[str, JsonValue]:
        request = self._answerable(number, trustee)
        fees: dict[str, JsonValue] = {"gas": 1, "max_fee_per_gas": 0, "max_priority_fee_per_gas": 0}
        return {
            "request": number,
            "purpose": int(request.facts.purpose),
            "deadline": request.facts.deadline,
            "label": request.facts.label.hex(),
            "trustee": trustee.hex(),
            "authority": "00" * 20,
            "chain_id": 7357,
            "fees": fees,
        }

    def submit(self, number: int, trustee: Address, answer: SignedAnswer) -> None:
        request = self._answerable(number, trustee)
        said: dict[str, Any] = parse_document(answer.transaction, "signed answer")
        if set(said) != {"by", "request", "digest", "reason"}:
            raise EncodingError("signed answer", "it is none")
        if said["by"] != trustee.hex():
            raise AnswerMismatch("another account signed the transaction")
        if said["request"] != number:
            raise AnswerMismatch("the transaction answers another request")
        if (said["reason"] is None) != (answer.envelope is not None):
            raise AnswerMismatch("an approval needs a sealed answer, and a refusal must have none")
        if answer.envelope is not None and said["digest"] != sha256(answer.envelope).hexdigest():
            raise AnswerMismatch("the transaction approves another sealed answer")
        refused = None if said["reason"] is None else Refusal(said["reason"])
        name = TRUSTEES[ACCOUNTS.index(trustee)]
        made = TrusteeAnswer(name, trustee, refused, self._next_block(), self.records.now())
        request.facts = replace(request.facts, answers=(*request.facts.answers, made))

    def open(self, number: int, sealed: SealedRecord, leaf: Digest) -> OpenedRecord:
        self._ask()
        request = self.made[number - 1]
        if request.facts.label != sealed.label:
            raise WrongContext("label")
        if request.facts.capsule != self.capsule_of(sealed):
            raise WrongContext("capsule")
        if request.facts.approvals < THRESHOLD:
            raise QuorumNotReached(request.facts.approvals, THRESHOLD)
        body = self.records.open_with_quorum(sealed, leaf)
        if not request.opened:
            request.opened = True
            request.facts = replace(request.facts, ended_block=self._next_block())
        return OpenedRecord(body, ())

    def signed(self, number: int, place: int, refused: Refusal | None = None) -> SignedAnswer:
        """Return what the browser of a trustee, by its place from 0, would send."""
        envelope = None if refused else f"the part of {place} for {number}".encode()
        document: dict[str, JsonValue] = {
            "by": ACCOUNTS[place].hex(),
            "request": number,
            "digest": sha256(envelope).hexdigest() if envelope else None,
            "reason": int(refused) if refused else None,
        }
        return SignedAnswer(envelope, write_document(document))

    def answer(self, number: int, place: int, refused: Refusal | None = None) -> None:
        """Let a trustee answer."""
        self.submit(number, ACCOUNTS[place], self.signed(number, place, refused))

    def _now(self, request: FakeRequest) -> RequestFacts:
        facts, committee = request.facts, self.records.keys[request.key_id]
        refusals = len(facts.answers) - facts.approvals
        if request.opened:
            state = RequestState.FULFILLED
        elif refusals > len(TRUSTEES) - THRESHOLD:
            state = RequestState.REFUSED
        elif facts.approvals >= THRESHOLD:
            state = RequestState.READY
        elif self.records.now() > facts.deadline:
            state = RequestState.EXPIRED
        elif committee.epoch != request.epoch or self.records.now() > committee.expires_at:
            state = RequestState.STALE
        else:
            state = RequestState.OPEN
        ended = facts.ended_block
        if state is RequestState.REFUSED:
            ended = facts.answers[-1].block
        return replace(facts, state=state, ended_block=ended)

    def _answerable(self, number: int, trustee: Address) -> FakeRequest:
        """Check in the order of the contract."""
        self._ask()
        if trustee not in ACCOUNTS:
            raise UnknownSender(trustee)
        if not 1 <= number <= len(self.made):
            raise WrongRequest(number)
        request, now = self.made[number - 1], self.records.now()
        committee = self.records.keys[request.key_id]
        if self._now(request).state in {RequestState.FULFILLED, RequestState.REFUSED}:
            raise RequestClosed(number)
        if committee.epoch != request.epoch:
            raise StaleCommittee(request.epoch, committee.epoch)
        if now > committee.expires_at:
            raise KeyExpired(KeyUse.RECORDS, committee.expires_at)
        if now > request.facts.deadline:
            raise DeadlinePassed(request.facts.deadline)
        if any(answer.account == trustee for answer in request.facts.answers):
            raise DuplicateStep(trustee)
        return request

    def _may_answer(self, request: FakeRequest, trustee: Address) -> bool:
        try:
            self._answerable(request.facts.number, trustee)
        except RefusedError:
            return False
        return True

    def _next_block(self) -> int:
        self.block += 1
        return self.block

    def _ask(self) -> None:
        if not self.records.up():
            raise ChainUnavailable("http://ledger.example", "connection refused")
