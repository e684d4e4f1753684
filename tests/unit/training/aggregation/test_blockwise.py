from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.aggregation.blockwise import PIECE, summed
from fl.training.aggregation.quantise import LIMIT, SCALE, LocalMetrics, quantise

BLOCK = 1 << 16
LENGTHS = [0, 1, 7, PIECE - 1, PIECE, PIECE + 1, 40_001, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 200_003]


@pytest.mark.parametrize("length", LENGTHS)
def test_the_pieces_cover_a_vector_once_in_order(length: int) -> None:
    parts: list[slice] = []

    def note(part: slice) -> float:
        parts.append(part)
        return 0.0

    summed(note, length)
    assert [place for part in parts for place in range(part.start, part.stop)] == list(range(length))
    assert max((part.stop - part.start for part in parts), default=0) <= PIECE


@pytest.mark.parametrize("length", LENGTHS)
def test_a_sum_over_pieces_has_the_bits_of_numpys_sums_over_blocks(length: int) -> None:
    values = np.random.default_rng(length).normal(0, 1, length)
    expected = 0.0
    for start in range(0, length, BLOCK):
        expected += float(np.sum(values[start : start + BLOCK]))
    assert summed(lambda part: float(np.add.reduce(values[part])), length) == expected


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 1e3])
@pytest.mark.parametrize("bound", [1e-3, 50.0, 1e9])
def test_words_are_those_of_the_formula_written_over_whole_blocks(scale: float, bound: float) -> None:
    """PROTOCOL.md 5, Quantiser, in its plainest form: shrunk or not, clipped or not, the same words."""
    config = replace(RoundConfig(0.5, 50.0, 100, {}, LEUKEMIA), l2_bound=bound)
    draw = np.random.default_rng(5)
    previous = draw.normal(0, 0.1, 100_003).astype(np.float32)
    trained = (previous + draw.normal(0, scale, previous.size)).astype(np.float32)
    delta = trained.astype(np.float64) - previous
    norm = float(np.sqrt(float(np.sum(delta[:BLOCK] ** 2)) + float(np.sum(delta[BLOCK:] ** 2))))
    factor = min(1.0, bound / norm) * (77 / 100) * SCALE / 0.5
    expected = np.rint(np.clip(delta * factor, -LIMIT, LIMIT)).astype(np.int32)
    assert (quantise(previous, trained, LocalMetrics(77, 50, 0.3), config)[:-4] == expected).all()
