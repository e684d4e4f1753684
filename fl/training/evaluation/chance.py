"""Detects results on held-out images that are far worse than guessing, e.g. because classes were swapped.

Invariant: an alarm needs a large and a significant effect; a constant answer gives no alarm.

There are two rules. The area under the ROC curve is at most `AREA` and significantly below 0.5 (Mann-Whitney, normal
approximation). Or Cohen's kappa, the agreement beyond chance, is at most `KAPPA`, and significantly fewer answers are
right than if the same answers were given in random order. Images of one person are similar, so significance alone would
alarm too early; therefore the effect must also be large.

Source: J. Hanley and B. McNeil, 1982; J. Cohen, "A coefficient of agreement for nominal scales", 1960.
"""

from __future__ import annotations

import math

from fl.training.evaluation.findings import Findings
from fl.training.evaluation.metrics import Metrics

AREA = 0.35
KAPPA = -0.2
DEVIATIONS = 3.09
"""Standard deviations below the expected value: one chance in a thousand."""


def alarm(metrics: Metrics) -> str:
    """Return in a sentence why these figures are an alarm; empty if they are not."""
    if isinstance(metrics, Findings):
        return next(filter(None, (_rank(one.auroc, one.images, metrics.images) for one in metrics.each)), "")
    return _area(metrics) or _agreement(metrics)


def _rank(area: float | None, sick: int, images: int) -> str:
    """Return why one label is an alarm."""
    if area is None or area > AREA or not _below(area, sick, images - sick):
        return ""
    return f"on {images} held-out images a label's AUROC is {area:.3f}, far below 0.5: its opposite is ranked first"


def _below(area: float, sick: int, healthy: int) -> bool:
    """Return whether an area is significantly below 0.5."""
    return (0.5 - area) / math.sqrt((sick + healthy + 1) / (12 * sick * healthy)) >= DEVIATIONS


def _area(metrics: Metrics) -> str:
    area, (sick, healthy) = metrics.auroc, metrics.disease_counts
    if area is None or area > AREA or not sick or not healthy:
        return ""
    if not _below(area, sick, healthy):
        return ""
    return (
        f"on {sick + healthy} held-out images AUROC is {area:.3f}, far below 0.5: the model ranks healthy above disease"
    )


def _agreement(metrics: Metrics) -> str:
    n = metrics.samples
    if not n or not (kappa := metrics.kappa) <= KAPPA:  # also if it is NaN
        return ""
    expected = metrics.expected_correct / n
    deviation = math.sqrt(expected * (1 - expected) / n)
    if (expected - metrics.accuracy) < DEVIATIONS * deviation:
        return ""
    return (
        f"only {metrics.correct} of {n} held-out images were judged correctly; guessing would give about"
        f" {metrics.expected_correct:.0f} (kappa {kappa:.2f})"
    )
