"""What a hospital makes part by part are the words that it makes at once, and a sum may lie in the model's memory."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fl.crypto.masking import Masks, apply
from fl.protocol.errors import EncodingError, NonFinite
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.rounds.parts import cuts
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.aggregation.choice import SCAFFOLD, Aggregation
from fl.training.aggregation.controls import ControlledWeights
from fl.training.aggregation.kinds import work_of
from fl.training.aggregation.lanes import Lane, LanePlan
from fl.training.aggregation.quantise import LANES, LocalMetrics, Quantiser, Vector
from fl.training.aggregation.sum import Sum
from fl.training.aggregation.trained_work import Training
from fl.training.aggregation.work import LaneValues, Learned, SumSpec, Work

CONFIG = RoundConfig(0.5, 50.0, 100, {}, LEUKEMIA)
CHOICE = Aggregation(SCAFFOLD, hospitals=4, control_clip=2.0, control_bound=500.0)
METRICS = LocalMetrics(70, 50, 0.5)


def lanes(words: int) -> SumSpec:
    return SumSpec(LanePlan("test.pieces", (Lane("counts", words, -5, 1000, "Counts."),)), "keep")


def work_and_learned(
    kind: str, size: int, scale: float, bits: int, seed: int, roster: int = 1
) -> tuple[Work, Vector, Learned]:
    draw = np.random.default_rng(seed)
    previous = draw.normal(size=size).astype(np.float32)
    trained = previous + draw.normal(scale=scale, size=size).astype(np.float32)
    config = replace(CONFIG, word_bits=bits, roster=roster)
    if kind == "weights":
        return work_of(config), previous, (trained, METRICS)
    if kind == "controls":
        change = draw.normal(scale=scale, size=size).astype(np.float32)
        scaffold = replace(config, training={"aggregation": CHOICE.to_dict()})
        return work_of(scaffold), previous, ControlledWeights(trained, METRICS, change)
    counts = draw.integers(-5, 1000, size)
    return work_of(replace(config, training=lanes(size).to_dict())), previous, LaneValues(counts, 70)


@settings(deadline=None, max_examples=60)
@given(
    kind=st.sampled_from(["weights", "controls", "lanes"]),
    size=st.integers(1, 90_000),
    part_words=st.integers(1, 80).map(lambda steps: 1024 * steps),
    scale=st.sampled_from([0.0, 0.001, 1.0, 1e3]),
    bits=st.sampled_from([32, 64]),
    seed=st.integers(0, 2**32),
    roster=st.sampled_from([4, 1024, 1025, 16_384]),
)
def test_the_parts_are_the_update(
    kind: str, size: int, part_words: int, scale: float, bits: int, seed: int, roster: int
) -> None:
    work, previous, learned = work_and_learned(kind, size, scale, bits, seed, roster)
    whole = work.encode(previous, learned)
    places = cuts(whole.size, part_words)
    pieces = list(work.pieces(previous, learned, places))
    assert [piece.dtype for piece in pieces] == [whole.dtype] * len(places)
    assert np.concatenate(pieces).tobytes() == whole.tobytes()
    masks = Masks((bytes(32), b"\1" * 32), (b"\2" * 32,))
    masked = [apply(piece, masks, place.start) for place, piece in zip(places, pieces, strict=True)]
    assert np.concatenate(masked).tobytes() == apply(whole, masks).tobytes()


def test_a_part_that_begins_inside_a_block_of_its_mask_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="whole block"):
        apply(np.zeros(4, np.int32), Masks((bytes(32),), ()), 2)


def test_what_cannot_be_quantised_is_refused_before_the_first_part() -> None:
    broken = np.array([1.0, np.nan], np.float32)
    with pytest.raises(NonFinite, match="trained weights"):
        Quantiser(np.zeros(2, np.float32), broken, METRICS, CONFIG)
    work, previous, learned = work_and_learned("lanes", 5, 1.0, 32, 1)
    for other in (Training(CONFIG), work_of(replace(CONFIG, training={"aggregation": CHOICE.to_dict()}))):
        with pytest.raises(EncodingError):
            other.pieces(previous, learned, cuts(9, 0))
    with pytest.raises(EncodingError):
        work.pieces(previous, (previous, METRICS), cuts(9, 0))


@pytest.mark.parametrize("roster", [4, 16_384])
@pytest.mark.parametrize("bits", [32, 64])
def test_a_model_in_the_memory_of_its_sum_has_the_same_bits(bits: int, roster: int) -> None:
    config = replace(CONFIG, word_bits=bits, roster=roster)
    work, previous, learned = work_and_learned("weights", 40_001, 0.01, bits, 3, roster)
    words = work.encode(previous, learned)
    plain = Sum.of(words.copy(), 1, roster=roster).apply(previous, config)
    total = Sum.of(words, 1, roster=roster, spare=True)
    claims, model = total.claims, total.apply(previous, config)
    assert model.tobytes() == plain.tobytes()
    assert np.shares_memory(model, words) == (bits == 32)
    assert (total.claims, total.words.size) == (claims, LANES)
    with pytest.raises(EncodingError):
        total.apply(previous, config)
