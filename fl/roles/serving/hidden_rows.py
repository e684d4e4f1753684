"""A host's answers to hospitals' encrypted rows (fl/crypto/ckks.py): it sees neither values nor answers.

Invariant: each answer is counted in the host's journal before it is computed. A network gives at most a sixteenth of
the number of its weights in answers to all hospitals together, and each hospital as many as the host allows.

Source: PROTOCOL.md 9P, "Encrypted rows of tables".
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from fl.crypto.ckks import HiddenRow, PolynomialWeights, answer_row
from fl.crypto.sealed_query import open_query, seal_answer
from fl.protocol.errors import CiphertextInvalid, DuplicateStep, QuotaUsed
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Digest
from fl.protocol.ports import Journal
from fl.replay.ledger_view import Keyring

PART = 16


@dataclass
class HiddenDesk:
    """Answers sealed questions for one host; any thread may call it."""

    account: Address
    keyring: Keyring
    federation: Callable[[], Federation]
    journal: Journal
    now: Callable[[], int]
    """Seconds since 1970."""
    card: Digest
    weights: PolynomialWeights
    each: int
    """Answers that one hospital may have."""
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)

    @property
    def most(self) -> int:
        """Return how many answers the network gives to all hospitals together."""
        arrays = (self.weights.first, self.weights.mixes[0], self.weights.last[0])
        return sum(each.size for each in arrays) // PART

    def handle(self, data: bytes) -> bytes:
        """Return the sealed answer to a sealed question.

        Raises:
            MalformedError, RefusedError, TamperedError: it is not from a hospital, not for this network, or malformed.
            QuotaUsed: this hospital, or all together, had as many answers as they may.
            DuplicateStep: the same question came before.
        """
        opened = open_query(data, self.federation().book, self.account, self.keyring.keys, self.now())
        question = HiddenRow.from_bytes(opened.body)
        if question.card != self.card or len(question.inputs) != self.weights.first.shape[1]:
            raise CiphertextInvalid("the encrypted row is for another network")
        with self._lock:
            self._count(opened.sender, Digest(opened.digest))
        return seal_answer(opened, answer_row(self.weights, question))

    def _count(self, sender: Address, question: Digest) -> None:
        """Count a question for its sender and for all."""
        known = [self.journal.get(self._key(place)) for place in range(self.most)]
        used = [each for each in known if each is not None]
        mark = sender + question
        if mark in used:
            raise DuplicateStep(sender)
        own = sum(each.startswith(sender) for each in used)
        if own >= self.each:
            raise QuotaUsed(self.each, own + 1)
        for place in range(len(used), self.most):
            if self.journal.once(self._key(place), mark) == mark:
                return
        raise QuotaUsed(self.most, self.most + 1)

    def _key(self, place: int) -> str:
        return f"hidden/{self.card.hex()}/{place}"
