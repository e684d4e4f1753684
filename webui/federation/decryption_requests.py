"""Decryption requests for records, over the real ledger and vault.

Invariant: a trustee's envelope is stored and its transaction sent only if the transaction approves this envelope, for
this request, under this trustee's signature.

Source: webui/ports/decryption_requests.py (the port); PROTOCOL.md 9, Requests.
Not here: whether a trustee may answer (fl/protocol/keys/requests.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fl.crypto.capsule import NO_KEY, Capsule
from fl.crypto.envelope import open_with
from fl.crypto.envelope_form import Expected, check_file
from fl.crypto.group import encode_point
from fl.crypto.partial_decryption import partial_core
from fl.protocol.codec import JsonValue, sha256
from fl.protocol.errors import (
    AnswerOutdated,
    EncodingError,
    InvalidPoint,
    KeyEpochMismatch,
    NoCommittee,
    NotInCommittee,
    RecipientNotFound,
    WrongContext,
    WrongRequest,
)
from fl.protocol.federation import Federation
from fl.protocol.keys.requests import DecryptionRequest
from fl.protocol.names import Address, Digest, KeyUse, Purpose
from fl.protocol.ports import Relay, Vault
from fl.protocol.records import DecryptionApproved
from fl.replay.committees import committee_keys
from fl.replay.decryption_requests import PARTIAL_CAP, answer_readers, binding_of, check_standing, read_capsule
from fl.replay.long_committees import stated_ids
from fl.roles.requester.agent import Requester
from webui.errors import AnswerMismatch
from webui.federation.records import FederationRecords
from webui.federation.request_facts import request_facts
from webui.ports.decryption_requests import OpenedRecord, RequestFacts, SignedAnswer
from webui.ports.records import SealedRecord


@dataclass(frozen=True)
class FederationRequests:
    """Implements RequestService."""

    federation: Callable[[], Federation]
    """Folds the ledger up to now."""
    records: FederationRecords
    requester: Requester
    """Acts as this hospital."""
    relay: Relay
    vault: Vault
    clock: Callable[[], int]
    """Seconds since 1970."""

    def capsule_of(self, sealed: SealedRecord) -> Digest | None:
        try:
            capsule = Capsule.sealed_to(sealed.file, sealed.key_id, sealed.policy.to_bytes())
        except (RecipientNotFound, EncodingError, InvalidPoint):
            return None
        return sha256(capsule.to_bytes())

    def request(self, sealed: SealedRecord, purpose: Purpose, deadline: int) -> int:
        if sealed.key_id == NO_KEY:
            raise NoCommittee(KeyUse.RECORDS)
        capsule = Capsule.sealed_to(sealed.file, sealed.key_id, sealed.policy.to_bytes())
        return self.requester.ask(self.federation(), capsule, purpose, deadline)

    def facts(self, numbers: Sequence[int]) -> Mapping[int, RequestFacts]:
        federation = self.federation()
        known = federation.threshold.requests
        requests = [known[number - 1] for number in numbers if 1 <= number <= len(known)]
        return {facts.number: facts for facts in self._facts(federation, requests)}

    def about(self, labels: Sequence[Digest]) -> list[RequestFacts]:
        federation, wanted = self.federation(), set(labels)
        return self._facts(federation, [each for each in federation.threshold.requests if each.record.label in wanted])

    def waiting_for(self, trustee: Address) -> list[RequestFacts]:
        federation = self.federation()
        waiting = federation.threshold.waiting_for(trustee, self.clock(), federation.book)
        return self._facts(federation, [each for each in waiting if each.key_use == KeyUse.RECORDS])

    def approval(self, number: int, trustee: Address) -> Mapping[str, JsonValue]:
        federation = self.federation()
        request = self._answerable(federation, number, trustee)
        capsule = read_capsule(request, self.vault)
        check_standing(federation, request, capsule)
        readers = answer_readers(federation, request, capsule, self.vault)
        return {
            **_request_block(federation, request, capsule),
            "recipients": [{"key_id": key.key_id.hex(), "public_key": key.public_key.hex()} for key in readers],
            "long_ids": self._own_seats(federation, capsule, trustee),
            **self._trustee_block(federation, request, trustee),
        }

    def submit(self, number: int, trustee: Address, answer: SignedAnswer) -> None:
        federation = self.federation()
        request = self._answerable(federation, number, trustee)
        record = self.relay.read(answer.transaction)
        if record.sender != trustee:
            raise AnswerMismatch("another account signed the transaction")
        if record.request != number:
            raise AnswerMismatch("the transaction answers another request")
        if isinstance(record, DecryptionApproved) != (answer.envelope is not None):
            raise AnswerMismatch("an approval needs a sealed answer, and a refusal must have none")
        if isinstance(record, DecryptionApproved) and answer.envelope is not None:
            self._check_envelope(federation, request, record, answer.envelope)
            self.vault.put(answer.envelope)
        self.relay.send(answer.transaction)

    def open(self, number: int, sealed: SealedRecord, leaf: Digest) -> OpenedRecord:
        federation = self.federation()
        request = _of_records(federation, number)
        if request.record.label != sealed.label:
            raise WrongContext("label")
        if request.record.capsule_digest != self.capsule_of(sealed):
            raise WrongContext("capsule")
        expected = self.records.expected(sealed, leaf)
        opened = self.requester.open(federation, number)
        body = open_with(sealed.file, expected, opened.key, opened.secret)
        self.requester.fulfil(request)
        return OpenedRecord(body, tuple(federation.book.name_of(account) for account in opened.wrong))

    def _facts(self, federation: Federation, requests: Sequence[DecryptionRequest]) -> list[RequestFacts]:
        return [request_facts(each, federation, self.requester.account, self.clock()) for each in requests]

    def _answerable(self, federation: Federation, number: int, trustee: Address) -> DecryptionRequest:
        """Return a request for a record if this trustee may answer it now; raises as ThresholdKeys.answerable."""
        _of_records(federation, number)
        return federation.threshold.answerable(number, trustee, self.clock(), federation.book)

    def _check_envelope(
        self, federation: Federation, request: DecryptionRequest, approval: DecryptionApproved, envelope: bytes
    ) -> None:
        """Check everything about a sealed answer that is visible without opening it."""
        if sha256(envelope) != approval.digest:
            raise AnswerMismatch("the transaction approves another sealed answer")
        key = federation.book.active(approval.sender).key
        index = request.committee.party(approval.sender)
        if key is None or index is None:
            raise NotInCommittee(approval.sender)
        binding = binding_of(federation, request, read_capsule(request, self.vault))
        core = partial_core(federation.anchor, approval.sender, key.epoch, binding, index)
        try:
            check_file(envelope, Expected(core, approval.digest, PARTIAL_CAP))
        except KeyEpochMismatch as error:
            # The trustee's agent replaced the key, which also used the nonce of this transaction.
            raise AnswerOutdated("Your member key was replaced") from error

    def _own_seats(self, federation: Federation, capsule: Capsule, trustee: Address) -> list[JsonValue]:
        """Return the long keys that a trustee stated and to which a share of this record is sealed."""
        if capsule.half is None:
            return []
        return [each.hex() for each in sorted(stated_ids(federation, trustee, self.vault) & {*capsule.half.long_ids})]

    def _trustee_block(
        self, federation: Federation, request: DecryptionRequest, trustee: Address
    ) -> dict[str, JsonValue]:
        committee = committee_keys(federation.threshold, request.key_use, request.epoch)
        key, terms = federation.book.active(trustee).key, self.relay.terms(trustee)
        return {
            "epoch": request.epoch,
            "index": committee.index_of(trustee),
            "public_share": encode_point(committee.share_of(trustee)).hex(),
            "threshold_key": committee.key.to_bytes().hex(),
            "expires_at": request.committee.expires_at,
            "trustee": trustee.hex(),
            "trustee_key_epoch": key.epoch if key else 0,
            "nonce": terms.nonce,
            "fees": {
                "gas": terms.gas,
                "max_fee_per_gas": terms.max_fee_per_gas,
                "max_priority_fee_per_gas": terms.max_priority_fee_per_gas,
            },
        }


def _of_records(federation: Federation, number: int) -> DecryptionRequest:
    request = federation.threshold.request(number)
    if request.key_use != KeyUse.RECORDS:
        raise WrongRequest(number)
    return request


def _request_block(federation: Federation, request: DecryptionRequest, capsule: Capsule) -> dict[str, JsonValue]:
    record, anchor, members = request.record, federation.anchor, federation.book.members.values()
    return {
        "request": request.number,
        "key_use": int(request.key_use),
        "label": record.label.hex(),
        "capsule": capsule.to_bytes().hex(),
        "capsule_digest": record.capsule_digest.hex(),
        "model_context": "",
        "purpose": int(record.purpose),
        "deadline": record.deadline,
        "requester": request.requester.hex(),
        "members": [member.account.hex() for member in members if not member.revoked],
        "chain_id": anchor.chain_id,
        "authority": anchor.authority.hex(),
        "consortium": anchor.consortium.hex(),
    }
