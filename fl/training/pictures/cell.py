"""Finds the stained cell in a picture, and measures it.

Invariant: the result depends on the cell, not on the resolution or the area around it: the cell is found in a small
copy, then measured in a copy that shows every cell in about the same size.

Source: N. Otsu, "A threshold selection method from gray-level histograms", 1979; scipy.ndimage (components).
Not here: whether it really is a cell (gate.py).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from fl.training.pictures.colours import Pixels

Mask = npt.NDArray[np.bool_]
Plane = npt.NDArray[np.float32]

COARSE_PX = 192
"""Longest side of the copy in which the cell is found."""
FINE_PX = 96
"""Side of the copy in which it is measured; it shows FINE_REACH diameters, at every resolution."""
FINE_REACH = 2.2
DARK_BACKGROUND = 40
"""A border with a median below this in all colours is black: the cell was cut out, as in C-NMC."""
RIVAL = 0.6
"""Another part is another cell if its area is at least this share of the largest one's,"""
LOBES = 1.8
"""and its distance is more than this many diameters; a nearer part is a lobe of the same nucleus."""
SPLIT_MIN = 28
"""Two shades of stain that differ by more than this are the nucleus and something paler (plasma, red cells)."""


@dataclass(frozen=True)
class Cell:
    """One cell in a picture: centre and diameter (of a disc of the same area) in pixels of that picture.

    Attributes:
        y, x: The centre, from the upper left corner.
        diameter: Of the whole cell on black; of its nucleus on a light background.
        on_black: Whether the background is black.
        ground: The background's colour.
        box: Top, left, bottom, right of its bounding box.
        colours: Pixels of the found part, uint8 [k, 3], from the small copy.
        rivals: How many other parts in the whole picture are more than `RIVAL` times as large.
    """

    y: float
    x: float
    diameter: float
    on_black: bool
    ground: tuple[int, int, int]
    box: tuple[float, float, float, float]
    colours: Pixels
    rivals: int = 0

    @property
    def fullness(self) -> float:
        """Return the area divided by that of the bounding box; a disc has 0.79."""
        height, width = self.box[2] - self.box[0], self.box[3] - self.box[1]
        return float(np.pi * self.diameter**2 / 4 / (height * width))


def find_cell(pixels: Pixels) -> Cell | None:
    """Return the largest stained cell of uint8 [H, W, 3], or None if nothing differs from the background."""
    height, width = pixels.shape[:2]
    ground = _ground(pixels)
    whole = (0.0, 0.0, float(height), float(width))
    shrink = max(1.0, max(height, width) / COARSE_PX)
    copy = _copy(pixels, whole, (round(height / shrink), round(width / shrink)))
    coarse = _measure(copy, whole, ground)
    if coarse is None:
        return None
    reach = coarse.diameter * FINE_REACH / 2
    window = (coarse.y - reach, coarse.x - reach, coarse.y + reach, coarse.x + reach)
    fine = _measure(_copy(pixels, window, (FINE_PX, FINE_PX), ground), window, ground)
    return replace(fine, rivals=coarse.rivals) if fine else coarse


def is_on_black(pixels: Pixels) -> bool:
    return max(_ground(pixels)) < DARK_BACKGROUND


def _ground(pixels: Pixels) -> tuple[int, int, int]:
    """Return the median colour of the picture's border."""
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    red, green, blue = (int(value) for value in np.median(border, axis=0))
    return red, green, blue


Window = tuple[float, float, float, float]
"""Top, left, bottom, right in pixels; it may extend beyond the picture."""


def _copy(pixels: Pixels, window: Window, size: tuple[int, int], ground: tuple[int, int, int] = (0, 0, 0)) -> Pixels:
    """Return the content of `window` as uint8 [*size, 3], without aliasing; `ground` fills the outside."""
    height, width = pixels.shape[:2]
    top, left, bottom, right = window
    edges = (int(np.floor(top)), int(np.floor(left)), int(np.ceil(bottom)), int(np.ceil(right)))
    inner = pixels[max(edges[0], 0) : min(edges[2], height), max(edges[1], 0) : min(edges[3], width)]
    image = Image.fromarray(np.ascontiguousarray(inner))
    if inner.shape[:2] != (edges[2] - edges[0], edges[3] - edges[1]):
        canvas = Image.new("RGB", (edges[3] - edges[1], edges[2] - edges[0]), ground)
        canvas.paste(image, (max(-edges[1], 0), max(-edges[0], 0)))
        image = canvas
    box = (left - edges[1], top - edges[0], right - edges[1], bottom - edges[0])
    resized = image.resize((max(size[1], 1), max(size[0], 1)), Image.Resampling.LANCZOS, box=box)
    return np.asarray(resized, dtype=np.uint8)


