"""Logistic regression with a ridge penalty by Newton steps on sums of whole numbers.

Invariant: the same totals and the same previous vector give the same bytes on every machine. The arithmetic is
binary64 in a fixed order: products, differences, quotients and square roots of single numbers, each rounded once; no
BLAS, no LAPACK, no sum whose order a library chooses.

A hospital's row x has `columns` values within ±16, the first of them 1 (the intercept, without penalty). Let θ be the
candidate and p its probability of disease. The lanes are the number of patients, the loss Σ -ln p(y|x), the gradient
Σ (y - p) x, what was lost when that was rounded, the upper triangle of the curvature Σ p (1 - p) x xᵀ, and Σ x. Their
units are powers of two such that one hospital's entry is at most 2^42, so the sum of 1024 hospitals is at most 2^52,
which binary64 holds exactly. A hospital rounds each entry to the nearest unit, so an entry of the sum is wrong by at
most hospitals / 2 units. If a hospital has at most 4096 patients, the units are 2^-24 for loss and curvature, 2^-26 for
inputs, and 2^-52 for the gradient with its rest. The optimum depends on the gradient only: with a ridge of 1 and 1024
hospitals it moves by less than 2e-13 per column. The rounding of the curvature changes the path to it, and the eighth
digit of an interval.

The vector of a round holds numbers of binary64 as two of binary32 each (48 bits are kept; T. Dekker, 1971), because a
round's model has float32 weights.

Source: T. Hastie, R. Tibshirani, J. Friedman, "The Elements of Statistical Learning", 4.4.1 and 18.3.2 (penalised
likelihood by Newton's method); step halving as in R's glm; linear.py (the equations).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fl.protocol.codec import Fields, JsonValue
from fl.protocol.errors import EncodingError, NonFinite, SumOutOfBounds, WeightsMismatch, WeightsTooLarge
from fl.training.aggregation.lanes import Entries, Lane, LanePlan
from fl.training.aggregation.linear import cholesky, inverse, solve
from fl.training.aggregation.quantise import Vector

Reals = npt.NDArray[np.float64]
Totals = Mapping[str, Entries]

ENTRY_BITS = 42
"""One hospital's entry of a lane is at most 2^42 in magnitude."""
REST_BITS = 26
"""The rest of the gradient has steps 2^26 times finer than the gradient."""
LARGEST = 2.0**20
"""The largest magnitude of a value of the vector, as for every weight (fl/training/model/weights.py)."""
REACH = 16.0
"""The largest magnitude of a value of a row; a design matrix is clipped to it."""
LOSS_CAP = 64.0
"""The largest loss of one patient that counts; it keeps the lane in its range."""
MAX_COLUMNS = 2048
MAX_ROWS_BITS = 20
CONVERGED = 1e-10
"""A step is the last one if its Newton decrement per patient (twice the expected gain) is at most this."""
_SETTLED = 1e-13
"""Relative error of a computed loss: a smaller increase does not halve a step."""
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
        return sum(size for _, size in layout(self))

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
        "newton-step",
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
            Lane(
                "inputs",
                p,
                -top,
                top,
                "The mean of each input over all patients. With few hospitals, each can subtract its own.",
            ),
        ),
    )


def scale_of(lane: str, settings: NewtonSettings) -> float:
    """Return the number of units per 1 of a lane, a power of two."""
    if lane == "patients":
        return 1.0
    if lane == "gradient_rest":
        return math.ldexp(scale_of("gradient", settings), REST_BITS)
    return math.ldexp(1.0, settings.unit_bits(_LARGEST_BITS[lane]))


# --- One hospital ----------------------------------------------------------------------------------------------


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


