"""The rule by which every member computes the same calibration from the totals of a round.

Invariant: only the numbers behind the weights change; the weights keep their bits. The arithmetic is pinned.

Two rounds make a calibration. The first, `scores`, fits slope and offset and says where the classes' cells are. The
second, `limits`, counts the cells by calibrated score and by distance, and sets the limits.

Source: numbers.py, fit.py, bins.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError
from fl.training.calibration import numbers
from fl.training.calibration.bins import ALWAYS, BINS, NO_REACH, Ints, conformal_limit, reach_of, sensitivity_limit
from fl.training.calibration.fit import best_slope, centres_of, platt, whitener_of
from fl.training.calibration.numbers import Calibration
from fl.training.calibration.sketch import SKETCH
from fl.training.vector import Vector

RULE = "calibrate"
SCORES_STEP, LIMITS_STEP = "scores", "limits"
STEPS = (SCORES_STEP, LIMITS_STEP)
MAX_CELLS = 2**16
"""Held-back images of one hospital that count in a round of at most 2048 hospitals."""
_WHAT = "calibration rule"


@dataclass(frozen=True)
class CalibrationRule:
    """The settings of a round that calibrates.

    Attributes:
        step: `scores` or `limits`.
        disease: For each class, whether it is the disease.
        sensitivity: The share of diseased cells that the threshold should find.
        error: The share of each class's cells that may lose their class from the set.
        kept: The share of cells that should get an answer. Of new people's cells 5 in 100 may lose theirs; 2 in 100 of
            the known people's leave room for how people differ.
        cells: Held-back images of one hospital that count, so that sums of squares fit the lanes of all.
    """

    step: str
    disease: tuple[bool, ...]
    sensitivity: float = 0.90
    error: float = 0.10
    kept: float = 0.98
    cells: int = MAX_CELLS

    def __post_init__(self) -> None:
        """Raise EncodingError if a value is out of its range."""
        if self.step not in STEPS or not 2 <= len(self.disease) <= 1000:  # noqa: PLR2004  # as a model's classes
            raise EncodingError(_WHAT, "its step or its number of classes is impossible")
        for name in ("sensitivity", "error", "kept"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise EncodingError(_WHAT, f"{name} is not between 0 and 1")
        if not 1 <= self.cells <= MAX_CELLS:
            raise EncodingError(_WHAT, f"cells is not in 1 to {MAX_CELLS}")

    @property
    def classes(self) -> int:
        return len(self.disease)

    def to_dict(self) -> dict[str, JsonValue]:
        return {
            "name": RULE,
            "step": self.step,
            "disease": [int(one) for one in self.disease],
            "sensitivity": self.sensitivity,
            "error": self.error,
            "kept": self.kept,
            **({"cells": self.cells} if self.cells != MAX_CELLS else {}),
        }

    @classmethod
    def from_dict(cls, raw: Mapping[str, JsonValue]) -> CalibrationRule:
        """Parse what `to_dict` wrote, with or without the rule's name, or raise EncodingError."""
        fields = Fields({key: value for key, value in raw.items() if key != "name"}, _WHAT)
        optional = ("cells",) if "cells" in fields.value else ()
        fields.only("step", "disease", "sensitivity", "error", "kept", *optional)
        cells = fields.integer("cells") if optional else MAX_CELLS
        flags = fields.value.get("disease")
        if not isinstance(flags, list) or any(type(flag) is not int or flag not in (0, 1) for flag in flags):
            raise EncodingError(_WHAT, "disease is not a list of 0 and 1")
        shares = fields.number("sensitivity"), fields.number("error"), fields.number("kept")
        return cls(fields.text("step"), tuple(bool(flag) for flag in flags), *shares, cells)


def calibrate(
    previous: Vector, totals: Mapping[str, Ints], _hospitals: int, settings: Mapping[str, JsonValue]
) -> Vector:
    """Return the next model, float32 [d]: the same weights, and new numbers behind them.

    Raises:
        EncodingError: the settings are no rule, the model has no room for a calibration, its scores were not calibrated
            before the limits, or a histogram has a negative count.
    """
    rule = CalibrationRule.from_dict(settings)
    start = previous.size - numbers.length_of(rule.classes)
    if start < 0:
        raise EncodingError("calibration", "the model has no numbers for it behind its weights")
    if any(int(totals[name].min()) < 0 for name in totals if name not in SIGNED):
        raise EncodingError("calibration", "a count is negative")
    before = Calibration.of(previous[start:], rule.classes)
    after = _with_scores(totals, rule) if rule.step == SCORES_STEP else _with_limits(before, totals, rule)
    return np.concatenate([previous[:start], after.to_vector()])


SIGNED = ("sums", "products")
"""The lanes with entries below 0."""


def _with_scores(totals: Mapping[str, Ints], rule: CalibrationRule) -> Calibration:
    samples, sums = totals["samples"], totals["sums"]
    if rule.classes == 2:  # noqa: PLR2004  # two classes also have an offset
        slope, offset = platt(*totals["margins"].reshape(2, BINS))
    else:
        slope, offset = best_slope(samples, totals["losses"]), 0.0
    return Calibration(
        state=numbers.SCORES,
        slope=slope,
        offset=offset,
        threshold=ALWAYS,
        reach=NO_REACH,
        limits=np.full(rule.classes, ALWAYS),
        samples=samples.astype(np.float64),
        centres=centres_of(samples, sums),
        whitener=whitener_of(samples, sums, totals["products"]),
    )


def _with_limits(before: Calibration, totals: Mapping[str, Ints], rule: CalibrationRule) -> Calibration:
    if before.state == numbers.NONE:
        raise EncodingError("calibration", "the model's scores must be calibrated before its limits")
    limits = [conformal_limit(counts, rule.error) for counts in totals["own"].reshape(rule.classes, BINS)]
    threshold = sensitivity_limit(totals["diseased"], rule.sensitivity) if any(rule.disease) else 0.0
    return replace(
        before,
        state=numbers.ALL,
        threshold=threshold,
        reach=reach_of(totals["distances"], rule.kept, SKETCH),
        limits=np.array(limits, np.float64),
    )
