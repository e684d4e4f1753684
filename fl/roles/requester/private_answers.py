"""Private predictions: an auditor announces an encrypted head, a hospital buys answers and asks the trustees.

Invariant: which bought answer a question uses is in the journal before the question leaves, so none is used twice.
Trustees' wrong answers are named and not used.

Source: PROTOCOL.md 9P.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fl.crypto.discrete_log import Logarithms
from fl.crypto.encrypted_head import HEAD_CAP, EncryptedHead, HeadAnswer, HeadFacts, HeadQuestion, combine, encrypt
from fl.crypto.sealed_query import Asker, Question, open_answer, seal_query
from fl.crypto.threshold import ThresholdKey
from fl.protocol.errors import HemaledgerError, KeyEpochMismatch, QuotaUsed
from fl.protocol.federation import Federation
from fl.protocol.keys.requests import DecryptionRequest
from fl.protocol.names import Address, Digest, KeyUse, Purpose
from fl.protocol.records import DecryptionRequested
from fl.replay.committees import committee_keys
from fl.replay.heads import allowances, allowed, amount, announced, usable
from fl.replay.ledger_view import Ports
from fl.replay.vault_files import read_document
from fl.training.evaluation.int8_head import Int8Head

Line = Callable[[bytes], bytes]
"""Sends a sealed question to one trustee and returns its sealed answer; raises a HemaledgerError."""


@dataclass(frozen=True)
class PrivateAnswer:
    """An answer, and what did not work."""

    answer: HeadAnswer
    failed: Mapping[Address, HemaledgerError]
    """Trustees that did not answer, or whose answer could not be opened."""


class PrivateAnswers:
    """One member's encrypted heads and questions."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def announce(self, federation: Federation, model: Digest, plain: Int8Head, deadline: int) -> tuple[Digest, int]:
        """Encrypt the head of a model, put it into the vault, and announce it until `deadline` (seconds since 1970).

        Returns:
            The digest of the encrypted head, and the request's number.

        Raises:
            NoCommittee: no committee has K_INF.
            RefusedError, UnavailableError: as Ledger.append.
        """
        committee = federation.threshold.committee(KeyUse.INFERENCE)
        facts = HeadFacts(
            federation.anchor.consortium, model, plain.weights.shape[1], plain.ceilings, plain.scales, plain.biases
        )
        key = ThresholdKey.from_bytes(committee.public_key)
        head = encrypt(facts, plain.weights.tolist(), key, os.urandom(32))
        self._ports.vault.put(head.data)
        return head.digest, self._ask(committee.epoch, head.digest, model, Purpose.QUALITY, deadline)

    def buy(self, federation: Federation, head: Digest, answers: int, purpose: Purpose, deadline: int) -> int:
        """Record that this hospital may have so many answers of a head, and return the request's number.

        Raises:
            HeadUnknown: no auditor announced this head.
            QuotaUsed: the head does not give so many answers any more.
            RefusedError, UnavailableError: as Ledger.append.
        """
        committee = federation.threshold.committee(KeyUse.INFERENCE)
        facts = self.head(head, ThresholdKey.from_bytes(committee.public_key)).facts
        announced(federation, head, facts.model, self._ports.now())
        _, left = allowances(federation, head, facts)
        if not 1 <= answers <= left:
            raise QuotaUsed(left, answers)
        return self._ask(committee.epoch, head, amount(answers), purpose, deadline)

    def head(self, digest: Digest, key: ThresholdKey) -> EncryptedHead:
        """Return an encrypted head from the vault; raises as `EncryptedHead.from_bytes` and `read_document`."""
        return EncryptedHead.from_bytes(read_document(self._ports.vault, digest, HEAD_CAP), key)

    def ask(
        self,
        federation: Federation,
        head: EncryptedHead,
        number: int,
        features: bytes,
        lines: Mapping[Address, Line],
        logarithms: Logarithms,
    ) -> PrivateAnswer:
        """Use one bought answer: ask the trustees that have a line, and combine their parts.

        Raises:
            RefusedError: the request cannot be used (any more).
            QuorumNotReached: fewer than t trustees gave a right part.
            AnswerOutOfRange, CiphertextInvalid: as `combine`.
        """
        me, now = self._ports.ledger.account, self._ports.now()
        request = usable(federation, number, me, head.digest, now)
        announced(federation, head.digest, head.facts.model, now)
        committee = committee_keys(federation.threshold, KeyUse.INFERENCE, request.epoch)
        question = HeadQuestion.draw(head, number, self._next(federation, request, head), features)
        body, failed, parts = question.to_bytes(), dict[Address, HemaledgerError](), dict[Address, bytes]()
        asked = {who: self._sealed(federation, who, body) for who in committee.accounts if who in lines}

        def send(who: Address) -> bytes | HemaledgerError:
            try:
                return open_answer(asked[who], lines[who](asked[who].data))
            except HemaledgerError as error:
                return error

        with ThreadPoolExecutor(max(1, len(asked))) as threads:
            for who, got in zip(asked, threads.map(send, asked), strict=True):
                if isinstance(got, bytes):
                    parts[who] = got
                else:
                    failed[who] = got
        return PrivateAnswer(combine(head, question, parts, committee, logarithms), failed)

    def _next(self, federation: Federation, request: DecryptionRequest, head: EncryptedHead) -> int:
        """Return the next unused answer of a request, and mark it as used."""
        most = allowed(federation, request, head.facts)
        for count in range(1, most + 1):
            key = f"headasked/{federation.anchor.consortium.hex()}/{request.number}/{count}"
            if self._ports.journal.get(key) is None:
                self._ports.journal.once(key, b"asked")
                return count
        raise QuotaUsed(most, most + 1)

    def _sealed(self, federation: Federation, trustee: Address, body: bytes) -> Question:
        ports, book = self._ports, federation.book
        own, key = book.active(ports.ledger.account).key, book.active(trustee).key
        if own is None or key is None:
            raise KeyEpochMismatch(1, 0)
        asker = Asker(federation.anchor.consortium, ports.ledger.account, ports.keyring.of(own.epoch))
        return seal_query(asker, trustee, key, ports.now(), body)

    def _ask(self, epoch: int, head: Digest, digest: Digest, purpose: Purpose, deadline: int) -> int:
        me = self._ports.ledger.account
        record = DecryptionRequested(me, 0, KeyUse.INFERENCE, epoch, head, digest, purpose, deadline)
        made = self._ports.append(record).entry.record
        if not isinstance(made, DecryptionRequested):
            raise TypeError("a receipt holds the record that was appended")
        return made.request
