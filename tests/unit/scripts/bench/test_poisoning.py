"""The liars of the poisoning benchmark do what its page says, and pass the checks of honest updates."""

from __future__ import annotations

import numpy as np
import pytest

from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.aggregation.choice import Aggregation
from fl.training.data.dataset import Dataset
from fl.training.local.config import LocalConfig
from fl.training.model.network import build_model
from fl.training.model.tensors import to_vector
from scripts.bench.poisoning import (
    ATTACKS,
    COLUMNS,
    HEALTHY,
    KNOWN,
    MASKED,
    NONE,
    RULES,
    SIZE_PX,
    SPEC,
    STAMP_PX,
    Attack,
    Scene,
    _words,
    backdoored,
    cases,
    flipped,
    joined,
    stamp,
)


def _data(count: int = 8) -> Dataset:
    chance = np.random.default_rng(1)
    images = chance.integers(0, 200, (count, SIZE_PX, SIZE_PX, 3)).astype(np.uint8)
    labels = np.arange(count, dtype=np.int64) % 2
    groups = np.array([f"p{index}" for index in range(count)])
    return Dataset(images, labels, groups, np.zeros(count, np.uint8), ("healthy", "leukemia"), "noise")


@pytest.fixture(scope="module")
def scene() -> Scene:
    local = LocalConfig(epochs=1, batch=8, lr=1e-3, horizon=1, augment=0.0)
    return Scene([_data() for _ in range(6)], _data(), local)


def test_a_backdoor_stamps_every_second_picture_and_calls_it_healthy() -> None:
    data, poisoned = _data(), backdoored(_data())
    assert (poisoned.images[::2, :STAMP_PX, :STAMP_PX] == 255).all()
    assert (poisoned.labels[::2] == HEALTHY).all()
    assert (poisoned.images[1::2] == data.images[1::2]).all()
    assert (poisoned.labels[1::2] == data.labels[1::2]).all()
    assert (stamp(data.images)[:, STAMP_PX:] == data.images[:, STAMP_PX:]).all()


def test_flipped_labels_are_the_other_class() -> None:
    assert (flipped(_data()).labels == 1 - _data().labels).all()


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
def test_what_a_liar_sends_passes_every_check_and_changes_the_mean(scene: Scene, attack: Attack) -> None:
    config = RoundConfig(0.5, 50.0, 8, {"aggregation": Aggregation().to_dict()}, LEUKEMIA)
    start = to_vector(build_model(SPEC, 1))
    models = []
    for first in (NONE, attack):
        learned = [scene.learn(1, at, start, NONE if at else first) for at in range(6)]
        models.append(joined(start, [_words(start, each, config) for each in learned], config))
    assert (models[0] != models[1]).mean() > 0.5


def test_every_rule_meets_every_attack_by_one_and_by_two(scene: Scene) -> None:
    seen = cases()
    assert len(seen) == len(set(seen)) == (RULES + MASKED) * (1 + 2 * len(ATTACKS))
    assert {name for name, _, _ in seen} == set(KNOWN)
    assert [rule.rule for rule in scene.rules(2)] == ["fedavg", "median", "trimmed-mean", "krum", "clipped"]
    assert all(rule.fewest <= 6 for liars in (1, 2) for rule in scene.rules(liars))
    assert len(COLUMNS) == 6
