"""How good predictions are, computed from counts.

Invariant: every number follows from the confusion counts and the ranks of the scores, so the numbers of one
`Metrics` cannot contradict each other.

Source: the usual definitions; AUROC as the Mann-Whitney U statistic with midranks (Hanley and McNeil, 1982).
Not here: predictions (predict.py).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
_RatioOfCounts = Callable[[int, int, int, int], float]
"""A ratio of TP, FP, FN and TN."""


@dataclass(frozen=True)
class SubjectResult:
    """One subject group's images of one class: how many there are and how many were recognised."""

    group: str
    label: int
    images: int
    correct: int

    @property
    def rate(self) -> float:
        """Return the share recognised: a sensitivity for the finding, a specificity for the healthy class."""
        return self.correct / self.images


@dataclass(frozen=True)
class Metrics:
    """The quality of one model on one set of images.

    Attributes:
        confusion: Counts; row = true class, column = predicted class.
        auroc: Area under the ROC curve in 0..1; for more than two classes the mean of one against the rest; None
            where a class has no image.
        subjects: One entry per subject group and class, sorted.

    For two classes precision, recall, F1 and specificity are those of class 1 (the finding); for more they are means
    over the classes (macro). A ratio whose denominator is zero is 0.
    """

    confusion: tuple[tuple[int, ...], ...]
    auroc: float | None
    subjects: tuple[SubjectResult, ...] = ()

    @property
    def samples(self) -> int:
        """Return the number of images."""
        return sum(map(sum, self.confusion))

    @property
    def correct(self) -> int:
        """Return the number of images whose predicted class is right."""
        return sum(row[index] for index, row in enumerate(self.confusion))

    @property
    def accuracy(self) -> float:
        """Return correct / samples."""
        return _ratio(self.correct, self.samples)

    @property
    def precision(self) -> float:
        """Return TP / (TP + FP)."""
        return self._over_classes(lambda tp, fp, _fn, _tn: _ratio(tp, tp + fp))

    @property
    def recall(self) -> float:
        """Return TP / (TP + FN), the sensitivity."""
        return self._over_classes(lambda tp, _fp, fn, _tn: _ratio(tp, tp + fn))

    @property
    def f1(self) -> float:
        """Return 2 TP / (2 TP + FP + FN)."""
        return self._over_classes(lambda tp, fp, fn, _tn: _ratio(2 * tp, 2 * tp + fp + fn))

    @property
    def specificity(self) -> float:
        """Return TN / (TN + FP)."""
        return self._over_classes(lambda _tp, fp, _fn, tn: _ratio(tn, tn + fp))

    @property
    def balanced_accuracy(self) -> float:
        """Return the mean recall of the classes that have images."""
        recalls = [_ratio(row[index], sum(row)) for index, row in enumerate(self.confusion) if sum(row)]
        return sum(recalls) / len(recalls) if recalls else 0.0

    def _over_classes(self, ratio: _RatioOfCounts) -> float:
        classes = len(self.confusion)
        wanted = [1] if classes == 2 else range(classes)  # noqa: PLR2004  # a finding and its absence
        values = [ratio(*self._counts(index)) for index in wanted]
        return sum(values) / len(values)

    def _counts(self, index: int) -> tuple[int, int, int, int]:
        """Return TP, FP, FN and TN of one class against the rest."""
        tp = self.confusion[index][index]
        fn = sum(self.confusion[index]) - tp
        fp = sum(row[index] for row in self.confusion) - tp
        return tp, fp, fn, self.samples - tp - fn - fp

    def to_dict(self) -> dict[str, object]:
        """Return everything as plain values, for JSON."""
        return {
            "samples": self.samples,
            "correct": self.correct,
            "confusion": [list(row) for row in self.confusion],
            "accuracy": self.accuracy,
            "balanced_accuracy": self.balanced_accuracy,
            "precision": self.precision,
            "recall": self.recall,
            "specificity": self.specificity,
            "f1": self.f1,
            "auroc": self.auroc,
            "subjects": [
                {"group": s.group, "label": s.label, "images": s.images, "correct": s.correct, "rate": s.rate}
                for s in self.subjects
            ],
        }


def measure(scores: Floats, labels: Ints, groups: npt.NDArray[np.str_] | None = None) -> Metrics:
    """Return the metrics of `scores` [n, classes] (probabilities) against `labels` [n].

    The predicted class is the one with the highest score; for two classes this is a threshold of 0.5 on class 1.
    `groups` [n] adds the results per subject group.

    Raises:
        ValueError: the arrays do not fit each other, or a label has no column.
    """
    if scores.ndim != 2 or labels.shape != scores.shape[:1] or (groups is not None and groups.shape != labels.shape):  # noqa: PLR2004
        raise ValueError(f"scores {scores.shape} do not fit labels {labels.shape}")
    classes = scores.shape[1]
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(f"a label is not in 0 to {classes - 1}")
    predicted = scores.argmax(axis=1)
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    columns = [1] if classes == 2 else range(classes)  # noqa: PLR2004
    areas = [auroc(scores[:, column], labels == column) for column in columns]
    known = [area for area in areas if area is not None]
    return Metrics(
        tuple(tuple(int(count) for count in row) for row in confusion),
        sum(known) / len(known) if len(known) == len(areas) else None,
        () if groups is None else _by_subject(groups, labels, predicted == labels),
    )


def auroc(scores: Floats, positive: npt.NDArray[np.bool_]) -> float | None:
    """Return the probability that a positive outranks a negative, ties counting half; None without both kinds.

    Exact: U = (sum of the positives' midranks) - p (p + 1) / 2, AUROC = U / (p q).
    """
    p = int(np.count_nonzero(positive))
    q = positive.size - p
    if not p or not q:
        return None
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    twice_midrank = 2 * np.cumsum(counts) - counts + 1  # whole numbers: no rounding until the last division
    twice_u = int(twice_midrank[place[positive]].sum()) - p * (p + 1)
    return twice_u / (2 * p * q)


def _by_subject(
    groups: npt.NDArray[np.str_], labels: Ints, correct: npt.NDArray[np.bool_]
) -> tuple[SubjectResult, ...]:
    keys = sorted({(str(group), int(label)) for group, label in zip(groups, labels, strict=True)})
    results = []
    for group, label in keys:
        rows = (groups == group) & (labels == label)
        results.append(SubjectResult(group, label, int(rows.sum()), int(correct[rows].sum())))
    return tuple(results)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
