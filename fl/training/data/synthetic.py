"""Drawn blood cells, for a demonstration without patients.

Invariant: a drawn data set depends only on its plan and seed; it contains no picture of a person. Results on drawn
cells say nothing about real ones.

Source: textbook morphology only. Lymphoblasts: large, little cytoplasm, fine chromatin, nucleoli. Mature lymphocytes:
smaller, more cytoplasm, condensed clumped chromatin (Bain, "Blood Cells: A Practical Guide").
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import DatasetUnusable
from fl.training.data.dataset import Dataset
from fl.training.data.partition import split_holdout
from fl.training.pictures.images import Pixels

Plane = npt.NDArray[np.float64]
"""float64 [S, S]."""

CLASSES = ("healthy", "leukemia")
NUCLEUS_RGB = (92.0, 38.0, 122.0)
CYTOPLASM_RGB = (158.0, 128.0, 196.0)
NUCLEOLUS_RGB = (150.0, 104.0, 178.0)
SMALLEST_PX = 38.5
"""Radius of the smallest cell in a picture of 128 px; a smaller one could look like an original picture of C-NMC
(field.py)."""
OVERLAP = 0.12
"""Standard deviation of a cell's blastness (0 = healthy, 1 = blast) around 0.27 or 0.73: about 3 of 100 cells lie."""


@dataclass(frozen=True)
class SyntheticPlan:
    """What to draw.

    Attributes:
        subjects: Persons, half of them (rounded down) with leukemia; at least 4.
        cells: Cells per person.
        size_px: Side of an image.
        test: Share of the persons held out for testing.
    """

    subjects: int = 30
    cells: int = 24
    size_px: int = 128
    test: float = 0.25


@dataclass(frozen=True)
class _Style:
    """The style of one person's cells: stain (factor per colour), size factor, focus blur in px."""

    stain: npt.NDArray[np.float64]
    size: float
    blur: float


