"""A table's network with a polynomial in the place of each rectifier, so that it can be computed under encryption.

Each unit has its own polynomial a + b·z + c·z² + d·z⁴, with z the unit's input divided by its reach B, so that |z| ≤ 1
for usual patients. It is the least-squares fit of max(0, z) on what the unit gets from 4,000 persons that are drawn
from the model's own means and spreads, and (with a tenth of the weight) evenly on -1 to 1. B is 1.25 times the largest
input. No patient's row is used. Further out than B a polynomial is no rectifier: for a very unusual patient the answer
can be far from the network's.

Invariant: it depends on the model alone.

Source: R. Gilad-Bachrach et al., "CryptoNets", 2016 (polynomials for units). Powers, margin and weight were chosen on
the training rows of three tables (docs/private-prediction.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import WeightsMismatch
from fl.training.tables.design import Design
from fl.training.tables.network import Network
from fl.training.tables.schema import Kind
from fl.training.tables.statistics import measured

Reals = npt.NDArray[np.float64]
POWERS = (0, 1, 2, 4)
MARGIN, EVENLY = 1.25, 0.1
"""How far beyond the largest input a polynomial fits, and the weight of an even distribution."""
PERSONS, GRID = 4000, 201
LAYERS = 3
"""Two hidden layers and the last one."""


@dataclass(frozen=True, eq=False)
class PolynomialNetwork:
    """The network for encrypted rows. All sums are of plain products; powers are of each unit's scaled input.

    Attributes:
        first: float64 [h1, inputs]; with `first_bias` [h1] it gives the scaled inputs of the first hidden layer.
        mixes: float64 [3, h2, h1], for the powers 1, 2 and 4 of these; with `mix_bias` [h2] they give those of the
            second layer.
        last: float64 [3, h2], for the powers of those; with `last_bias` they give the log-odds.
    """

    first: Reals
    first_bias: Reals
    mixes: Reals
    mix_bias: Reals
    last: Reals
    last_bias: float

    @classmethod
    def of(cls, model: Network, design: Design) -> Self:
        """Return the polynomial form of a network of two hidden layers, or raise WeightsMismatch."""
        layers = model.judge.layers
        if len(layers) != LAYERS:
            raise WeightsMismatch("the network does not have two hidden layers")
        (w1, b1), (w2, b2), (w3, b3) = layers
        rows = drawn(design, model.background)
        inputs = rows @ w1.T + b1
        reach1, fit1 = _fitted(inputs)
        mixes = np.einsum("kj,jp->pkj", w2, fit1)
        units = np.einsum("njp,pkj->nk", _powers(inputs / reach1), mixes) + b2
        reach2, fit2 = _fitted(units)
        odds = w3[1] - w3[0]
        last = (fit2 * odds[:, None]).T
        return cls(
            w1 / reach1[:, None],
            b1 / reach1,
            mixes[1:] / reach2[:, None],
            (mixes[0].sum(axis=1) + b2) / reach2,
            last[1:],
            float(last[0].sum() + b3[1] - b3[0]),
        )

    def log_odds(self, rows: Reals) -> Reals:
        """Return float64 [n] for rows [n, inputs + 1], whose first column is the intercept, without encryption."""
        first = rows[:, 1:] @ self.first.T + self.first_bias
        second = np.einsum("njp,pkj->nk", _powers(first)[..., 1:], self.mixes) + self.mix_bias
        odds: Reals = np.einsum("nkp,pk->n", _powers(second)[..., 1:], self.last) + self.last_bias
        return odds


def drawn(design: Design, background: Reals) -> Reals:
    """Return float64 [PERSONS, inputs]: rows of persons drawn column by column from means and spreads alone."""
    draw = np.random.default_rng(0)
    at = {place: index for index, (place, _) in enumerate(measured(design.schema))}
    rows = np.zeros((PERSONS, design.width - 1))
    for index, (name, owner) in enumerate(zip(design.names[1:], design.owners[1:], strict=True)):
        column, mean = design.schema.columns[owner], background[index + 1]
        if name == column.name and column.kind is Kind.NUMBER:
            rows[:, index] = draw.normal(mean, 1.0, PERSONS)
        elif name == column.name and column.kind is Kind.BINARY:
            share, spread = design.statistics.means[at[owner]], design.statistics.spreads[at[owner]]
            rows[:, index] = ((draw.random(PERSONS) < share) - share) / spread
        else:  # a category, a missing value, or a part of a spline
            rows[:, index] = draw.random(PERSONS) < mean
    return rows


def _powers(values: Reals) -> Reals:
    """Return float64 [..., 4], the powers of each value."""
    return np.stack([values**power for power in POWERS], axis=-1)


def _fitted(inputs: Reals) -> tuple[Reals, Reals]:
    """Return each unit's reach [h], and its coefficients [h, 4] for powers of its scaled input."""
    reach = MARGIN * np.maximum(np.abs(inputs).max(axis=0), 1e-3)
    even = np.linspace(-1.0, 1.0, GRID)
    weights = np.sqrt(np.concatenate([np.full(len(inputs), 1 / len(inputs)), np.full(GRID, EVENLY / GRID)]))
    found = []
    for unit, far in enumerate(reach):
        z = np.concatenate([inputs[:, unit] / far, even])
        solved = np.linalg.lstsq(_powers(z) * weights[:, None], np.maximum(z, 0.0) * weights, rcond=None)[0]
        found.append(solved * far)
    return reach, np.array(found)
