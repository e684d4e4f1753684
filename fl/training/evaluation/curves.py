"""Curves behind the figures: probabilities against what was true, and false alarms against recognised images.

Invariant: equal probabilities share a bin, so the order of the images does not matter.

Source: M. P. Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning", 2015 (ECE), here with
bins of equal mass; scikit-learn (ROC).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fl.training.evaluation.answers import Answers, Floats, Ints

BINS = 15


@dataclass(frozen=True, eq=False)
class Reliability:
    """Probabilities against what was true, in bins of equal mass.

    Attributes:
        said: float64 [bins], the mean probability.
        true: float64 [bins], the share that was true.
        images: int64 [bins].
    """

    said: Floats
    true: Floats
    images: Ints


def reliability(score: Floats, truth: npt.NDArray[np.bool_], bins: int = BINS) -> Reliability:
    """Return at most `bins` bins, each with about as many images; equal probabilities share a bin.

    Args:
        score: float64 [n] in 0..1.
        truth: bool [n].
        bins: The largest number of bins.
    """
    edges = np.quantile(score, np.linspace(0, 1, bins + 1)[1:-1])
    place = np.searchsorted(edges, score)
    images = np.bincount(place, minlength=bins)
    kept = images > 0
    said, true = (np.bincount(place, values, bins)[kept] / images[kept] for values in (score, truth.astype(float)))
    return Reliability(said, true, images[kept])


@dataclass(frozen=True, eq=False)
class Curve:
    """One ROC curve: the share of false alarms and of recognised images at every threshold.

    Attributes:
        label: The class; None for disease against the rest.
        false_alarms: float64 [points], 1 - specificity.
        recognised: float64 [points], the sensitivity.
    """

    label: int | None
    false_alarms: Floats
    recognised: Floats


def roc(answers: Answers) -> list[Curve]:
    """Return the ROC curve of disease; without a disease, one of each class that some images show and others do not."""
    from sklearn.metrics import roc_curve

    cases: list[tuple[int | None, npt.NDArray[np.bool_], Floats]]
    cases = [
        (label, answers.has(label), answers.scores[:, label].astype(np.float64))
        for label in range(len(answers.disease))
    ]
    if answers.reports:
        cases = [(None, answers.truth, answers.finding)]
    curves = []
    for label, truth, score in cases:
        if truth.any() and not truth.all():
            false_alarms, recognised, _ = roc_curve(truth, score)
            curves.append(Curve(label, false_alarms, recognised))
    return curves


def ece(score: Floats, truth: npt.NDArray[np.bool_], bins: int = BINS) -> float:
    """Return the expected calibration error: the mean distance of probability and truth over the bins."""
    found = reliability(score, truth, bins)
    return float(np.average(np.abs(found.said - found.true), weights=found.images))
