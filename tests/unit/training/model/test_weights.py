from __future__ import annotations

import hashlib
import struct

import numpy as np
import pytest
import torch
from torch import nn

from fl.protocol.errors import NonFinite, WeightsMismatch, WeightsTooLarge
from fl.training.calibration.numbers import length_of
from fl.training.model.appendix import with_calibration
from fl.training.model.network import build_model
from fl.training.model.spec import ModelSpec
from fl.training.model.tensors import load_vector, manifest_of, to_vector
from fl.training.model.weights import (
    WEIGHT_MAX,
    Manifest,
    model_digest,
    vector_from_bytes,
    vector_to_bytes,
)
from fl.training.tables.mlp import TableSpec
from fl.training.tables.network import manifest_of_network, reference_of

SPEC = ModelSpec(size_px=16, width=8)
PAIR = Manifest(("a", "b.c"), ((2, 3), (2,)))
VALUES = np.arange(8, dtype=np.float32)


def test_the_manifest_is_canonical_json_and_its_digest_is_sha256() -> None:
    text = b'[{"dtype":"float32","name":"a","shape":[2,3]},{"dtype":"float32","name":"b.c","shape":[2]}]'
    assert PAIR.to_bytes() == text
    assert PAIR.digest == hashlib.sha256(text).digest()
    assert Manifest.from_bytes(text) == PAIR
    assert PAIR.length == 8


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b'[{"name":"a"}]',
        b'[{"dtype":"float32","name":"a","shape":[2, 3]}]',
        b'[{"dtype":"float64","name":"a","shape":[2]}]',
        b'[{"dtype":"float32","name":"a","shape":[2]},{"dtype":"float32","name":"a","shape":[2]}]',
        b'[{"dtype":"float32","name":"a","shape":["2"]}]',
        b'[{"dtype":"float32","name":7,"shape":[2]}]',
        b'[{"dtype":"float32","name":"a","shape":[-2]}]',
        b"\xff",
    ],
)
def test_any_other_manifest_is_refused(data: bytes) -> None:
    with pytest.raises(WeightsMismatch):
        Manifest.from_bytes(data)


def test_weights_survive_vector_bytes() -> None:
    model, other = build_model(SPEC, 1), build_model(SPEC, 2)
    vector, manifest = to_vector(model), manifest_of(model)
    assert (vector_from_bytes(vector_to_bytes(vector), manifest.length) == vector).all()
    load_vector(other, vector)
    pixels = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    assert torch.equal(model(pixels), other(pixels))


def test_a_model_in_channels_last_layout_gives_the_same_vector() -> None:
    model = build_model(SPEC, 1)
    before = to_vector(model)
    for tensor in model.parameters():
        if tensor.dim() == 4:
            tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)
    assert (to_vector(model) == before).all()


def test_bytes_are_little_endian_and_of_exact_length() -> None:
    assert vector_to_bytes(np.array([1.5], np.float32)) == struct.pack("<f", 1.5)
    for data in (bytes(7), bytes(12)):
        with pytest.raises(WeightsMismatch):
            vector_from_bytes(data, 2)


def test_the_model_digest_is_the_protocols() -> None:
    expected = hashlib.sha256(b"BAFL/1/model" + PAIR.digest + struct.pack(">Q", 8) + struct.pack("<8f", *range(8)))
    assert model_digest(PAIR.digest, VALUES) == expected.digest()
    with pytest.raises(WeightsMismatch):
        model_digest(b"short", VALUES)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_nan_and_infinity_are_refused_everywhere(bad: float) -> None:
    vector = VALUES.copy()
    vector[3] = bad
    raw = vector.tobytes()
    for attempt in (
        lambda: vector_to_bytes(vector),
        lambda: vector_from_bytes(raw, 8),
        lambda: model_digest(PAIR.digest, vector),
    ):
        with pytest.raises(NonFinite) as caught:
            attempt()
        assert caught.value.count == 1