def _measure(copy: Pixels, window: Window, ground: tuple[int, int, int]) -> Cell | None:
    """Return the cell in a copy, in pixels of the picture that `window` was cut from."""
    on_black = max(ground) < DARK_BACKGROUND
    mask = _on_black(copy, ground) if on_black else _stained(copy)
    bridge, apart = (1.0, 0.0) if on_black else (0.02 * max(copy.shape[:2]), LOBES)
    mask, rivals = _largest(mask, bridge, apart)
    if on_black:
        mask = ndimage.binary_fill_holes(mask)
    rows, columns = np.nonzero(mask)
    if not rows.size:
        return None
    scale = (window[2] - window[0]) / copy.shape[0]
    top, left = window[0] + rows.min() * scale, window[1] + columns.min() * scale
    bottom, right = window[0] + (rows.max() + 1) * scale, window[1] + (columns.max() + 1) * scale
    return Cell(
        y=window[0] + (float(rows.mean()) + 0.5) * scale,
        x=window[1] + (float(columns.mean()) + 0.5) * scale,
        diameter=2.0 * float(np.sqrt(rows.size / np.pi)) * scale,
        on_black=on_black,
        ground=ground,
        box=(float(top), float(left), float(bottom), float(right)),
        colours=copy[rows, columns],
        rivals=rivals,
    )


def _on_black(copy: Pixels, ground: tuple[int, int, int]) -> Mask:
    """Return the pixels that are brighter than the black background; the rim has half the cell's brightness."""
    light = copy.max(axis=2)
    floor = max(ground) + 16
    inside = light[light > floor]
    if not inside.size:
        return np.zeros(light.shape, np.bool_)
    rim = max(float(floor), (max(ground) + float(np.median(inside))) * 0.4)
    return np.asarray(light > rim)


def _stained(copy: Pixels) -> Mask:
    """Return the pixels with the darkest stain: nuclei, whose dye absorbs green light."""
    red, green, blue = (ndimage.gaussian_filter(copy[..., channel].astype(np.float32), 0.7) for channel in range(3))
    stain = np.clip(255.0 - green + (np.minimum(red, blue) - green) * 0.5, 0, 255).astype(np.uint8)
    limit = otsu(stain)
    strong = stain[stain > limit]
    if strong.size:
        split = otsu(strong)
        upper, lower = strong[strong > split], strong[strong <= split]
        if upper.size and lower.size and float(upper.mean()) - float(lower.mean()) > SPLIT_MIN:
            limit = split
    return np.asarray(stain > limit)


def otsu(values: npt.NDArray[np.uint8]) -> int:
    """Return Otsu's threshold, which separates `values` into two classes."""
    counts = np.bincount(values.ravel(), minlength=256).astype(np.float64)
    below, weighted = counts.cumsum(), (counts * np.arange(256)).cumsum()
    spread = below * (below[-1] - below)
    between = np.zeros(256)
    np.divide((weighted[-1] * below / below[-1] - weighted) ** 2, spread, out=between, where=spread > 0)
    return int(between.argmax())


def _largest(mask: Mask, bridge_px: float, apart: float) -> tuple[Mask, int]:
    """Return the largest connected part of `mask`, and how many others are nearly as large.

    Gaps of about `bridge_px` (between the lobes of a nucleus) are closed; another part counts if it is `apart`
    diameters away.
    """
    soft = ndimage.gaussian_filter(mask.astype(np.float32), bridge_px) > 0.35  # noqa: PLR2004  # a little under half
    parts, count = ndimage.label(soft)
    if not count:
        return np.zeros(mask.shape, np.bool_), 0
    areas = np.bincount(parts[mask], minlength=count + 1)
    areas[0] = 0
    main = int(areas.argmax())
    reach = apart * 2.0 * float(np.sqrt(areas[main] / np.pi))
    others = [index for index in np.flatnonzero(areas > RIVAL * areas[main]).tolist() if index != main]
    centres = np.array(ndimage.center_of_mass(mask, parts, [main, *others]))
    rivals = int((np.hypot(*(centres[1:] - centres[0]).T) > reach).sum())
    return np.asarray(mask & (parts == main)), rivals
