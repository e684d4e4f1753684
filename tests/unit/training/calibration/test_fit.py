"""Calibration from histograms: what was put in is found again, and promises hold on new draws."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from fl.protocol.errors import EncodingError
from fl.training.aggregation.rules import RULES
from fl.training.calibration import pinned
from fl.training.calibration.bins import (
    ALWAYS,
    BINS,
    NO_REACH,
    conformal_limit,
    distance_counts,
    reach_of,
    score_counts,
    sensitivity_limit,
)
from fl.training.calibration.fit import LOSS_STEP, SLOPES, best_slope, platt, whitener_of
from fl.training.calibration.numbers import ALL, Calibration, length_of, shapes
from fl.training.calibration.rule import CalibrationRule, calibrate
from fl.training.calibration.sketch import MIXED, SKETCH, STATISTICS, STEP, sketch

Floats = npt.NDArray[np.float64]


def drawn_margins(seed: int, count: int, slope: float, offset: float) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Return margins whose true log-odds are slope * margin + offset, and classes drawn from these."""
    rng = np.random.default_rng(seed)
    margins = rng.normal(0.0, 3.0, count)
    return margins, rng.random(count) < 1 / (1 + np.exp(-(slope * margins + offset)))


def test_the_pinned_exponential_is_that_of_the_system_to_a_few_units_in_the_last_place() -> None:
    x = np.concatenate([np.linspace(-700, 700, 4001), np.linspace(-1e-3, 1e-3, 101)])
    assert np.abs(pinned.exp(x) / np.exp(x) - 1).max() < 1e-15
    assert np.abs(pinned.softplus(x) - np.logaddexp(0, x)).max() < 1e-13
    assert np.abs(pinned.sigmoid(x[:4001]) - 1 / (1 + np.exp(-x[:4001]))).max() < 1e-15


@pytest.mark.parametrize(("slope", "offset"), [(0.5, 0.0), (1.0, 0.0), (2.5, -1.5), (0.3, 1.2)])
def test_the_slope_and_the_offset_that_made_the_classes_are_found(slope: float, offset: float) -> None:
    margins, positive = drawn_margins(1, 40_000, slope, offset)
    found = platt(score_counts(margins[~positive]), score_counts(margins[positive]))
    balanced = offset - math.log(positive.sum() / (~positive).sum())
    assert found == pytest.approx((slope, balanced), rel=0.1, abs=0.1)


def test_a_fit_is_the_minimum_that_another_optimiser_finds() -> None:
    margins, positive = drawn_margins(2, 700, 0.7, 0.4)
    bins = np.floor((np.clip(margins, -16, 16) + 16) * 8) / 8 - 16 + 1 / 16
    without, with_ = int((~positive).sum()), int(positive.sum())
    targets = np.where(positive, (with_ + 1) / (with_ + 2), 1 / (without + 2))

    def loss(x: Floats) -> float:
        scores = x[0] * bins + x[1]
        weights = np.where(positive, 350 / with_, 350 / without)
        return float((weights * (np.logaddexp(0, scores) - targets * scores)).sum())

    best = minimize(loss, np.array([1.0, 0.0]), tol=1e-12)
    found = platt(score_counts(margins[~positive]), score_counts(margins[positive]))
    assert found == pytest.approx(tuple(best.x), abs=1e-4)


def test_cells_of_one_class_more_or_fewer_do_not_shift_the_offset() -> None:
    margins, positive = drawn_margins(6, 20_000, 1.0, 0.0)
    few = score_counts(margins[~positive])
    many = score_counts(margins[positive])
    assert platt(few, many) == pytest.approx(platt(few, 20 * many), abs=0.02)


def test_classes_that_never_overlap_give_a_slope_within_bounds() -> None:
    slope, offset = platt(score_counts(np.full(50, -9.0)), score_counts(np.full(60, 9.0)))
    assert 0.0625 <= slope <= 16
    assert abs(offset) <= 16


