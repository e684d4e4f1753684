"""Which classes a calibration could not limit: so few images were held back that no answer can exclude them.

Source: fl/training/calibration/bins.py (`conformal_limit`); docs/operator.md.
"""

from __future__ import annotations

from fl.protocol.rounds.config import RoundConfig
from fl.training.aggregation.work import SumSpec
from fl.training.calibration.bins import ALWAYS, fewest_of
from fl.training.calibration.numbers import Calibration, length_of
from fl.training.calibration.rule import LIMITS_STEP, RULE, CalibrationRule
from fl.training.vector import Vector


def weakness(config: RoundConfig, weights: Vector) -> str:
    """Return a sentence on the classes without a limit after a round; empty if each has one, or other rounds follow.

    Args:
        config: Of the round that gave the model.
        weights: float32 [d], with the calibration at its end.

    Raises:
        EncodingError: the configuration or the calibration cannot be read.
    """
    spec = SumSpec.from_dict(config.training)
    rule = CalibrationRule.from_dict(spec.settings) if spec is not None and spec.rule == RULE else None
    if rule is None or rule.step != LIMITS_STEP:
        return ""
    found = Calibration.of(weights[-length_of(rule.classes) :], rule.classes)
    named = [
        f"{one.code} ({samples:.0f})"
        for one, limit, samples in zip(config.task.classes, found.limits, found.samples, strict=True)
        if limit <= ALWAYS
    ]
    if not named:
        return ""
    return (
        f"too few held-back images of {', '.join(named)}: a class needs {fewest_of(rule.error)} from all hospitals "
        "together, else no answer excludes it and most answers are not sure"
    )
