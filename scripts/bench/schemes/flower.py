"""Flower's SecAgg+: the functions of its client and the loop of its server, with all hospitals as neighbours.

They live under legacy paths of flwr 1.41. Not to be used for privacy: each pairwise key is folded to 32 bits and seeds
a Mersenne Twister (flower issue #7522).

Source: flwr/client/mod/secure_aggregation/secaggplus_mod.py; flwr/server/workflow/secure_aggregation/
secaggplus_workflow.py (unmask_stage, repeated in `_remove_masks` without its messages); J. Bell et al., CCS 2020.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from fl.training.aggregation.quantise import Vector
from scripts.bench.schemes.base import CONFIG, METRICS, Case, Cost, draw_update, least

CLIP = 8.0
TARGET_RANGE, MOD_RANGE = 1 << 22, 1 << 32
"""Flower's defaults."""


@dataclass(frozen=True)
class Nodes:
    """All nodes' states after the exchange of keys and shares."""

    states: dict[int, Any]
    public: dict[int, tuple[bytes, bytes]]
    arrived: dict[int, tuple[list[int], list[bytes]]]
    """Sources and ciphertexts, by receiver."""


class Flower:
    """Sum under SecAgg+."""

    name = "Flower SecAgg+"
    needs = ("flwr",)

    def cost(self, case: Case) -> Cost:
        from flwr.common.secure_aggregation.ndarrays_arithmetic import parameters_addition

        survivors = case.hospitals - case.dropped
        nodes = gather(case.hospitals, case.threshold)
        update = draw_update(case.parameters, 1)
        keys_s, _ = least(lambda: _set_up(nodes, case.threshold))
        protect_s, files = least(lambda: mask(nodes, 1, update))
        vectors = [_load(file) for file in files]
        sum_s, _ = least(lambda: parameters_addition(vectors, vectors))
        unmask_s = self.unmask_s(case, case.parameters)
        server = {"sum": survivors * sum_s, "unprotect": unmask_s}
        hospital = {"key set-up": keys_s, "quantise + mask": protect_s}
        return Cost(hospital, server, sum(map(len, files)), case.parameters)

    def protect(self, case: Case, update: Vector) -> list[bytes]:
        """Open the shares that arrived, quantise and mask one hospital's update."""
        return mask(gather(case.hospitals, case.threshold), 1, update)

    def unmask_s(self, case: Case, parameters: int) -> float:
        """Return the seconds from shares to the sum in floats, after 20 % of the hospitals dropped out."""
        nodes, survivors = gather(case.hospitals, case.threshold), case.hospitals - case.dropped
        total = [np.array([MOD_RANGE >> 8]), np.ones(parameters, np.int64)]
        shares = reveal(nodes, survivors)
        return least(lambda: _remove_masks(nodes, shares, survivors, total))[0]

    def total(self, updates: Sequence[Vector]) -> Vector:
        """Return the sum; one more node dropped out after sharing."""
        from flwr.common.secure_aggregation.ndarrays_arithmetic import (
            parameters_addition,
            parameters_mod,
        )

        nodes, count = gather(len(updates) + 1, 2), len(updates)
        vectors = [[_load(part) for part in mask(nodes, nid, update)] for nid, update in enumerate(updates, 1)]
        whole = vectors[0]
        for vector in vectors[1:]:
            whole = parameters_addition(whole, vector)
        mean = _remove_masks(nodes, reveal(nodes, count), count, parameters_mod(whole, MOD_RANGE))
        return np.asarray(mean * count, np.float32)


@lru_cache(maxsize=4)
def gather(hospitals: int, threshold: int) -> Nodes:
    """Return nodes 1..n after SecAgg+'s stages 0 and 1."""
    client = _client()
    from flwr.common.secure_aggregation.secaggplus_constants import Key

    states: dict[int, Any] = {nid: client.SecAggPlusState(nid=nid) for nid in range(1, hospitals + 1)}
    public = {}
    for nid, state in states.items():
        keys = client._setup(state, _settings(hospitals, threshold))  # noqa: SLF001  # Flower has no public function for it
        public[nid] = (keys[Key.PUBLIC_KEY_1], keys[Key.PUBLIC_KEY_2])
    arrived: dict[int, tuple[list[int], list[bytes]]] = {nid: ([], []) for nid in states}
    for nid, state in states.items():
        sent = client._share_keys(state, {str(who): keys for who, keys in public.items()})  # noqa: SLF001
        for receiver, data in zip(sent[Key.DESTINATION_LIST], sent[Key.CIPHERTEXT_LIST], strict=True):
            arrived[receiver][0].append(nid)
            arrived[receiver][1].append(data)
    return Nodes(states, public, arrived)