# --- State -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class NewtonState:
    """The vector of a round, with names.

    Attributes:
        candidate: float64 [columns], where the next sums are taken; after convergence, the optimum.
        accepted: float64 [columns], the last coefficients whose likelihood is known and has not fallen.
        loss: Mean penalised loss per patient at `accepted`.
        decrement: Newton decrement per patient at `accepted`: twice the gain that the step to `candidate` promises.
        steps: Accepted steps so far; 0 before the first round.
        background: float64 [columns], the mean row of all patients.
        covariance: float64 [triangle], upper triangle of (curvature + ridge)^-1 at `accepted`.
    """

    candidate: Reals
    accepted: Reals
    loss: float
    decrement: float
    steps: int
    background: Reals
    covariance: Reals

    @classmethod
    def start(cls, settings: NewtonSettings) -> NewtonState:
        """Return the state before the first round: all coefficients 0."""
        zeros = np.zeros(settings.columns)
        return cls(zeros, zeros, 0.0, 0.0, 0, zeros, np.zeros(settings.triangle))

    @property
    def converged(self) -> bool:
        """Return whether `candidate` is the optimum up to rounding."""
        return self.steps > 0 and self.decrement <= CONVERGED

    def to_vector(self) -> Vector:
        """Return float32 [settings.length].

        Raises:
            NonFinite, WeightsTooLarge: a value is no weight.
        """
        precise = np.concatenate([self.candidate, self.accepted, [self.loss, self.decrement, float(self.steps)]])
        high = precise.astype(np.float32)
        low = (precise - high.astype(np.float64)).astype(np.float32)
        once = np.concatenate([self.background, self.covariance]).astype(np.float32)
        return _checked(np.concatenate([high, low, once]))

    @classmethod
    def from_vector(cls, vector: Vector, settings: NewtonSettings) -> NewtonState:
        """Return the state in a round's vector.

        Raises:
            WeightsMismatch: its length is not that of the settings.
            NonFinite, WeightsTooLarge: a value is no weight.
        """
        if vector.dtype != np.float32 or vector.shape != (settings.length,):
            raise WeightsMismatch(f"{vector.dtype} {list(vector.shape)} instead of float32 [{settings.length}]")
        _checked(vector)
        p = settings.columns
        size = 2 * p + 3
        precise = vector[:size].astype(np.float64) + vector[size : 2 * size].astype(np.float64)
        once = vector[2 * size :].astype(np.float64)
        steps = float(precise[2 * p + 2])
        if steps < 0 or steps != int(steps):
            raise WeightsMismatch("a Newton step has no whole number of steps")
        return cls(
            precise[:p],
            precise[p : 2 * p],
            float(precise[2 * p]),
            float(precise[2 * p + 1]),
            int(steps),
            once[:p],
            once[p:],
        )


def layout(settings: NewtonSettings) -> list[tuple[str, int]]:
    """Return the names and sizes of the parts of a round's vector, in order."""
    p = settings.columns
    halves = [(f"{name}.{half}", size) for half in ("high", "low") for name, size in _precise(p)]
    return [*halves, ("background", p), ("covariance", settings.triangle)]


def _precise(p: int) -> list[tuple[str, int]]:
    return [("candidate", p), ("accepted", p), ("progress", 3)]


def _checked(vector: Vector) -> Vector:
    if bad := int(vector.size - np.count_nonzero(np.isfinite(vector))):
        raise NonFinite("Newton step", bad)
    if large := int(np.count_nonzero(np.abs(vector) > LARGEST)):
        raise WeightsTooLarge("Newton step", large, int(LARGEST))
    return vector


# --- The rule --------------------------------------------------------------------------------------------------


def advance(state: NewtonState, totals: Totals, hospitals: int, settings: NewtonSettings) -> NewtonState:
    """Return the state after one round.

    If the penalised likelihood has fallen at the candidate, the next candidate is half-way back. Else the candidate is
    accepted and the next one is a full Newton step away.

    Raises:
        SumOutOfBounds: there is no patient, or the curvature is none: a hospital sent other numbers.
    """
    patients = int(totals["patients"][0])
    if not 1 <= patients <= hospitals * settings.rows:
        raise SumOutOfBounds(hospitals, "number of patients", patients, 1, hospitals * settings.rows)
    loss = _mean_loss(state.candidate, totals, patients, settings)
    noise = hospitals / scale_of("loss", settings) / patients + _SETTLED * abs(state.loss)
    if state.steps and loss > state.loss + noise:
        return replace(state, candidate=(state.candidate + state.accepted) * 0.5)
    gradient = _real("gradient", totals, settings) + _real("gradient_rest", totals, settings)
    gradient[1:] -= settings.ridge * state.candidate[1:]
    factor = cholesky(_curvature(totals, settings), hospitals)
    step = solve(factor, gradient)
    decrement = _inner(gradient, step) / patients
    background = _real("inputs", totals, settings) / float(patients)
    covariance = inverse(factor)[np.triu_indices(settings.columns)]
    return NewtonState(
        state.candidate + step, state.candidate, loss, decrement, state.steps + 1, background, covariance
    )


def _real(lane: str, totals: Totals, settings: NewtonSettings) -> Reals:
    """Return a lane's sums as float64: whole numbers rounded once, divided by a power of two."""
    return totals[lane].astype(np.float64) / scale_of(lane, settings)


def _mean_loss(candidate: Reals, totals: Totals, patients: int, settings: NewtonSettings) -> float:
    penalty = 0.5 * settings.ridge * _inner(candidate[1:], candidate[1:])
    return (float(_real("loss", totals, settings)[0]) + penalty) / patients


def _curvature(totals: Totals, settings: NewtonSettings) -> Reals:
    """Return float64 [columns, columns], the penalised curvature; only its lower triangle is used."""
    matrix = np.zeros((settings.columns, settings.columns))
    matrix.T[np.triu_indices(settings.columns)] = _real("curvature", totals, settings)
    for place in range(1, settings.columns):
        matrix[place, place] += settings.ridge
    return matrix


def _inner(left: Reals, right: Reals) -> float:
    """Return Σ left · right, added in order."""
    total = 0.0
    for one, other in zip(left.tolist(), right.tolist(), strict=True):
        total += one * other
    return total
