"""Finds pictures that look the same although their pixels differ: saved again, scaled, made brighter.

Invariant: nothing is removed, because a look-alike may be another cell; the user gets the names. The cost is that of a
few sorts, n log n, for any pictures: in each sort a picture is compared with at most `NEIGHBOURS` others.

Source: imagehash (64 signs of a discrete cosine transform); G. S. Manku et al., "Detecting Near-Duplicates for Web
Crawling", 2007 (sorting by blocks of bits). Figures in DECISIONS.md.
Not here: equal pixels (duplicates.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from fl.training.data.listing import shown
from fl.training.pictures.colours import Pixels

DISTANCE = 2
"""Bits of 64 in which look-alikes may differ;"""
LIKENESS = 0.995
"""and the correlation of the brightness of their small copies is at least this. Copies saved as JPEG, at half the size,
or brighter, have 0.9966 at least; cells of one shape and different texture 0.994 at most (DECISIONS.md)."""
SMALL_PX = 32
NEIGHBOURS = 16
MOST = 50_000
"""The most pictures that are compared: their digests take about half a millisecond each."""
_BLOCK_BITS = 21
"""Of three blocks, at least one is equal in digests that differ in two bits."""
_SHIFTS = (0, 21, 42)
_EXAMPLES = 3
_PLACES = ("one in training and one in test", "in two classes", "of two persons")
"""What is reported of a pair; the first that fits. Pictures of one person may look alike."""


@dataclass(frozen=True, eq=False)
class Face:
    """What a picture looks like: a digest of 64 bits, and the brightness of a small copy, uint8 [32, 32]."""

    digest: int
    small: npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Look:
    """One picture.

    Attributes:
        face: From `face_of`.
        exact: A digest of its pixels; equal pictures are no look-alikes.
        name: For people.
        class_name: Of its class.
        test: Whether it is in the test part.
        group: Its person.
    """

    face: Face
    exact: bytes
    name: str
    class_name: str
    test: bool
    group: str


def face_of(pixels: Pixels) -> Face:
    """Return what uint8 [H, W, 3] looks like."""
    import imagehash  # noqa: PLC0415  # only `data check` compares

    image = Image.fromarray(pixels)
    signs = imagehash.phash(image).hash
    small = image.convert("L").resize((SMALL_PX, SMALL_PX), Image.Resampling.BOX)
    return Face(int.from_bytes(np.packbits(signs.ravel()).tobytes(), "big"), np.asarray(small, dtype=np.uint8))


def look_alikes(looks: Sequence[Look]) -> Iterator[str]:
    """Yield notes for the user about look-alikes on both sides of the split, in two classes, and of two persons."""
    if len(looks) > MOST:
        yield f"more than {MOST} pictures: they were compared pixel by pixel only, not for look-alikes"
        return
    found: defaultdict[str, list[tuple[Look, Look]]] = defaultdict(list)
    for first, second in _pairs(looks):
        found[_where(looks[first], looks[second])].append((looks[first], looks[second]))
    for where in _PLACES:
        if found[where]:
            what = f"{len(found[where])} pairs of pictures look the same but are not equal, {where}"
            yield f"{what}: {_some(found[where])}. They are used; look at them, and remove copies"


def _where(first: Look, second: Look) -> str:
    differs = (first.test != second.test, first.class_name != second.class_name, first.group != second.group)
    return next((where for where, apart in zip(_PLACES, differs, strict=True) if apart), "of one person")


def _some(pairs: Sequence[tuple[Look, Look]]) -> str:
    names = [f"{shown(first.name)} and {shown(second.name)}" for first, second in pairs[:_EXAMPLES]]
    return "; ".join(names) + (f"; and {len(pairs) - _EXAMPLES} more" if len(pairs) > _EXAMPLES else "")


def _pairs(looks: Sequence[Look]) -> list[tuple[int, int]]:
    """Return the positions of look-alikes, each pair once, sorted."""
    digests = np.array([look.face.digest for look in looks], np.uint64)
    found: set[tuple[int, int]] = set()
    for shift in _SHIFTS:
        blocks = (digests >> np.uint64(shift)) & np.uint64(2**_BLOCK_BITS - 1)
        order = np.lexsort((digests, blocks))
        for step in range(1, min(NEIGHBOURS, len(looks) - 1) + 1):
            found.update(_near(digests, blocks, order[:-step], order[step:]))
    return sorted(pair for pair in found if _alike(looks[pair[0]], looks[pair[1]]))


def _alike(first: Look, second: Look) -> bool:
    """Return whether two pictures differ in their pixels, but not in what a small copy shows."""
    if first.exact == second.exact:
        return False
    one, other = (each.face.small - each.face.small.mean() for each in (first, second))
    scale = float(np.sqrt((one**2).sum() * (other**2).sum()))
    return scale > 0.0 and float((one * other).sum()) / scale >= LIKENESS


def _near(
    digests: npt.NDArray[np.uint64],
    blocks: npt.NDArray[np.uint64],
    one: npt.NDArray[np.int64],
    other: npt.NDArray[np.int64],
) -> Iterator[tuple[int, int]]:
    """Yield the pairs of positions in `one` and `other` whose digests are near."""
    apart = np.bitwise_count(digests[one] ^ digests[other])
    for place in np.flatnonzero((blocks[one] == blocks[other]) & (apart <= DISTANCE)).tolist():
        first, second = sorted((int(one[place]), int(other[place])))
        yield first, second