def draw_dataset(plan: SyntheticPlan, seed: int) -> Dataset:
    """Return the drawn data set: images uint8 [subjects * cells, S, S, 3], persons A.. and H.. as groups.

    Raises:
        DatasetUnusable: fewer than four persons, no cells, or images smaller than 16 px.
    """
    if plan.subjects < 4 or plan.cells < 1 or plan.size_px < 16:  # noqa: PLR2004  # said in the sentence
        raise DatasetUnusable("drawn cells", "at least 4 subjects, 1 cell each and 16 px are needed")
    images, labels, groups = [], [], []
    for subject in range(plan.subjects):
        label = int(subject < plan.subjects // 2)
        rng = np.random.default_rng([seed, subject])
        style = _style(rng, plan.size_px)
        images += [_draw(label, style, rng, plan.size_px) for _ in range(plan.cells)]
        labels += [label] * plan.cells
        groups += [f"{'HA'[label]}{subject:03d}"] * plan.cells
    split = np.zeros(len(labels), np.uint8)
    arrays = np.stack(images), np.array(labels, np.int64), np.array(groups), split
    return split_holdout(Dataset(*arrays, CLASSES, "drawn cells", drawn=True), plan.test, seed)


def draw_cell(label: int, seed: int, size_px: int = 128) -> Pixels:
    """Return one cell uint8 [size_px, size_px, 3] of a new person; `label` 1 is a blast."""
    rng = np.random.default_rng([seed, label])
    return _draw(label, _style(rng, size_px), rng, size_px)


def _style(rng: np.random.Generator, size_px: int) -> _Style:
    stain = rng.normal(1.0, 0.09) * (1.0 + rng.normal(0.0, 0.06, 3))
    return _Style(stain, float(rng.normal(1.0, 0.05)), float(rng.uniform(0.35, 0.9)) * size_px / 128)


def _draw(label: int, style: _Style, rng: np.random.Generator, size_px: int) -> Pixels:
    """Draw one cell in layers: cytoplasm, nucleus with chromatin, nucleoli; then focus, light and sensor noise."""
    blast = float(np.clip(rng.normal(0.73 if label else 0.27, OVERLAP), 0.0, 1.0))
    unit = size_px / 128.0  # one pixel of the 128 px drawing
    grid = (np.arange(size_px) - (size_px - 1) / 2) / unit
    y, x = np.meshgrid(grid + rng.normal(0.0, 2.0), grid + rng.normal(0.0, 2.0), indexing="ij")
    radius = float(np.clip(style.size * rng.normal(38.0 + 11.0 * blast, 3.5), SMALLEST_PX, 56.0))
    body = _blob(x, y, radius, 0.03 + 0.03 * blast, rng)
    ratio = float(np.clip(rng.normal(0.74 + 0.17 * blast, 0.04), 0.6, 0.96))
    away = rng.uniform(0.0, 2.0 * np.pi)
    slack = 0.7 * radius * (1.0 - ratio)
    nucleus = _blob(x + slack * np.cos(away), y + slack * np.sin(away), radius * ratio, 0.03 + 0.03 * blast, rng)
    inside, core = _cover(body), _cover(nucleus) * _cover(body)
    canvas = np.array(CYTOPLASM_RGB) * (1.0 + 0.10 * _noise(rng, size_px, 5.0 * unit))[..., None]
    dark = _chromatin(blast, rng, size_px, unit) * (1.0 - 0.16 * np.exp(-((nucleus / 2.2) ** 2)))
    canvas = _over(canvas, np.array(NUCLEUS_RGB) * dark[..., None], core)
    for spot in _nucleoli(x, y, blast, radius * ratio, rng):
        canvas = _over(canvas, np.array(NUCLEOLUS_RGB), 0.75 * spot * core)
    light = 1.0 + 0.04 * rng.normal() + 0.0012 * (x * rng.normal() + y * rng.normal())
    canvas = canvas * style.stain * light[..., None] * inside[..., None]
    canvas = np.stack([_blur(canvas[..., colour], style.blur) for colour in range(3)], axis=-1)
    canvas += rng.normal(0.0, 2.0, canvas.shape) * inside[..., None]
    pixels: Pixels = canvas.clip(0.0, 255.0).round().astype(np.uint8)
    return pixels


def _blob(x: Plane, y: Plane, radius: float, wobble: float, rng: np.random.Generator) -> Plane:
    """Return the distance in px to the rim of a wobbly disc around the origin, positive inside."""
    angle = np.arctan2(y, x)
    rim = np.ones_like(angle)
    for order in range(2, 7):
        rim += wobble * 2.0 / order * rng.normal() * np.cos(order * angle + rng.uniform(0.0, 2.0 * np.pi))
    distance: Plane = radius * rim - np.hypot(x, y)
    return distance


def _cover(distance: Plane) -> Plane:
    """Return the share 0..1 of each pixel within a shape, with a soft rim."""
    return 1.0 / (1.0 + np.exp(-2.2 * distance.clip(-20.0, 20.0)))


def _chromatin(blast: float, rng: np.random.Generator, size_px: int, unit: float) -> Plane:
    """Return brightness factors about 1: fine and even for blasts, clumped for mature cells."""
    fine = _noise(rng, size_px, 1.1 * unit)
    clumps = np.tanh(1.6 * _noise(rng, size_px, (4.2 - 1.2 * blast) * unit))
    pale = 0.92 + 0.24 * blast + 0.05 * rng.normal()
    return pale * (1.0 + 0.07 * fine + (0.24 - 0.17 * blast) * clumps)


def _nucleoli(x: Plane, y: Plane, blast: float, radius: float, rng: np.random.Generator) -> list[Plane]:
    """Return the soft covers of the nucleoli: up to four in blasts, rarely one in mature cells."""
    spots = []
    for _ in range(int(rng.binomial(4, 0.06 + 0.50 * blast**2))):
        angle, place = rng.uniform(0.0, 2.0 * np.pi), radius * 0.65 * np.sqrt(rng.uniform())
        width = rng.uniform(2.4, 4.6)
        distance = np.hypot(x - place * np.cos(angle), (y - place * np.sin(angle)) * rng.uniform(0.8, 1.25))
        spots.append(rng.uniform(0.45, 1.0) * np.exp(-((distance / width) ** 4)))
    return spots


def _over(below: npt.NDArray[np.float64], above: npt.NDArray[np.float64], cover: Plane) -> npt.NDArray[np.float64]:
    """Return `above` painted over `below` [S, S, 3] where `cover` is 1."""
    painted: npt.NDArray[np.float64] = below + (above - below) * cover[..., None]
    return painted


def _noise(rng: np.random.Generator, size_px: int, grain_px: float) -> Plane:
    """Return smooth noise with mean 0 and standard deviation 1, of grains about `grain_px` wide."""
    plane = _blur(rng.normal(size=(size_px, size_px)), grain_px)
    scaled: Plane = (plane - plane.mean()) / plane.std()
    return scaled


def _blur(plane: Plane, sigma_px: float) -> Plane:
    """Return `plane` under a Gaussian filter (periodic at the edges)."""
    down = np.fft.fftfreq(plane.shape[0])[:, None]
    right = np.fft.rfftfreq(plane.shape[1])[None, :]
    window = np.exp(-2.0 * (np.pi * sigma_px) ** 2 * (down**2 + right**2))
    blurred: Plane = np.fft.irfft2(np.fft.rfft2(plane) * window, s=plane.shape)
    return blurred
