"""How much a hospital's pictures may lose in all rounds together, and what they have lost.

Invariant: what a training spends is recorded before it begins. A round whose spend would exceed the limit is refused
before anything is trained or sent. A round is charged once, even if it is aborted or its training begins again: only
one update of a round ever leaves (outbox.py).

Source: fl/training/privacy/accounting.py.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from fl.protocol.errors import EpsilonExceeded, NoiseMissing
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.round import Round
from fl.roles.hospital.background_training import Train, TrainingJob
from fl.training.aggregation.work import Learned, SumSpec
from fl.training.privacy.accounting import epsilon_of
from fl.training.privacy.terms import DELTA, Spend
from fl.training.recipe import private_spend

PLAIN_ROUNDS = bytes(32)
"""The entry of all rounds without noise: one of them is as bad as many."""


class Account(Protocol):
    """Where a hospital keeps its spends."""

    def spends(self) -> Mapping[bytes, Spend]:
        """Return every spend, by the context of its round."""
        ...

    def record(self, context: bytes, spend: Spend) -> None:
        """Record a spend durably; a second one of the same round changes nothing."""
        ...


@dataclass(frozen=True)
class PrivacyLimit:
    """A hospital's account, and the epsilon that it allows."""

    account: Account | None = None
    epsilon: float = math.inf
    """For all rounds together; infinite: no limit."""
    delta: float = DELTA

    def check(self, current: Round, config: RoundConfig) -> None:
        """Refuse a round that would spend too much.

        Raises:
            NoiseMissing: the hospital has a limit, and the round adds no noise, or adds up exact numbers.
            EpsilonExceeded: the round would exceed the limit.
            JournalUnreadable: the account is damaged.
        """
        self._check(current.context, current.number, config)

    def charging(self, train: Train) -> Train:
        """Return the training that is charged before it begins; raises as `check`."""

        def charged(job: TrainingJob) -> Learned:
            self._check(job.context, job.round, job.config)
            if self.account is not None and SumSpec.from_dict(job.config.training) is None:
                spend = private_spend(job.config)
                self.account.record(job.context if spend.noise else PLAIN_ROUNDS, spend)
            return train(job)

        return charged

    def _check(self, context: bytes, number: int, config: RoundConfig) -> None:
        if math.isinf(self.epsilon) or self.account is None:
            return
        if SumSpec.from_dict(config.training) is not None:
            raise NoiseMissing(number, self.epsilon)
        spend = private_spend(config)
        if not spend.noise:
            raise NoiseMissing(number, self.epsilon)
        spends = {context: spend, **self.account.spends()}
        epsilon = epsilon_of(spends.values(), self.delta)
        if epsilon > self.epsilon:
            raise EpsilonExceeded(number, round(epsilon, 3), self.delta, self.epsilon)


NO_LIMIT = PrivacyLimit()
"""Neither a limit nor an account."""