@pytest.mark.parametrize("bad", [3.4e38, -3.4e38, 2.0**20 + 1, 1e30])
def test_a_weight_that_no_model_can_compute_with_is_refused_everywhere(bad: float) -> None:
    vector = VALUES.copy()
    vector[3] = bad
    raw = vector.tobytes()
    for attempt in (
        lambda: vector_to_bytes(vector),
        lambda: vector_from_bytes(raw, 8),
        lambda: model_digest(PAIR.digest, vector),
    ):
        with pytest.raises(WeightsTooLarge) as caught:
            attempt()
        assert (caught.value.count, caught.value.bound) == (1, WEIGHT_MAX)


def test_nan_beside_a_large_weight_is_named_as_nan() -> None:
    vector = VALUES.copy()
    vector[2], vector[3] = 3.4e38, np.nan
    with pytest.raises(NonFinite) as caught:
        vector_to_bytes(vector)
    assert caught.value.count == 1


@pytest.mark.parametrize("bits", [0x7FC00001, 0x7F800001, 0xFFC12345, 0xFFFFFFFF])
def test_a_nan_with_a_message_in_it_is_a_nan(bits: int) -> None:
    with pytest.raises(NonFinite):
        vector_from_bytes(struct.pack("<7fI", *range(7), bits), 8)


def test_the_smallest_numbers_and_both_zeros_keep_their_bits() -> None:
    raw = struct.pack("<8f", -0.0, 0.0, 1e-45, -1e-45, 1.1754942e-38, WEIGHT_MAX, -WEIGHT_MAX, 1.0)
    assert vector_to_bytes(vector_from_bytes(raw, 8)) == raw


def test_a_vector_of_another_length_type_or_shape_is_refused() -> None:
    model = build_model(SPEC, 1)
    vector = to_vector(model)
    for bad in (vector[:-1], vector.reshape(1, -1), vector.astype(np.float64)):
        with pytest.raises(WeightsMismatch):
            load_vector(model, bad)  # type: ignore[arg-type]  # the wrong type is the point


def test_models_whose_state_would_not_travel_are_refused() -> None:
    with pytest.raises(WeightsMismatch, match="buffer"):
        manifest_of(nn.BatchNorm2d(3))
    with pytest.raises(WeightsMismatch, match="float64"):
        manifest_of(nn.Linear(2, 2).double())


def test_the_state_of_the_server_lies_behind_the_weights_and_is_no_weight() -> None:
    plain = Manifest(("a.weight", "b.bias"), ((2, 3), (2,)))
    whole = plain.with_state(("server.mean", "server.square"))
    assert (plain.state, plain.weights, plain.length) == ((), 8, 8)
    assert (whole.state, whole.weights, whole.length) == (("server.mean", "server.square"), 8, 24)
    vector = np.arange(24, dtype=np.float32)
    assert whole.weights_of(vector).tolist() == list(range(8))
    assert plain.weights_of(vector[:8]).tolist() == list(range(8))
    assert Manifest.from_bytes(whole.to_bytes()) == whole
    assert whole.digest != plain.digest


def test_weights_behind_the_state_are_refused() -> None:
    mixed = Manifest(("a.weight", "server.mean", "b.bias"), ((2,), (4,), (2,)))
    with pytest.raises(WeightsMismatch, match="behind the server's state"):
        Manifest.from_bytes(mixed.to_bytes())


def test_a_manifest_says_how_many_numbers_behind_the_weights_no_training_changes() -> None:
    plain = Manifest(("a", "calibration.slope"), ((2, 3), (1,)))
    assert (plain.fixed, plain.with_state(("server.mean",)).fixed) == (0, 0)
    calibrated = with_calibration(Manifest(("a",), ((2, 3),)), 2)
    assert calibrated.fixed == calibrated.with_state(("server.mean",)).fixed == length_of(2)
    spec = TableSpec(4, (3,))
    assert manifest_of_network(spec).fixed == reference_of(spec).length
