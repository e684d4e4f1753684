"""Rules against liars: each against plain NumPy on the hospitals' own changes, in any order, with liars among them."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import numpy.typing as npt
import pytest

from fl.protocol.codec import JsonValue
from fl.protocol.errors import EncodingError
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.aggregation.blockwise import PIECE
from fl.training.aggregation.choice import CLIPPED, KRUM, MEDIAN, TRIMMED, Aggregation
from fl.training.aggregation.claims import Claims
from fl.training.aggregation.quantise import LocalMetrics, Vector, Words, quantise
from fl.training.aggregation.robust import BLOCK, Updates, _product, krum_chosen, robust_change
from fl.training.aggregation.sum import Sum

Floats = npt.NDArray[np.float64]
CHOICES = [
    Aggregation(MEDIAN),
    Aggregation(TRIMMED, attackers=1),
    Aggregation(TRIMMED, attackers=2),
    Aggregation(KRUM, attackers=1),
    Aggregation(KRUM, attackers=2),
    Aggregation(CLIPPED, bound=0.05),
]
NAMES = [f"{choice.rule} {choice.attackers}" for choice in CHOICES]


def config(choice: Aggregation, bits: int = 32, w_max: int = 1000) -> RoundConfig:
    training: dict[str, JsonValue] = {"aggregation": choice.to_dict()}
    return RoundConfig(clip=0.5, l2_bound=50.0, w_max=w_max, training=training, task=LEUKEMIA, word_bits=bits)


def learned(
    hospitals: int, size: int, config: RoundConfig, liar: Floats | None = None
) -> tuple[Vector, list[Words], list[int]]:
    """Return the previous weights, honest updates with differing weights (and one of a liar), and these weights."""
    chance = np.random.default_rng([hospitals, size])
    previous = chance.normal(0, 0.1, size).astype(np.float32)
    direction = chance.normal(0, 0.01, size)
    steps = [direction + chance.normal(0, 0.005, size) for _ in range(hospitals)]
    if liar is not None:
        steps[0] = liar
    samples = [int(number) for number in chance.integers(20, 1000, hospitals)]
    rows = [
        quantise(previous, (previous + step).astype(np.float32), LocalMetrics(count, 1, 0.5), config)
        for step, count in zip(steps, samples, strict=True)
    ]
    return previous, rows, [min(count, config.w_max) for count in samples]


def applied(rows: list[Words], previous: Vector, config: RoundConfig) -> Vector:
    total = Sum(previous.size, config.word_bits)
    for row in rows:
        total.add(row)
    return Sum.of(total._words, len(rows), [Claims.of(row, 1) for row in rows], rows).apply(previous, config)


def reference(changes: Floats, weights: list[int], choice: Aggregation) -> Floats:
    """Return the papers' rule on changes float64 [hospitals, d]."""
    drop, count = choice.attackers, len(changes)
    if choice.rule == MEDIAN:
        return np.asarray(np.median(changes, axis=0))
    if choice.rule == TRIMMED:
        return np.asarray(np.sort(changes, axis=0)[drop : count - drop].mean(axis=0))
    if choice.rule == KRUM:
        apart = ((changes[:, np.newaxis] - changes[np.newaxis]) ** 2).sum(axis=2)
        scores = np.sort(apart, axis=1)[:, 1 : count - drop - 1].sum(axis=1)
        best = np.argsort(scores)[: count - drop]
        return np.average(changes[best], axis=0, weights=[weights[index] for index in best])
    norms = np.sqrt((changes**2).sum(axis=1))
    return np.average(changes * np.minimum(1, choice.bound / norms)[:, np.newaxis], axis=0, weights=weights)


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize(("hospitals", "size"), [(7, 1), (8, 40), (7, PIECE + 7)])
@pytest.mark.parametrize("choice", CHOICES, ids=NAMES)
def test_the_model_is_that_of_plain_numpy(choice: Aggregation, hospitals: int, size: int, bits: int) -> None:
    chosen = config(choice, bits)
    previous, rows, weights = learned(hospitals, size, chosen)
    changes = Updates(rows, chosen).changes(slice(0, size))
    model = applied(rows, previous, chosen)
    step = 0.5 * 1000 / 2**21 / sum(weights) * hospitals
    expected = previous + reference(changes, weights, choice)
    assert np.abs(model - expected).max() <= step + 2**-22


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("choice", CHOICES, ids=NAMES)
def test_the_order_of_the_hospitals_does_not_change_a_bit(choice: Aggregation, bits: int) -> None:
    chosen = config(choice, bits)
    previous, rows, _ = learned(7, 30, chosen)
    orders = list(permutations(range(7)))[::501]
    models = {applied([rows[index] for index in order], previous, chosen).tobytes() for order in orders}
    assert len(models) == 1


