"""A small network trained on drawn cells, calibrated by sums over three hospitals, asked about new and foreign ones."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from fl.protocol.errors import NoAnswer
from fl.training.aggregation.lanes import LanePlan
from fl.training.aggregation.rules import RULES
from fl.training.calibration.answer import Answer
from fl.training.calibration.rule import STEPS, CalibrationRule
from fl.training.data.dataset import Dataset
from fl.training.data.held_back import calibrated_on, held_back, trained_on
from fl.training.data.partition import divide
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from fl.training.evaluation.predict import Predictor
from fl.training.evaluation.scoring import entries_of, lane_plan
from fl.training.local.config import LocalConfig
from fl.training.local.train import TrainContext, train_local
from fl.training.model.appendix import empty, split
from fl.training.model.device import use_threads
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import manifest_of, to_vector
from fl.training.model.weights import Vector
from fl.training.pictures.images import Pixels

SPEC = ModelSpec(size_px=48, width=8)
SHARE = 0.3
CLEAR = (0, 1)


@dataclass(frozen=True)
class World:
    before: Vector
    after: Vector
    hospitals: list[Dataset]
    new: Dataset


def calibrated(vector: Vector, hospitals: list[Dataset]) -> Vector:
    """Play both rounds on sums, without masks."""
    for step in STEPS:
        rule = CalibrationRule(step, (False, True))
        plan = LanePlan.from_dict(lane_plan(rule).to_dict())
        predictor = Predictor(SPEC, vector)
        parts = [plan.pack(entries_of(predictor, calibrated_on(own, SHARE, 1), rule)) for own in hospitals]
        totals = plan.unpack(np.sum(parts, axis=0))
        vector = RULES["calibrate"](vector, totals, len(hospitals), rule.to_dict())
    return vector


@pytest.fixture(scope="module")
def world() -> World:
    use_threads(1)
    cells = draw_dataset(SyntheticPlan(subjects=60, cells=16, size_px=48, test=0.3), 5)
    hospitals = divide(cells, 3, 1)
    pooled = cells.take(cells.split == 0)
    rows = np.concatenate([np.flatnonzero(np.isin(pooled.groups, trained_on(h, SHARE, 1).groups)) for h in hospitals])
    vector = np.concatenate([to_vector(build_model(SPEC, 1)), empty(2)])
    config = LocalConfig(epochs=4, batch=16, lr=3e-3, lr_final=3e-4, horizon=1)
    trained = train_local(SPEC, vector, pooled.take(rows), config, TrainContext(1, 1, "h", "cpu")).vector
    new = draw_dataset(SyntheticPlan(subjects=60, cells=16, size_px=48, test=0.3), 99)
    return World(trained, calibrated(trained, hospitals), hospitals, new)


def noise(seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (48, 48, 3), np.uint8)


def grey_noise(seed: int) -> Pixels:
    plane = np.random.default_rng(seed).normal(120, 50, (48, 48)).clip(0, 255).astype(np.uint8)
    return np.repeat(plane[..., np.newaxis], 3, axis=2)


def flat(seed: int) -> Pixels:
    return np.full((48, 48, 3), np.random.default_rng(seed).integers(0, 256, 3), np.uint8)


def xray(seed: int) -> Pixels:
    """Return two dark lungs in a grey chest with ribs."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1:1:48j, -1:1:48j]
    chest = 150 - 60 * (x**2 + y**2)
    for side in (-1, 1):
        lung = np.exp(-((((x - side * 0.42) / 0.28) ** 2 + ((y + rng.normal(0, 0.05)) / 0.6) ** 2) ** 2))
        chest = chest - 100 * lung
    chest = chest + 14 * np.sin(14 * y + 2 * x**2 + rng.uniform(0, 6)) + rng.normal(0, 4, (48, 48))
    plane = chest.clip(0, 255).astype(np.uint8)
    return np.repeat(plane[..., np.newaxis], 3, axis=2)


FOREIGN = {"noise": noise, "grey noise": grey_noise, "flat": flat, "x-ray": xray}


def test_training_and_both_rounds_leave_weights_and_calibration_apart(world: World) -> None:
    length = manifest_of(build_model(SPEC, 0)).length
    assert (split(world.before, 2, length)[1] == 0).all()
    assert (split(world.after, 2, length)[0] == split(world.before, 2, length)[0]).all()
    assert Predictor(SPEC, world.after).calibration.complete


@pytest.mark.parametrize("kind", list(FOREIGN))
def test_foreign_pictures_get_no_answer(world: World, kind: str) -> None:
    pictures = np.stack([FOREIGN[kind](seed) for seed in range(50)])
    assert np.mean([one.foreign for one in Predictor(SPEC, world.after).answers(pictures)]) >= 0.95


def test_black_gets_no_answer_and_the_error_says_why(world: World) -> None:
    answer = Predictor(SPEC, world.after).answer(np.zeros((48, 48, 3), np.uint8))
    with pytest.raises(NoAnswer, match="unlike the pictures that the model learned from") as caught:
        answer.check()
    assert caught.value.reason == "foreign"