@pytest.mark.parametrize("few", [0, 7, 29])
def test_with_few_cells_of_one_class_the_margins_stay_as_they_are(few: int) -> None:
    assert platt(score_counts(np.ones(few)), score_counts(np.ones(300))) == (1.0, 0.0)
    assert best_slope(np.array([few, 300, 300]), np.arange(3 * len(SLOPES))) == 1.0


@pytest.mark.parametrize("true", [0.4, 1.0, 2.7])
def test_the_temperature_of_several_classes_is_found_from_summed_losses(true: float) -> None:
    rng = np.random.default_rng(3)
    logits = rng.normal(0, 2.5, (30_000, 5))
    shares = np.exp(true * logits) / np.exp(true * logits).sum(axis=1, keepdims=True)
    labels = (shares.cumsum(axis=1) > rng.random((30_000, 1))).argmax(axis=1)
    losses = np.zeros((5, len(SLOPES)), np.int64)
    for column, slope in enumerate(SLOPES):
        z = slope * logits
        lost = np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(z)), labels]
        np.add.at(losses[:, column], labels, np.rint(lost / LOSS_STEP).astype(np.int64))
    assert best_slope(np.bincount(labels), losses.ravel()) == pytest.approx(true, rel=0.05)


@pytest.mark.parametrize("error", [0.05, 0.1, 0.3])
def test_a_conformal_set_covers_new_draws_as_promised_and_hardly_more(error: float) -> None:
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(60):
        limit = conformal_limit(score_counts(rng.normal(1.5, 2.0, 400)), error)
        covered.append(float((np.clip(rng.normal(1.5, 2.0, 4000), -16, 16) >= limit).mean()))
    assert -0.005 <= np.mean(covered) - (1 - error) <= 0.03


def test_a_class_with_few_cells_is_never_excluded() -> None:
    assert conformal_limit(score_counts(np.array([5.0] * 8)), 0.1) == ALWAYS
    assert conformal_limit(np.zeros(BINS, np.int64), 0.1) == ALWAYS
    assert conformal_limit(score_counts(np.array([5.0] * 10)), 0.1) == 5.0


@given(scores=st.lists(st.integers(-2000, 2000).map(lambda x: x / 100), max_size=60), error=st.floats(0.01, 0.5))
def test_of_the_counted_cells_no_more_than_the_stated_share_lose_their_class(scores: list[float], error: float) -> None:
    values = np.array(scores, np.float64)
    limit = conformal_limit(score_counts(values), error)
    assert (np.clip(values, -16, 16) < limit).sum() <= error * (len(values) + 1)


@given(scores=st.lists(st.integers(-2000, 2000).map(lambda x: x / 100), max_size=60), stated=st.floats(0.5, 0.99))
def test_of_the_counted_diseased_cells_at_least_the_stated_share_is_found(scores: list[float], stated: float) -> None:
    values = np.array(scores, np.float64)
    limit = sensitivity_limit(score_counts(values), stated)
    assert (np.clip(values, -16, 16) >= limit).sum() >= stated * len(values) - 1e-9


@pytest.mark.parametrize("stated", [0.8, 0.9, 0.97])
def test_the_threshold_finds_the_stated_share_of_new_diseased_cells(stated: float) -> None:
    rng = np.random.default_rng(5)
    found = []
    for _ in range(60):
        limit = sensitivity_limit(score_counts(rng.normal(2.0, 2.0, 500)), stated)
        found.append(float((rng.normal(2.0, 2.0, 4000) >= limit).mean()))
    assert -0.003 <= np.mean(found) - stated <= 0.03


def test_too_few_diseased_cells_give_a_threshold_that_finds_them_all() -> None:
    assert sensitivity_limit(score_counts(np.array([1.0, 2.0])), 0.9) == ALWAYS


def test_the_reach_keeps_the_stated_share_of_new_cells() -> None:
    rng = np.random.default_rng(6)
    reach = reach_of(distance_counts(np.abs(rng.normal(1, 0.2, 2000))), 0.98, 0)
    assert (np.abs(rng.normal(1, 0.2, 20_000)) < reach).mean() == pytest.approx(0.98, abs=0.01)
    assert reach_of(np.zeros(BINS, np.int64), 0.98, SKETCH) == NO_REACH
    assert reach_of(distance_counts(np.full(100, 1e9)), 0.98, SKETCH) == NO_REACH


