"""Every protection of the comparison sums rightly; one whose library is missing is skipped with its name."""

from __future__ import annotations

import numpy as np
import pytest

from scripts.bench.schemes.base import CONFIG, Scheme, draw_update, missing, words_of
from scripts.bench.schemes.ckks import LEAN, Ckks
from scripts.bench.schemes.elgamal import ElGamal
from scripts.bench.schemes.flower import Flower
from scripts.bench.schemes.ours import Masked, Plain, Sealed, masked_sum
from scripts.bench.schemes.paillier import Paillier
from scripts.bench.schemes.targets import Target

SCHEMES: list[tuple[Scheme, float]] = [
    (Plain(), 1e-9),
    (Sealed(), 1e-6),
    (Masked(), 1e-6),
    (Ckks(), 1e-6),
    (Ckks("CKKS lean", LEAN), 1e-6),
    (Paillier(), 1e-6),
    (ElGamal(), 1e-6),
    (Flower(), 2e-5),
]
"""With the largest error that its numbers allow."""
UPDATES = [draw_update(70, seed) for seed in range(3)]


@pytest.mark.parametrize(("scheme", "error"), SCHEMES, ids=[scheme.name for scheme, _ in SCHEMES])
def test_the_sum_is_that_of_plain_addition(scheme: Scheme, error: float) -> None:
    if lacking := missing(scheme):
        pytest.skip(f"{', '.join(lacking)} not installed (requirements-bench.txt)")
    expected = np.stack(UPDATES).astype(np.float64).sum(axis=0)
    assert np.abs(scheme.total(UPDATES) - expected).max() <= error


@pytest.mark.parametrize("scheme", [Masked(), Paillier(), ElGamal()], ids=["masked", "Paillier", "EC ElGamal"])
def test_schemes_over_whole_numbers_agree_with_sealed_rounds_bit_for_bit(scheme: Scheme) -> None:
    if lacking := missing(scheme):
        pytest.skip(f"{', '.join(lacking)} not installed (requirements-bench.txt)")
    assert scheme.total(UPDATES).tobytes() == Sealed().total(UPDATES).tobytes()


@pytest.mark.parametrize("vanished", [0, 1, 3])
def test_masks_leave_nothing_behind_whoever_vanishes(vanished: int) -> None:
    words = [words_of(update) for update in UPDATES]
    weight = CONFIG.w_max * len(words)
    assert masked_sum(words, vanished).claims.weight == weight


def test_a_target_says_by_how_much_it_is_missed() -> None:
    assert Target("speed", 5.0, 6.0, "x", at_least=True).verdict == "MISSED by 1.2 x"
    assert Target("speed", 6.0, 6.0, "x", at_least=True).verdict == "met"
    assert Target("time", 3.0, 2.0, "s").verdict == "MISSED by 1.5 x"
    assert Target("difference", 0.0, 0.0, "").verdict == "met"
