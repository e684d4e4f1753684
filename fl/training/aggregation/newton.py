"""What a hospital enters into a Newton step of a logistic regression: sums of whole numbers.

Invariant: every entry is within its lane's range, whatever the rows are.

A hospital's row x has `columns` values within ±16, the first of them 1 (the intercept, without penalty). Let θ be the
candidate and p its probability of disease. The lanes are the number of patients, the loss Σ -ln p(y|x), the gradient
Σ (y - p) x, what was lost when that was rounded, the upper triangle of the curvature Σ p (1 - p) x xᵀ, and Σ x. Their
units are powers of two such that one hospital's entry is at most 2^42, so the sum of 1024 hospitals is at most 2^52,
which binary64 holds exactly. A hospital rounds each entry to the nearest unit, so an entry of the sum is wrong by at
most hospitals / 2 units. If a hospital has at most 4096 patients, the units are 2^-24 for loss and curvature, 2^-26 for
inputs, and 2^-52 for the gradient with its rest. The optimum depends on the gradient only: with a ridge of 1 and 1024
hospitals it moves by less than 2e-13 per column. The rounding of the curvature changes the path to it, and the eighth
digit of an interval.

Source: newton_step.py (the step that follows from the sums).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError
from fl.training.aggregation.lanes import SUBTRACT, Entries, Lane, LanePlan

Reals = npt.NDArray[np.float64]
Totals = Mapping[str, Entries]

NEWTON = "newton-step"
"""The purpose of the lanes."""
ENTRY_BITS = 42
"""One hospital's entry of a lane is at most 2^42 in magnitude."""
REST_BITS = 26
"""The rest of the gradient has steps 2^26 times finer than the gradient."""
REACH = 16.0
"""The largest magnitude of a value of a row; a design matrix is clipped to it."""
LOSS_CAP = 64.0
"""The largest loss of one patient that counts; it keeps the lane in its range."""
MAX_COLUMNS = 2048
MAX_ROWS_BITS = 20
_WHAT = "newton settings"


@dataclass(frozen=True)
class NewtonSettings:
    """What the hospitals of a round agree on.

    Attributes:
        columns: Values of a row, the intercept included: 1 to 2048.
        ridge: Penalty ridge / 2 · Σ θ_j² without the intercept, in units of one patient's loss; above 0, at most 10^6.
        rows_bits: A hospital has at most 2^rows_bits patients.
    """

    columns: int
    ridge: float
    rows_bits: int = 12

    def __post_init__(self) -> None:
        """Raise EncodingError if a value is out of its range."""
        if not 1 <= self.columns <= MAX_COLUMNS or not 0 <= self.rows_bits <= MAX_ROWS_BITS:
            raise EncodingError(_WHAT, "columns or rows_bits is out of its range")
        if not 1e-6 <= self.ridge <= 1e6:  # noqa: PLR2004  # so that every curvature has a factor
            raise EncodingError(_WHAT, "ridge is not in 1e-6 to 1e6")

    @property
    def rows(self) -> int:
        """Return the largest number of patients of one hospital."""
        return 1 << self.rows_bits

    @property
    def triangle(self) -> int:
        """Return the number of entries of an upper triangle, diagonal included."""
        return self.columns * (self.columns + 1) // 2

    @property
    def length(self) -> int:
        """Return the number of float32 values of a round's vector."""
        return 2 * (2 * self.columns + 3) + self.columns + self.triangle

    def unit_bits(self, largest_bits: int) -> int:
        """Return b, so that a lane has steps of 2^-b where one patient adds at most 2^largest_bits."""
        return ENTRY_BITS - self.rows_bits - largest_bits

    def to_dict(self) -> dict[str, JsonValue]:
        return {"columns": self.columns, "ridge": self.ridge, "rows_bits": self.rows_bits}

    @classmethod
    def from_dict(cls, raw: Mapping[str, JsonValue]) -> NewtonSettings:
        """Parse what `to_dict` wrote, or raise EncodingError."""
        fields = Fields(dict(raw), _WHAT)
        fields.only("columns", "ridge", "rows_bits")
        return cls(fields.integer("columns"), fields.number("ridge"), fields.integer("rows_bits"))


