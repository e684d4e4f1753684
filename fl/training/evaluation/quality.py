"""Judges a model's answers as a statistician would: figures with intervals over persons, per hospital and per person.

Invariant: a figure that these images do not define is NaN. A figure about one class has an interval only if that class
has images of at least `FEWEST_PERSONS` persons.

Source: scikit-learn (counts, ranks); curves.py (ECE).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

from fl.training.evaluation.answers import Answers, Floats
from fl.training.evaluation.bootstrap import DEFAULT, Bootstrap, Intervals, intervals
from fl.training.evaluation.curves import BINS, ece
from fl.training.evaluation.findings import Findings, LabelFigures, measure_labels, one_label
from fl.training.evaluation.metrics import HALF, PAIR, Metrics, measure, predicted_classes

FEWEST_PERSONS = 4
"""A figure about a class of fewer persons has no interval: it would be about these few, and look certain."""
NAMES = {
    "accuracy": "Accuracy",
    "balanced_accuracy": "Balanced accuracy",
    "precision": "Precision",
    "recall": "Sensitivity (recall, detection rate)",
    "specificity": "Specificity",
    "f1": "F1",
    "auroc": "AUROC",
    "auprc": "AUPRC (average precision)",
    "brier": "Brier score",
    "ece": f"ECE ({BINS} bins of equal mass)",
    "median_s": "Response time, median (s)",
    "p95_s": "Response time, 95th percentile (s)",
}
"""The figures in their order, and what a reader calls them."""
OF_DISEASE, OF_REST, OF_BOTH, OF_TIME = "disease", "rest", "both", "time"
_NEEDS = {"recall": OF_DISEASE, "specificity": OF_REST, "median_s": OF_TIME, "p95_s": OF_TIME}
"""Which images a figure is about; the others need both sides."""


@dataclass(frozen=True)
class Figure:
    """One figure and its interval; NaN where there is none."""

    value: float
    low: float
    high: float
    draws: int
    """How many draws of the bootstrap define it."""

    def to_dict(self) -> dict[str, float | int | None]:
        plain = {"value": self.value, "low": self.low, "high": self.high}
        return {**{name: None if math.isnan(one) else one for name, one in plain.items()}, "draws": self.draws}


@dataclass(frozen=True)
class Quality:
    """The figures of one set of answers."""

    images: int
    persons: tuple[int, ...]
    """Per class, how many persons have images of it."""
    people: int
    figures: Mapping[str, Figure]
    metrics: Metrics
    classes: tuple[LabelFigures, ...] = ()
    """The figures of each of several labels, or of each of more than two classes against the rest."""

    def to_dict(self) -> dict[str, object]:
        each = {"classes": [one.to_dict() for one in self.classes]} if self.classes else {}
        return {
            **each,
            "confusion": [list(row) for row in self.metrics.confusion],
            "figures": {name: figure.to_dict() for name, figure in self.figures.items()},
            "images": self.images,
            "persons": self.people,
            "persons_by_class": list(self.persons),
        }


@dataclass(frozen=True)
class PersonRow:
    """One person's images of one class."""

    hospital: str
    person: str
    label: int
    images: int
    correct: int
    finding: float
    """The mean probability of disease; without a disease, of the predicted class."""


