"""CKKS: approximate homomorphic encryption of packed floats (tenseal, N = 8192).

Source: J. Cheon et al., ASIACRYPT 2017; tenseal's tutorials (moduli 60, 40, 40, 60 bits).

Anybody with the secret key can open every hospital's update. A server with the key would see all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fl.training.aggregation.quantise import Vector
from scripts.bench.schemes.base import Case, Cost, draw_update, least, wide

SLOTS = 4096
TUTORIAL = (60, 40, 40, 60)
LEAN = (60, 60)
"""The fewest moduli that still allow additions, as an expert would choose; products are not possible."""
SLICE = 32 * SLOTS


class Ckks:
    """Sum under CKKS."""

    needs = ("tenseal",)

    def __init__(self, name: str = "CKKS", moduli: tuple[int, ...] = TUTORIAL) -> None:
        self.name = name
        self._moduli = moduli

    def cost(self, case: Case) -> Cost:
        """Measure a round on a slice; encryption includes serialising."""
        import tenseal

        size = min(case.parameters, SLICE)
        update = draw_update(size, 1)
        keys_s, context = least(self._context)
        protect_s, files = least(lambda: [part.serialize() for part in self._encrypt(context, update)])
        load_s, parts = least(lambda: [tenseal.ckks_vector_from(context, file) for file in files])
        sum_s, total = least(lambda: [left + right for left, right in zip(parts, parts, strict=True)])
        open_s, _ = least(lambda: _decrypt(total, size))
        factor, count = wide(case.parameters, size), case.hospitals
        server = {"open": factor * count * load_s, "sum": factor * (count - 1) * sum_s, "unprotect": factor * open_s}
        server["replay"] = server["open"] + server["sum"]
        upload = int(factor * sum(map(len, files)))
        return Cost({"key set-up": keys_s, "protect": factor * protect_s}, server, upload, size)

    def total(self, updates: Sequence[Vector]) -> Vector:
        context = self._context()
        first, *others = (self._encrypt(context, update) for update in updates)
        for other in others:
            first = [left + right for left, right in zip(first, other, strict=True)]
        return _decrypt(first, updates[0].size)

    def protect(self, update: Vector) -> int:
        """Encrypt and serialise one hospital's update piece by piece; return the bytes."""
        context = self._context()
        pieces = range(0, update.size, SLOTS)
        return sum(len(self._encrypt(context, update[at : at + SLOTS])[0].serialize()) for at in pieces)

    def _context(self) -> Any:  # noqa: ANN401  # tenseal has no types
        import tenseal

        kind = tenseal.SCHEME_TYPE.CKKS
        context = tenseal.context(kind, 2 * SLOTS, coeff_mod_bit_sizes=list(self._moduli), n_threads=1)
        context.global_scale = 2**40
        return context

    def _encrypt(self, context: Any, update: Vector) -> list[Any]:  # noqa: ANN401
        import tenseal

        return [
            tenseal.ckks_vector(context, update[at : at + SLOTS].astype(np.float64))
            for at in range(0, update.size, SLOTS)
        ]


def _decrypt(parts: Sequence[Any], size: int) -> Vector:
    return np.concatenate([np.array(part.decrypt()) for part in parts])[:size].astype(np.float32)