_LARGEST_BITS = {"loss": 6, "gradient": 4, "curvature": 6, "inputs": 4}
"""One patient adds at most 2^6, 2^4, 2^8 / 4 and 2^4 to an entry of these lanes."""


def plan_of(settings: NewtonSettings) -> LanePlan:
    """Return the lanes of a Newton step."""
    top, half, p = 1 << ENTRY_BITS, 1 << (REST_BITS - 1), settings.columns
    return LanePlan(
        NEWTON,
        (
            Lane("patients", 1, 0, settings.rows, "How many patients all hospitals have together."),
            Lane("loss", 1, 0, top, "How well the common model fits all patients together."),
            Lane("gradient", p, -top, top, "In which direction all patients together would move each coefficient."),
            Lane("gradient_rest", p, -half, half, "The digits of the gradient that its own lane has no room for."),
            Lane(
                "curvature",
                settings.triangle,
                -top,
                top,
                "How inputs go together over all patients, weighted by doubt. With few patients it shows much of each.",
            ),
            Lane("inputs", p, -top, top, f"The mean of each input over all patients. {SUBTRACT}"),
        ),
    )


def scale_of(lane: str, settings: NewtonSettings) -> float:
    """Return the number of units per 1 of a lane, a power of two."""
    if lane == "patients":
        return 1.0
    if lane == "gradient_rest":
        return math.ldexp(scale_of("gradient", settings), REST_BITS)
    return math.ldexp(1.0, settings.unit_bits(_LARGEST_BITS[lane]))


def entries(
    rows: Reals, labels: npt.NDArray[np.int64], candidate: Reals, settings: NewtonSettings
) -> dict[str, npt.NDArray[np.int64]]:
    """Return what one hospital puts into the lanes.

    Args:
        rows: float64 [n, columns] within ±REACH, the first column 1.
        labels: int64 [n], 1 = disease.
        candidate: float64 [columns], the coefficients of this round (`NewtonState.candidate`).
        settings: The round's settings.

    Raises:
        EncodingError: the shapes do not fit, there are too many rows, or a value is out of its range or NaN.
    """
    if rows.shape != (len(labels), settings.columns) or len(labels) > settings.rows:
        raise EncodingError(
            "design matrix", f"it is {list(rows.shape)}, not [n <= {settings.rows}, {settings.columns}]"
        )
    if not bool((np.abs(rows) <= REACH).all()):
        raise EncodingError("design matrix", f"a value is not within ±{REACH}")
    odds = rows @ candidate
    chance = 1.0 / (1.0 + np.exp(-np.clip(odds, -700.0, 700.0)))
    loss = np.minimum(np.logaddexp(0.0, np.where(labels == 1, -odds, odds)), LOSS_CAP)
    curvature = (rows * (chance * (1.0 - chance))[:, None]).T @ rows
    sums = {
        "patients": np.array([float(len(labels))]),
        "loss": np.array([loss.sum()]),
        "gradient": (labels - chance) @ rows,
        "curvature": curvature[np.triu_indices(settings.columns)],
        "inputs": rows.sum(axis=0),
    }
    words = {name: np.rint(each * scale_of(name, settings)) for name, each in sums.items()}
    rest = sums["gradient"] * scale_of("gradient", settings) - words["gradient"]
    words["gradient_rest"] = np.rint(rest * 2.0**REST_BITS)
    return {name: each.astype(np.int64) for name, each in words.items()}


def real(lane: str, totals: Totals, settings: NewtonSettings) -> Reals:
    """Return a lane's sums as float64: whole numbers rounded once, divided by a power of two."""
    return totals[lane].astype(np.float64) / scale_of(lane, settings)
