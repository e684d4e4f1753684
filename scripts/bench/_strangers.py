"""Pictures that no model of blood cells should answer: found ones, and drawn ones.

Invariant: the same seed gives the same pictures.

Source: PneumoniaMNIST and PBC in HEMALEDGER_DATA; two photographs that scikit-learn ships; the rest is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from fl.training.pictures.images import Pixels

Random = np.random.Generator
XRAYS, PBC, PLATELET = "pneumoniamnist_reduced_28.npz", "bloodcells_pbc_28.npz", 7
SIDE = 128


def strangers(data: Path, each: int, seed: int) -> dict[str, list[Pixels]]:
    """Return `each` pictures uint8 [H, W, 3] of each kind; kinds whose file is not in the folder `data` are absent."""
    rng = np.random.default_rng(seed)
    kinds: dict[str, Callable[[Random], Iterator[Pixels]]] = {
        "noise": _noise,
        "black and flat": _flat,
        "photographs": _photographs,
        "drawn faces": _faces,
        "gradients": _gradients,
        "text": _text,
    }
    found = {name: list(islice(draw(rng), each)) for name, draw in kinds.items()}
    for name, file, label in (("X-rays", XRAYS, None), ("PBC platelets", PBC, PLATELET)):
        if (data / file).is_file():
            found[name] = _of_file(data / file, label, each, rng)
    return found


def _of_file(path: Path, label: int | None, count: int, rng: Random) -> list[Pixels]:
    """Return pictures of a MedMNIST file in the size of the model's input, as a person would enlarge them."""
    with np.load(path, allow_pickle=False) as arrays:
        images, labels = arrays["test_images"], arrays["test_labels"][:, 0]
    rows = rng.permutation(np.flatnonzero(labels == label) if label is not None else len(images))[:count]
    sized = (Image.fromarray(images[row]).convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS) for row in rows)
    return [np.asarray(image, np.uint8) for image in sized]


def _noise(rng: Random) -> Iterator[Pixels]:
    while True:
        yield rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
        grey = rng.normal(rng.uniform(60, 190), rng.uniform(10, 60), (SIDE, SIDE, 1)).clip(0, 255)
        yield np.repeat(grey.astype(np.uint8), 3, axis=2)
        coarse = Image.fromarray(rng.integers(0, 256, (16, 16, 3), np.uint8))
        yield np.asarray(coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC), np.uint8)


def _flat(rng: Random) -> Iterator[Pixels]:
    yield np.zeros((SIDE, SIDE, 3), np.uint8)
    while True:
        yield np.full((SIDE, SIDE, 3), rng.integers(0, 256, 3), np.uint8)


def _photographs(rng: Random) -> Iterator[Pixels]:
    """Yield crops of two photographs, a temple and a flower, 60 to 400 px wide."""
    from sklearn.datasets import load_sample_images  # only this kind needs it

    images = [np.asarray(image, np.uint8) for image in load_sample_images().images]
    while True:
        for image in images:
            side = int(rng.integers(60, 401))
            top, left = (int(rng.integers(0, length - side + 1)) for length in image.shape[:2])
            yield image[top : top + side, left : left + side]


def _faces(rng: Random) -> Iterator[Pixels]:
    while True:
        picture = Image.new("RGB", (256, 256), _colour(rng))
        draw = ImageDraw.Draw(picture)
        skin = tuple(int(value * rng.uniform(0.5, 1.0)) for value in (255, 205, 170))
        draw.ellipse((56, 30, 200, 226), fill=skin)
        draw.pieslice((50, 14, 206, 150), 180, 360, fill=_colour(rng))
        for x in (100, 156):
            draw.ellipse((x - 14, 104, x + 14, 122), fill="white")
            draw.ellipse((x - 6, 106, x + 6, 120), fill=_colour(rng))
        draw.line((128, 125, 122, 158, 134, 160), fill="black", width=2)
        draw.arc((98, 150, 158, 196), 10, 170, fill=(160, 30, 40), width=6)
        yield np.asarray(picture.filter(ImageFilter.GaussianBlur(float(rng.uniform(0.5, 3)))), np.uint8)


def _gradients(rng: Random) -> Iterator[Pixels]:
    y, x = np.mgrid[0:1:128j, 0:1:128j]
    while True:
        angle, first, last = rng.uniform(0, 6.3), rng.uniform(0, 255, 3), rng.uniform(0, 255, 3)
        place = np.hypot(x - 0.5, y - 0.5) if rng.random() < 0.5 else np.cos(angle) * x + np.sin(angle) * y  # noqa: PLR2004  # every second one is round
        place = (place - place.min()) / np.ptp(place)
        yield (first + (last - first) * place[..., np.newaxis]).astype(np.uint8)


def _text(rng: Random) -> Iterator[Pixels]:
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz     ABCDEFGHIJ 0123456789"))
    while True:
        picture = Image.new("RGB", (200, 200), "white" if rng.random() < 0.5 else _colour(rng))  # noqa: PLR2004  # half
        draw, ink = ImageDraw.Draw(picture), _colour(rng)
        for line in range(0, 200, 14):
            draw.text((4, line), "".join(rng.choice(letters, 32)), fill=ink)
        yield np.asarray(picture, np.uint8)


def _colour(rng: Random) -> tuple[int, int, int]:
    red, green, blue = rng.integers(0, 256, 3).tolist()
    return red, green, blue
