"""Ten hospitals whose updates are checked under their masks, and the lies of PROTOCOL.md 5C."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from fl.crypto.mask_sketch import sketch_from_bytes, sketch_to_bytes
from fl.crypto.masking import Masked
from fl.crypto.pair_sketches import PairSketch
from fl.protocol.names import Address, Protection, Role
from fl.protocol.rounds.config import Check
from fl.replay.check_verdicts import verdicts
from fl.replay.round_sketches import own_sketches
from fl.replay.verdict import Verdict
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Plan
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.background_training import Train, TrainingJob
from fl.training.aggregation.quantise import LocalMetrics
from fl.training.aggregation.work import TrainedWeights
from tests.support.federation import CONFIG, initial, names_of
from tests.support.masked_world import STEP_S
from tests.support.world import World

TYPICAL = 1.0
"""The length of an honest update, in units of weights; C is a quarter more."""
CHECKED = replace(CONFIG, l2_bound=1.25 * TYPICAL, check=Check(1, 64))


def update(name: str, number: int, times: float = 1.0, noise: float = 0.0, common: float = 0.0) -> Train:
    """Return a training whose update is honest, but `times` as long, with noise of `noise` times its length.

    `common`: how much of what all hospitals learn in a round is in it, beside as much as 1 of its own.
    """

    def train(task: TrainingJob) -> TrainedWeights:
        draw = np.random.default_rng([*name.encode(), task.round, number])
        step = draw.normal(size=task.previous.size)
        step += common * np.random.default_rng([task.round, number]).normal(size=step.size)
        step *= TYPICAL * draw.uniform(0.7, 1.0) / np.linalg.norm(step)
        added = draw.normal(size=step.size)
        step = times * step + noise * added * np.linalg.norm(step) / np.linalg.norm(added)
        return task.previous + step.astype(np.float32), LocalMetrics(100 + len(name), 80, 0.5)

    return train


@dataclass
class Ten(World):
    """A consortium of ten hospitals with checked rounds."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.consortium.hospitals += [self.join(name, Role.HOSPITAL) for name in names_of(10)[3:]]

    def checked_plan(self, rounds: int, check: Check | None) -> Plan:
        plan = replace(self.consortium.plan(rounds), protection=Protection.MASKED, step_timeout_s=STEP_S)
        return replace(plan, min_commitments=7, min_hospitals=7, config=replace(CHECKED, check=check))

    def boss(self, rounds: int = 1, check: Check | None = CHECKED.check) -> Coordinator:
        ports = self.consortium.coordinator.ports(self.consortium.vault)
        return Coordinator(ports, self.checked_plan(rounds, check), initial())

    def crowd(self, *but: str, trains: Mapping[str, Train] | None = None) -> list[Hospital]:
        """Return all hospitals but some; `trains` says who learns something else."""
        others = trains or {}
        parties = [party for party in self.consortium.hospitals if party.name not in but]
        return [self.hospital_of(each, others.get(each.name, update(each.name, 0))) for each in parties]

    def account_of(self, name: str) -> Address:
        return self.party(name).account

    def verdict(self, number: int | None = None) -> Verdict:
        """Return the one auditor's newest verdict about a round."""
        federation = self.federation
        current = federation.round(number or federation.last_round)
        (found,) = verdicts(federation, current, self.consortium.vault).values()
        return found

    def named(self, number: int | None = None) -> dict[str, str]:
        verdict = self.verdict(number)
        return {self.federation.book.name_of(who): name for who, name in verdict.named.items()}

    def unclear(self, number: int | None = None) -> dict[str, str]:
        verdict = self.verdict(number)
        return {self.federation.book.name_of(who): name for who, name in verdict.unclear.items()}

    def roster(self) -> list[str]:
        return [self.federation.book.name_of(who) for who in self.current.roster]


Lie = Callable[[dict[Address, PairSketch]], dict[Address, PairSketch]]


def lying(lies: Mapping[Address, Lie]) -> Callable[..., dict[Address, PairSketch]]:
    """Return what takes the place of `own_sketches`, as a hospital with tools of its own would do it."""
    honest = own_sketches

    def sketches(current, config, secret, own, others):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        pairs = honest(current, config, secret, own, list(others))
        return lies[own.account](pairs) if own.account in lies else pairs

    return sketches


def moved(partner: Address, shift: Masked) -> Lie:
    """Return the lie that the mask with `partner` has a sketch that differs by so much, uint32 [size]."""

    def lie(pairs: dict[Address, PairSketch]) -> dict[Address, PairSketch]:
        words = sketch_from_bytes(pairs[partner].sketch, wide=False)
        return {**pairs, partner: replace(pairs[partner], sketch=sketch_to_bytes(words + shift))}

    return lie
