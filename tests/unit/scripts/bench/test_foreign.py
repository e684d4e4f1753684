from __future__ import annotations

from pathlib import Path

import numpy as np

from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from fl.training.evaluation.predict import Predictor
from fl.training.initial import initial_model
from fl.training.local.config import LocalConfig
from fl.training.model.device import use_threads
from fl.training.model.spec import ModelSpec
from fl.training.recipe import Recipe
from scripts.bench._calibrated import calibrated
from scripts.bench._strangers import PBC, PLATELET, XRAYS, strangers
from scripts.bench.foreign import ask, figures_of


def test_the_same_seed_gives_the_same_pictures_of_every_kind_at_hand(tmp_path: Path) -> None:
    drawn = strangers(tmp_path, 3, 1)
    again, other = strangers(tmp_path, 3, 1), strangers(tmp_path, 3, 2)
    for kind, pictures in drawn.items():
        assert len(pictures) == 3
        assert all(one.dtype == np.uint8 and one.ndim == 3 and one.shape[2] == 3 for one in pictures), kind
        assert all((one == same).all() for one, same in zip(pictures, again[kind], strict=True)), kind
    assert any(not np.array_equal(one, two) for one, two in zip(drawn["text"], other["text"], strict=True))
    labels = np.array([PLATELET, 0, PLATELET] * 3)
    for file, shape in ((XRAYS, (1, 28, 28)), (PBC, (1, 28, 28, 3))):
        images = np.concatenate([np.full(shape, label, np.uint8) for label in labels])
        np.savez(tmp_path / file, test_images=images, test_labels=labels[:, np.newaxis])
    found = strangers(tmp_path, 5, 1)
    assert set(found) - set(drawn) == {"X-rays", "PBC platelets"}
    assert all((one == PLATELET).all() for one in found["PBC platelets"])


def test_a_calibrated_model_is_asked_as_the_site_asks_it_and_the_figures_are_shares() -> None:
    use_threads(1)
    cells = draw_dataset(SyntheticPlan(subjects=16, cells=5, size_px=32, test=0.3), 5)
    recipe = Recipe(ModelSpec(size_px=32, width=8), LocalConfig(held_back=0.3), 1)
    predictor = Predictor(recipe.spec, calibrated(recipe, initial_model(recipe)[1], [cells]))
    assert predictor.calibration.complete
    black, _ = ask(predictor, [np.zeros((60, 60, 3), np.uint8)] * 2, None)
    assert (black.pictures, black.site) == (2, 2)
    test = cells.part(1)
    real, rows = ask(predictor, list(test.images), None)
    assert real.model <= real.site
    figures = figures_of(predictor.calibration, test, rows)
    assert all(0 <= value <= 1 for value in figures.values())
    assert figures["set holds the true class: all"] > 0.6
