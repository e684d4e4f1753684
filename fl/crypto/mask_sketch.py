"""Sketches: a random linear map from a vector of words to a few hundred words, the same for updates and for masks.

Invariant: the map is linear over Z_2^32 (or Z_2^64), so the sketch of a masked update, less the sketches of its masks,
is the sketch of the update, to the bit. Sums are exact: a bucket of one chunk stays below 2^53 in binary64.

Row r of 4, from a 32-byte seed that nobody knew before the set was frozen:
    stream    = AES-256-CTR(H("BAFL/1/sketchrow" ‖ seed[32] ‖ r:u8)), counter from 0, as little-endian u16
    word w    -> bucket u_w mod B, with the sign - if u_w >= 2^15, else +
    A(v)      = rows · buckets sums of sign·v_w over w < d ‖ the last 4 words of v as they are

Source: PROTOCOL.md 5C; Charikar, Chen, Farach-Colton, 2002 (count sketch); Alon, Matias, Szegedy, 1996 (its length).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from fl.crypto.masking import Masked
from fl.protocol.codec import Writer
from fl.timing import timed

ROWS = 4
PLAIN = 4
"""The last words of a vector, which are not mixed: the lanes of an update."""
CHUNK = 1 << 18
"""Words at a time: 2^18 words below 2^32 add up to less than 2^50."""
_HALF = 32
_LOW = np.uint64(0xFFFFFFFF)

Ring = np.dtype[np.uint32] | np.dtype[np.uint64]
Places = npt.NDArray[np.intp]
"""Where the words of a chunk go in one row: bucket, or bucket + B for the sign minus."""


class SketchMap:
    """The map of one round."""

    def __init__(self, seed: bytes, buckets: int, words: int, *, wide: bool = False) -> None:
        """Map vectors of `words` + 4 words (d + 4) of 32 bits, or of 64 if `wide`, to `size` words.

        `seed` has 32 bytes; `buckets` is a power of two of at most 2^15.
        """
        self.seed, self._buckets, self._words = seed, buckets, words
        self._ring: Ring = np.dtype(np.uint64) if wide else np.dtype(np.uint32)

    @property
    def size(self) -> int:
        """Return how many words a sketch has."""
        return ROWS * self._buckets + PLAIN

    @property
    def size_bytes(self) -> int:
        return self.size * self._ring.itemsize

    @timed("sketch")
    def of(self, vectors: Sequence[Masked | bytes]) -> list[Masked]:
        """Return the sketches of several vectors, each [size]; the map is computed once for all of them.

        Bytes are the 32-byte seed of a mask, which is expanded piece by piece and never held as a whole.
        """
        sources = [_Words(each, self._ring) for each in vectors]
        totals = np.zeros((len(sources), ROWS, self._buckets), np.uint64)
        rows = _Rows(self.seed, self._buckets)
        for start in range(0, self._words, CHUNK):
            count = min(CHUNK, self._words - start)
            places = rows.take(count)
            for total, source in zip(totals, sources, strict=True):
                self.add(total, source.take(count), places)
        return [self.ended(total, source.take(PLAIN)) for total, source in zip(totals, sources, strict=True)]

    def growing(self) -> GrowingSketch:
        """Return the sketch of a vector whose words come later."""
        return GrowingSketch(self, _Rows(self.seed, self._buckets), self._words)

    def nothing(self) -> npt.NDArray[np.uint64]:
        """Return the buckets of no words yet, [rows, buckets]."""
        return np.zeros((ROWS, self._buckets), np.uint64)

    def ended(self, total: npt.NDArray[np.uint64], *plain: Masked) -> Masked:
        """Return the sketch of a vector from its buckets and its last words."""
        return np.concatenate([total.reshape(-1).astype(self._ring), *plain])  # mod 2^32, or as they are

    def add(self, total: npt.NDArray[np.uint64], words: Masked, places: Sequence[Places]) -> None:
        """Add a chunk of words to the buckets of each row, mod 2^64."""
        halves = [words] if self._ring.itemsize * 8 == _HALF else [words & _LOW, words >> np.uint64(_HALF)]
        for number, half in enumerate(halves):
            values = half.astype(np.float64)
            for row, where in enumerate(places):
                sums = np.bincount(where, values, 2 * self._buckets).astype(np.uint64)
                total[row] += (sums[: self._buckets] - sums[self._buckets :]) << np.uint64(_HALF * number)


class GrowingSketch:
    """The sketch of one vector whose words come part by part, in order; it holds none of them but the last four."""

    def __init__(self, mapping: SketchMap, rows: _Rows, words: int) -> None:
        self.mapping, self._rows, self._left = mapping, rows, words
        self._total = mapping.nothing()
        self._plain: list[Masked] = []

    @timed("sketch")
    def add(self, words: Masked) -> None:
        """Add the next words."""
        mixed = words[: self._left]
        for start in range(0, len(mixed), CHUNK):
            chunk = mixed[start : start + CHUNK]
            self.mapping.add(self._total, chunk, self._rows.take(len(chunk)))
        self._left -= len(mixed)
        self._plain.append(words[len(mixed) :].copy())

    def done(self) -> Masked:
        """Return the sketch after the last word, [size]."""
        return self.mapping.ended(self._total, *self._plain)


class _Rows:
    """Where the next words go in each row."""

    def __init__(self, seed: bytes, buckets: int) -> None:
        self._rows = [_expander(Writer("sketchrow").raw(seed, 32).u8(row).digest()) for row in range(ROWS)]
        self._buckets, self._low = np.uint16(buckets), np.uint16(buckets - 1)

    def take(self, count: int) -> list[Places]:
        zeros = bytes(2 * count)
        drawn = [np.frombuffer(row.update(zeros), "<u2") for row in self._rows]
        return [((each & self._low) + (each >> 15) * self._buckets).astype(np.intp) for each in drawn]


def sketch_to_bytes(sketch: Masked) -> bytes:
    """Return the words as little-endian bytes."""
    return sketch.astype(sketch.dtype.newbyteorder("<"), copy=False).tobytes()


def sketch_from_bytes(data: bytes, *, wide: bool) -> Masked:
    """Return the words of `size_bytes` bytes."""
    if wide:
        return np.frombuffer(data, "<u8").astype(np.uint64, copy=False)
    return np.frombuffer(data, "<u4").astype(np.uint32, copy=False)


class _Words:
    """The words of a vector, or of a mask's seed, in order."""

    def __init__(self, source: Masked | bytes, ring: Ring) -> None:
        self._at, self._ring = 0, ring
        self._source: Masked | CipherContext = _expander(source) if isinstance(source, bytes) else source

    def take(self, count: int) -> Masked:
        """Return the next words."""
        if isinstance(self._source, CipherContext):
            stream = self._source.update(bytes(count * self._ring.itemsize))
            return sketch_from_bytes(stream, wide=self._ring == np.uint64)
        taken = self._source[self._at : self._at + count]
        self._at += count
        return taken


def _expander(seed: bytes) -> CipherContext:
    return Cipher(algorithms.AES256(seed), modes.CTR(bytes(16))).encryptor()