@pytest.mark.parametrize("choice", CHOICES, ids=NAMES)
def test_the_size_of_a_block_does_not_change_a_bit(choice: Aggregation) -> None:
    chosen = config(choice)
    _, rows, _ = learned(7, 100, chosen)
    whole, small = (robust_change(Updates(rows, chosen, block), choice) for block in (BLOCK, 7 * 3))
    assert small(slice(0, 100)).tobytes() == whole(slice(0, 100)).tobytes()


def test_krum_with_equal_scores_does_not_depend_on_the_order() -> None:
    chosen = config(Aggregation(KRUM, attackers=1))
    rows = [np.array([value, 100, 1, 100, 0], np.int32) for value in (-3, -1, 0, 1, 3)]
    for order in permutations(rows):
        chosen_rows = sorted(int(order[index][0]) for index in krum_chosen(Updates(order, chosen), 1))
        assert chosen_rows == [-3, -1, 0, 1, 3], "the scores are 13, 5, 2, 5, 13, and four places are free"


@pytest.mark.parametrize("bits", [32, 64])
def test_scalar_products_of_the_largest_words_are_exact(bits: int) -> None:
    limit = {32: 2**21 - 1, 64: 2**43 - 1}[bits]
    size = PIECE + 1
    row: Words = np.full(size + 4, -limit, np.int32) if bits == 32 else np.full(size + 4, -limit, np.int64)
    row[:size:2] = limit
    other: Words = np.abs(row)
    updates = Updates([row, other], config(Aggregation(KRUM), bits))
    assert _product(updates, 0, 0) == size * limit * limit
    assert _product(updates, 0, 1) == limit * limit


@pytest.mark.parametrize("choice", CHOICES, ids=NAMES)
@pytest.mark.parametrize("times", [10.0, -10.0, 1000.0])
def test_one_liar_moves_the_model_no_further_than_honest_hospitals_would(choice: Aggregation, times: float) -> None:
    chosen = config(choice, w_max=1)
    size = 500
    lie = np.full(size, 0.01 * times)
    previous, rows, _ = learned(7, size, chosen, lie)
    honest = Updates(rows[1:], chosen).changes(slice(0, size))
    moved = applied(rows, previous, chosen).astype(np.float64) - previous
    if choice.rule == CLIPPED:
        rest = np.minimum(1, choice.bound / np.sqrt((honest**2).sum(axis=1)))[:, np.newaxis] * honest
        assert np.linalg.norm(moved - rest.sum(axis=0) / 7) <= choice.bound / 7 + 1e-4
    else:
        assert (moved <= honest.max(axis=0) + 1e-6).all()
        assert (moved >= honest.min(axis=0) - 1e-6).all()


def test_plain_averaging_follows_the_same_liar_much_further() -> None:
    chosen = config(Aggregation(), w_max=1)
    previous, rows, _ = learned(7, 500, chosen, np.full(500, 1.0))
    moved = applied(rows, previous, chosen).astype(np.float64) - previous
    honest = Updates(rows[1:], chosen).changes(slice(0, 500))
    assert (moved > honest.max(axis=0)).mean() > 0.99


@pytest.mark.parametrize(("choice", "hospitals"), [(Aggregation(TRIMMED, attackers=2), 4), (Aggregation(KRUM), 4)])
def test_too_few_updates_for_the_rule_make_no_model(choice: Aggregation, hospitals: int) -> None:
    chosen = config(choice)
    previous, rows, _ = learned(hospitals, 5, chosen)
    with pytest.raises(EncodingError, match=f"needs {hospitals + 1} updates, and there are {hospitals}"):
        applied(rows, previous, chosen)


def test_a_bare_sum_is_no_ground_for_a_rule_that_looks_at_updates() -> None:
    chosen = config(Aggregation(MEDIAN))
    previous, rows, _ = learned(3, 5, chosen)
    total = Sum(5)
    for row in rows:
        total.add(row)
    with pytest.raises(EncodingError, match="use a sealed round"):
        total.apply(previous, chosen)
