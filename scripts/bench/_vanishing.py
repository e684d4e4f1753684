"""Hospitals that vanish in the middle of a wide round, and the model that those in the set should have made.

A vanished hospital does nothing any more, as if its machine was switched off. It does the step of the phase before it
vanishes, so it is known exactly how many are in each phase.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import cycle

import numpy as np

from fl.protocol.names import Address, Digest
from fl.protocol.ports import Vault
from fl.protocol.rounds.round import Phase, Round
from fl.replay.batched_ledger import BatchedLedger
from fl.replay.ledger_view import LedgerView
from fl.replay.round_documents import read_config
from fl.replay.round_work import checked_work
from fl.roles.coordinator.plan import Initial
from fl.roles.hospital.background_training import Train, TrainingJob
from fl.roles.runner import Agent
from fl.training.model.weights import model_digest

SPREAD = (Phase.ADVERTISE, Phase.SHARE, Phase.COMPLAIN, Phase.MASK, Phase.AGREE, Phase.UNMASK)
BEFORE = {phase: SPREAD[place - 1] for place, phase in enumerate(SPREAD) if place}


@dataclass
class Vanishing:
    """An agent that does nothing more from a phase of the first round on."""

    inner: Agent
    phase: Phase

    @property
    def view(self) -> LedgerView:
        return self.inner.view

    @property
    def gone(self) -> bool:
        """Return whether it did its last step."""
        ledger, rounds = self.view.ledger, self.view.federation.rounds
        if self.phase not in BEFORE:
            return bool(rounds)
        posted = isinstance(ledger, BatchedLedger) and rounds and ledger.posted(rounds[-1], BEFORE[self.phase])
        return bool(posted)

    def step(self) -> bool:
        self.view.refresh()
        return not self.gone and self.inner.step()

    def finish(self) -> None:
        self.inner.finish()


def spread(names: Sequence[str], count: int) -> dict[str, Phase]:
    """Return when each of `count` hospitals vanishes: every phase has one before any has two; the last names."""
    return dict(zip(names[len(names) - count :], cycle(SPREAD), strict=False))


def in_the_clear(current: Round, vault: Vault, initial: Initial, train: Mapping[Address, Train]) -> Digest:
    """Return the digest of the model of a round's frozen set, from the sum of their updates without any mask."""
    config = read_config(current, vault)
    work = checked_work(current, config, initial.manifest)
    previous = initial.vector
    job = TrainingJob(current.number, previous, config)
    words = [work.encode(previous, train[account](job)) for account in current.hospitals]
    total = work.sum_of(reduce(np.add, words), len(words))
    return model_digest(initial.manifest.digest, work.apply(total, previous).model)
