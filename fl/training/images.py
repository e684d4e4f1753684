"""Image files to pixels, and pixels to what a model takes.

Invariant: only pixels leave this module. Metadata (EXIF, comments, embedded thumbnails) is dropped, and every byte of
the picture was really decoded before a value is returned.

Source: Pillow (decoding, EXIF orientation); the C-NMC preparation in the data's README (centre 320 of 450, Lanczos).
Not here: datasets of many images (folders.py, arrays.py); chance (augment.py).
"""

from __future__ import annotations

import io
import warnings

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from fl.protocol.errors import ImageUnreadable

Pixels = npt.NDArray[np.uint8]
"""uint8 [H, W, 3] in RGB order, or [n, S, S, 3] for many."""

FORMATS = ("PNG", "JPEG", "BMP", "TIFF")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff")
MAX_BYTES = 64 * 2**20
MAX_PIXELS = 40_000_000
MIN_SIDE_PX = 8
CNMC_SIDE_PX = 450
CNMC_CENTRE_PX = 320
MEAN = 0.2
STD = 0.2
"""Chosen for dark cells on black; the same for all channels and data sets, so that hospitals need not agree on
statistics of their patients."""


def decode_image(data: bytes, name: str) -> Pixels:
    """Return the picture in `data` as uint8 [H, W, 3], upright.

    Args:
        data: A whole PNG, JPEG, BMP or TIFF file of at most 64 MiB.
        name: What to call it in an error; never a patient's name.

    Raises:
        ImageUnreadable: empty, cut off, damaged, too large, too small, or of another format.
    """
    if not data:
        raise ImageUnreadable(name, "the file is empty")
    if len(data) > MAX_BYTES:
        raise ImageUnreadable(name, f"it has {len(data)} bytes; at most {MAX_BYTES} are accepted")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.simplefilter("ignore", UserWarning)  # odd EXIF is dropped anyway
            image = _open(data, name)
    except ImageUnreadable:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageUnreadable(name, f"it has more than {MAX_PIXELS} pixels") from error
    except (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, OverflowError) as error:
        # what Pillow's parsers raise on hostile bytes; a MemoryError or a bug of ours is not among them
        raise ImageUnreadable(name, f"it is damaged or cut off ({error})") from error
    return np.array(image, dtype=np.uint8)


def _open(data: bytes, name: str) -> Image.Image:
    """Decode `data` in full and return it upright in RGB without metadata."""
    try:
        image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ImageUnreadable(name, "it is no PNG, JPEG, BMP or TIFF image") from error
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise ImageUnreadable(name, f"it has {width * height} pixels; at most {MAX_PIXELS} are accepted")
    if min(width, height) < MIN_SIDE_PX:
        raise ImageUnreadable(name, f"it is only {width} x {height} pixels")
    image.load()
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith(("I", "F")):
        return _eight_bit(image)
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "black"), image.convert("RGBA"))
    return image.convert("RGB")


def _eight_bit(image: Image.Image) -> Image.Image:
    """Return a 16-bit or 32-bit grey image as RGB, its range of values stretched to 0..255."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float64))
    low, high = values.min(), values.max()
    scaled = (values - low) * (255.0 / (high - low) if high > low else 0.0)
    return Image.fromarray(scaled.round().astype(np.uint8)).convert("RGB")


def fit_square(pixels: Pixels, size_px: int) -> Pixels:
    """Return uint8 [H, W, 3] as uint8 [size_px, size_px, 3].

    A 450 x 450 cell of C-NMC is prepared as that data set is: its central 320 pixels, resized with a Lanczos filter;
    the scale is fixed because cell size tells. Any other picture is cut to its central square (when its sides are
    close to each other) or padded with black to a square, and resized.
    """
    height, width = pixels.shape[:2]
    if height == width == CNMC_SIDE_PX:
        side = CNMC_CENTRE_PX
    elif max(height, width) <= 1.5 * min(height, width):
        side = min(height, width)
    else:
        side = max(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    image = Image.fromarray(pixels).crop((left, top, left + side, top + side))
    if side != size_px:
        image = image.resize((size_px, size_px), Image.Resampling.LANCZOS)
    return np.array(image, dtype=np.uint8)


def to_model_input(pixels: Pixels, size_px: int) -> Tensor:
    """Return one picture uint8 [H, W, 3] as a batch of one: float32 [1, 3, size_px, size_px], normalised."""
    return normalise(to_tensor(fit_square(pixels, size_px)[np.newaxis]))


def to_tensor(images: Pixels) -> Tensor:
    """Return uint8 [n, S, S, 3] as uint8 [n, 3, S, S], contiguous."""
    return torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))


def normalise(batch: Tensor) -> Tensor:
    """Return pixels [n, 3, S, S] in 0..255 as float32 [n, 3, S, S] in -1..4; the only normalisation there is."""
    return batch.to(torch.float32).div(255.0).sub(MEAN).div(STD)


def encode_png(pixels: Pixels) -> bytes:
    """Return uint8 [H, W, 3] as a PNG file without metadata."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
