"""Converts between a torch model and its flat vector of weights.

Invariant: as in weights.py, a vector has the manifest's length and only finite values.

Source: PROTOCOL.md 5 and 8.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from fl.protocol.errors import WeightsMismatch
from fl.training.model.frozen import STATISTICS
from fl.training.model.weights import Manifest, Vector, check_vector


def manifest_of(model: nn.Module) -> Manifest:
    """Return the manifest of `model`.

    Raises:
        WeightsMismatch: a tensor is not float32, or the model has running statistics, which are not sent.
    """
    for name, buffer in model.named_buffers():
        if name.rpartition(".")[2] not in STATISTICS:
            continue  # it never changes
        raise WeightsMismatch(f"{name} {tuple(buffer.shape)} is a buffer; use GroupNorm instead of BatchNorm")
    pairs = list(model.named_parameters())
    for name, tensor in pairs:
        if tensor.dtype is not torch.float32:
            raise WeightsMismatch(f"{name} is {tensor.dtype}, not torch.float32")
    return Manifest(tuple(name for name, _ in pairs), tuple(tuple(tensor.shape) for _, tensor in pairs))


def to_vector(model: nn.Module) -> Vector:
    """Return a copy of all weights of `model` as float32 [d].

    Raises:
        WeightsMismatch: the model has weights that cannot be sent (see `manifest_of`).
        NonFinite: a weight is NaN or infinite.
    """
    manifest_of(model)
    flat = torch.cat([tensor.detach().reshape(-1).cpu() for tensor in model.parameters()])
    return check_vector(flat.numpy(), flat.numel())


def load_vector(model: nn.Module, vector: Vector) -> None:
    """Copy float32 [d] into the parameters of `model`, on any device.

    Raises:
        WeightsMismatch: the length or dtype is wrong.
        NonFinite: a value is NaN or infinite.
    """
    manifest = manifest_of(model)
    check_vector(vector, manifest.length)
    parts = np.split(vector, np.cumsum(manifest.sizes)[:-1])
    with torch.no_grad():
        for tensor, part in zip(model.parameters(), parts, strict=True):
            tensor.copy_(torch.from_numpy(part.reshape(tensor.shape).copy()))
