from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from fl.protocol.errors import NoAnswer
from fl.training.data.synthetic import draw_cell
from fl.training.pictures.decode import decode_image
from fl.training.pictures.field import Frame
from fl.training.pictures.gate import NoAnswerReason, prepare
from fl.training.pictures.images import Pixels

RNG = np.random.default_rng(3)
CELL = draw_cell(1, 8)


def _disc(colour: tuple[int, int, int], ground: tuple[int, int, int] = (0, 0, 0)) -> Pixels:
    image = Image.new("RGB", (128, 128), ground)
    ImageDraw.Draw(image).ellipse((20, 20, 108, 108), fill=colour)
    return np.asarray(image, dtype=np.uint8)


def _text() -> Pixels:
    image = Image.new("RGB", (300, 400), "white")
    for line in range(10, 390, 14):
        ImageDraw.Draw(image).text((10, line), "Dear Sir or Madam, we thank you for your letter", fill="black")
    return np.asarray(image, dtype=np.uint8)


def _landscape() -> Pixels:
    y, x = np.mgrid[:200, :300]
    sky = np.stack([120 + y // 4, 160 + y // 5, 235 - y // 8], axis=2)
    grass = np.stack([60 + x // 8, 130 + x // 10, 40 + x // 20], axis=2)
    return np.where((y < 110 + 20 * np.sin(x / 30))[..., None], sky, grass).astype(np.uint8)


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.zeros((128, 128, 3), np.uint8), NoAnswerReason.BLACK),
        (CELL // 12, NoAnswerReason.BLACK),
        (np.full((200, 150, 3), 255, np.uint8), NoAnswerReason.EMPTY),
        (np.full((64, 64, 3), (110, 40, 140), np.uint8), NoAnswerReason.EMPTY),
        (RNG.integers(0, 256, (128, 128, 3)).astype(np.uint8), NoAnswerReason.NOISE),
        (RNG.integers(0, 256, (900, 700, 3)).astype(np.uint8), NoAnswerReason.NOISE),
        (RNG.normal((240, 215, 190), 3, (128, 128, 3)).clip(0, 255).astype(np.uint8), NoAnswerReason.NOISE),
        (CELL.mean(axis=2, keepdims=True).repeat(3, axis=2).astype(np.uint8), NoAnswerReason.GREY),
        (CELL[..., [1, 0, 1]], NoAnswerReason.COLOURS),
        (_disc((40, 150, 60)), NoAnswerReason.COLOURS),
        (_disc((220, 140, 40), (255, 255, 255)), NoAnswerReason.COLOURS),
        (_disc((40, 90, 220)), NoAnswerReason.COLOURS),
        (_landscape(), NoAnswerReason.COLOURS),
        (np.concatenate([CELL, CELL], axis=1), NoAnswerReason.SEVERAL),
        (np.tile(draw_cell(1, 8, 64), (3, 3, 1)), NoAnswerReason.SEVERAL),
    ],
)
def test_what_shows_no_single_stained_cell_gets_a_reason(pixels: Pixels, reason: NoAnswerReason) -> None:
    with pytest.raises(NoAnswer) as caught:
        prepare(pixels, 128)
    assert caught.value.reason == reason
    assert caught.value.http_status == 422


def test_a_document_is_no_cell() -> None:
    with pytest.raises(NoAnswer, match="not a picture of a stained blood cell"):
        prepare(_text(), 128)


@pytest.mark.parametrize("size", [64, 90, 128, 400])
@pytest.mark.parametrize("colour", [(110, 40, 140), (200, 150, 190)])
def test_flat_discs_of_a_stain_pass(size: int, colour: tuple[int, int, int]) -> None:
    y, x = np.mgrid[:size, :size] - size / 2
    inside = (np.hypot(y, x) < size * 0.38)[..., None]
    speckled = np.array(colour) + RNG.integers(-20, 21, (size, size, 3))
    assert prepare(np.where(inside, speckled, 0).clip(0, 255).astype(np.uint8), 128).shape == (128, 128, 3)


@pytest.mark.parametrize("size", [32, 128])
def test_drawn_cells_pass(size: int) -> None:
    for seed in range(60):
        for label in (0, 1):
            assert prepare(draw_cell(label, seed, size), size).shape == (size, size, 3)


def test_an_x_ray_needs_no_colours_and_no_cell() -> None:
    chest = np.repeat(_landscape()[..., :1], 3, axis=2)
    assert prepare(chest, 28, stained=False).shape == (28, 28, 3)
    with pytest.raises(NoAnswer) as caught:
        prepare(np.zeros((64, 64, 3), np.uint8), 28, stained=False)
    assert "blood" not in str(caught.value)


def test_real_cells_pass(data_folder: Path) -> None:
    for path in [*data_folder.glob("leukemia-originals/*/*"), *data_folder.glob("bloodcell-originals/*/*")]:
        assert prepare(decode_image(path.read_bytes(), path.name), 128).shape == (128, 128, 3)


@pytest.mark.slow
def test_no_cell_of_c_nmc_is_refused_but_for_its_scale(data_folder: Path) -> None:
    images = np.load(data_folder / "leukemia_cnmc_128.npz", allow_pickle=False)["images"]
    refused = set()
    for image in images[::4]:
        try:
            prepare(image, 128)
        except NoAnswer as refusal:
            refused.add(refusal.reason)
    assert refused == {NoAnswerReason.SCALE}


@pytest.mark.slow
def test_every_cell_of_c_nmc_gets_an_answer_once_its_frame_is_said(data_folder: Path) -> None:
    images = np.load(data_folder / "leukemia_cnmc_128.npz", allow_pickle=False)["images"]
    for image in images[::4]:
        assert (prepare(image, 128, frame=Frame.FIELD) == image).all()
