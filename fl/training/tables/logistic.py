"""A logistic regression as the answers see it: coefficients, their covariance, and the mean person.

Invariant: it is read from the vector of a Newton round (fl/training/aggregation/newton_step.py), so what is served is
what the ledger names.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fl.training.aggregation.newton import NewtonSettings
from fl.training.aggregation.newton_step import NewtonState, layout
from fl.training.linear import full
from fl.training.model.weights import Manifest, Vector
from fl.training.tables.design import Design

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Logistic:
    """A logistic regression.

    Attributes:
        coefficients: float64 [width], the intercept first.
        covariance: float64 [width, width], the inverse of the penalised curvature.
        background: float64 [width], the mean row of all patients it learned from.
    """

    coefficients: Reals
    covariance: Reals
    background: Reals

    @classmethod
    def of(cls, state: NewtonState) -> Logistic:
        return cls(state.candidate, full(state.covariance, len(state.candidate)), state.background)

    @classmethod
    def from_vector(cls, vector: Vector, settings: NewtonSettings) -> Logistic:
        """Return the model in a round's vector; raises as NewtonState.from_vector."""
        return cls.of(NewtonState.from_vector(vector, settings))

    def log_odds(self, rows: Reals) -> Reals:
        """Return float64 [n] for rows [n, width]."""
        odds: Reals = rows @ self.coefficients
        return odds

    def spread(self, rows: Reals) -> Reals:
        """Return float64 [n], the standard error of each log-odds (delta method: √(xᵀ Σ x))."""
        variance: Reals = np.einsum("ij,jk,ik->i", rows, self.covariance, rows)
        return np.sqrt(np.maximum(variance, 0.0))


def settings_for(design: Design, ridge: float = 1.0, rows_bits: int = 12) -> NewtonSettings:
    """Return the settings of the Newton rounds for a design."""
    return NewtonSettings(design.width, ridge, rows_bits)


def manifest_of(settings: NewtonSettings) -> Manifest:
    """Return names and shapes of the parts of a round's vector."""
    parts = layout(settings)
    return Manifest(tuple(name for name, _ in parts), tuple((size,) for _, size in parts))


def probability(log_odds: Reals) -> Reals:
    """Return 1 / (1 + exp(-log_odds)), without overflow."""
    return 1.0 / (1.0 + np.exp(-np.clip(log_odds, -700.0, 700.0)))
