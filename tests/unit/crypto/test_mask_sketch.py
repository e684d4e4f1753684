"""The map from vectors and masks to sketches, against a dense matrix of whole numbers, and its published values."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given, settings
from hypothesis import strategies as st

from fl.crypto import mask_sketch, masking
from fl.crypto.mask_sketch import PLAIN, ROWS, SketchMap, sketch_from_bytes, sketch_to_bytes

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "mask_sketch.json").read_text())
SEED = b"s" * 32


def keystream(seed: bytes, count: int) -> bytes:
    return Cipher(algorithms.AES256(seed), modes.CTR(bytes(16))).encryptor().update(bytes(count))


def dense(seed: bytes, buckets: int, values: list[int], bits: int) -> list[int]:
    """Return the sketch by the definition, in whole numbers and without NumPy."""
    found = []
    for row in range(ROWS):
        key = hashlib.sha256(b"BAFL/1/sketchrow" + seed + bytes([row])).digest()
        stream, sums = keystream(key, 2 * len(values)), [0] * buckets
        for place, value in enumerate(values[:-PLAIN]):
            drawn = int.from_bytes(stream[2 * place : 2 * place + 2], "little")
            sums[drawn % buckets] += -value if drawn >= 1 << 15 else value
        found += sums
    return [each % (1 << bits) for each in (*found, *values[-PLAIN:])]


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 400),
    st.sampled_from([64, 128, 256]),
    st.sampled_from([32, 64]),
    st.binary(min_size=32, max_size=32),
    st.integers(1, 300),
)
def test_the_map_is_the_matrix_of_its_definition(words: int, buckets: int, bits: int, seed: bytes, chunk: int) -> None:
    rng = np.random.default_rng(list(seed))
    dtype = np.dtype(np.uint32 if bits == 32 else np.uint64)
    vector = rng.integers(0, 1 << bits, words + PLAIN, dtype, endpoint=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mask_sketch, "CHUNK", chunk)
        made = SketchMap(seed, buckets, words, wide=bits == 64).of([vector])[0]
    assert made.dtype == dtype
    assert made.tolist() == dense(seed, buckets, vector.tolist(), bits)


@pytest.mark.parametrize("wide", [False, True])
def test_masks_cancel_in_the_sketch_to_the_bit(*, wide: bool) -> None:
    rng, words = np.random.default_rng(7), mask_sketch.CHUNK + 5
    small = rng.integers(-(2**20), 2**20, words + PLAIN)
    clear = small.astype(np.int64) if wide else small.astype(np.int32)
    seeds = [bytes([number]) * 32 for number in range(3)]
    masked = masking.apply(clear.copy(), masking.Masks(tuple(seeds[:2]), tuple(seeds[2:])))
    mapping = SketchMap(SEED, 64, words, wide=wide)
    of_masked, first, second, third = mapping.of([masked, *seeds])
    rest = of_masked - first - second + third
    assert np.array_equal(rest, mapping.of([masking.as_ring(clear)])[0])
    length = np.sqrt(np.sum(masking.to_signed(rest)[:-PLAIN].astype(np.float64) ** 2) / ROWS)
    assert length == pytest.approx(np.linalg.norm(small[:-PLAIN].astype(np.float64)), rel=0.2)
    assert len(sketch_to_bytes(rest)) == mapping.size_bytes
    assert np.array_equal(sketch_from_bytes(sketch_to_bytes(rest), wide=wide), rest)


def test_no_pattern_of_half_the_ring_vanishes() -> None:
    """2^31 is its own opposite, so signs do not help: only where a word goes does."""
    words = 20_000
    half = np.zeros(words + PLAIN, np.uint32)
    half[:-PLAIN] = 1 << 31
    made = SketchMap(SEED, 64, words).of([half])[0][:-PLAIN]
    assert np.count_nonzero(made) > ROWS * 64 / 4


def test_two_equal_words_do_not_vanish_in_all_rows() -> None:
    words, lost = 1000, 0
    vector = np.zeros(words + PLAIN, np.uint32)
    vector[[3, 700]] = 1 << 20
    for number in range(300):
        mapping = SketchMap(number.to_bytes(32, "big"), 64, words)
        lost += not np.any(mapping.of([vector])[0])
    assert lost == 0


@pytest.mark.parametrize("case", VECTORS["maps"], ids=lambda case: case["name"])
def test_published_values(case: dict[str, object]) -> None:
    mapping = SketchMap(
        bytes.fromhex(str(case["seed"])), int(str(case["buckets"])), int(str(case["words"])), wide=bool(case["wide"])
    )
    made = mapping.of([bytes.fromhex(str(case["mask_seed"]))])[0]
    assert sketch_to_bytes(made).hex() == case["sketch"]


@given(cuts=st.lists(st.integers(0, 400), max_size=6), wide=st.booleans())
def test_a_sketch_that_grows_part_by_part_is_the_sketch_of_the_whole(cuts: list[int], *, wide: bool) -> None:
    vector = masking.as_ring(np.random.default_rng(3).integers(-(2**31), 2**31, 400, np.int64 if wide else np.int32))
    mapping = SketchMap(SEED, 64, 400 - PLAIN, wide=wide)
    growing = mapping.growing()
    for first, last in pairwise([0, *sorted(cuts), 400]):
        growing.add(vector[first:last])
    assert np.array_equal(growing.done(), mapping.of([vector])[0])
