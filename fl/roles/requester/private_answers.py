"""Private predictions: an auditor announces an encrypted head, and a hospital buys answers.

Source: PROTOCOL.md 9P.
Not here: how a hospital asks (head_questions.py).
"""

from __future__ import annotations

import os

from fl.crypto.encrypted_head import HeadFacts, encrypt
from fl.crypto.threshold import ThresholdKey
from fl.protocol.errors import QuotaUsed
from fl.protocol.federation import Federation
from fl.protocol.names import Digest, KeyUse, Purpose
from fl.protocol.records import DecryptionRequested
from fl.replay.heads import allowances, amount, announced
from fl.replay.ledger_view import Ports
from fl.roles.requester.head_questions import HeadQuestions
from fl.training.evaluation.int8_head import Int8Head


class PrivateAnswers:
    """What one member announces, buys and asks."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        account = ports.ledger.account
        self.questions = HeadQuestions(account, ports.vault, ports.journal, ports.keyring, ports.now)

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
        facts = self.questions.head(head, ThresholdKey.from_bytes(committee.public_key)).facts
        announced(federation, head, facts.model, self._ports.now())
        _, left = allowances(federation, head, facts)
        if not 1 <= answers <= left:
            raise QuotaUsed(left, answers)
        return self._ask(committee.epoch, head, amount(answers), purpose, deadline)

    def _ask(self, epoch: int, head: Digest, digest: Digest, purpose: Purpose, deadline: int) -> int:
        me = self._ports.ledger.account
        record = DecryptionRequested(me, 0, KeyUse.INFERENCE, epoch, head, digest, purpose, deadline)
        made = self._ports.append(record).entry.record
        if not isinstance(made, DecryptionRequested):
            raise TypeError("a receipt holds the record that was appended")
        return made.request
