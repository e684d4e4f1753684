"""A model's weights as one flat vector and as bytes, and the manifest that names their parts.

Invariant: a vector that passed a function of this module has the manifest's length and only finite values within
±WEIGHT_MAX. Nothing is ever unpickled, and torch is not needed.

Source: PROTOCOL.md 5 and 8 (bodies are raw float32 little-endian; modelDigest).
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from fl.protocol import strict_json
from fl.protocol.codec import DOCUMENT_CAP
from fl.protocol.errors import EncodingError, WeightsMismatch
from fl.protocol.names import DIGEST_BYTES, LABEL_PREFIX, Digest
from fl.timing import timed
from fl.training.calibration.numbers import shapes
from fl.training.vector import WEIGHT_MAX as WEIGHT_MAX  # noqa: PLC0414  # others import it from here
from fl.training.vector import Vector as Vector  # noqa: PLC0414  # others import it from here
from fl.training.vector import check_vector as check_vector  # noqa: PLC0414  # others import it from here

SERVER = "server."
"""Entries whose names begin so are the state of the server's optimiser; they lie behind all weights."""

FIXED_ROWS = (tuple(shapes(1)), ("reference.background", "reference.covariance"))
"""The names of entries behind the weights that only rounds of lanes change: one of these tuples, or none."""

_LITTLE = np.dtype("<f4")


@dataclass(frozen=True)
class Manifest:
    """Names and shapes of a model's tensors, in order; all are float32."""

    names: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]

    @cached_property
    def sizes(self) -> tuple[int, ...]:
        return tuple(math.prod(shape) for shape in self.shapes)

    @property
    def length(self) -> int:
        """Return the length of a whole vector: weights, then the state of the server's optimiser."""
        return sum(self.sizes)

    @property
    def state(self) -> tuple[str, ...]:
        """Return the names of the entries that only coordinator, replay and audit use."""
        return tuple(name for name in self.names if name.startswith(SERVER))

    @property
    def weights(self) -> int:
        """Return d, the number of weights; hospitals train these, and their updates have these only."""
        return sum(self.sizes[: len(self.names) - len(self.state)])

    @property
    def fixed(self) -> int:
        """Return how many of the last weights no training changes: a calibration, or a reference of patients."""
        end = len(self.names) - len(self.state)
        starts = (end - len(rows) for rows in FIXED_ROWS if self.names[:end][-len(rows) :] == rows)
        return sum(sum(self.sizes[start:end]) for start in starts)

    def weights_of(self, vector: Vector) -> Vector:
        """Return the weights in a whole vector, float32 [length] -> [d], without a copy."""
        return vector[: self.weights]

    def with_state(self, names: tuple[str, ...]) -> Manifest:
        """Return this manifest of weights with vectors of the same length behind them."""
        return Manifest((*self.names, *names), (*self.shapes, *((self.weights,) for _ in names)))

    def to_bytes(self) -> bytes:
        """Return the canonical JSON (UTF-8, no spaces, keys sorted): a list of dtype, name and shape."""
        rows = [{"dtype": "float32", "name": n, "shape": list(s)} for n, s in zip(self.names, self.shapes, strict=True)]
        return json.dumps(rows, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()

    @cached_property
    def digest(self) -> Digest:
        """Return the SHA-256 of `to_bytes()`."""
        return Digest(hashlib.sha256(self.to_bytes()).digest())

    @classmethod
    def from_bytes(cls, data: bytes) -> Manifest:
        """Parse what `to_bytes` wrote, and refuse any other spelling of it.

        Raises:
            WeightsMismatch: the bytes are not a canonical manifest.
        """
        try:
            rows: Any = strict_json.loads(data, "manifest", DOCUMENT_CAP)
            manifest = cls(tuple(row["name"] for row in rows), tuple(tuple(row["shape"]) for row in rows))
            canonical = manifest.to_bytes()
            typed = all(type(name) is str for name in manifest.names) and all(
                type(side) is int and side > 0 for shape in manifest.shapes for side in shape
            )
        except (EncodingError, ValueError, TypeError, KeyError) as error:
            raise WeightsMismatch("the manifest is not a list of names and shapes") from error
        if not typed or canonical != data or len(set(manifest.names)) != len(manifest.names):
            raise WeightsMismatch("the manifest is not in its canonical form")
        state = manifest.state
        if state != manifest.names[len(manifest.names) - len(state) :]:
            raise WeightsMismatch(f"the manifest has weights behind the server's state {state[0]}")
        return manifest


def vector_to_bytes(vector: Vector) -> bytes:
    """Return float32 [d] as 4 d bytes, little-endian.

    Raises:
        WeightsMismatch: it is not a float32 vector.
        NonFinite: a value is NaN or infinite.
    """
    return bytes(vector_view(vector))


def vector_view(vector: Vector) -> memoryview:
    """Return the same bytes, without a copy where the machine is little-endian; raises as `vector_to_bytes`."""
    return check_vector(vector, vector.size).astype(_LITTLE, copy=False).data.cast("B")


def vector_from_bytes(data: bytes, length: int) -> Vector:
    """Return 4 * `length` little-endian bytes as float32 [length].

    Raises:
        WeightsMismatch: the number of bytes is wrong.
        NonFinite: a value is NaN or infinite.
    """
    return vector_in(data, length).copy()


def vector_in(data: bytes, length: int) -> Vector:
    """Return the same, read-only and without a copy where the machine is little-endian; raises as it does."""
    if len(data) != 4 * length:
        raise WeightsMismatch(f"{len(data)} bytes instead of {4 * length} for {length} values")
    return check_vector(np.frombuffer(data, _LITTLE).astype(np.float32, copy=False), length)


@timed("hash")
def model_digest(manifest_digest: bytes, vector: Vector) -> Digest:
    """Return H("BAFL/1/model" || manifest_digest[32] || u64 d || float32 little-endian data) (PROTOCOL.md 7).

    Raises:
        WeightsMismatch: the manifest's digest does not have 32 bytes, or the vector is not float32.
        NonFinite: a value is NaN or infinite.
    """
    if len(manifest_digest) != DIGEST_BYTES:
        raise WeightsMismatch(f"the manifest's digest has {len(manifest_digest)} bytes, not {DIGEST_BYTES}")
    state = hashlib.sha256(LABEL_PREFIX + b"model" + manifest_digest + vector.size.to_bytes(8, "big"))
    state.update(vector_view(vector))
    return Digest(state.digest())
