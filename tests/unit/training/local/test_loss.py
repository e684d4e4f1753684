from __future__ import annotations

import pytest
import torch

from fl.protocol.errors import DatasetUnusable, EncodingError
from fl.protocol.rounds.config import RoundConfig
from fl.training.aggregation.choice import Aggregation
from fl.training.calibrating import closing_rounds
from fl.training.data.dataset import TEST, Dataset
from fl.training.evaluation.findings import Findings
from fl.training.evaluation.predict import Predictor, evaluate
from fl.training.local.config import LocalConfig
from fl.training.local.loss import loss_of, right
from fl.training.local.train import TrainContext, train_local
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import to_vector
from fl.training.recipe import Recipe, fitted_to
from tests.support.drawn_labels import TASK, things

SPEC = fitted_to(ModelSpec(size_px=16, width=8), TASK)
LOCAL = LocalConfig(epochs=4, batch=8, lr=5e-3, lr_final=1e-3, horizon=1, augment=0.0, smoothing=0.0)


def test_labels_have_a_binary_cross_entropy_each() -> None:
    logits, truth = torch.tensor([[2.0, -1.0]]), torch.tensor([[1.0, 0.0]])
    expected = (torch.log1p(torch.exp(torch.tensor(-2.0))) + torch.log1p(torch.exp(torch.tensor(-1.0)))) / 2
    assert float(loss_of(logits, truth, 0.0)) == pytest.approx(float(expected))
    assert int(right(torch.tensor([[1.0, -1.0], [1.0, 1.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]]))) == 1


def test_a_network_learns_labels_that_occur_together() -> None:
    data = things(200, 7)
    vector = to_vector(build_model(SPEC, 1))
    learned = train_local(SPEC, vector, data, LOCAL, TrainContext(1, 1, "alpha", "cpu"))
    found = evaluate(Predictor(SPEC, learned.vector), data.part(TEST), TASK)
    assert isinstance(found, Findings)
    assert found.auroc is not None
    assert found.auroc > 0.85
    assert 0 < learned.correct <= learned.samples


def test_a_model_of_one_class_does_not_train_on_several_labels(cells: Dataset) -> None:
    plain, context = ModelSpec(size_px=16, width=8, classes=3), TrainContext(1, 1, "alpha", "cpu")
    with pytest.raises(DatasetUnusable, match="the model gives one class per image"):
        train_local(plain, to_vector(build_model(plain, 1)), things(8, 1), LOCAL, context)
    with pytest.raises(DatasetUnusable, match="the model gives several labels per image"):
        train_local(SPEC, to_vector(build_model(SPEC, 1)), cells, LOCAL, context)


def test_a_model_of_classes_has_the_document_that_it_always_had() -> None:
    assert "outputs" not in ModelSpec().to_dict()
    assert ModelSpec.from_dict(SPEC.to_dict()) == SPEC


@pytest.mark.parametrize(
    ("recipe", "why"),
    [
        (Recipe(ModelSpec(size_px=16, width=8, classes=3), LOCAL, 1), "one class where the task has several labels"),
        (Recipe(SPEC, LocalConfig(held_back=0.2), 1), "cannot calibrate a model of several labels"),
        (Recipe(SPEC, LOCAL, 1, quality=True), "hospitals cannot judge several labels"),
        (Recipe(SPEC, LOCAL, 1, Aggregation("voted")), "hospitals cannot judge several labels"),
        (Recipe(SPEC, LocalConfig(held_back=0.2), 1, Aggregation("voted")), "hospitals cannot judge several labels"),
    ],
)
def test_a_round_of_labels_needs_a_model_of_labels_without_calibration(recipe: Recipe, why: str) -> None:
    with pytest.raises(EncodingError, match=why):
        Recipe.of(RoundConfig(0.5, 50.0, 100, recipe.to_dict(), TASK))


def test_a_round_that_calibrates_a_model_of_labels_is_refused_though_its_recipe_alone_could_train() -> None:
    config = RoundConfig(0.5, 50.0, 100, Recipe(SPEC, LOCAL, 1).to_dict(), TASK)
    assert Recipe.of(config).spec == SPEC
    for closing in closing_rounds(config):
        with pytest.raises(EncodingError, match="cannot calibrate a model of several labels"):
            Recipe.of(closing)
