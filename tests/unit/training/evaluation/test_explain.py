"""A map of what a network saw has to depend on what it learned (J. Adebayo et al., 2018)."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image
from scipy.stats import spearmanr

from fl.training.data.dataset import TEST, Dataset
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from fl.training.evaluation.explain import HeatMap, explain
from fl.training.evaluation.predict import Predictor
from fl.training.local.config import LocalConfig
from fl.training.local.train import TrainContext, train_local
from fl.training.model.inputs import undo_view, views_of
from fl.training.model.network import build_model
from fl.training.model.spec import LITE0, ModelSpec
from fl.training.model.tensors import to_vector
from fl.training.model.weights import Vector
from fl.training.pictures.preparation import CELL_COLOURS, prepare_all

SPEC = ModelSpec(size_px=48, width=16)
PICTURES = 12


@pytest.fixture(scope="module")
def drawn() -> Dataset:
    return draw_dataset(SyntheticPlan(subjects=16, cells=10, size_px=48), seed=2)


@pytest.fixture(scope="module")
def trained(drawn: Dataset) -> Vector:
    config = LocalConfig(epochs=5, batch=16, lr=2e-3)
    start = to_vector(build_model(SPEC, 1))
    return train_local(SPEC, start, drawn, config, TrainContext(1, 1, "h", "cpu")).vector


def correlations(one: Predictor, other: Predictor, dataset: Dataset) -> npt.NDArray[np.float64]:
    """Return the rank correlation of both networks' maps of some pictures, each for the picture's own class."""
    test = dataset.part(TEST)
    pairs = [
        (explain(one, image, int(label)).heat, explain(other, image, int(label)).heat)
        for image, label in zip(test.images[:PICTURES], test.labels[:PICTURES], strict=True)
    ]
    found = [spearmanr(a.ravel(), b.ravel()).statistic for a, b in pairs if a.max() > 0 and b.max() > 0]
    assert len(found) >= PICTURES // 3
    return np.array(found)


def test_random_weights_change_the_map(trained: Vector, drawn: Dataset) -> None:
    network = Predictor(SPEC, trained)
    for seed in (11, 12, 13):
        found = correlations(network, Predictor(SPEC, to_vector(build_model(SPEC, seed))), drawn)
        assert found.mean() < 0.5


def test_the_same_weights_give_the_identical_map(trained: Vector, drawn: Dataset) -> None:
    assert correlations(Predictor(SPEC, trained), Predictor(SPEC, trained.copy()), drawn) == pytest.approx(1.0)
    image = drawn.images[0]
    assert (explain(Predictor(SPEC, trained), image, 1).heat == explain(Predictor(SPEC, trained), image, 1).heat).all()


def test_a_map_does_not_change_the_answer(trained: Vector, drawn: Dataset) -> None:
    predictor = Predictor(SPEC, trained)
    before = predictor.probability(drawn.images[0])
    explain(predictor, drawn.images[0], 1)
    assert (predictor.probability(drawn.images[0]) == before).all()


@pytest.mark.parametrize("part", ["all", "head"])
def test_a_map_has_the_picture_that_the_network_saw(part: str) -> None:
    spec = ModelSpec(kind=LITE0, size_px=64, preparation=CELL_COLOURS, trained=part, views=8)
    predictor = Predictor(spec, to_vector(build_model(spec, 1)))
    image = np.random.default_rng(1).integers(0, 256, (64, 64, 3), np.uint8)
    found = explain(predictor, image, 0)
    assert (found.picture == prepare_all(CELL_COLOURS, image[np.newaxis])[0]).all()
    assert found.heat.shape == (64, 64)
    assert found.heat.dtype == np.float32
    assert float(found.heat.max()) == 1
    assert found.heat.min() >= 0
    with pytest.raises(ValueError, match="class 2"):
        explain(predictor, image, 2)


def test_the_map_of_a_turned_picture_is_the_turned_map() -> None:
    spec = ModelSpec(size_px=32, width=8, views=8)
    predictor = Predictor(spec, to_vector(build_model(spec, 3)))
    image = np.random.default_rng(2).integers(0, 256, (32, 32, 3), np.uint8)
    straight, turned = explain(predictor, image, 1).heat, explain(predictor, np.rot90(image).copy(), 1).heat
    assert straight.max() == 1
    assert turned == pytest.approx(np.rot90(straight), abs=1e-4)
    one = Predictor(replace(spec, views=1), to_vector(build_model(spec, 3)))
    alone, alone_turned = explain(one, image, 1).heat, explain(one, np.rot90(image).copy(), 1).heat
    assert float(np.abs(alone_turned - np.rot90(alone)).max()) > 0.05, "a single view has a direction"


def test_each_view_is_undone() -> None:
    batch = torch.arange(2 * 1 * 3 * 3, dtype=torch.float32).reshape(2, 1, 3, 3)
    assert all(torch.equal(undo_view(view, index), batch) for index, view in enumerate(views_of(batch, 8)))


def test_an_overlay_leaves_the_picture_where_the_map_is_zero_and_is_a_png() -> None:
    picture = np.full((4, 4, 3), 200, np.uint8)
    heat = np.zeros((4, 4), np.float32)
    heat[0, 0] = 1
    found = HeatMap(heat, picture, 1)
    assert (found.overlay()[1:] == picture[1:]).all()
    assert found.overlay()[0, 0].tolist() == [226, 216, 118], "half yellow"
    with Image.open(io.BytesIO(found.png())) as image:
        assert (image.format, image.size) == ("PNG", (8, 4))


def test_a_network_that_sees_nothing_has_an_empty_map(tiny: ModelSpec) -> None:
    vector = np.zeros_like(to_vector(build_model(tiny, 1)))
    found = explain(Predictor(tiny, vector), np.full((32, 32, 3), 90, np.uint8), 0)
    assert (found.heat == 0).all()
