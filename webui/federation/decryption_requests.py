"""Requests for records over the real federation: ledger, vault, and the hospital's own key.

Invariant: a trustee's envelope is kept and its transaction sent only if the one approves the other, under that
trustee's signature, for that request.

Source: webui/ports/decryption_requests.py (the port); PROTOCOL.md 9, Requests.
Not here: whether a trustee may answer (fl/protocol/keys/requests.py); facts for a page (request_facts.py);
computing with answers (fl/roles/requester/agent.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from fl.crypto.capsule import NO_KEY, Capsule
from fl.crypto.envelope import Expected, check_file, open_with
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
from fl.replay.decryption_requests import PARTIAL_CAP, binding_of, check_standing, read_capsule, readers_of
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
    """The hospital's own."""
    relay: Relay
    vault: Vault
    clock: Callable[[], int]
    """Seconds since 1970."""

    def capsule_of(self, sealed: SealedRecord) -> Digest | None:
        """Return the digest of this file's capsule, which no other file has; None: no trustees' key opens it."""
        try:
            capsule = Capsule.sealed_to(sealed.file, sealed.key_id, sealed.policy.to_bytes())
        except (RecipientNotFound, EncodingError, InvalidPoint):
            return None
        return sha256(capsule.to_bytes())

    def request(self, sealed: SealedRecord, purpose: Purpose, deadline: int) -> int:
        """Put the record's capsule into the vault, ask as this hospital, and return the request's number."""
        if sealed.key_id == NO_KEY:
            raise NoCommittee(KeyUse.RECORDS)
        capsule = Capsule.sealed_to(sealed.file, sealed.key_id, sealed.policy.to_bytes())
        return self.requester.ask(self.federation(), capsule, purpose, deadline)

    def facts(self, numbers: Sequence[int]) -> Mapping[int, RequestFacts]:
        """Return what the ledger says of these requests; those it does not have are left out."""
        federation = self.federation()
        known = federation.threshold.requests
        found = self._facts(federation, [known[number - 1] for number in numbers if 1 <= number <= len(known)])
        return {facts.number: facts for facts in found}

    def about(self, labels: Sequence[Digest]) -> list[RequestFacts]:
        """Return all requests that name one of these files, whoever made them, oldest first."""
        federation, wanted = self.federation(), set(labels)
        return self._facts(federation, [each for each in federation.threshold.requests if each.record.label in wanted])

    def waiting_for(self, trustee: Address) -> list[RequestFacts]:
        """Return the requests for records that this trustee may answer now, oldest first."""
        federation = self.federation()
        found = federation.threshold.waiting_for(trustee, self.clock(), federation.book)
        return self._facts(federation, [each for each in found if each.key_use == KeyUse.RECORDS])

    def approval(self, number: int, trustee: Address) -> Mapping[str, JsonValue]:
        """Return what the trustee's browser needs (webui/client/approve.js), without `submit_url`."""
        federation = self.federation()
        request = self._answerable(federation, number, trustee)
        capsule = read_capsule(request, self.vault)
        check_standing(federation, request, capsule)
        return {**_request_block(federation, request, capsule), **self._trustee_block(federation, request, trustee)}

    def submit(self, number: int, trustee: Address, answer: SignedAnswer) -> None:
        """Check a trustee's answer, keep its envelope, and send its transaction."""
        federation = self.federation()
        request = self._answerable(federation, number, trustee)
        said = self.relay.read(answer.transaction)
        if said.sender != trustee:
            raise AnswerMismatch("another account signed it")
        if said.request != number:
            raise AnswerMismatch("it answers another request")
        if isinstance(said, DecryptionApproved) != (answer.envelope is not None):
            raise AnswerMismatch("an approval comes with a sealed answer, a refusal without")
        if isinstance(said, DecryptionApproved) and answer.envelope is not None:
            self._check_envelope(federation, request, said, answer.envelope)
            self.vault.put(answer.envelope)
        self.relay.send(answer.transaction)

    def open(self, number: int, sealed: SealedRecord, leaf: Digest) -> OpenedRecord:
        """Combine the answers, open the record, and record once that it was opened."""
        federation = self.federation()
        request = _of_records(federation, number)
        if request.record.label != sealed.label:
            raise WrongContext("label")
        if request.record.capsule_digest != self.capsule_of(sealed):
            raise WrongContext("capsule")
        expected = self.records.expected(sealed, leaf)
        found = self.requester.open(federation, number)
        body = open_with(sealed.file, expected, found.key, found.secret)
        self.requester.fulfil(request)
        return OpenedRecord(body, tuple(federation.book.name_of(account) for account in found.wrong))

    def _facts(self, federation: Federation, found: Sequence[DecryptionRequest]) -> list[RequestFacts]:
        return [request_facts(each, federation, self.requester.account, self.clock()) for each in found]

    def _answerable(self, federation: Federation, number: int, trustee: Address) -> DecryptionRequest:
        """Return a request for a record that this trustee may answer now; raises as ThresholdKeys.answerable."""
        _of_records(federation, number)
        return federation.threshold.answerable(number, trustee, self.clock(), federation.book)

    def _check_envelope(
        self, federation: Federation, request: DecryptionRequest, said: DecryptionApproved, envelope: bytes
    ) -> None:
        """Check all of a sealed answer that can be seen from outside."""
        if sha256(envelope) != said.digest:
            raise AnswerMismatch("the sealed answer is not the one that it approves")
        key = federation.book.active(said.sender).key
        index = request.committee.party(said.sender)
        if key is None or index is None:
            raise NotInCommittee(said.sender)
        binding = binding_of(federation, request, read_capsule(request, self.vault))
        core = partial_core(federation.anchor, said.sender, key.epoch, binding, index)
        try:
            check_file(envelope, Expected(core, said.digest, PARTIAL_CAP))
        except KeyEpochMismatch as error:  # its agent replaced the key, which took the transaction's place, too
            raise AnswerOutdated("Your member key was replaced") from error

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
        "recipients": [
            {"key_id": key.key_id.hex(), "public_key": key.public_key.hex()}
            for key in readers_of(request, federation.book)
        ],
    }
