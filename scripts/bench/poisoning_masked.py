"""The poisoning benchmark under what also works in masked rounds: weights by quality, groups with a vote, SCAFFOLD.

Invariant: liars act through the protocol alone, as in poisoning.py. They also lie where a hospital is asked for its
word: they claim the best validation score and vote for each group that has a liar, against all others.

Source: poisoning.py; PROTOCOL.md 5 (Other weights) and 5V.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from fl.protocol.codec import sha256
from fl.protocol.names import Address
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.replay.round_groups import deal
from fl.training.aggregation.choice import FEDAVG, SCAFFOLD, VOTED, Aggregation
from fl.training.aggregation.controls import ControlledWeights
from fl.training.aggregation.groups import GROUP, VoteRule, vote
from fl.training.aggregation.kinds import work_of
from fl.training.aggregation.quantise import SKILLS, LocalMetrics, Vector, Words, quantise
from fl.training.data.dataset import Dataset
from fl.training.data.held_back import CALIBRATION_SHARE, calibrated_on
from fl.training.evaluation.skill import skill_of
from fl.training.evaluation.votes import votes_of
from fl.training.local.scaffold import control_change, steps_of
from fl.training.local.train import LocalResult, TrainContext, train_local
from fl.training.model.network import build_model
from fl.training.model.tensors import to_vector
from scripts.bench.poisoning import CLIP, HOSPITALS, L2_BOUND, NONE, SEED, SPEC, Attack, Result, Scene, flipped, joined

GROUPS = 2
LR, LR_FINAL = 0.05, 0.01
"""SCAFFOLD's plain steps need longer ones than AdamW's; 0.1 and more trained worse, by the hospitals' own loss."""


@dataclass(frozen=True)
class Play:
    """One run: who lies, and how."""

    scene: Scene
    attack: Attack
    liars: int

    def data(self, at: int) -> Dataset:
        return self.attack.poison(self.scene.hospitals[at]) if at < self.liars else self.scene.hospitals[at]

    def held(self, at: int) -> Dataset | None:
        """Return what a hospital holds back; a liar's labels are as it trains on them."""
        return calibrated_on(self.data(at), CALIBRATION_SHARE, SEED)

    def learn(self, number: int, at: int, previous: Vector, correction: Vector | None = None) -> LocalResult:
        """Train, and multiply a liar's change."""
        local = self.scene.local
        if correction is None:
            local = replace(local, held_back=CALIBRATION_SHARE)
        else:
            local = replace(local, lr=LR, lr_final=LR_FINAL)
        where = TrainContext(SEED, number, f"hospital-{at}", "cpu", correction=correction)
        result = train_local(SPEC, previous, self.data(at), local, where)
        times = np.float32(self.attack.times if at < self.liars else 1.0)
        return result if times == 1.0 else replace(result, vector=previous + times * (result.vector - previous))

    def config(self, **training: object) -> RoundConfig:
        return RoundConfig(CLIP, L2_BOUND, self.scene.w_max, training, LEUKEMIA)  # type: ignore[arg-type]


def by_quality(play: Play) -> Vector:
    """Weigh updates by validation scores; a hospital with swapped labels believes in them, other liars claim 15."""
    config, model = play.config(weights="quality"), _start()
    for number in range(1, play.scene.local.horizon + 1):
        rows = []
        for at in range(HOSPITALS):
            result = play.learn(number, at, model)
            skill = skill_of(SPEC, model, play.held(at)) if number > 1 else 0
            if at < play.liars and (play.attack.poison is not flipped or play.attack.times != 1.0):
                skill = SKILLS - 1
            rows.append(quantise(model, result.vector, _metrics(result, skill), config))
        model = joined(model, rows, config)
    return model


def voted(play: Play) -> Vector:
    """Sum two groups apart, let hospitals vote, and average what has a majority."""
    choice, weights = Aggregation(VOTED, groups=GROUPS), _start()
    model = np.concatenate([weights, choice.first_state(weights.size)])
    for number in range(1, play.scene.local.horizon + 1):
        groups = _groups(number)
        for place, group in enumerate(groups, 1):
            config = play.config(aggregation=choice.to_dict(), **{GROUP: place})
            rows = []
            for at in group:
                result = play.learn(number, at, model[: weights.size])
                rows.append(quantise(model[: weights.size], result.vector, _metrics(result), config))
            model = _summed(rows, config, model)
        votes = np.zeros(GROUPS, np.int64)
        for at in range(HOSPITALS):
            mine = [int(min(group) < play.liars) for group in groups]
            honest = votes_of(SPEC, model, play.held(at), VoteRule(GROUPS))
            votes += np.array(mine, np.int64) if at < play.liars else honest
        model = vote(model, {"votes": votes}, HOSPITALS, VoteRule(GROUPS).to_dict())
    return model[: weights.size]


def scaffold(play: Play) -> Vector:
    """Correct each hospital's drift; a liar's variate follows from the change that it sends."""
    choice, weights = Aggregation(SCAFFOLD, hospitals=HOSPITALS), _start()
    model = np.concatenate([weights, choice.first_state(weights.size)])
    own = [np.zeros_like(weights) for _ in range(HOSPITALS)]
    config = play.config(aggregation=choice.to_dict())
    local = replace(play.scene.local, lr=LR, lr_final=LR_FINAL)
    for number in range(1, local.horizon + 1):
        rows, before, control = [], model[: weights.size], model[weights.size :]
        for at in range(HOSPITALS):
            result = play.learn(number, at, before, control - own[at])
            rate = local.lr_of_round(number) * steps_of(result, local)
            change = control_change(before, result.vector, control, rate, choice)
            own[at] = own[at] + change
            rows.append(work_of(config).encode(before, ControlledWeights(result.vector, _metrics(result), change)))
        model = _summed(rows, config, model)
    return model[: weights.size]


METHODS: dict[str, Callable[[Play], Vector]] = {f"{FEDAVG} by quality": by_quality, VOTED: voted, SCAFFOLD: scaffold}


def play(scene: Scene, attack: Attack, liars: int, method: str) -> Result:
    """Run one case, and judge the last model on the test part."""
    weights = METHODS[method](Play(scene, attack if liars else NONE, liars))
    return replace(scene.measure(weights, attack, liars, Aggregation()), rule=method)


def _groups(number: int) -> list[list[int]]:
    """Return two groups of hospitals, dealt as the ledger does from a seed."""
    accounts = tuple(Address(bytes([at + 1]) * 20) for at in range(HOSPITALS))
    dealt = deal(sha256(f"{SEED}/{number}".encode()), accounts, GROUPS)
    return [[account[0] - 1 for account in group] for group in dealt]


def _summed(rows: list[Words], config: RoundConfig, model: Vector) -> Vector:
    work = work_of(config)
    for row in rows:
        work.check_update(row)
    return work.apply(work.sum_of(np.add.reduce(rows), len(rows)), model).model


def _metrics(result: LocalResult, skill: int = SKILLS - 1) -> LocalMetrics:
    return LocalMetrics(result.samples, result.correct, result.loss, skill)


def _start() -> Vector:
    return to_vector(build_model(SPEC, SEED))
