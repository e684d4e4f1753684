from __future__ import annotations

import numpy as np
import pytest

from fl.protocol.errors import WeightsMismatch
from fl.training.pictures.colours import Pixels
from fl.training.pictures.preparation import CELL_COLOURS, PLAIN, prepare_all


def cell(stain: tuple[int, int, int], seed: int = 0) -> Pixels:
    """Return a disc of mottled stain on black, uint8 [64, 64, 3]."""
    rows, columns = np.mgrid[-32:32, -32:32]
    mottle = np.random.default_rng(seed).normal(0.0, 12.0, (64, 64, 1))
    disc = np.clip(np.array(stain) + mottle, 20, 255)
    return np.where((rows**2 + columns**2 < 24**2)[..., None], disc, 0).astype(np.uint8)


def test_plain_pictures_stay_as_they_are() -> None:
    picture = cell((150, 60, 160))
    assert (prepare_all(PLAIN, picture[np.newaxis])[0] == picture).all()


def test_every_stain_becomes_the_same() -> None:
    one, other = prepare_all(CELL_COLOURS, np.stack([cell((150, 60, 160)), cell((190, 90, 120))]))
    assert np.abs(one.astype(int) - other.astype(int)).max() <= 1


def test_a_cell_has_the_stated_mean_and_deviation_on_black_ground() -> None:
    picture = cell((150, 60, 160))
    (prepared,) = prepare_all(CELL_COLOURS, picture[np.newaxis])
    inside = picture.max(axis=2) > 10
    assert (prepared[~inside] == 0).all()
    assert np.allclose(prepared[inside].mean(axis=0), 127.5, atol=1.0)
    assert np.allclose(prepared[inside].std(axis=0), 38.25, atol=1.0)


@pytest.mark.parametrize("level", [0, 128])
def test_a_picture_without_structure_stays_finite(level: int) -> None:
    prepared = prepare_all(CELL_COLOURS, np.full((1, 32, 32, 3), level, np.uint8))
    assert prepared.shape == (1, 32, 32, 3)
    assert len(np.unique(prepared)) == 1


def test_no_pictures_are_no_pictures() -> None:
    assert prepare_all(CELL_COLOURS, np.zeros((0, 32, 32, 3), np.uint8)).shape == (0, 32, 32, 3)


def test_a_pipeline_of_another_version_is_refused() -> None:
    with pytest.raises(WeightsMismatch, match="cell-colours/2"):
        prepare_all("cell-colours/2", np.zeros((1, 32, 32, 3), np.uint8))