def test_the_whitener_undoes_the_covariance_that_numpy_measures() -> None:
    rng = np.random.default_rng(7)
    mixing = 0.3 * np.eye(SKETCH) + rng.normal(size=(SKETCH, SKETCH)) * 0.03
    cells = np.rint(np.clip(rng.normal(size=(60_000, SKETCH)) @ mixing, -8, 8) / STEP).astype(np.int64)
    left, right = np.tril_indices(SKETCH)
    products = np.array([(cells[:, a] * cells[:, b]).sum() for a, b in zip(left, right, strict=True)], np.int64)
    whitener = whitener_of(np.array([60_000, 0]), np.stack([cells.sum(axis=0), np.zeros(SKETCH, np.int64)]), products)
    whitened = whitener @ np.cov(cells.T * STEP) @ whitener.T
    assert np.abs(whitened - np.eye(SKETCH)).max() < 0.05


def test_a_sketch_keeps_distances_and_is_the_same_alone_and_in_a_batch() -> None:
    rng = np.random.default_rng(8)
    features = rng.random((40, 1280)).astype(np.float32) * 2
    pictures = rng.integers(0, 256, (40, 16, 16, 3), np.uint8)
    whole = sketch(pictures, features)
    assert (whole[7] == sketch(pictures[7:8], features[7:8])[0]).all()
    apart = np.linalg.norm(features[:20] - features[20:], axis=1)
    mixed = whole[:, STATISTICS:]
    ratio = np.linalg.norm(mixed[:20] - mixed[20:], axis=1) / apart * math.sqrt(1280 / MIXED)
    assert 0.8 < ratio.mean() < 1.2


def test_new_cells_are_farther_than_those_that_were_fitted_as_the_correction_says() -> None:
    rng = np.random.default_rng(11)
    left, right = np.tril_indices(SKETCH)
    lost = []
    for _ in range(20):
        cells = np.rint(rng.normal(size=(2200, SKETCH)) / STEP).astype(np.int64)
        known, new = cells[:200], cells[200:]
        products = np.array([(known[:, a] * known[:, b]).sum() for a, b in zip(left, right, strict=True)], np.int64)
        whitener = whitener_of(np.array([200]), known.sum(axis=0), products)
        whitened = [((part - known.mean(axis=0)) * STEP) @ whitener.T for part in (known, new)]
        inside, outside = (np.sqrt((part**2).mean(axis=1)) for part in whitened)
        lost.append(float((outside >= reach_of(distance_counts(inside), 0.95, SKETCH)).mean()))
    assert 0.02 < np.mean(lost) < 0.07


def hospital(seed: int, count: int) -> dict[str, npt.NDArray[np.int64]]:
    """Return one hospital's lanes for both rounds; its scores, features and numbers are its own."""
    rng = np.random.default_rng(seed)
    margins, positive = drawn_margins(seed, count, 0.6, 0.3)
    cells = np.rint(np.clip(rng.normal(0, 1, (count, SKETCH)) + 0.5 * positive[:, None], -8, 8) / STEP).astype(np.int64)
    left, right = np.tril_indices(SKETCH)
    odds = np.where(positive, margins, -margins)
    return {
        "samples": np.bincount(positive, minlength=2).astype(np.int64),
        "sums": np.stack([cells[~positive].sum(axis=0), cells[positive].sum(axis=0)]).ravel(),
        "products": np.array([(cells[:, a] * cells[:, b]).sum() for a, b in zip(left, right, strict=True)], np.int64),
        "margins": np.concatenate([score_counts(margins[~positive]), score_counts(margins[positive])]),
        "own": np.concatenate([score_counts(odds[~positive]), score_counts(odds[positive])]),
        "diseased": score_counts(margins[positive]),
        "distances": distance_counts(np.abs(rng.normal(1, 0.2, count))),
    }


