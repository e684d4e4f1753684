"""SCAFFOLD's sum: each update has a change of the weights and, behind it, a change of the hospital's control variate.

Invariant: both halves are quantised, bounded and summed by the same functions as an update without control variates,
each with its own clip and norm. The server's variate is pinned arithmetic: binary64 operations with their own rounding.

Source: S. Karimireddy et al., "SCAFFOLD", 2020, algorithm 1 with eta_g = 1:
x = x + mean(dy_i); c = c + (|S| / N) * mean(dc_i).
Not here: the local steps (fl/training/local/scaffold.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from fl.protocol.errors import NonFinite
from fl.protocol.rounds.config import RoundConfig
from fl.training.aggregation.choice import ENTRY, Aggregation
from fl.training.aggregation.claims import Claims
from fl.training.aggregation.quantise import LANES, LocalMetrics, Quantiser, Vector, Words, grid_of, quantise


@dataclass(frozen=True, eq=False)
class ControlledWeights:
    """What a hospital learned in a round of SCAFFOLD."""

    vector: Vector
    """float32 [d]: its weights."""
    metrics: LocalMetrics
    change: Vector
    """float32 [d]: the new control variate minus the old one."""


def joined(previous: Vector, learned: ControlledWeights, config: RoundConfig) -> Words:
    """Return an update, int32 or int64 [2 d + LANES]: both changes, then the claims; raises as `quantise`."""
    plain, bounds = _configs(config)
    weights = quantise(previous, learned.vector, learned.metrics, plain)
    control = quantise(np.zeros_like(previous), learned.change, learned.metrics, bounds)
    return np.concatenate([weights[:-LANES], control])


def joined_pieces(
    previous: Vector, learned: ControlledWeights, config: RoundConfig, parts: Sequence[slice]
) -> Iterator[Words]:
    """Return the words of `joined`, part by part; raises as `quantise`."""
    plain, bounds = _configs(config)
    size = previous.size
    weights = Quantiser(previous, learned.vector, learned.metrics, plain)
    control = Quantiser(np.zeros_like(previous), learned.change, learned.metrics, bounds)

    def piece(part: slice) -> Words:
        first = weights.words(slice(min(part.start, size), min(part.stop, size)))
        second = control.words(slice(max(part.start - size, 0), max(part.stop - size, 0)))
        return np.concatenate([first, second])

    return map(piece, parts)


def halves(words: Words, config: RoundConfig) -> tuple[tuple[Words, RoundConfig], tuple[Words, RoundConfig]]:
    """Return (words, bounds) of the weights and of the control variate; each half has the claims, [d + LANES]."""
    size = (words.size - LANES) // 2
    plain, bounds = _configs(config)
    return (np.concatenate([words[:size], words[-LANES:]]), plain), (words[size:], bounds)


def next_control(previous: Vector, words: Words, claims: Claims, bounds: RoundConfig) -> Vector:
    """Return c + (|S| / N) * mean change, float32 [d]; no more than all N hospitals count.

    Args:
        previous: c, float32 [d].
        words: The summed changes with the claims, [d + LANES].
        claims: Of the sum.
        bounds: From `halves`.

    Raises:
        NonFinite: an entry is not finite.
    """
    hospitals = Aggregation.of(bounds.training).hospitals
    factor = (bounds.clip * bounds.most_weight) / (float(grid_of(bounds).scale) * claims.weight)
    change = words[:-LANES].astype(np.float64)
    change *= factor
    change *= min(claims.hospitals, hospitals) / hospitals
    change += previous
    with np.errstate(over="ignore"):
        control = change.astype(np.float32)
    broken = int(control.size - np.count_nonzero(np.isfinite(control)))
    if broken:
        raise NonFinite("server's control variate", broken)
    return control


def _configs(config: RoundConfig) -> tuple[RoundConfig, RoundConfig]:
    """Return the bounds of the weights, under which their sum is plain averaging, and of the control variates."""
    choice = Aggregation.of(config.training)
    plain = {name: value for name, value in config.training.items() if name != ENTRY}
    bounds = replace(config, clip=choice.control_clip, l2_bound=choice.control_bound)
    return replace(config, training=plain), bounds
