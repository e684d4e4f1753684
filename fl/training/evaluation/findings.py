"""The quality of answers where an image may have several labels: figures of each label, and their means.

Invariant: a label that all images have, or none, has no AUROC; a mean is over the labels that define its figure.

Source: scikit-learn (ranks, average precision); M. Zhang and Z. Zhou, "A Review on Multi-Label Learning", 2014 (macro
averages, exact match).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fl.training.evaluation.metrics import Floats, Metrics, auroc, counts_of, ratio


@dataclass(frozen=True)
class LabelFigures:
    """One label, or one class against the rest.

    Attributes:
        threshold: A larger probability is a finding; NaN where the likeliest class is the answer.
        counts: TP, FP, FN and TN.
        auroc: In 0..1; None if all images have the label, or none.
        auprc: Average precision; None in the same cases.
    """

    threshold: float
    counts: tuple[int, int, int, int]
    auroc: float | None
    auprc: float | None

    @property
    def images(self) -> int:
        """Return how many images have the label."""
        return self.counts[0] + self.counts[2]

    @property
    def recall(self) -> float:
        tp, _fp, fn, _tn = self.counts
        return ratio(tp, tp + fn)

    @property
    def specificity(self) -> float:
        _tp, fp, _fn, tn = self.counts
        return ratio(tn, tn + fp)

    @property
    def precision(self) -> float:
        tp, fp, _fn, _tn = self.counts
        return ratio(tp, tp + fp)

    @property
    def f1(self) -> float:
        tp, fp, fn, _tn = self.counts
        return ratio(2 * tp, 2 * tp + fp + fn)

    def to_dict(self) -> dict[str, object]:
        """Return all figures for JSON; null where one is not defined."""
        plain = {name: getattr(self, name) for name in ("threshold", "recall", "specificity", "precision", "f1")}
        known = {name: None if math.isnan(value) else value for name, value in plain.items()}
        return {**known, "images": self.images, "counts": list(self.counts), "auroc": self.auroc, "auprc": self.auprc}


@dataclass(frozen=True)
class Findings(Metrics):
    """The quality of one model on images that may have several labels.

    Attributes:
        images: How many.
        whole: How many have every label right.
        each: The figures of each label, in the task's order.

    Precision, recall, specificity and F1 are means over the labels.
    """

    images: int = 0
    whole: int = 0
    each: tuple[LabelFigures, ...] = ()

    @property
    def samples(self) -> int:
        return self.images

    @property
    def correct(self) -> int:
        return self.whole

    @property
    def accuracy(self) -> float:
        """Return the share of images with every label right (exact match)."""
        return ratio(self.whole, self.images)

    @property
    def precision(self) -> float:
        return self._mean(lambda one: one.precision)

    @property
    def recall(self) -> float:
        return self._mean(lambda one: one.recall)

    @property
    def specificity(self) -> float:
        return self._mean(lambda one: one.specificity)

    @property
    def f1(self) -> float:
        return self._mean(lambda one: one.f1)

    @property
    def balanced_accuracy(self) -> float:
        return (self.recall + self.specificity) / 2

    @property
    def auprc(self) -> float:
        return self._mean(lambda one: math.nan if one.auprc is None else one.auprc)

    @property
    def class_counts(self) -> tuple[int, ...]:
        return tuple(one.images for one in self.each)

    @property
    def kappa(self) -> float:
        """Return NaN: Cohen's kappa is about one class per image."""
        return math.nan

    def _mean(self, figure: Callable[[LabelFigures], float]) -> float:
        known = [value for one in self.each if not math.isnan(value := figure(one))]
        return sum(known) / len(known) if known else math.nan


def measure_labels(scores: Floats, marks: npt.NDArray[np.bool_], thresholds: Floats) -> Findings:
    """Return the quality of probabilities [n, labels] against marks [n, labels].

    A probability above its label's threshold, [labels], is a finding.

    Raises:
        ValueError: the arrays do not fit each other.
    """
    if scores.shape != marks.shape or thresholds.shape != scores.shape[1:]:
        raise ValueError(f"scores {scores.shape} do not fit marks {marks.shape} and thresholds {thresholds.shape}")
    said = scores > thresholds
    each = tuple(
        one_label(scores[:, label], marks[:, label], said[:, label], float(thresholds[label]))
        for label in range(marks.shape[1])
    )
    areas = [one.auroc for one in each if one.auroc is not None]
    mean = sum(areas) / len(areas) if areas else None
    return Findings((), mean, images=len(marks), whole=int((said == marks).all(axis=1).sum()), each=each)


def one_label(
    score: Floats, truth: npt.NDArray[np.bool_], said: npt.NDArray[np.bool_], threshold: float = math.nan
) -> LabelFigures:
    """Return the figures of one label: its probabilities, truth and answers, [n] each."""
    return LabelFigures(threshold, counts_of(said, truth), auroc(score, truth), _average_precision(score, truth))


def _average_precision(score: Floats, truth: npt.NDArray[np.bool_]) -> float | None:
    if truth.all() or not truth.any():
        return None
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(truth, score))
