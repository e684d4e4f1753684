"""What a network's answers need beside its weights: the mean row of all patients, and how sure its last layer is.

Invariant: the weights keep their bits, and the numbers behind them follow from the totals in pinned arithmetic.

The last layer of a network with two classes is a logistic regression on the units before it. Its curvature, summed over
all patients as in a Newton step, gives the covariance of its coefficients (Laplace's approximation of the last layer).
The layers before it count as known, so intervals from this covariance are rather too narrow than too wide.

Source: A. Kristiadi, M. Hein, P. Hennig, "Being Bayesian, Even Just a Bit, Fixes Overconfidence in ReLU Networks",
ICML 2020 (last layer); newton.py (the lanes); fl/training/linear.py (the equations).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError, SumOutOfBounds
from fl.training.aggregation import newton
from fl.training.aggregation.lanes import SUBTRACT, Entries, Lane, LanePlan
from fl.training.aggregation.newton import ENTRY_BITS, NewtonSettings, real
from fl.training.aggregation.newton_step import curvature_of
from fl.training.linear import cholesky, inverse
from fl.training.vector import Vector

Reals = npt.NDArray[np.float64]
REFERENCE, RULE = "table-reference", "reference"
"""The purpose of the lanes, and the rule's name."""
RIDGE = 1.0
"""Added to the curvature of the last layer: units that are 0 for all patients have no other."""


@dataclass(frozen=True)
class ReferenceSettings:
    """What the hospitals agree on.

    Attributes:
        columns: Of the design matrix, the intercept included.
        units: Of the layer before the last one, and 1 for the intercept.
        rows_bits: A hospital has at most 2^rows_bits patients.
    """

    columns: int
    units: int
    rows_bits: int = 12

    def __post_init__(self) -> None:
        """Raise EncodingError if a value is out of its range."""
        _ = self.inputs, self.head

    @property
    def inputs(self) -> NewtonSettings:
        """Return the settings of the lanes over rows of the design matrix."""
        return NewtonSettings(self.columns, RIDGE, self.rows_bits)

    @property
    def head(self) -> NewtonSettings:
        """Return the settings of the lanes over rows of units."""
        return NewtonSettings(self.units, RIDGE, self.rows_bits)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return names and shapes of the numbers behind the weights."""
        return {"reference.background": (self.columns,), "reference.covariance": (self.head.triangle,)}

    @property
    def length(self) -> int:
        return self.columns + self.head.triangle

    def to_dict(self) -> dict[str, JsonValue]:
        return {"columns": self.columns, "rows_bits": self.rows_bits, "units": self.units}

    @classmethod
    def from_dict(cls, raw: Mapping[str, JsonValue]) -> ReferenceSettings:
        """Parse what `to_dict` wrote, or raise EncodingError."""
        fields = Fields(dict(raw), "settings of a reference")
        fields.only("columns", "rows_bits", "units")
        return cls(fields.integer("columns"), fields.integer("units"), fields.integer("rows_bits"))


def plan_of(settings: ReferenceSettings) -> LanePlan:
    """Return the lanes."""
    top = 1 << ENTRY_BITS
    together = "How units of the last hidden layer go together over all patients, weighted by doubt."
    return LanePlan(
        REFERENCE,
        (
            Lane("patients", 1, 0, settings.head.rows, "How many patients all hospitals have together."),
            Lane("inputs", settings.columns, -top, top, f"The mean of each input over all patients. {SUBTRACT}"),
            Lane("curvature", settings.head.triangle, -top, top, f"{together} {SUBTRACT}"),
        ),
    )


def entries(rows: Reals, units: Reals, head: Reals, settings: ReferenceSettings) -> dict[str, Entries]:
    """Return what one hospital puts into the lanes.

    Args:
        rows: float64 [n, columns] within ±16, of the design matrix.
        units: float64 [n, units] within ±16, the first column 1.
        head: float64 [units], the coefficients of the last layer's log-odds, the intercept first.
        settings: The round's settings.

    Raises:
        EncodingError: the shapes do not fit, there are too many rows, or a value is out of its range or NaN.
    """
    nobody = np.zeros(len(rows), np.int64)  # neither lane depends on the labels
    over_rows = newton.entries(rows, nobody, np.zeros(settings.columns), settings.inputs)
    over_units = newton.entries(units, nobody, head, settings.head)
    return {**{name: over_rows[name] for name in ("patients", "inputs")}, "curvature": over_units["curvature"]}


def refer(previous: Vector, totals: Mapping[str, Entries], hospitals: int, settings: Mapping[str, JsonValue]) -> Vector:
    """Return the next model, float32 [d]: the same weights, and new numbers behind them.

    Raises:
        EncodingError: the settings are wrong, or the model has no room for the numbers.
        SumOutOfBounds: there is no patient, or the curvature is none: a hospital sent other numbers.
    """
    parsed = ReferenceSettings.from_dict(settings)
    start = previous.size - parsed.length
    if start < 0:
        raise EncodingError("reference", "the model has no numbers for it behind its weights")
    patients, most = int(totals["patients"][0]), hospitals * parsed.head.rows
    if not 1 <= patients <= most:
        raise SumOutOfBounds(hospitals, "number of patients", patients, 1, most)
    background = real("inputs", totals, parsed.inputs) / float(patients)
    curvature = curvature_of(totals, parsed.head)
    curvature[0, 0] += RIDGE  # a network that is sure of every patient has no other
    covariance = inverse(cholesky(curvature, hospitals))
    upper = covariance[np.triu_indices(parsed.units)]
    return np.concatenate([previous[:start], np.concatenate([background, upper]).astype(np.float32)])