def test_cells_of_new_persons_keep_their_answer(world: World) -> None:
    answers = Predictor(SPEC, world.after).answers(world.new.images)
    assert np.mean([one.foreign for one in answers]) <= 0.05


def test_the_sets_of_new_persons_cells_cover_as_promised(world: World) -> None:
    answers = Predictor(SPEC, world.after).answers(world.new.images)
    kept = np.array([one.kept for one in answers])
    for label in CLEAR:
        mine = world.new.labels == label
        assert kept[mine, label].mean() >= 0.9 - 0.05
    assert kept.sum(axis=1).mean() < 2, "the sets say nothing"


def test_calibration_brings_the_probabilities_nearer_to_the_truth(world: World) -> None:
    labels = world.new.labels

    def loss(vector: Vector) -> float:
        rows = Predictor(SPEC, vector).probabilities(world.new.images)
        return float(-np.log(np.maximum(rows[np.arange(len(labels)), labels], 1e-9)).mean())

    assert loss(world.after) < loss(world.before) + 0.01


def test_the_threshold_finds_new_persons_disease(world: World) -> None:
    predictor = Predictor(SPEC, world.after)
    sick = predictor.probabilities(world.new.images)[world.new.labels == 1, 1]
    assert (sick >= predictor.calibration.probability_threshold).mean() >= 0.85


def test_other_hospitals_with_the_same_cells_give_the_same_model(world: World) -> None:
    """The held-back images are the same; who holds them changes."""
    held = [calibrated_on(own, SHARE, 1) for own in world.hospitals]
    assert all(part is not None for part in held)
    first, second = (
        [entries_of(Predictor(SPEC, world.before), part, CalibrationRule(STEPS[0], (False, True))) for part in parts]
        for parts in (held, [*held[::-1], None])
    )
    for name in first[0]:
        assert (np.sum([one[name] for one in first], axis=0) == np.sum([one[name] for one in second], axis=0)).all()


def test_an_answer_survives_its_bytes(world: World) -> None:
    for answer in Predictor(SPEC, world.after).answers(world.new.images[:20]):
        again = Answer.from_bytes(answer.to_bytes(), 2)
        assert (again.probabilities == answer.probabilities).all()
        assert (again.kept, again.distance, again.foreign) == (answer.kept, answer.distance, answer.foreign)


def test_no_training_sees_what_is_held_back_and_no_class_loses_its_last_person(world: World) -> None:
    for own in world.hospitals:
        held, kept = calibrated_on(own, SHARE, 1), trained_on(own, SHARE, 1)
        assert held is not None
        assert not set(held.groups) & set(kept.groups)
        assert set(kept.labels) == {0, 1}
        assert 0.1 < len(held) / (len(held) + len(kept)) < 0.5


def test_a_class_with_one_person_gives_single_images_and_keeps_most(world: World) -> None:
    train = world.new.part(0)
    healthy = np.unique(train.groups[train.labels == 0])[:1]
    own = train.take((train.labels == 1) | np.isin(train.groups, healthy))
    held = held_back(own, SHARE, 1)
    assert int((held & (own.labels == 0)).sum()) == int(SHARE * 16)
    sick = own.labels == 1
    assert not set(own.groups[held & sick]) & set(own.groups[~held & sick])
    order = np.random.default_rng(2).permutation(len(own))
    assert (held[order] == held_back(own.take(order), SHARE, 1)).all()


def test_several_classes_are_calibrated_by_the_same_two_rounds(world: World) -> None:
    spec, rng = ModelSpec(size_px=48, width=8, classes=3), np.random.default_rng(1)
    held = replace(world.new, labels=rng.integers(0, 3, len(world.new)), class_names=("a", "b", "c"))
    vector = np.concatenate([to_vector(build_model(spec, 1)), empty(3)])
    for step in STEPS:
        rule = CalibrationRule(step, (False, True, True))
        plan, predictor = lane_plan(rule), Predictor(spec, vector)
        parts = [plan.pack(entries_of(predictor, part, rule)) for part in (held, None)]
        vector = RULES["calibrate"](vector, plan.unpack(np.sum(parts, axis=0)), 2, rule.to_dict())
    found = Predictor(spec, vector)
    assert found.calibration.complete
    assert found.calibration.samples.sum() == len(held)
    kept = np.array([answer.kept for answer in found.answers(held.images)])
    assert all(kept[held.labels == label, label].mean() >= 0.9 for label in range(3))


def test_what_is_held_back_follows_from_names_and_seed_alone(world: World) -> None:
    train = world.hospitals[0].part(0)
    order = np.random.default_rng(1).permutation(len(train))
    assert (held_back(train, SHARE, 1)[order] == held_back(train.take(order), SHARE, 1)).all()
    choices = {tuple(np.unique(train.groups[held_back(train, SHARE, seed)])) for seed in range(8)}
    assert len(choices) > 1
