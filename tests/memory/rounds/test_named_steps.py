"""A federation over smears: each hospital finds and crops the cell, and so does whoever asks the model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fl.protocol.errors import WeightsMismatch
from fl.protocol.rounds.round import Phase
from fl.protocol.task_catalogue import LEUKEMIA
from fl.replay.ledger_view import Keyring
from fl.roles.coordinator.agent import Coordinator
from fl.roles.hospital.background_training import Train
from fl.roles.serving.current_model import VerifiedModelCache
from fl.training.data.dataset import Dataset, save_dataset
from fl.training.evaluation.predict import Predictor
from fl.training.local.config import LocalConfig
from fl.training.model.device import use_threads
from fl.training.pictures.images import Pixels
from fl.training.pictures.preparation import prepare_all
from fl.training.recipe import Recipe
from scripts.wiring.evaluation import opened
from scripts.wiring.training import trainer
from tests.support.federation import CONFIG, SPEC, initial, settle
from tests.support.world import World, audit

STEPS = "find-cell+crop+clahe+cell-colours/1"
SIDE = 48


def smear(label: int, rng: np.random.Generator) -> Pixels:
    """Return a round or a ring-shaped purple nucleus somewhere among two red cells, on a light ground."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    picture = np.full((SIDE, SIDE, 3), (240, 232, 225), np.int64)
    y, x = rng.integers(17, SIDE - 17, 2)
    for top, left, size, colour in ((5, 5, 4, (205, 170, 175)), (43, 6, 4, (205, 170, 175)), (y, x, 11, (96, 40, 140))):
        picture[(rows - top) ** 2 + (columns - left) ** 2 < size**2] = colour
    if label:
        picture[(rows - y) ** 2 + (columns - x) ** 2 < 5**2] = (170, 120, 190)
    return (picture + rng.integers(-5, 6, picture.shape)).clip(0, 255).astype(np.uint8)


def smears(seed: int, count: int = 24) -> Dataset:
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = np.stack([smear(int(label), rng) for label in labels])
    groups = np.array([f"p{row // 2}" for row in range(count)])
    return Dataset(images, labels, groups, np.zeros(count, np.uint8), LEUKEMIA.codes, "drawn smears")


def training(folder: Path, name: str, seed: int) -> Train:
    file = folder / name / "data.npz"
    file.parent.mkdir(parents=True)
    save_dataset(smears(seed), file)
    return trainer(file, name, "cpu")


def recipe(preparation: str) -> Recipe:
    spec = replace(SPEC, size_px=SIDE, preparation=preparation)
    return Recipe(spec, LocalConfig(epochs=2, batch=8, lr=3e-3, horizon=1), 1)


def run(world: World, folder: Path, preparation: str) -> None:
    use_threads(1)
    plan = replace(world.plan(1), config=replace(CONFIG, training=recipe(preparation).to_dict()))
    coordinator = Coordinator(world.consortium.coordinator.ports(world.consortium.vault), plan, initial())
    hospitals = [
        world.hospital(party.name, training(folder, party.name, seed))
        for seed, party in enumerate(world.consortium.hospitals)
    ]
    settle(coordinator, world.auditor(), *hospitals)


def test_hospitals_train_on_found_and_cropped_cells_and_the_model_is_asked_in_the_same_way(
    world: World, tmp_path: Path
) -> None:
    run(world, tmp_path / "steps", STEPS)
    assert world.current.phase == Phase.FINAL
    assert audit(world).findings == []
    party = world.party("alpha")
    ports = (world.consortium.operator, world.consortium.vault, party.account, Keyring(party.keys))
    model = opened(VerifiedModelCache(*ports, world.clock, Predictor), world.consortium.vault)
    assert model.recipe.spec.preparation == STEPS
    pictures = smears(9).images
    seen = model.predictor.prepared(pictures)
    assert (seen == prepare_all(STEPS, pictures)).all()
    assert (seen[:, 0, 0] == 0).all(), "the ground is black, and the red cells are gone"
    assert np.ptp(model.predictor.probabilities(pictures)[:, 1]) > 0


def test_a_recipe_with_steps_that_no_version_knows_opens_no_round(world: World, tmp_path: Path) -> None:
    with pytest.raises(WeightsMismatch):
        run(world, tmp_path, "crop/1")
    assert not world.federation.rounds
