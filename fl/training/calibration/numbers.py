"""The numbers of a calibration, and how they ride behind the weights in a model's vector.

Invariant: a vector of zeros is the calibration that changes nothing. Training leaves the numbers as they are, so a
model's digest covers weights and calibration together.

Source: J. Platt, "Probabilistic outputs", 1999 (slope and offset); C. Guo et al., "On Calibration", 2017 (temperature);
K. Lee et al., "A simple unified framework for detecting out-of-distribution samples", 2018 (distance).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import EncodingError
from fl.training.calibration.bins import ALWAYS, clipped
from fl.training.calibration.pinned import Floats
from fl.training.calibration.sketch import SKETCH, TRIANGLE
from fl.training.vector import Vector

Bools = npt.NDArray[np.bool_]

NONE, SCORES, ALL = 0, 1, 2
"""The values of `state`: nothing yet; slope, offset and distance are known; the limits too."""
PREFIX = "calibration."
SMALLEST = 1e-12
"""A probability below it counts as this, so that its logarithm is finite."""


def shapes(classes: int) -> dict[str, tuple[int, ...]]:
    """Return the names and shapes of the numbers behind the weights, in order."""
    parts: dict[str, tuple[int, ...]] = {
        "state": (1,),
        "slope": (1,),
        "offset": (1,),
        "threshold": (1,),
        "reach": (1,),
        "limits": (classes,),
        "samples": (classes,),
        "centres": (classes, SKETCH),
        "whitener": (TRIANGLE,),
    }
    return {PREFIX + name: shape for name, shape in parts.items()}


def length_of(classes: int) -> int:
    """Return how many numbers a calibration has."""
    return sum(math.prod(shape) for shape in shapes(classes).values())


@dataclass(frozen=True, eq=False)
class Calibration:
    """What all hospitals' validation cells together say about a model's answers.

    Attributes:
        state: NONE, SCORES or ALL.
        slope: Multiplies log-probabilities (the inverse temperature).
        offset: Added to the log-odds of the second of two classes; 0 for more classes.
        threshold: Log-odds of disease from which on a cell counts as diseased.
        reach: Distance from which on a picture is foreign.
        limits: float64 [classes], the least log-odds with which each class stays in the set.
        samples: float64 [classes], validation cells of each class.
        centres: float64 [classes, SKETCH], the mean sketch of each class.
        whitener: float64 [SKETCH, SKETCH], lower triangle: makes differences from the centre comparable.
    """

    state: int
    slope: float
    offset: float
    threshold: float
    reach: float
    limits: Floats
    samples: Floats
    centres: Floats
    whitener: Floats

    @classmethod
    def of(cls, numbers: Vector, classes: int) -> Self:
        """Parse float32 [length_of(classes)].

        Raises:
            EncodingError: there are more or fewer numbers, or they are no calibration.
        """
        if numbers.shape != (length_of(classes),):
            raise EncodingError("calibration", f"it has {numbers.size} numbers, not {length_of(classes)}")
        values = numbers.astype(np.float64)
        ends = np.cumsum([math.prod(shape) for shape in shapes(classes).values()])[:-1]
        state, slope, offset, threshold, reach, *rest = np.split(values, ends)
        limits, samples, centres, triangle = rest
        if state[0] not in (NONE, SCORES, ALL) or not np.isfinite(values).all() or (state[0] and slope[0] <= 0):
            raise EncodingError("calibration", "its numbers contradict each other")
        whitener = np.zeros((SKETCH, SKETCH))
        whitener[np.tril_indices(SKETCH)] = triangle
        singles = float(slope[0]), float(offset[0]), float(threshold[0]), float(reach[0])
        return cls(int(state[0]), *singles, limits, samples, centres.reshape(classes, SKETCH), whitener)

    def to_vector(self) -> Vector:
        """Return float32 [length_of(classes)]."""
        singles = [self.state, self.slope, self.offset, self.threshold, self.reach]
        triangle = self.whitener[np.tril_indices(SKETCH)]
        parts = [np.array(singles, np.float64), self.limits, self.samples, self.centres.ravel(), triangle]
        return np.concatenate(parts).astype(np.float32)

    @property
    def complete(self) -> bool:
        """Return whether sets of classes and foreign pictures can be told."""
        return self.state == ALL

    @property
    def probability_threshold(self) -> float:
        """Return the probability of disease above which a cell counts as diseased.

        It is 0.5 before calibration, and where too few diseased cells were held back to choose another one.
        """
        return 1.0 / (1.0 + math.exp(-self.threshold)) if self.complete and self.threshold > ALWAYS else 0.5

    def logits(self, rows: npt.NDArray[np.float32]) -> Floats:
        """Return calibrated logits, float64 [n, classes], for the network's probabilities, float32 [n, classes]."""
        logs = logarithms(rows)
        if self.state == NONE:
            return logs
        if rows.shape[1] == 2:  # noqa: PLR2004  # two classes also have an offset
            margin = self.slope * (logs[:, 1] - logs[:, 0]) + self.offset
            return np.stack([np.zeros_like(margin), margin], axis=1)
        return np.asarray(self.slope * logs, np.float64)

    def probabilities(self, rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return calibrated probabilities, float32 [n, classes]; `rows` themselves before calibration."""
        if self.state == NONE:
            return rows
        logits = self.logits(rows)
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float32)

    def kept(self, rows: npt.NDArray[np.float32]) -> Bools:
        """Return which classes stay in each set, bool [n, classes]."""
        return np.asarray(clipped(own_odds(self.logits(rows))) >= self.limits, np.bool_)

    def distances(self, sketches: Floats) -> Floats:
        """Return how far each picture is from the nearest class, float64 [n]; about 1 for those like the counted ones.

        `sketches`: float64 [n, SKETCH].
        """
        near = [self._distance(row) for row in sketches]
        return np.array(near, np.float64)

    def _distance(self, row: Floats) -> float:
        apart = row - self._known  # [known classes, SKETCH]
        whitened = (apart[:, np.newaxis, :] * self.whitener).sum(axis=2)
        return math.sqrt(float((whitened * whitened).sum(axis=1).min()) / SKETCH) if len(apart) else 0.0

    @cached_property
    def _known(self) -> Floats:
        return np.asarray(self.centres[self.samples > 0], np.float64)


def logarithms(rows: npt.NDArray[np.float32]) -> Floats:
    """Return the logarithms of probabilities, float64 of the same shape; none is infinite."""
    return np.asarray(np.log(np.maximum(rows.astype(np.float64), SMALLEST)), np.float64)


def own_odds(logits: Floats) -> Floats:
    """Return the log-odds of each class against all others, float64 [n, classes]."""
    classes = logits.shape[1]
    columns = [log_odds(logits, [index == column for index in range(classes)]) for column in range(classes)]
    return np.stack(columns, axis=1)


def log_odds(logits: Floats, positive: Sequence[bool]) -> Floats:
    """Return the log-odds of the positive classes together against the others, float64 [n]."""
    chosen = np.array(positive, np.bool_)
    return log_sum(logits[:, chosen]) - log_sum(logits[:, ~chosen])


def log_sum(logits: Floats) -> Floats:
    """Return the logarithm of the sum of exponentials of each row, float64 [n]."""
    top = logits.max(axis=1)
    return np.asarray(top + np.log(np.exp(logits - top[:, np.newaxis]).sum(axis=1)), np.float64)
