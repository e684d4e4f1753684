"""A model's answer about one picture: probabilities, the classes that remain, and whether the picture is foreign.

Invariant: the command line, the site and the evaluator get the same answer from the same picture.

Source: numbers.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import EncodingError, NoAnswer, NonFinite

SUM_SLACK = 1e-3
_FLOAT = np.dtype("<f4")
FOREIGN = "foreign"
"""`NoAnswer.reason` of a picture that is unlike the hospitals' cells."""
UNLIKE = "This picture is unlike the pictures that the model learned from"


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model says about one picture.

    Attributes:
        probabilities: float32 [classes], calibrated if the model has a calibration.
        kept: For each class, whether it remains possible (the conformal set); None without calibration.
        distance: From the nearest class of the hospitals' cells, about 1 for a usual one; 0 without calibration.
        foreign: Whether the picture is too far from them for an answer.
    """

    probabilities: npt.NDArray[np.float32]
    kept: tuple[bool, ...] | None = None
    distance: float = 0.0
    foreign: bool = False

    def check(self) -> Self:
        """Return itself, or raise NoAnswer if the picture is foreign."""
        if self.foreign:
            raise NoAnswer(FOREIGN, UNLIKE, f"its distance from them is {self.distance:.1f}, and about 1 is usual")
        return self

    def to_bytes(self) -> bytes:
        """Return the probabilities, and what a calibration adds: classes kept, distance and foreign."""
        parts = list(self.probabilities)
        if self.kept is not None:
            parts += [*map(float, self.kept), self.distance, float(self.foreign)]
        return np.array(parts, _FLOAT).tobytes()

    @staticmethod
    def cap(classes: int) -> int:
        """Return the largest number of bytes of an answer."""
        return _FLOAT.itemsize * (2 * classes + 2)

    @classmethod
    def from_bytes(cls, body: bytes, classes: int, *, several: bool = False) -> Answer:
        """Parse what `to_bytes` wrote; with `several` labels the probabilities need not sum to 1.

        Raises:
            NonFinite: a number is NaN or infinite.
            EncodingError: it is no answer.
        """
        if len(body) not in (_FLOAT.itemsize * classes, cls.cap(classes)):
            raise EncodingError("answer", f"it has {len(body)} bytes for {classes} classes")
        values = np.frombuffer(body, _FLOAT).astype(np.float32)
        if bad := int(values.size - np.count_nonzero(np.isfinite(values))):
            raise NonFinite("model's answer", bad)
        row, rest = values[:classes], values[classes:]
        whole = row.max() <= 1 if several else abs(float(row.sum()) - 1) <= SUM_SLACK
        if row.min() < 0 or not whole:
            raise EncodingError("answer", "its numbers are not probabilities")
        if not rest.size:
            return cls(row)
        flags, distance = np.append(rest[:classes], rest[-1]), float(rest[classes])
        if not np.isin(flags, (0, 1)).all() or distance < 0:
            raise EncodingError("answer", "its set of classes or its distance is impossible")
        return cls(row, tuple(bool(flag) for flag in flags[:-1]), distance, bool(flags[-1]))