@dataclass(frozen=True)
class Judgement:
    """A whole evaluation."""

    threshold: float
    bootstrap: Bootstrap
    whole: Quality
    hospitals: Mapping[str, Quality]
    people: tuple[PersonRow, ...]

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON; the names of persons are in it."""
        return {
            "bootstrap": asdict(self.bootstrap),
            "hospitals": {name: part.to_dict() for name, part in self.hospitals.items()},
            "persons": [asdict(row) for row in self.people],
            "threshold": self.threshold,
            "whole": self.whole.to_dict(),
        }


def judge(answers: Answers, threshold: float = HALF, how: Bootstrap = DEFAULT) -> Judgement:
    """Return the figures of all answers, of each hospital's and of each person's."""
    names = sorted(set(answers.hospitals.tolist()))
    whole = quality(answers, threshold, how)
    parts = {names[0]: whole}
    if len(names) > 1:
        parts = {name: quality(answers.take(answers.hospitals == name), threshold, how) for name in names}
    return Judgement(threshold, how, whole, parts, _people(answers, threshold))


def quality(answers: Answers, threshold: float = HALF, how: Bootstrap = DEFAULT) -> Quality:
    """Return the figures of `answers` with their intervals."""
    from sklearn import config_context

    clusters = answers.clusters
    with config_context(assume_finite=True, skip_parameter_validation=True):  # a fifth of the time is checks
        found = intervals(lambda rows: figures(answers.take(rows), threshold), clusters, how)
    persons = tuple(len(set(clusters[answers.has(label)].tolist())) for label in range(len(answers.disease)))
    metrics = metrics_of(answers, threshold)
    made = _figures(answers, figures(answers, threshold), found)
    return Quality(len(answers), persons, len(set(clusters.tolist())), made, metrics, _classes(answers, metrics))


def metrics_of(answers: Answers, threshold: float = HALF) -> Metrics:
    """Return the counts behind the figures; where an image may have several labels, each has its own threshold."""
    if answers.marks is None or answers.thresholds is None:
        return measure(answers.scores, answers.labels, answers.disease.tolist(), threshold=threshold)
    return measure_labels(answers.scores, answers.marks, answers.thresholds)


def _classes(answers: Answers, metrics: Metrics) -> tuple[LabelFigures, ...]:
    """Return the figures of each label, or of each class against the rest if the likeliest class is the answer."""
    if isinstance(metrics, Findings):
        return metrics.each
    if len(answers.disease) <= PAIR:
        return ()
    said = answers.scores.argmax(axis=1)
    return tuple(
        one_label(answers.scores[:, label], answers.has(label), said == label) for label in range(len(answers.disease))
    )


def _figures(answers: Answers, values: Floats, found: Intervals) -> dict[str, Figure]:
    made = {}
    for index, name in enumerate(NAMES):
        known = _has_interval(answers, _NEEDS.get(name, OF_BOTH))
        low, high = (float(side[index]) if known else math.nan for side in (found.low, found.high))
        made[name] = Figure(float(values[index]), low, high, int(found.usable[index]))
    return made


def _has_interval(answers: Answers, needs: str) -> bool:
    """Return whether every class that a figure is about has images of several persons."""
    clusters = answers.clusters
    if not answers.reports:
        there = [] if needs == OF_TIME else map(answers.has, range(len(answers.disease)))
        return all(len(set(clusters[mine].tolist())) >= FEWEST_PERSONS for mine in there if mine.any())
    sides = answers.disease[answers.labels]
    wanted = {OF_DISEASE: [True], OF_REST: [False], OF_TIME: []}.get(needs, np.unique(sides).tolist())
    return all(len(set(clusters[sides == side].tolist())) >= FEWEST_PERSONS for side in wanted)


def figures(answers: Answers, threshold: float = HALF) -> Floats:
    """Return float64 [figures] in the order of `NAMES`; NaN where these answers do not define one."""
    metrics = metrics_of(answers, threshold)
    plain = metrics.to_dict()
    more: dict[str, object] = {
        "auprc": metrics.auprc if isinstance(metrics, Findings) else _average_precision(answers),
        "brier": _brier(answers),
        "ece": ece(answers.finding, answers.truth),
        "median_s": _time(answers.seconds, 0.5),
        "p95_s": _time(answers.seconds, 0.95),
    }
    return np.array([_number({**plain, **more}[name]) for name in NAMES])


def _time(seconds: Floats, share: float) -> float:
    return math.nan if np.isnan(seconds).any() else float(np.quantile(seconds, share))


def _number(value: object) -> float:
    return float(value) if isinstance(value, float | int) else math.nan


def _average_precision(answers: Answers) -> float:
    """Return the average precision of disease; without a disease, the mean of each class against the rest."""
    from sklearn.metrics import average_precision_score

    pairs: list[tuple[npt.NDArray[np.bool_], npt.NDArray[np.float32] | Floats]]
    pairs = [(answers.labels == column, answers.scores[:, column]) for column in range(len(answers.disease))]
    if answers.disease.any():
        pairs = [(answers.truth, answers.finding)]
    if any(truth.all() or not truth.any() for truth, _ in pairs):
        return math.nan
    return float(np.mean([average_precision_score(truth, score) for truth, score in pairs]))


def _brier(answers: Answers) -> float:
    """Return the mean squared error of the probability of disease; without a disease, summed over the classes.

    Where an image may have several labels, it is the mean over the labels. One class alone defines it, too;
    scikit-learn refuses that case, but the definition is a mean of squares.
    """
    if answers.reports or answers.marks is not None:
        return float(np.mean((answers.finding - answers.truth) ** 2))
    exact = np.eye(len(answers.disease))[answers.labels]
    return float(np.mean(((answers.scores - exact) ** 2).sum(axis=1)))


def _people(answers: Answers, threshold: float) -> tuple[PersonRow, ...]:
    """Return one row per person and class; none where an image may have several labels."""
    if answers.marks is not None:
        return ()
    right = predicted_classes(answers.scores, answers.disease, threshold) == answers.labels
    finding = answers.finding
    keys = list(zip(answers.hospitals.tolist(), answers.persons.tolist(), answers.labels.tolist(), strict=True))
    rows = []
    for key in sorted(set(keys)):
        mask = np.array([one == key for one in keys])
        rows.append(PersonRow(*key, int(mask.sum()), int(right[mask].sum()), float(finding[mask].mean())))
    return tuple(rows)
