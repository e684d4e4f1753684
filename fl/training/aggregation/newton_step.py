"""Logistic regression with a ridge penalty: the Newton step that follows from sums of whole numbers.

Invariant: the same totals and the same previous vector give the same bytes on every machine. The arithmetic is
binary64 in a fixed order: products, differences, quotients and square roots of single numbers, each rounded once; no
BLAS, no LAPACK, no sum whose order a library chooses.

The vector of a round holds numbers of binary64 as two of binary32 each (48 bits are kept; T. Dekker, 1971), because a
round's model has float32 weights.

Source: T. Hastie, R. Tibshirani, J. Friedman, "The Elements of Statistical Learning", 4.4.1 and 18.3.2 (penalised
likelihood by Newton's method); step halving as in R's glm; newton.py (the sums); fl/training/linear.py (the equations).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fl.protocol.errors import SumOutOfBounds, WeightsMismatch
from fl.training.aggregation.newton import NewtonSettings, Reals, Totals, real, scale_of
from fl.training.linear import cholesky, inverse, solve
from fl.training.vector import Vector, check_vector

CONVERGED = 1e-10
"""A step is the last one if its Newton decrement per patient (twice the expected gain) is at most this."""
_SETTLED = 1e-13
"""Relative error of a computed loss: a smaller increase does not halve a step."""


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
        vector = np.concatenate([high, low, once])
        return check_vector(vector, vector.size, "Newton step")

    @classmethod
    def from_vector(cls, vector: Vector, settings: NewtonSettings) -> NewtonState:
        """Return the state in a round's vector.

        Raises:
            WeightsMismatch: its length is not that of the settings.
            NonFinite, WeightsTooLarge: a value is no weight.
        """
        check_vector(vector, settings.length, "Newton step")
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
    gradient = real("gradient", totals, settings) + real("gradient_rest", totals, settings)
    gradient[1:] -= settings.ridge * state.candidate[1:]
    factor = cholesky(curvature_of(totals, settings), hospitals)
    step = solve(factor, gradient)
    decrement = _inner(gradient, step) / patients
    background = real("inputs", totals, settings) / float(patients)
    covariance = inverse(factor)[np.triu_indices(settings.columns)]
    return NewtonState(
        state.candidate + step, state.candidate, loss, decrement, state.steps + 1, background, covariance
    )


def _mean_loss(candidate: Reals, totals: Totals, patients: int, settings: NewtonSettings) -> float:
    penalty = 0.5 * settings.ridge * _inner(candidate[1:], candidate[1:])
    return (float(real("loss", totals, settings)[0]) + penalty) / patients


def curvature_of(totals: Totals, settings: NewtonSettings) -> Reals:
    """Return float64 [columns, columns], the penalised curvature; only its lower triangle is used."""
    matrix = np.zeros((settings.columns, settings.columns))
    matrix.T[np.triu_indices(settings.columns)] = real("curvature", totals, settings)
    for place in range(1, settings.columns):
        matrix[place, place] += settings.ridge
    return matrix


def _inner(left: Reals, right: Reals) -> float:
    """Return Σ left · right, added in order."""
    total = 0.0
    for one, other in zip(left.tolist(), right.tolist(), strict=True):
        total += one * other
    return total