def _client() -> Any:  # noqa: ANN401  # a function of the same name hides the module from `from ... import`
    return importlib.import_module("flwr.client.mod.secure_aggregation.secaggplus_mod")


def _settings(hospitals: int, threshold: int) -> Any:  # noqa: ANN401  # flwr's record has loose types
    from flwr.common.secure_aggregation.secaggplus_constants import Key

    return {
        Key.SAMPLE_NUMBER: hospitals,
        Key.SHARE_NUMBER: hospitals,
        Key.THRESHOLD: threshold,
        Key.CLIPPING_RANGE: CLIP,
        Key.TARGET_RANGE: TARGET_RANGE,
        Key.MOD_RANGE: MOD_RANGE,
        Key.MAX_WEIGHT: float(CONFIG.w_max),
    }


def _set_up(nodes: Nodes, threshold: int) -> None:
    """Draw one node's keys and share them."""
    client = _client()

    state: Any = client.SecAggPlusState(nid=1)
    keys = client._setup(state, _settings(len(nodes.states), threshold))  # noqa: SLF001
    public = {**nodes.public, 1: tuple(keys.values())}
    client._share_keys(state, {str(who): pair for who, pair in public.items()})  # noqa: SLF001


def mask(nodes: Nodes, nid: int, update: Vector) -> list[bytes]:
    """Return what one node uploads."""
    client = _client()
    from flwr.common import ndarrays_to_parameters
    from flwr.common.secure_aggregation.secaggplus_constants import Key

    sources, data = nodes.arrived[nid]
    records: Any = {Key.SOURCE_LIST: sources, Key.CIPHERTEXT_LIST: data}
    packed = ndarrays_to_parameters([update])
    sent = client._collect_masked_vectors(nodes.states[nid], records, METRICS.samples, packed)  # noqa: SLF001
    files: list[bytes] = sent[Key.MASKED_PARAMETERS]
    return files


def _load(file: bytes) -> Any:  # noqa: ANN401
    from flwr.common import bytes_to_ndarray

    return bytes_to_ndarray(file)


def reveal(nodes: Nodes, survivors: int) -> dict[int, list[bytes]]:
    """Return the shares that the first `survivors` nodes reveal, by owner."""
    shares: dict[int, list[bytes]] = {}
    for holder in range(1, survivors + 1):
        state = nodes.states[holder]
        if not state.rd_seed_share_dict.keys() >= nodes.states.keys():
            mask(nodes, holder, np.zeros(1, np.float32))  # opens the shares that arrived
        for nid in nodes.states:
            received: Mapping[int, bytes] = state.rd_seed_share_dict if nid <= survivors else state.sk1_share_dict
            shares.setdefault(nid, []).append(received[nid])
    return shares


def _remove_masks(nodes: Nodes, shares: Mapping[int, list[bytes]], survivors: int, total: list[Any]) -> Any:  # noqa: ANN401
    """Do the same as the server's unmask_stage; return the mean in floats."""
    from flwr.common.secure_aggregation import ndarrays_arithmetic as arithmetic
    from flwr.common.secure_aggregation.crypto.shamir import combine_shares
    from flwr.common.secure_aggregation.quantization import dequantize
    from flwr.common.secure_aggregation.secaggplus_utils import pseudo_rand_gen

    shapes = arithmetic.get_parameters_shape(total)
    for nid, pieces in shares.items():
        secret = combine_shares(pieces)
        if nid <= survivors:
            total = arithmetic.parameters_subtraction(total, pseudo_rand_gen(secret, MOD_RANGE, shapes))
            continue
        for other in nodes.states:
            if other != nid:
                noise = pseudo_rand_gen(_agree(secret, nodes.public[other][0]), MOD_RANGE, shapes)
                change = arithmetic.parameters_addition if nid > other else arithmetic.parameters_subtraction
                total = change(total, noise)
    weight, parts = arithmetic.factor_extract(arithmetic.parameters_mod(total, MOD_RANGE))
    vector = dequantize(parts, CLIP, TARGET_RANGE)[0]
    vector += -(survivors - 1) * CLIP
    vector *= TARGET_RANGE / weight
    return vector


def _agree(secret: bytes, public: bytes) -> bytes:
    client = _client()

    key: bytes = client.generate_shared_key(client.bytes_to_private_key(secret), client.bytes_to_public_key(public))
    return key
