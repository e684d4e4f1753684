from __future__ import annotations

import hashlib
import subprocess
import sys
from itertools import combinations

import numpy as np
import pytest

from fl.protocol.errors import WeightsMismatch
from fl.training.pictures.colours import Pixels
from fl.training.pictures.contrast import equalise, luma
from fl.training.pictures.preparation import CELL_COLOURS, PLAIN, STEPS, name_of, parse_name, prepare_all


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


FULL = "find-cell+crop+denoise+clahe+cell-colours/1"


def smear(side: int = 96, at: tuple[int, int] = (40, 52), radius: int = 18) -> Pixels:
    """Return a purple disc and two paler, smaller red discs on a light ground, drawn in whole numbers."""
    rows, columns = np.mgrid[:side, :side]
    picture = np.full((side, side, 3), (240, 232, 225), np.int64)
    for y, x, size, colour in (
        (12, 12, 9, (205, 170, 175)),
        (80, 15, 9, (205, 170, 175)),
        (*at, radius, (96, 40, 140)),
    ):
        picture[(rows - y) ** 2 + (columns - x) ** 2 < size**2] = colour
    picture += (rows * 7 + columns * 13 + rows * columns % 5)[..., np.newaxis] % 11 - 5
    return picture.clip(0, 255).astype(np.uint8)


def on_black(side: int = 96) -> Pixels:
    """Return a mottled purple disc, and a smaller crumb, on black, drawn in whole numbers."""
    rows, columns = np.mgrid[:side, :side]
    mottle = (rows * rows // 7 + columns * 3) % 37
    cell = np.stack([90 + mottle, 30 + mottle // 2, 110 + mottle], axis=2)
    inside = ((rows - 50) ** 2 + (columns - 46) ** 2 < 26**2) | ((rows - 8) ** 2 + (columns - 88) ** 2 < 4**2)
    return np.where(inside[..., np.newaxis], cell, 0).astype(np.uint8)


GOLDEN = {
    "cell-colours/1": "d949731796931ba28183e951644d1f71",
    "find-cell/1": "343dd64a145d5674f3a4485cef47f015",
    "find-cell+crop/1": "2cefdee7ed060038420b75792e48c971",
    "denoise/1": "d6e50f5e27294c3ed6e53e64f1641bb9",
    "clahe/1": "b4fc484298e97623c667d45ac70c966e",
    "find-cell+clahe/1": "ab7b04e3a1ccc8991dfc6b25a79c097a",
    "find-cell+cell-colours/1": "88c74d8a8d5aeb533d29aa19b35c49b8",
    "find-cell+crop+denoise+clahe+cell-colours/1": "a8837ebf59e31db656c15bc6412f2484",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_name_stands_for_the_same_bits_for_ever(name: str) -> None:
    prepared = prepare_all(name, np.stack([smear(), on_black()]))
    assert hashlib.sha256(prepared.tobytes()).hexdigest()[:32] == GOLDEN[name]


def test_every_choice_of_steps_has_exactly_one_name() -> None:
    chosen = [steps for count in range(1, 6) for steps in combinations(STEPS, count)]
    allowed = [steps for steps in chosen if "find-cell" in steps or "crop" not in steps]
    names = {name_of(steps) for steps in allowed}
    assert len(names) == len(allowed) == 23
    assert all(name_of(parse_name(name)) == name for name in names | {PLAIN})


@pytest.mark.parametrize(
    "name",
    [
        *(
            "",
            "/1",
            "plain",
            "find-cell",
            "find-cell/2",
            "find-cell/01",
            "find-cell /1",
            "Find-Cell/1",
            "plain+clahe/1",
        ),
        *("clahe+denoise/1", "clahe+clahe/1", "find-cell++clahe/1", "+clahe/1", "clahe+/1", "clahe/1/1"),
        *("blur/1", "plain+clahe/1", "crop/1", "crop+clahe/1", "clahe/1\n", "clahe+" * 1000 + "clahe/1"),
    ],
)
def test_every_other_spelling_is_refused(name: str) -> None:
    with pytest.raises(WeightsMismatch):
        parse_name(name)


@pytest.mark.parametrize("picture", [smear(), on_black()])
def test_only_the_largest_stained_part_stays(picture: Pixels) -> None:
    (prepared,) = prepare_all("find-cell/1", picture[np.newaxis])
    rows, columns = np.nonzero(prepared.max(axis=2))
    disc = (rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2
    assert disc.max() < 28**2
    assert (prepared[rows, columns] == picture[rows, columns]).all()


def test_the_cell_of_a_smear_is_found_where_it_was_drawn() -> None:
    (prepared,) = prepare_all("find-cell/1", smear()[np.newaxis])
    rows, columns = np.mgrid[:96, :96]
    drawn = (rows - 40) ** 2 + (columns - 52) ** 2 < 18**2
    found = prepared.max(axis=2) > 0
    assert np.count_nonzero(found ^ drawn) < 0.02 * np.count_nonzero(drawn)


def test_a_crop_shows_small_and_large_cells_in_one_size() -> None:
    cells = np.stack([smear(radius=14), smear(radius=30, at=(50, 50))])
    small, large = (np.count_nonzero(each.max(axis=2)) for each in prepare_all("find-cell+crop/1", cells))
    assert abs(small - large) < 0.15 * large


def test_the_ground_of_a_smear_does_not_change_the_colours_of_its_cell() -> None:
    pale = smear()
    ground = prepare_all("find-cell/1", pale[np.newaxis])[0].max(axis=2) == 0
    other = np.where((ground & (pale.min(axis=2) > 200))[..., np.newaxis], pale - 12, pale).astype(np.uint8)
    one, two = prepare_all("find-cell+cell-colours/1", np.stack([pale, other]))
    assert (one == two).all()


@pytest.mark.parametrize("name", ["find-cell/1", FULL])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_without_a_cell_stays_of_one_colour(name: str, level: int) -> None:
    prepared = prepare_all(name, np.full((1, 32, 32, 3), level, np.uint8))
    assert len(np.unique(prepared)) == 1


def test_denoising_removes_single_pixels() -> None:
    picture = np.full((1, 32, 32, 3), 100, np.uint8)
    picture[0, 5, 5] = 255
    assert (prepare_all("denoise/1", picture) == 100).all()


def test_equalising_spreads_the_brightness_of_the_cell_and_nothing_else() -> None:
    picture = on_black()
    cell = picture.max(axis=2) > 10
    result = equalise(picture, cell)
    assert (result[~cell] == picture[~cell]).all()
    assert luma(result)[cell].std() > 1.5 * luma(picture)[cell].std()


def test_a_pipeline_of_smallest_pictures_is_as_good_as_any() -> None:
    assert prepare_all(FULL, np.arange(16 * 16 * 3, dtype=np.uint8).reshape(1, 16, 16, 3)).shape == (1, 16, 16, 3)


@pytest.mark.parametrize(
    "use",
    [
        f"fl.training.model.spec.ModelSpec(preparation='{FULL}')",
        "fl.training.pictures.preparation.prepare_all('cell-colours/1', numpy.ones((1, 32, 32, 3), numpy.uint8))",
    ],
)
def test_naming_a_pipeline_and_standardising_colours_do_not_load_scipy(use: str) -> None:
    check = f"import sys, numpy, fl.training.model.spec; {use}; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
