from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from fl.protocol.errors import NonFinite, WeightsMismatch, WeightsTooLarge
from fl.protocol.task_catalogue import LEUKEMIA_DRAWN
from fl.training.data.dataset import TEST, Dataset
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from fl.training.evaluation.predict import Predictor, evaluate
from fl.training.local.config import LocalConfig
from fl.training.local.train import TrainContext, train_local
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import to_vector
from fl.training.model.weights import WEIGHT_MAX
from fl.training.pictures.preparation import CELL_COLOURS, prepare_all
from fl.training.presets import DEFAULT_SPEC


def test_probabilities_are_rows_that_sum_to_one_alone_and_in_a_batch(tiny: ModelSpec, cells: Dataset) -> None:
    predictor = Predictor(tiny, to_vector(build_model(tiny, 1)))
    rows = predictor.probabilities(cells.images)
    assert rows.shape == (len(cells), 2)
    assert rows.sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (predictor.probability(cells.images[3]) == rows[3]).all()
    assert (predictor.probabilities(cells.images[3:5]) == rows[3:5]).all()


def test_a_larger_picture_is_fitted(tiny: ModelSpec) -> None:
    predictor = Predictor(tiny, to_vector(build_model(tiny, 1)))
    assert predictor.probabilities(np.zeros((2, 450, 450, 3), np.uint8)).shape == (2, 2)
    assert predictor.probabilities(np.zeros((0, 32, 32, 3), np.uint8)).shape == (0, 2)


def test_weights_that_do_not_fit_are_refused(tiny: ModelSpec) -> None:
    vector = to_vector(build_model(tiny, 1))
    with pytest.raises(WeightsMismatch):
        Predictor(replace(tiny, width=16), vector)
    vector[0] = np.inf
    with pytest.raises(NonFinite):
        Predictor(tiny, vector)


@pytest.mark.parametrize("size", [3.4e38, 1e25, 2.0**21])
def test_weights_that_overflow_are_refused_before_they_answer(tiny: ModelSpec, size: float) -> None:
    vector = to_vector(build_model(tiny, 1))
    vector[::7] = size
    with pytest.raises(WeightsTooLarge):
        Predictor(tiny, vector)


@pytest.mark.parametrize("spec", ["tiny", "default"])
@pytest.mark.parametrize("fill", [WEIGHT_MAX, -WEIGHT_MAX, 1e-45, -0.0])
def test_the_outermost_weights_that_are_allowed_still_give_probabilities(
    tiny: ModelSpec, spec: str, fill: float
) -> None:
    chosen = tiny if spec == "tiny" else DEFAULT_SPEC
    vector = np.full_like(to_vector(build_model(chosen, 1)), fill)
    vector[::3] *= -1
    picture = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    assert Predictor(chosen, vector).probability(picture).sum() == pytest.approx(1.0, abs=1e-5)


def test_an_answer_that_is_no_number_is_never_a_percentage(tiny: ModelSpec) -> None:
    predictor = Predictor(tiny, to_vector(build_model(tiny, 1)))
    with torch.no_grad():
        list(predictor._model.parameters())[-1].fill_(torch.nan)
    with pytest.raises(NonFinite):
        predictor.probability(np.zeros((32, 32, 3), np.uint8))


def test_an_answer_is_the_mean_over_all_turns_of_a_picture() -> None:
    predictor = Predictor(
        ModelSpec(size_px=32, width=8, views=8), to_vector(build_model(ModelSpec(size_px=32, width=8), 1))
    )
    picture = np.random.default_rng(1).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    turned = np.ascontiguousarray(np.rot90(picture))
    assert np.allclose(predictor.probability(picture), predictor.probability(turned), atol=1e-6)


def test_a_prepared_picture_and_its_model_are_those_of_the_spec() -> None:
    """The same weights with another preparation see another picture."""
    spec = ModelSpec(size_px=32, width=8)
    vector = to_vector(build_model(spec, 1))
    picture = np.random.default_rng(1).integers(40, 90, (32, 32, 3), dtype=np.uint8)
    standard = Predictor(replace(spec, preparation=CELL_COLOURS), vector).probability(picture)
    by_hand = Predictor(spec, vector).probability(prepare_all(CELL_COLOURS, picture[np.newaxis])[0])
    assert np.array_equal(standard, by_hand)


def test_drawn_cells_are_learnable_from_some_persons_for_others() -> None:
    dataset = draw_dataset(SyntheticPlan(subjects=16, cells=10, size_px=48), seed=2)
    spec = ModelSpec(size_px=48, width=16)
    config = LocalConfig(epochs=5, batch=16, lr=2e-3)
    result = train_local(spec, to_vector(build_model(spec, 1)), dataset, config, TrainContext(1, 1, "h", "cpu"))
    metrics = evaluate(Predictor(spec, result.vector), dataset.part(TEST), LEUKEMIA_DRAWN)
    assert metrics.auroc is not None
    assert metrics.auroc > 0.8
    assert metrics.samples == len(dataset.part(TEST))
    assert {subject.group for subject in metrics.subjects} == set(dataset.part(TEST).groups)
