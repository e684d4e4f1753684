"""The server's optimisers: from the mean change of the weights to the next weights and the next state.

Invariant: pinned arithmetic. Every product, quotient, root, sum and difference is one binary64 operation with its own
rounding, in the order of the comments; only the results are rounded to binary32. IEEE 754 rounds all of these
correctly, so the bytes are the same on every machine.

Source: Hsu et al., 2019 (FedAvgM); Reddi et al., "Adaptive Federated Optimization", 2021, algorithm 2 (no bias
correction).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from fl.training.aggregation.choice import FEDADAM, FEDAVGM, FEDYOGI, Aggregation
from fl.training.aggregation.quantise import Vector

Floats = npt.NDArray[np.float64]
Write = Callable[[Floats, slice], None]
"""(mean change of a piece of the weights, float64; which piece) -> nothing. It may overwrite the change."""


class Optimiser:
    """Writes the next model, float32 [d + state], piece by piece; it never reads what it wrote."""

    def __init__(self, choice: Aggregation, previous: Vector, weights: int, memory: Vector | None = None) -> None:
        """`previous`: the model before, float32 [weights + state]; `memory`: where the next one may lie."""
        self.model = np.empty_like(previous) if memory is None else memory
        self._choice, self._previous, self._weights = choice, previous, weights
        plain = self._averaged
        self.write: Write = {
            FEDAVGM: self._with_momentum,
            FEDADAM: self._adaptive,
            FEDYOGI: self._adaptive,
        }.get(choice.rule, plain)

    def _old(self, part: slice, vector: int) -> Floats:
        """Return a piece of the weights (vector 0) or of a vector of the state (1, 2) as binary64."""
        return self._previous[self._shifted(part, vector)].astype(np.float64)

    def _put(self, part: slice, vector: int, values: Floats) -> None:
        with np.errstate(over="ignore"):  # `Sum.apply` checks the whole model afterwards
            self.model[self._shifted(part, vector)] = values

    def _shifted(self, part: slice, vector: int) -> slice:
        return slice(part.start + vector * self._weights, part.stop + vector * self._weights)

    def _averaged(self, change: Floats, part: slice) -> None:
        """M + change."""
        change += self._previous[part]
        self._put(part, 0, change)

    def _with_momentum(self, change: Floats, part: slice) -> None:
        """V = beta1 * v + change; M + lr * v."""
        momentum = self._old(part, 1)
        momentum *= self._choice.beta1
        momentum += change
        self._put(part, 1, momentum)
        momentum *= self._choice.lr
        momentum += self._old(part, 0)
        self._put(part, 0, momentum)

    def _adaptive(self, change: Floats, part: slice) -> None:
        """M = beta1 * m + (1 - beta1) * change; v as `_square`; M + (lr * m) / (sqrt(v) + tau)."""
        choice = self._choice
        mean, square = self._old(part, 1), self._square(change * change, self._old(part, 2))
        mean *= choice.beta1
        mean += change * (1.0 - choice.beta1)
        self._put(part, 1, mean)
        self._put(part, 2, square)
        mean *= choice.lr
        with np.errstate(invalid="ignore"):  # a negative square of a wrong first model: `Sum.apply` finds the NaN
            np.sqrt(square, out=square)
        square += choice.tau
        mean /= square
        mean += self._old(part, 0)
        self._put(part, 0, mean)

    def _square(self, new: Floats, old: Floats) -> Floats:
        """FedAdam: beta2 * v + (1 - beta2) * new; FedYogi: v - ((1 - beta2) * new) * sign(v - new)."""
        kept = 1.0 - self._choice.beta2
        if self._choice.rule == FEDYOGI:
            sign = np.sign(old - new)
            return old - (new * kept) * sign
        return old * self._choice.beta2 + new * kept
