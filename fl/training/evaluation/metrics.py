"""The quality of predictions, computed from counts.

Invariant: every number follows from the confusion counts and the ranks of the scores, so the numbers of one `Metrics`
cannot contradict each other. A number whose definition divides by zero is NaN, never a made-up 0.

Source: scikit-learn counts and ranks (confusion_matrix, roc_auc_score); the rest are quotients of its counts.
scikit-learn is imported when it is needed: that takes a second and 78 MB.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32] | npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
HALF, PAIR = 0.5, 2
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
    classes (macro). A ratio with denominator zero is NaN, and null in JSON.
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
        return ratio(self.correct, self.samples)

    @property
    def precision(self) -> float:
        """Return TP / (TP + FP)."""
        return self._over_classes(lambda tp, fp, _fn, _tn: ratio(tp, tp + fp))

    @property
    def recall(self) -> float:
        """Return TP / (TP + FN). Sensitivity and detection rate are other names of it."""
        return self._over_classes(lambda tp, _fp, fn, _tn: ratio(tp, tp + fn))

    @property
    def f1(self) -> float:
        """Return 2 TP / (2 TP + FP + FN)."""
        return self._over_classes(lambda tp, fp, fn, _tn: ratio(2 * tp, 2 * tp + fp + fn))

    @property
    def specificity(self) -> float:
        """Return TN / (TN + FP)."""
        return self._over_classes(lambda _tp, fp, _fn, tn: ratio(tn, tn + fp))

    @property
    def balanced_accuracy(self) -> float:
        """Return the mean recall of the classes that have images; NaN if only one has."""
        recalls = [ratio(row[index], sum(row)) for index, row in enumerate(self.confusion) if sum(row)]
        return sum(recalls) / len(recalls) if len(recalls) > 1 else math.nan

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
        """Return Cohen's kappa: 1 = all answers right, 0 = as good as chance, below 0 = worse, NaN = undefined."""
        return ratio(self.correct - self.expected_correct, self.samples - self.expected_correct)

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
        """Return all figures as plain values, for JSON; null for NaN."""
        return {
            "samples": self.samples,
            "correct": self.correct,
            "confusion": [list(row) for row in self.confusion],
            "accuracy": _known(self.accuracy),
            "balanced_accuracy": _known(self.balanced_accuracy),
            "precision": _known(self.precision),
            "recall": _known(self.recall),
            "specificity": _known(self.specificity),
            "f1": _known(self.f1),
            "auroc": self.auroc,
            "kappa": _known(self.kappa),
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
    threshold: float = HALF,
) -> Metrics:
    """Return the metrics of `scores` [n, classes] (probabilities) against `labels` [n].

    Args:
        scores: float [n, classes], probabilities.
        labels: int64 [n].
        disease: For each class, whether it is the disease. The probabilities of these classes are added.
        groups: text [n]; adds results per subject group.
        threshold: A larger probability of disease is a finding.

    The predicted class has the highest score; of two classes, one of which is the disease, the threshold decides.

    Raises:
        ValueError: the arrays do not fit each other, or a label has no column.
    """
    _check(scores, labels, disease, groups)
    from sklearn.metrics import confusion_matrix

    ill = np.array(disease, np.bool_)
    predicted = predicted_classes(scores, ill, threshold)
    confusion = np.zeros((len(ill), len(ill)), np.int64)
    if labels.size:
        confusion = confusion_matrix(labels, predicted, labels=range(len(ill)))
    if ill.any():
        score, truth = scores[:, ill].sum(axis=1), ill[labels]
        areas, finding = [auroc(score, truth)], counts_of(score > threshold, truth)
    else:
        areas, finding = [auroc(scores[:, column], labels == column) for column in range(len(ill))], None
    known = [area for area in areas if area is not None]
    return Metrics(
        tuple(tuple(int(count) for count in row) for row in confusion),
        sum(known) / len(known) if len(known) == len(areas) else None,
        tuple(bool(one) for one in disease),
        finding,
        () if groups is None else _by_subject(groups, labels, predicted == labels),
    )


def predicted_classes(scores: Floats, ill: npt.NDArray[np.bool_], threshold: float = HALF) -> Ints:
    """Return int64 [n], the class that each row of `scores` [n, classes] says; see `measure`."""
    if ill.size == PAIR and np.count_nonzero(ill) == 1:
        column = int(ill.argmax())
        return np.where(scores[:, column] > threshold, column, 1 - column).astype(np.int64)
    return np.asarray(scores.argmax(axis=1), np.int64)


def _check(scores: Floats, labels: Ints, disease: Sequence[bool], groups: npt.NDArray[np.str_] | None) -> None:
    """Raise ValueError if the arguments of `measure` do not fit each other."""
    if scores.ndim != 2 or labels.shape != scores.shape[:1] or (groups is not None and groups.shape != labels.shape):  # noqa: PLR2004
        raise ValueError(f"scores {scores.shape} do not fit labels {labels.shape}")
    classes = scores.shape[1]
    if len(disease) != classes:
        raise ValueError(f"{len(disease)} values for disease do not fit {classes} classes")
    if labels.size and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(f"a label is not in 0 to {classes - 1}")


def counts_of(said: npt.NDArray[np.bool_], truth: npt.NDArray[np.bool_]) -> tuple[int, int, int, int]:
    """Return TP, FP, FN and TN."""
    tp, fp, fn, tn = (
        int(np.count_nonzero(each)) for each in (said & truth, said & ~truth, ~said & truth, ~said & ~truth)
    )
    return tp, fp, fn, tn


def auroc(scores: Floats, positive: npt.NDArray[np.bool_]) -> float | None:
    """Return the probability that a positive outranks a negative (a tie counts half); None if one kind is missing."""
    if positive.all() or not positive.any():
        return None
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, scores))


def _by_subject(
    groups: npt.NDArray[np.str_], labels: Ints, correct: npt.NDArray[np.bool_]
) -> tuple[SubjectResult, ...]:
    keys = sorted({(str(group), int(label)) for group, label in zip(groups, labels, strict=True)})
    results = []
    for group, label in keys:
        rows = (groups == group) & (labels == label)
        results.append(SubjectResult(group, label, int(rows.sum()), int(correct[rows].sum())))
    return tuple(results)


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan


def _known(number: float) -> float | None:
    return None if math.isnan(number) else number
