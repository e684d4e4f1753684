"""A tiny network for encrypted rows, and a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fl.protocol.names import Digest

CARD = Digest(b"\x07" * 32)
INPUTS, FIRST, SECOND = 3, 5, 3
DRAW = np.random.default_rng(4)


@dataclass
class Weights:
    first: Any
    first_bias: Any
    mixes: Any
    mix_bias: Any
    last: Any
    last_bias: float

    def plain(self, row: list[float]) -> float:
        one = self.first @ row + self.first_bias
        two = sum(mix @ one**power for mix, power in zip(self.mixes, (1, 2, 4), strict=True)) + self.mix_bias
        return float(sum(line @ two**p for line, p in zip(self.last, (1, 2, 4), strict=True)) + self.last_bias)


WEIGHTS = Weights(
    DRAW.normal(size=(FIRST, INPUTS)) / INPUTS,
    DRAW.normal(size=FIRST) / 10,
    DRAW.normal(size=(3, SECOND, FIRST)) / FIRST,
    DRAW.normal(size=SECOND) / 10,
    DRAW.normal(size=(3, SECOND)),
    0.25,
)
ROW = [0.5, -1.25, 0.0]
