"""The pictures of the documentation: each is there, small, as wide as it says, and shown by a page."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from scripts.screenshots import FOLDER, FROM_TESTS, MOST_BYTES, PHONE, PICTURES, WIDE, small

FILES = {
    (f"{name}-{PHONE}.png" if width == PHONE else f"{name}.png"): width
    for name, (_, _, widths) in PICTURES.items()
    for width in widths
} | dict.fromkeys(FROM_TESTS, PHONE)


@pytest.mark.parametrize("name", FILES)
def test_each_picture_is_small_and_as_wide_as_a_screen(name: str) -> None:
    file = FOLDER / name
    assert file.stat().st_size <= MOST_BYTES
    assert Image.open(file).width == (2 * PHONE if FILES[name] == PHONE else WIDE)
    assert f"(screenshots/{name})" in (FOLDER.parent / "site.md").read_text(encoding="utf-8")


def test_no_picture_is_left_that_nobody_takes() -> None:
    assert {file.name for file in FOLDER.iterdir()} == set(FILES)


def test_a_picture_of_many_colours_gets_fewer_until_it_is_small() -> None:
    noise = np.random.default_rng(7).integers(0, 256, (400, 300, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    assert len(buffer.getvalue()) > 2 * MOST_BYTES
    assert len(small(buffer.getvalue())) <= MOST_BYTES
