"""The state of unfinished local training on a hospital's disk.

Invariant: only the training that wrote a checkpoint uses it (same global weights, data, configuration, round and
hospital); any other file is ignored. Nothing is unpickled.

Source: the safetensors format; PROTOCOL.md 7 (a restart must produce the same update, or masks are reused).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
import torch
from safetensors import SafetensorError
from torch import nn

from fl.files import write_atomic
from fl.protocol import strict_json
from fl.protocol.errors import EncodingError
from fl.training.model.tensors import to_vector
from fl.training.model.weights import Vector

FACTS_CAP = 4096
_TENSORS = ("weights", "mean", "square")


@dataclass(frozen=True)
class Progress:
    """The results of an epoch.

    Attributes:
        epoch: Finished epochs of this round, from 1.
        epochs: Epochs of this round.
        samples: Training images seen in this epoch.
        correct: Of these, recognised during training (augmented, before the step that learned from them).
        loss: Mean training loss of the epoch.
    """

    epoch: int
    epochs: int
    samples: int
    correct: int
    loss: float


@dataclass(frozen=True)
class Checkpoint:
    """Weights and AdamW's state after an epoch; all vectors float32 [d] in the manifest's order."""

    progress: Progress
    weights: Vector
    mean: Vector
    square: Vector
    steps: int


def capture(model: nn.Module, optimiser: torch.optim.AdamW, progress: Progress) -> Checkpoint:
    """Return the current state of a training that made at least one step."""
    states = [optimiser.state[tensor] for tensor in model.parameters()]
    mean, square = (
        torch.cat([state[name].detach().reshape(-1).cpu() for state in states]).numpy()
        for name in ("exp_avg", "exp_avg_sq")
    )
    return Checkpoint(progress, to_vector(model), mean, square, int(states[0]["step"].item()))


def restore(optimiser: torch.optim.AdamW, model: nn.Module, checkpoint: Checkpoint) -> None:
    """Restore the optimiser's state; the caller restores the weights (tensors.load_vector)."""
    start = 0
    for tensor in model.parameters():
        stop = start + tensor.numel()
        optimiser.state[tensor] = {
            "step": torch.tensor(float(checkpoint.steps), device=tensor.device),
            "exp_avg": _like(tensor, checkpoint.mean[start:stop]),
            "exp_avg_sq": _like(tensor, checkpoint.square[start:stop]),
        }
        start = stop


def _like(tensor: torch.Tensor, values: Vector) -> torch.Tensor:
    """Return `values` with the shape, device and memory layout of `tensor`."""
    result = torch.empty_like(tensor, requires_grad=False)
    result.copy_(torch.from_numpy(values.copy()).reshape(tensor.shape))
    return result


def save_checkpoint(path: Path, key: str, checkpoint: Checkpoint) -> None:
    """Write `checkpoint` under `key`, whole or not at all.

    Raises:
        StorageFull: it could not be written.
    """
    progress = checkpoint.progress
    facts = [progress.epoch, progress.epochs, progress.samples, progress.correct, progress.loss, checkpoint.steps]
    tensors = {name: getattr(checkpoint, name) for name in _TENSORS}
    write_atomic(path, safetensors.numpy.save(tensors, {"key": key, "facts": json.dumps(facts)}))


def load_checkpoint(path: Path, key: str, length: int) -> Checkpoint | None:
    """Return the checkpoint at `path`, or None if it is not for `key` with vectors float32 [length]."""
    try:
        with safetensors.safe_open(path, "numpy") as file:
            notes = file.metadata() or {}
            if notes.get("key") != key or sorted(file.keys()) != sorted(_TENSORS):
                return None
            tensors = {name: file.get_tensor(name) for name in _TENSORS}
    except (OSError, SafetensorError):
        return None
    if any(tensor.shape != (length,) or tensor.dtype != np.float32 for tensor in tensors.values()):
        return None
    try:
        facts: Any = strict_json.loads(notes["facts"].encode(), "checkpoint", FACTS_CAP)
        epoch, epochs, samples, correct, loss, steps = facts
    except (EncodingError, KeyError, TypeError, ValueError):
        return None
    return Checkpoint(Progress(epoch, epochs, samples, correct, loss), steps=steps, **tensors)
