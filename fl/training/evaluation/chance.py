"""Whether figures on held-out images are far worse than guessing: then classes were swapped somewhere.

Invariant: an alarm needs both a large effect and one that chance does not explain; a constant answer is no alarm.

Two rules. The area under the ROC curve is at most `AREA` and lies significantly under 0.5 (Mann-Whitney, normal
approximation). Or the agreement of answers and labels beyond chance, Cohen's kappa, is at most `KAPPA` and the number
of right answers lies significantly under what the same answers in any order would give. Images of one person resemble
each other, so significance alone would alarm too early: hence the size of the effect.

Source: J. Hanley and B. McNeil, 1982; J. Cohen, "A coefficient of agreement for nominal scales", 1960.
Not here: the figures themselves (metrics.py).
"""

from __future__ import annotations

import math

from fl.training.evaluation.metrics import Metrics

AREA = 0.35
KAPPA = -0.2
DEVIATIONS = 3.09
"""Standard deviations below the expected value: one chance in a thousand."""


def alarm(metrics: Metrics) -> str:
    """Return in a sentence why these figures are an alarm; empty when they are none."""
    return _area(metrics) or _agreement(metrics)


def _area(metrics: Metrics) -> str:
    area, (sick, healthy) = metrics.auroc, metrics.disease_counts
    if area is None or area > AREA or not sick or not healthy:
        return ""
    deviation = math.sqrt((sick + healthy + 1) / (12 * sick * healthy))
    if (0.5 - area) / deviation < DEVIATIONS:
        return ""
    return (
        f"on {sick + healthy} held-out images AUROC is {area:.3f}, far below 0.5: the model ranks healthy above disease"
    )


def _agreement(metrics: Metrics) -> str:
    n = metrics.samples
    if not n or (kappa := metrics.kappa) > KAPPA:
        return ""
    expected = metrics.expected_correct / n
    deviation = math.sqrt(expected * (1 - expected) / n)
    if (expected - metrics.accuracy) < DEVIATIONS * deviation:
        return ""
    return (
        f"{metrics.correct} of {n} held-out images were judged rightly, where guessing gives about"
        f" {metrics.expected_correct:.0f} (kappa {kappa:.2f})"
    )
