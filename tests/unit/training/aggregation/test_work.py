"""A configuration says what a round adds up; totals outside what hospitals can have are named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fl.protocol.errors import ClaimOutOfBounds, EncodingError, NonFinite, SumOutOfBounds
from fl.protocol.rounds.config import RoundConfig
from fl.protocol.task_catalogue import LEUKEMIA
from fl.training.aggregation.choice import Aggregation
from fl.training.aggregation.controls import ControlledWeights
from fl.training.aggregation.kinds import work_of
from fl.training.aggregation.lane_work import Lanes
from fl.training.aggregation.lanes import Entries, Lane, LanePlan
from fl.training.aggregation.quantise import LocalMetrics, Vector, Words, quantise
from fl.training.aggregation.rules import RULES, keep
from fl.training.aggregation.sum import Sum
from fl.training.aggregation.work import LaneValues, SumSpec, figures, without_sum

PLAN = LanePlan("test", (Lane("counts", 2, 0, 100, "Counts."), Lane("scores", 1, -5, 2**30, "Scores.")))
CONFIG = RoundConfig(0.5, 50.0, 1024, {"seed": 1, **SumSpec(PLAN, "keep").to_dict()}, LEUKEMIA, word_bits=64)
MODEL = np.array([0.5, -0.0, 1e-40], np.float32)


def words(*values: int, rows: int = 7) -> Words:
    return work_of(CONFIG).encode(MODEL, LaneValues(np.array(values, np.int64), rows))


def summed(*parts: Words) -> Sum:
    return work_of(CONFIG).sum_of(np.stack(parts).sum(axis=0), len(parts))


def test_a_configuration_without_lanes_trains() -> None:
    config = replace(CONFIG, training={"seed": 1}, word_bits=32)
    learned = (MODEL + np.float32(0.25), LocalMetrics(100, 80, 0.5))
    made = work_of(config).encode(MODEL, learned)
    assert made.tobytes() == quantise(MODEL, *learned, config).tobytes()
    assert work_of(config).words(3) == 3
    total = Sum(3)
    total.add(made)
    outcome = work_of(config).apply(total, MODEL)
    assert outcome.model.tobytes() == total.apply(MODEL, config).tobytes()
    assert (outcome.plan, outcome.totals) == (None, {})


def test_integers_arrive_as_they_are_with_the_rows_as_weight() -> None:
    assert words(3, 100, 2**30).tolist() == [3, 100, 2**30, 7, 0, 7, 0]
    assert words(0, 0, -5, rows=5000).tolist()[-4:] == [1024, 0, 5000, 0]
    assert work_of(CONFIG).words(MODEL.size * 1000) == 3


def test_totals_have_names_and_the_model_stays_bit_for_bit() -> None:
    outcome = work_of(CONFIG).apply(summed(words(3, 100, 2**30), words(4, 100, 2**30)), MODEL)
    assert outcome.model.tobytes() == MODEL.tobytes()
    assert outcome.plan == PLAN
    assert {name: entries.tolist() for name, entries in outcome.totals.items()} == {
        "counts": [7, 200],
        "scores": [2**31],
    }


@pytest.mark.parametrize(
    ("values", "lane"),
    [((101, 0, 0), "counts"), ((0, -1, 0), "counts"), ((0, 0, -6), "scores"), ((0, 0, 2**31), "scores")],
)
def test_one_update_outside_its_range_is_refused_by_name(values: tuple[int, ...], lane: str) -> None:
    with pytest.raises(ClaimOutOfBounds, match=lane):
        words(*values)
    visible = np.array([*values, 7, 0, 7, 0], np.int64)
    with pytest.raises(ClaimOutOfBounds, match=lane):
        work_of(CONFIG).check_update(visible)


@pytest.mark.parametrize(
    ("values", "lane"),
    [((201, 0, 0), "counts"), ((0, -1, 0), "counts"), ((0, 0, -11), "scores"), ((0, 0, 2**62), "scores")],
)
def test_a_sum_that_so_many_hospitals_cannot_reach_is_refused_by_name(values: tuple[int, ...], lane: str) -> None:
    total = np.array([*values, 14, 0, 14, 0], np.int64)
    with pytest.raises(SumOutOfBounds, match=f"2 hospitals has a {lane} of"):
        work_of(CONFIG).sum_of(total, 2)


@pytest.mark.parametrize(
    ("claims", "what"),
    [((14, 1, 14, 0), "correct"), ((14, 0, 14, 1), "loss"), ((1, 0, 1, 0), "samples"), ((15, 0, 14, 0), "weight")],
)
def test_claims_of_a_training_have_no_place_in_a_sum(claims: tuple[int, ...], what: str) -> None:
    total = work_of(CONFIG).sum_of(np.array([1, 1, 1, *claims], np.int64), 2)
    with pytest.raises(SumOutOfBounds, match=f"a {what} of"):
        work_of(CONFIG).check_sum(total)
    one = np.array([1, 1, 1, *claims], np.int64)
    if what in ("correct", "loss"):
        with pytest.raises(ClaimOutOfBounds, match=what):
            work_of(CONFIG).check_update(one)


def test_weights_and_lanes_are_not_mistaken_for_each_other() -> None:
    with pytest.raises(EncodingError, match="trained weights"):
        work_of(CONFIG).encode(MODEL, (MODEL, LocalMetrics(1, 1, 0.0)))
    with pytest.raises(EncodingError, match="lanes"):
        work_of(replace(CONFIG, training={})).encode(MODEL, LaneValues(np.zeros(3, np.int64), 1))


def test_a_hospital_without_rows_cannot_take_part() -> None:
    with pytest.raises(EncodingError, match="0 rows"):
        words(0, 0, 0, rows=0)


def test_an_empty_sum_makes_no_model() -> None:
    with pytest.raises(EncodingError, match="no update"):
        work_of(CONFIG).apply(Sum(3, 64), MODEL)


@pytest.mark.parametrize(
    "change",
    [
        {"rule": {"name": "unheard-of"}},
        {"rule": {}},
        {"rule": "keep"},
        {"sum": {}},
        {"sum": None},
    ],
)
def test_an_unknown_rule_or_plan_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(EncodingError):
        work_of(replace(CONFIG, training={**CONFIG.training, **change}))


@pytest.mark.parametrize("missing", ["sum", "rule"])
def test_half_a_sum_is_no_training(missing: str) -> None:
    half = {name: value for name, value in CONFIG.training.items() if name != missing}
    with pytest.raises(EncodingError):
        work_of(replace(CONFIG, training=half))


def test_wide_lanes_do_not_go_into_narrow_words() -> None:
    with pytest.raises(EncodingError, match="words of 64 bits, not 32"):
        work_of(replace(CONFIG, word_bits=32))


@pytest.mark.parametrize(
    ("made", "error"),
    [
        (MODEL[:2], EncodingError),
        (MODEL.astype(np.float64), EncodingError),
        (np.array([0, np.nan, 1], np.float32), NonFinite),
    ],
)
def test_a_rule_that_makes_no_model_is_refused(made: Any, error: type[Exception]) -> None:
    work = Lanes(CONFIG, PLAN, lambda *_given: made, {})
    with pytest.raises(error):
        work.apply(summed(words(1, 1, 1)), MODEL)


def test_a_rule_gets_totals_hospitals_and_settings_and_may_not_change_the_totals() -> None:
    def rule(previous: Vector, totals: Mapping[str, Entries], hospitals: int, settings: Mapping[str, Any]) -> Vector:
        assert (hospitals, dict(settings)) == (2, {"step": 3})
        with pytest.raises(ValueError, match="read-only"):
            totals["counts"][0] = 9
        return previous + np.float32(int(totals["scores"][0]))

    outcome = Lanes(CONFIG, PLAN, rule, {"step": 3}).apply(summed(words(0, 0, 1), words(0, 0, 2)), MODEL)
    assert outcome.model.tolist() == (MODEL + np.float32(3)).tolist()


def test_a_spec_survives_its_document_with_the_settings_of_its_rule() -> None:
    spec = SumSpec(PLAN, "keep", {"step": 3})
    training = {"seed": 1, **spec.to_dict()}
    assert SumSpec.from_dict(training) == spec
    assert without_sum(training) == {"seed": 1}


def test_the_log_of_a_hospital_says_rows_or_samples() -> None:
    assert figures(LaneValues(np.zeros(3, np.int64), 7)) == {"rows": 7}
    assert figures((MODEL, LocalMetrics(9, 1, 0.12341))) == {"samples": 9, "loss": 0.1234}


def test_the_rule_keep_returns_a_model_of_its_own() -> None:
    kept = keep(MODEL, {}, 1, {})
    assert kept.tobytes() == MODEL.tobytes()
    assert kept is not MODEL
    assert RULES["keep"] is keep


@pytest.mark.parametrize(
    "training",
    [
        {},
        {"aggregation": Aggregation("fedadam").to_dict()},
        {"aggregation": Aggregation("median").to_dict()},
        {"aggregation": Aggregation("scaffold").to_dict()},
        {"aggregation": Aggregation("voted", groups=2).to_dict(), "group": 1},
    ],
)
def test_fixed_numbers_behind_the_weights_keep_their_bits_whatever_a_hospital_sends(training: dict[str, Any]) -> None:
    config, weights = RoundConfig(0.5, 50.0, 1024, training, LEUKEMIA), np.arange(6, dtype=np.float32)
    choice = Aggregation.of(training)
    previous = np.concatenate([weights, choice.first_state(6)])
    honest, lie = np.array([0.1] * 4 + [0.0] * 2, np.float32), np.array([0.1] * 4 + [0.3] * 2, np.float32)

    def next_model(moves: list[Vector], fixed: int) -> Vector:
        work, metrics = work_of(config, fixed), LocalMetrics(10, 5, 0.5)
        learned = [
            ControlledWeights(weights + each, metrics, each) if choice.rule == "scaffold" else (weights + each, metrics)
            for each in moves
        ]
        rows = [work.encode(weights, each) for each in learned]
        return work.apply(work.sum_of(np.add.reduce(rows), len(rows), (), rows), previous).model

    plain = next_model([honest] * 3, 0)
    assert next_model([honest] * 3, 2).tobytes() == plain.tobytes()
    assert next_model([lie] * 3, 2).tobytes() == plain.tobytes()
    assert next_model([lie] * 3, 0).tobytes() != plain.tobytes()