def summed(parts: list[dict[str, npt.NDArray[np.int64]]]) -> dict[str, npt.NDArray[np.int64]]:
    return {name: sum((part[name] for part in parts[1:]), parts[0][name]) for name in parts[0]}


def both_rounds(totals: dict[str, npt.NDArray[np.int64]], hospitals: int) -> npt.NDArray[np.float32]:
    weights = np.arange(5, dtype=np.float32)
    model = np.concatenate([weights, np.zeros(length_of(2), np.float32)])
    for step in ("scores", "limits"):
        model = calibrate(model, totals, hospitals, CalibrationRule(step, (False, True)).to_dict())
    return model


def test_every_split_of_the_cells_among_hospitals_gives_the_same_bits() -> None:
    groups = [hospital(seed, 40 + 7 * seed) for seed in range(12)]
    whole = both_rounds(summed(groups), 12)
    rng = np.random.default_rng(9)
    for hospitals in (1, 2, 5):
        owner = np.append(rng.permutation(hospitals), rng.integers(0, hospitals, 12 - hospitals))
        parts = [summed([g for g, who in zip(groups, owner, strict=True) if who == each]) for each in range(hospitals)]
        assert both_rounds(summed(parts), hospitals).tobytes() == whole.tobytes()


def test_the_rule_leaves_the_weights_and_fills_every_number() -> None:
    model = both_rounds(hospital(1, 4000), 1)
    found = Calibration.of(model[5:], 2)
    assert (model[:5] == np.arange(5)).all()
    assert found.state == ALL
    assert (found.slope, found.offset) == pytest.approx((0.6, 0.13), abs=0.08)
    assert 1.2 < found.reach < 1.7
    assert (found.to_vector() == model[5:]).all()
    assert found.samples.sum() == 4000


def test_limits_before_scores_are_refused() -> None:
    with pytest.raises(EncodingError, match="before its limits"):
        calibrate(
            np.zeros(length_of(2), np.float32), hospital(1, 50), 1, CalibrationRule("limits", (False, True)).to_dict()
        )


@pytest.mark.parametrize(
    "broken", [{"step": "more"}, {"disease": [1]}, {"disease": [2, 0]}, {"error": 0.0}, {"kept": 1.0}, {"other": 1}]
)
def test_settings_that_are_no_rule_are_refused(broken: dict[str, object]) -> None:
    settings = {**CalibrationRule("scores", (False, True)).to_dict(), **broken}
    with pytest.raises(EncodingError):
        calibrate(np.zeros(length_of(2), np.float32), hospital(1, 50), 1, settings)  # type: ignore[arg-type]


def test_the_round_finds_the_rule_by_its_name() -> None:
    assert RULES["calibrate"] is calibrate


def test_zeros_change_nothing() -> None:
    none = Calibration.of(np.zeros(length_of(3), np.float32), 3)
    rows = np.random.default_rng(1).dirichlet(np.ones(3), 20).astype(np.float32)
    assert none.probabilities(rows) is rows
    assert not none.complete
    assert none.probability_threshold == 0.5
    assert next(iter(shapes(3))) == "calibration.state"


@pytest.mark.parametrize("numbers", [np.full(length_of(2), np.nan), np.full(length_of(2), 7), np.zeros(3)])
def test_numbers_that_are_no_calibration_are_refused(numbers: Floats) -> None:
    with pytest.raises(EncodingError, match="calibration"):
        Calibration.of(numbers.astype(np.float32), 2)


def test_without_enough_diseased_cells_the_threshold_of_an_answer_is_a_half() -> None:
    """A limit below every score would call every cell diseased."""
    none = Calibration.of(np.zeros(length_of(2), np.float32), 2)
    assert replace(none, state=ALL, threshold=ALWAYS).probability_threshold == 0.5
    assert replace(none, state=ALL, threshold=-(2.0**20)).probability_threshold == 0.5
    assert replace(none, state=ALL, threshold=0.0).probability_threshold == 0.5
    assert replace(none, state=ALL, threshold=-1.0).probability_threshold < 0.3
