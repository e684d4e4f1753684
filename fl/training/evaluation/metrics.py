"""The quality of predictions, computed from counts.

Invariant: every number follows from the confusion counts and the ranks of the scores, so the numbers of one `Metrics`
cannot contradict each other.

Source: the usual definitions; AUROC as the Mann-Whitney U statistic with midranks (Hanley and McNeil, 1982).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
        """Return the share recognised: the sensitivity for disease, the specificity for the healthy class."""
        return self.correct / self.images


@dataclass(frozen=True)
class Metrics:
    """The quality of one model on one set of images.

    Attributes:
        confusion: Counts; row = true class, column = predicted class.
        auroc: Area under the ROC curve of the probability of disease, in 0..1; without a disease, the mean of each
            class against the rest; None if one side has no image.
        disease: For each class, whether it is the disease (Task.disease).
        finding: Counts TP, FP, FN, TN of disease against the rest, at the threshold; None without a disease.
        subjects: One entry per subject group and class, sorted.

    With a disease, precision, recall, F1 and specificity compare disease with the rest; else they are means over the
    classes (macro). A ratio with denominator zero is 0.
    """

    confusion: tuple[tuple[int, ...], ...]
    auroc: float | None
    disease: tuple[bool, ...] = ()
    finding: tuple[int, int, int, int] | None = None
    subjects: tuple[SubjectResult, ...] = ()

    @property
    def samples(self) -> int:
        return sum(map(sum, self.confusion))

    @property
    def correct(self) -> int:
        """Return the number of images with the right predicted class."""
        return sum(row[index] for index, row in enumerate(self.confusion))

    @property
    def accuracy(self) -> float:
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

    @property
    def class_counts(self) -> tuple[int, ...]:
        return tuple(map(sum, self.confusion))

    @property
    def disease_counts(self) -> tuple[int, int]:
        """Return the numbers of images with and without disease."""
        sick = sum(count for count, disease in zip(self.class_counts, self.disease, strict=True) if disease)
        return sick, self.samples - sick

    @property
    def expected_correct(self) -> float:
        """Return how many answers would be right if the same answers were given in random order."""
        answers: list[int] = [sum(column) for column in zip(*self.confusion, strict=True)]
        right = sum(true * said for true, said in zip(self.class_counts, answers, strict=True))
        return right / max(self.samples, 1)

    @property
    def kappa(self) -> float:
        """Return Cohen's kappa: 1 = all answers right, 0 = as good as chance, below 0 = worse."""
        return _ratio_of(self.correct - self.expected_correct, self.samples - self.expected_correct)

    def _over_classes(self, ratio: _RatioOfCounts) -> float:
        if self.finding is not None:
            return ratio(*self.finding)
        values = [ratio(*self._counts(index)) for index in range(len(self.confusion))]
        return sum(values) / len(values)

    def _counts(self, index: int) -> tuple[int, int, int, int]:
        """Return TP, FP, FN and TN of one class against the rest."""
        tp = self.confusion[index][index]
        fn = sum(self.confusion[index]) - tp
        fp = sum(row[index] for row in self.confusion) - tp
        return tp, fp, fn, self.samples - tp - fn - fp

    def to_dict(self) -> dict[str, object]:
        """Return all figures as plain values, for JSON."""
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
            "kappa": self.kappa,
            "subjects": [
                {"group": s.group, "label": s.label, "images": s.images, "correct": s.correct, "rate": s.rate}
                for s in self.subjects
            ],
        }


def measure(
    scores: Floats,
    labels: Ints,
    disease: Sequence[bool],
    groups: npt.NDArray[np.str_] | None = None,
    threshold: float = 0.5,
) -> Metrics:
    """Return the metrics of `scores` [n, classes] (probabilities) against `labels` [n].

    The predicted class has the highest score. `disease` says for each class whether it is the disease; the
    probabilities of these classes are added, and beyond `threshold` an image counts as diseased; of two classes, that
    is the predicted one. `groups` [n] adds results per subject group.

    Raises:
        ValueError: the arrays do not fit each other, or a label has no column.
    """
    if scores.ndim != 2 or labels.shape != scores.shape[:1] or (groups is not None and groups.shape != labels.shape):  # noqa: PLR2004
        raise ValueError(f"scores {scores.shape} do not fit labels {labels.shape}")
    classes = scores.shape[1]
    if len(disease) != classes:
        raise ValueError(f"{len(disease)} values for disease do not fit {classes} classes")
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(f"a label is not in 0 to {classes - 1}")
    ill, predicted = np.array(disease, np.bool_), scores.argmax(axis=1)
    if classes == 2 and ill.sum() == 1 and threshold != 0.5:  # noqa: PLR2004
        predicted = np.where(scores[:, ill.argmax()] > threshold, ill.argmax(), ill.argmin())
    confusion = np.zeros((classes, classes), np.int64)
    np.add.at(confusion, (labels, predicted), 1)
    if ill.any():
        score, truth = scores[:, ill].sum(axis=1), ill[labels]
        areas, finding = [auroc(score, truth)], _finding(score > threshold, truth)
    else:
        areas, finding = [auroc(scores[:, column], labels == column) for column in range(classes)], None
    known = [area for area in areas if area is not None]
    return Metrics(
        tuple(tuple(int(count) for count in row) for row in confusion),
        sum(known) / len(known) if len(known) == len(areas) else None,
        tuple(bool(one) for one in disease),
        finding,
        () if groups is None else _by_subject(groups, labels, predicted == labels),
    )


def _finding(said: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return TP, FP, FN and TN."""
    tp, fp, fn, tn = (
        int(np.count_nonzero(each)) for each in (said & truth, said & ~truth, ~said & truth, ~said & ~truth)
    )
    return tp, fp, fn, tn


def auroc(scores: Floats, positive: npt.NDArray[np.bool_]) -> float | None:
    """Return the probability that a positive outranks a negative (a tie counts half); None if one kind is missing.

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


def _ratio_of(part: float, whole: float) -> float:
    return part / whole if whole > 0 else 0.0
