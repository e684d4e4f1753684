from __future__ import annotations

import csv
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fl.protocol.errors import NoAnswer
from fl.training.data.frames import fit_cell, look
from fl.training.data.synthetic import draw_cell
from fl.training.pictures.cell import find_cell
from fl.training.pictures.decode import decode_image
from fl.training.pictures.field import field_px
from fl.training.pictures.gate import NoAnswerReason, prepare
from fl.training.pictures.images import Pixels


def _resized(pixels: Pixels, side: int) -> Pixels:
    return np.asarray(Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS), dtype=np.uint8)


def _disc(diameter: float, side: int, ground: int = 0) -> Pixels:
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    colours = np.where((np.hypot(y, x) < diameter / 2)[..., None], [120, 50, 150], [ground] * 3)
    return colours.astype(np.uint8)


@pytest.mark.parametrize("ground", [0, 235])
@pytest.mark.parametrize("side", [64, 128, 300, 900])
def test_a_disc_is_found_at_every_resolution(ground: int, side: int) -> None:
    cell = find_cell(_disc(side / 2, side, ground))
    assert cell is not None
    assert cell.diameter / side == pytest.approx(0.5, abs=0.02)
    assert (cell.y / side, cell.x / side) == pytest.approx((0.5, 0.5), abs=0.01)
    assert cell.on_black == (ground == 0)


def test_nothing_is_found_where_nothing_is() -> None:
    assert find_cell(np.zeros((64, 64, 3), np.uint8)) is None


@pytest.mark.parametrize(
    ("share", "side", "field"),
    [(0.35, 450, 320), (0.7, 450, 320), (0.5, 900, 640), (0.35, 128, 91), (0.7, 128, 128), (0.7, 900, 900)],
)
def test_the_size_of_the_cell_says_whether_the_picture_is_an_original_frame(
    share: float, side: int, field: int
) -> None:
    pixels = _disc(share * side, side)
    cell = find_cell(pixels)
    assert cell is not None
    assert field_px(pixels, cell) == field


def test_a_frame_that_cannot_be_known_gets_no_answer() -> None:
    with pytest.raises(NoAnswer) as caught:
        prepare(_disc(64, 128), 128)
    assert caught.value.reason == NoAnswerReason.SCALE


@pytest.mark.parametrize("size_px", [64, 128])
def test_an_original_is_the_same_input_at_every_resolution(data_folder: Path, size_px: int) -> None:
    originals = sorted((data_folder / "leukemia-originals").rglob("*.bmp"))
    assert len(originals) == 24
    for path in originals:
        pixels = decode_image(path.read_bytes(), path.name)
        wanted = prepare(pixels, size_px).astype(int)
        for side in (900, 700, 225):
            found = prepare(_resized(pixels, side), size_px)
            assert np.abs(found - wanted).mean() < 1.5, (path.name, side)
        small = _resized(pixels, 128)
        with suppress(NoAnswer):  # its frame cannot be known (test_a_frame_that_cannot_be_known_gets_no_answer)
            assert np.abs(prepare(small, size_px) - wanted).mean() < 1.5, path.name


def test_an_original_in_a_much_larger_frame_gets_no_answer(data_folder: Path) -> None:
    for path in sorted((data_folder / "leukemia-originals").rglob("*.bmp")):
        frame = np.zeros((1000, 1000, 3), np.uint8)
        frame[275:725, 275:725] = decode_image(path.read_bytes(), path.name)
        with pytest.raises(NoAnswer) as caught:
            prepare(frame, 128)
        assert caught.value.reason == NoAnswerReason.SCALE


def test_training_sees_what_an_answer_sees(data_folder: Path) -> None:
    with (data_folder / "leukemia_cnmc.csv").open(encoding="utf-8") as file:
        rows = {row["file"]: int(row["row"]) for row in csv.DictReader(file)}
    arrays = np.load(data_folder / "leukemia_cnmc_128.npz", allow_pickle=False)["images"]
    for path in sorted((data_folder / "leukemia-originals").rglob("*.bmp")):
        pixels = decode_image(path.read_bytes(), path.name)
        assert (fit_cell(pixels, 128, look(pixels)) == arrays[rows[path.name]]).all()
        assert (prepare(pixels, 128) == arrays[rows[path.name]]).all()


def test_drawn_cells_have_the_frame_of_the_arrays() -> None:
    for seed in range(40):
        for label in (0, 1):
            pixels = draw_cell(label, seed)
            assert (fit_cell(pixels, 128, look(pixels)) == pixels).all()


def test_grey_pictures_are_fitted_whole() -> None:
    grey = np.repeat(_disc(40, 128)[..., :1], 3, axis=2)
    assert (fit_cell(grey, 128, look(grey)) == grey).all()
