"""What a hospital enters into the two rounds that calibrate a model: counts and sums over its held-back images.

Invariant: every entry is a count, or a sum of numbers in fixed point; no single image's score or features leave the
hospital, and at most `CalibrationRule.cells` images count.

Source: fl/training/calibration (what follows from the sums).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fl.training.aggregation.lanes import Entries, Lane, LanePlan
from fl.training.aggregation.quantise import Grid
from fl.training.calibration.bins import BINS, distance_counts, score_counts
from fl.training.calibration.fit import LOSS_MOST, LOSS_STEP, SLOPES
from fl.training.calibration.numbers import log_odds, log_sum, logarithms, own_odds
from fl.training.calibration.pinned import Floats
from fl.training.calibration.rule import MAX_CELLS, SCORES_STEP, CalibrationRule
from fl.training.calibration.sketch import LARGEST, SKETCH, STEP, TRIANGLE
from fl.training.data.dataset import Dataset
from fl.training.evaluation.predict import Predictor

_MOST = int(LARGEST / STEP)
_BINARY = 2


def purpose_of(step: str) -> str:
    """Return the purpose of the lanes of a step."""
    return f"calibration-{step}"


def lane_plan(rule: CalibrationRule) -> LanePlan:
    """Return the lanes of one of the two rounds."""
    lanes = _score_lanes(rule) if rule.step == SCORES_STEP else _limit_lanes(rule)
    return LanePlan(purpose_of(rule.step), tuple(lanes))


def cells_for(hospitals: int) -> int:
    """Return how many held-back images of each of so many hospitals can count, at most MAX_CELLS."""
    return min(MAX_CELLS, Grid.of(64, hospitals).scale // _MOST**2)


def _score_lanes(rule: CalibrationRule) -> list[Lane]:
    classes = rule.classes
    entry, square = rule.cells * _MOST, rule.cells * _MOST**2 - 1
    lanes = [
        Lane("samples", classes, 0, rule.cells, "How many held-back images of each class all hospitals have."),
        Lane("sums", classes * SKETCH, -entry, entry, "The mean of 32 mixed features for each class."),
        Lane("products", TRIANGLE, -square, square, "How these mixed features vary together over all images."),
    ]
    if classes > _BINARY:
        most = round(LOSS_MOST / LOSS_STEP) * rule.cells
        return [*lanes, Lane("losses", classes * len(SLOPES), 0, most, "Each class's mean error at 64 temperatures.")]
    what = "How many images of each class got which score from the model."
    return [*lanes, Lane("margins", _BINARY * BINS, 0, rule.cells, what)]


def _limit_lanes(rule: CalibrationRule) -> list[Lane]:
    what = "How many images of each class got which calibrated score for their own class."
    far = "How many images are how far from the mean features of the nearest class."
    lanes = [Lane("own", rule.classes * BINS, 0, rule.cells, what), Lane("distances", BINS, 0, rule.cells, far)]
    if any(rule.disease):
        sick = "How many images of a disease got which calibrated score for disease."
        lanes.append(Lane("diseased", BINS, 0, rule.cells, sick))
    return lanes


def entries_of(predictor: Predictor, held: Dataset | None, rule: CalibrationRule) -> dict[str, Entries]:
    """Return one hospital's entries, lane's name -> int64 [length]; zeros where it holds nothing back.

    Raises:
        DatasetUnusable: there are more classes than the model has outputs.
        NonFinite: a result is not a probability.
    """
    if held is None:
        return {lane.name: np.zeros(lane.length, np.int64) for lane in lane_plan(rule).lanes}
    held = held.for_model(predictor.spec.size_px, predictor.spec.classes).take(np.arange(min(len(held), rule.cells)))
    rows, sketches = predictor.look(held.images)
    if rule.step == SCORES_STEP:
        return {**_sketch_sums(sketches, held.labels, rule), **_scores(rows, held.labels)}
    return _limits(predictor, rows, sketches, held.labels, rule)


def _sketch_sums(sketches: Floats, labels: Entries, rule: CalibrationRule) -> dict[str, Entries]:
    steps = np.rint(sketches / STEP).astype(np.int64)
    sums = np.zeros((rule.classes, SKETCH), np.int64)
    np.add.at(sums, labels, steps)
    left, right = np.tril_indices(SKETCH)
    products = np.array([np.sum(steps[:, a] * steps[:, b]) for a, b in zip(left, right, strict=True)], np.int64)
    most = rule.cells * _MOST**2 - 1
    samples = np.bincount(labels, minlength=rule.classes).astype(np.int64)
    return {"samples": samples, "sums": sums.ravel(), "products": np.clip(products, -most, most)}


def _scores(rows: np.ndarray[tuple[int, ...], np.dtype[np.float32]], labels: Entries) -> Mapping[str, Entries]:
    logs = logarithms(rows)
    if rows.shape[1] == _BINARY:
        margins = logs[:, 1] - logs[:, 0]
        return {"margins": np.concatenate([score_counts(margins[labels == index]) for index in range(_BINARY)])}
    classes = range(rows.shape[1])
    parts = ((logs[labels == index], labels[labels == index]) for index in classes)
    losses = [_loss(slope * own, wanted) for own, wanted in parts for slope in SLOPES]
    return {"losses": np.array(losses, np.int64)}


def _loss(logits: Floats, labels: Entries) -> int:
    """Return the summed cross-entropy in steps of LOSS_STEP."""
    lost = np.clip(log_sum(logits) - logits[np.arange(len(labels)), labels], 0.0, LOSS_MOST)
    return int(np.rint(lost / LOSS_STEP).astype(np.int64).sum())


def _limits(
    predictor: Predictor,
    rows: np.ndarray[tuple[int, ...], np.dtype[np.float32]],
    sketches: Floats,
    labels: Entries,
    rule: CalibrationRule,
) -> dict[str, Entries]:
    known = predictor.calibration
    logits = known.logits(rows)
    own = own_odds(logits)
    counts = [score_counts(own[labels == index, index]) for index in range(rule.classes)]
    lanes = {"own": np.concatenate(counts), "distances": distance_counts(known.distances(sketches))}
    if any(rule.disease):
        sick = np.array(rule.disease, np.bool_)[labels]
        lanes["diseased"] = score_counts(log_odds(logits, rule.disease)[sick])
    return lanes
