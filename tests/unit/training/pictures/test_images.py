from __future__ import annotations

import csv
import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fl.protocol.errors import ImageUnreadable
from fl.training.data.frames import fit_cell, look
from fl.training.pictures.images import Pixels, decode_image, encode_png, fit_square

RNG = np.random.default_rng(1)
PICTURE: Pixels = RNG.integers(0, 256, (40, 60, 3), dtype=np.uint8)


def _file(pixels: Pixels, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def _png_bomb(width: int, height: int) -> bytes:
    """Return a small file that claims to be a large picture."""
    chunks = [b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0), b"IDAT" + zlib.compress(b""), b"IEND"]
    packed = [struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) for body in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF"])
def test_lossless_formats_come_back_bit_for_bit(kind: str) -> None:
    assert (decode_image(_file(PICTURE, kind), "x") == PICTURE).all()


def test_jpeg_is_decoded() -> None:
    flat = np.full((32, 32, 3), (200, 100, 50), np.uint8)
    assert np.abs(decode_image(_file(flat, "JPEG", quality=95), "x").astype(int) - flat).max() <= 3


def test_orientation_is_applied_and_metadata_gone() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show rotated by 90 degrees clockwise
    exif[0x010E] = "Jane Doe"
    data = _file(PICTURE, "PNG", exif=exif)
    upright = decode_image(data, "x")
    assert (upright == np.rot90(PICTURE, -1)).all()
    assert b"Jane" in data
    assert b"Jane" not in encode_png(upright)


def test_grey_and_palette_pictures_become_rgb() -> None:
    grey = PICTURE[..., 0]
    assert (decode_image(_file(grey, "PNG"), "x") == grey[..., None]).all()
    palette = io.BytesIO()
    Image.fromarray(PICTURE).quantize(8).save(palette, "PNG")
    assert decode_image(palette.getvalue(), "x").shape == PICTURE.shape


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (b"no image at all", "not a PNG, JPEG, BMP, TIFF, WebP or DICOM"),
        (_file(PICTURE, "GIF"), "not a PNG, JPEG, BMP, TIFF, WebP or DICOM"),
        (_file(PICTURE, "PNG")[:-60], "damaged or incomplete"),
        (_file(PICTURE, "JPEG")[:-200], "damaged or incomplete"),
        (_file(PICTURE, "BMP")[:-10], "damaged or incomplete"),
        (_file(PICTURE, "TIFF")[:200], "incomplete|not a PNG|missing"),
        (_png_bomb(30_000, 30_000), "pixels"),
        (_png_bomb(9_000, 9_000), "pixels"),
        (_file(PICTURE[:4, :4], "PNG"), "only 4 x 4"),
    ],
)
def test_what_cannot_be_read_is_said_plainly(data: bytes, why: str) -> None:
    with pytest.raises(ImageUnreadable, match=why) as caught:
        decode_image(data, "cell.png")
    assert caught.value.name_of_file == "cell.png"


def test_no_cut_and_no_changed_byte_of_a_png_escapes_as_another_error() -> None:
    data = _file(PICTURE[:12, :12], "PNG")
    for position in range(1, len(data), 7):
        if position < len(data) - 16:  # behind that only checksums and the end mark are missing
            with pytest.raises(ImageUnreadable):
                decode_image(data[:position], "x")
        hostile = bytearray(data)
        hostile[position] ^= 0xFF
        try:
            decode_image(bytes(hostile), "x")
        except ImageUnreadable:
            continue


def test_c_nmc_originals_become_exactly_the_prepared_arrays(data_folder: Path) -> None:
    with (data_folder / "leukemia_cnmc.csv").open(encoding="utf-8") as file:
        rows = {row["file"]: int(row["row"]) for row in csv.DictReader(file)}
    prepared = np.load(data_folder / "leukemia_cnmc_128.npz", allow_pickle=False)["images"]
    originals = sorted((data_folder / "leukemia-originals").rglob("*.bmp"))
    assert len(originals) == 24
    for path in originals:
        whole = decode_image(path.read_bytes(), path.name)
        pixels = fit_cell(whole, 128, look(whole))
        assert (pixels == prepared[rows[path.name]]).all(), path.name


@pytest.mark.parametrize(("height", "width"), [(128, 128), (100, 140), (60, 300), (9, 8), (600, 600)])
def test_any_size_is_fitted(height: int, width: int) -> None:
    pixels = RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert fit_square(pixels, 128).shape == (128, 128, 3)


def test_a_long_picture_is_padded_with_black_not_stretched() -> None:
    white = np.full((40, 160, 3), 255, np.uint8)
    fitted = fit_square(white, 160)
    assert fitted[60:100].min() == 255
    assert fitted[:59].max() == 0


def test_pictures_are_looked_at_without_torch() -> None:
    modules = ("pictures.images", "pictures.gate", "pictures.field", "data.synthetic", "data.folders", "data.dataset")
    names = ", ".join(f"fl.training.{module}" for module in modules)
    code = f"import sys\nimport {names}\nsys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
