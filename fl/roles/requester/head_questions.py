"""A hospital's questions to an encrypted head: each uses one bought answer, and the trustees' parts give the sums.

Invariant: which bought answer a question uses is in the journal before the question leaves, so none is used twice, also
by several processes of the hospital. Trustees' wrong answers are named and not used.

Source: PROTOCOL.md 9P.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from fl.crypto.discrete_log import Logarithms
from fl.crypto.encrypted_head import HEAD_CAP, EncryptedHead, HeadAnswer, HeadQuestion, combine
from fl.crypto.sealed_query import Asker, Question, open_answer, seal_query
from fl.crypto.threshold import ThresholdKey
from fl.protocol.errors import HemaledgerError, KeyEpochMismatch, QuotaUsed
from fl.protocol.federation import Federation
from fl.protocol.keys.requests import DecryptionRequest
from fl.protocol.names import Address, Digest, KeyUse
from fl.protocol.ports import Journal, Vault
from fl.replay.committees import committee_keys
from fl.replay.heads import allowed, announced, usable, usable_of
from fl.replay.ledger_view import Keyring
from fl.replay.vault_files import read_document

MARK_BYTES = 16
Line = Callable[[bytes], bytes]
"""Sends a sealed question to one trustee and returns its sealed answer; raises a HemaledgerError."""


@dataclass(frozen=True)
class PrivateAnswer:
    """An answer, and what did not work."""

    answer: HeadAnswer
    failed: Mapping[Address, HemaledgerError]
    """Trustees that did not answer, or whose answer could not be opened."""
    right: tuple[Address, ...]
    """Trustees whose parts were right."""


@dataclass(frozen=True)
class HeadQuestions:
    """What one hospital needs to ask. Threads may share it."""

    account: Address
    vault: Vault
    journal: Journal
    keyring: Keyring
    now: Callable[[], int]
    """Seconds since 1970."""

    def head(self, digest: Digest, key: ThresholdKey) -> EncryptedHead:
        """Return an encrypted head from the vault; raises as `EncryptedHead.from_bytes` and `read_document`."""
        return EncryptedHead.from_bytes(read_document(self.vault, digest, HEAD_CAP), key)

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
        me, now = self.account, self.now()
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
        answer = combine(head, question, parts, committee, logarithms)
        return PrivateAnswer(answer, failed, tuple(who for who in parts if who not in answer.wrong))

    def unused(self, federation: Federation, head: EncryptedHead) -> dict[int, int]:
        """Return how many bought answers of a head are unused, by request; the request that ends first is first."""
        requests = usable_of(federation, head.digest, self.account, self.now())
        left = {each.number: self._left(federation, each, head) for each in requests}
        return {number: count for number, count in left.items() if count}

    def _left(self, federation: Federation, request: DecryptionRequest, head: EncryptedHead) -> int:
        most = allowed(federation, request, head.facts)
        return sum(self.journal.get(_key(federation, request, count)) is None for count in range(1, most + 1))

    def _next(self, federation: Federation, request: DecryptionRequest, head: EncryptedHead) -> int:
        """Return the next unused answer of a request, and mark it as used by this question alone."""
        most, mark = allowed(federation, request, head.facts), os.urandom(MARK_BYTES)
        for count in range(1, most + 1):
            key = _key(federation, request, count)
            if self.journal.get(key) is None and self.journal.once(key, mark) == mark:
                return count
        raise QuotaUsed(most, most + 1)

    def _sealed(self, federation: Federation, trustee: Address, body: bytes) -> Question:
        book = federation.book
        own, key = book.active(self.account).key, book.active(trustee).key
        if own is None or key is None:
            raise KeyEpochMismatch(1, 0)
        asker = Asker(federation.anchor.consortium, self.account, self.keyring.of(own.epoch))
        return seal_query(asker, trustee, key, self.now(), body)


def _key(federation: Federation, request: DecryptionRequest, count: int) -> str:
    return f"headasked/{federation.anchor.consortium.hex()}/{request.number}/{count}"
