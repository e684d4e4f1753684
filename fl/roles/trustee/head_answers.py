"""A trustee's answers to questions about an encrypted head; each is sealed to the hospital that asks.

Invariant: a trustee decrypts only sums that it computed itself, of a head that an auditor announced, with features in
0..127. One bought answer opens one question: which one is in the journal before the answer leaves.

Source: PROTOCOL.md 9P.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from fl.crypto.encrypted_head import HEAD_CAP, EncryptedHead, HeadQuestion, answer_part, head_of
from fl.crypto.hpke_keys import PrivateKey
from fl.crypto.sealed_query import open_query, seal_answer
from fl.crypto.sharing import Share
from fl.crypto.threshold import ThresholdKey
from fl.protocol.codec import sha256
from fl.protocol.errors import DuplicateStep, HeadUnknown, NotInCommittee
from fl.protocol.federation import Federation
from fl.protocol.keys.requests import DecryptionRequest
from fl.protocol.names import Digest, KeyUse
from fl.replay.heads import announced, check_count, usable
from fl.replay.ledger_view import Ports
from fl.replay.vault_files import read_document
from fl.roles.trustee.stores import MemberKeys, TrusteeStores

MOST_HEADS = 4
"""Heads that stay loaded."""


@dataclass
class HeadDesk:
    """Answers sealed questions for one trustee; any thread may call it."""

    ports: Ports
    safe: TrusteeStores
    federation: Callable[[], Federation]
    _heads: dict[Digest, EncryptedHead] = field(init=False, default_factory=dict)
    _share: tuple[int, Share] | None = field(init=False, default=None, repr=False)
    """The epoch of the last request, and this trustee's share of it: opening a share takes a tenth of a second."""
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    def handle(self, data: bytes) -> bytes:
        """Return the sealed part of the answer to a sealed question.

        Raises:
            HemaledgerError: the question is refused; nothing was computed with the share.
        """
        federation, ports, me = self.federation(), self.ports, self.ports.ledger.account
        opened = open_query(data, federation.book, me, _OnDisk(self.safe.keys), ports.now())
        digest, number = head_of(opened.body)
        request = usable(federation, number, opened.sender, digest, ports.now())
        if request.committee.party(me) is None:
            raise NotInCommittee(me)
        head = self._head(digest, request)
        facts = head.facts
        if facts.consortium != federation.anchor.consortium:
            raise HeadUnknown(digest)
        announced(federation, digest, facts.model, ports.now())
        question = HeadQuestion.from_bytes(opened.body, head)
        check_count(federation, request, facts, question.count)
        asked = sha256(opened.body)
        key = f"head/{federation.anchor.consortium.hex()}/{number}/{question.count}"
        if ports.journal.once(key, asked) != asked:
            raise DuplicateStep(opened.sender)
        return seal_answer(opened, answer_part(head, question, self._share_of(request)))

    def _head(self, digest: Digest, request: DecryptionRequest) -> EncryptedHead:
        with self._lock:
            if digest not in self._heads:
                key = ThresholdKey.from_bytes(request.committee.public_key)
                made = EncryptedHead.from_bytes(read_document(self.ports.vault, digest, HEAD_CAP), key)
                if len(self._heads) >= MOST_HEADS:
                    del self._heads[next(iter(self._heads))]
                self._heads[digest] = made
            head = self._heads[digest]
        if head.key.to_bytes() != request.committee.public_key:
            raise HeadUnknown(digest)
        return head

    def _share_of(self, request: DecryptionRequest) -> Share:
        with self._lock:
            if self._share is None or self._share[0] != request.epoch:
                held = self.safe.shares.get(KeyUse.INFERENCE, request.epoch)
                self._share = (request.epoch, Share(held.seat.index, held.share))
            return self._share[1]


class _OnDisk(Mapping[int, PrivateKey]):
    """A trustee's member keys by epoch, read at each use, because its agent destroys old ones."""

    def __init__(self, keys: MemberKeys) -> None:
        self._keys = keys

    def __getitem__(self, epoch: int) -> PrivateKey:
        if epoch not in self._keys.epochs():
            raise KeyError(epoch)
        return self._keys.of(epoch)

    def __iter__(self) -> Iterator[int]:
        return iter(self._keys.epochs())

    def __len__(self) -> int:
        return len(self._keys.epochs())
