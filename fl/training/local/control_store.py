"""A hospital's control variates on its disk: one for each round that it trained for, until the ledger decides.

Invariant: a variate that the ledger may still count is never removed or replaced by another round's. A file is whole,
or it counts as missing.

Source: PROTOCOL.md 5 (Other rules, scaffold).
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from fl.files import erase, write_atomic
from fl.protocol.errors import ControlLost, NonFinite, WeightsMismatch
from fl.protocol.names import DIGEST_BYTES
from fl.training.model.weights import Vector, vector_from_bytes, vector_to_bytes

OWNER_ONLY = 0o600
"""A variate is nearly the mean gradient of the hospital's own images."""


class ControlStore:
    """The files of one hospital, each named by its round's context."""

    def __init__(self, folder: Path, *, from_zero: bool = False) -> None:
        """Keep files in `folder`; `from_zero`: a missing variate is zero instead of an error."""
        self._folder = folder
        self._from_zero = from_zero

    def variate(self, counted: bytes | None, length: int) -> Vector:
        """Return the variate of the round `counted`, float32 [length]; zeros if no round counted one.

        Raises:
            ControlLost: it is missing or damaged.
        """
        if counted is None:
            return np.zeros(length, np.float32)
        path = self._path(counted)
        try:
            return _read(path, length)
        except (OSError, WeightsMismatch, NonFinite) as error:
            if self._from_zero:
                return np.zeros(length, np.float32)
            raise ControlLost(str(path)) from error

    def put(self, context: bytes, counted: bytes | None, variate: Vector) -> None:
        """Write a round's variate durably, and remove all but this one and the one of the round `counted`.

        Raises:
            StorageFull: it could not be written.
        """
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        data = vector_to_bytes(variate)
        write_atomic(self._path(context), hashlib.sha256(data).digest() + data, OWNER_ONLY)
        kept = {self._path(each).name for each in (context, counted) if each is not None}
        for path in sorted(self._folder.iterdir()):
            if path.name not in kept:
                erase(path)

    def _path(self, context: bytes) -> Path:
        return self._folder / context.hex()


def _read(path: Path, length: int) -> Vector:
    with path.open("rb") as file:
        content = file.read(DIGEST_BYTES + 4 * length + 1)
    digest, data = content[:DIGEST_BYTES], content[DIGEST_BYTES:]
    if hashlib.sha256(data).digest() != digest:
        raise WeightsMismatch("its SHA-256 is not the one that it begins with")
    return vector_from_bytes(data, length)
