"""One hospital's local training: from the global weights to its own.

Invariant: on a CPU the resulting bytes depend only on the arguments and the number of threads, even if the training was
killed and resumed.

Source: B. McMahan et al., "Communication-Efficient Learning", 2017, algorithm 1 (ClientUpdate).
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn

from fl.training.data.dataset import Dataset
from fl.training.data.held_back import trained_on
from fl.training.local.augment import augment
from fl.training.local.checkpoint import Checkpoint, Progress, capture, load_checkpoint, restore, save_checkpoint
from fl.training.local.config import LocalConfig
from fl.training.local.loss import check_truth, loss_of, right, truth_of
from fl.training.local.sampling import draw_order
from fl.training.model.appendix import split
from fl.training.model.device import mixed_dtype, pick_device, place
from fl.training.model.inputs import normalise, to_tensor
from fl.training.model.network import build_model
from fl.training.model.own_network import OwnNetwork
from fl.training.model.spec import OWN, ModelSpec
from fl.training.model.tensors import load_vector, manifest_of, to_vector
from fl.training.model.weights import Vector, vector_to_bytes
from fl.training.pictures.preparation import prepare_all
from fl.training.privacy.noise import random_seed

if TYPE_CHECKING:
    from fl.training.local.private import PrivateSteps

FUSED = ("cpu", "cuda")
"""Devices with a kernel that makes AdamW's whole step in one pass over the weights."""


@dataclass(frozen=True)
class TrainContext:
    """Where and when a hospital trains.

    Attributes:
        seed: The federation's seed.
        round: Which round of the schedule it is, from 1.
        hospital: The hospital's public name; it is part of the random seed.
        device: See `device.pick_device`.
        checkpoint: File for unfinished training; None = no resume.
        progress: Called after every epoch, and after a checkpoint was restored.
        turn: What the random seed has in place of the round; empty: the round.
    """

    seed: int
    round: int
    hospital: str
    device: str = "auto"
    checkpoint: Path | None = None
    progress: Callable[[Progress], None] | None = None
    correction: Vector | None = None
    """SCAFFOLD: added to each step's gradient, float32 [d]; then the steps are plain gradient steps (scaffold.py)."""
    turn: str = ""


@dataclass(frozen=True, eq=False)
class LocalResult:
    """What one hospital learned in one round.

    Attributes:
        vector: Its weights, float32 [d].
        samples: Number of its training images; the weight of its update.
        correct: Images recognised during the last epoch.
        loss: Mean loss of the last epoch.
    """

    vector: Vector
    samples: int
    correct: int
    loss: float


def train_local(
    spec: ModelSpec, vector: Vector, dataset: Dataset, config: LocalConfig, context: TrainContext
) -> LocalResult:
    """Train from the global weights on the hospital's training images.

    The last epoch's checkpoint stays on disk until the next round replaces it, so a hospital that is killed before it
    used the result gets the same result again at once.

    Args:
        spec: The network.
        vector: The global weights, float32 [d]; the numbers of a calibration behind them stay as they are.
        dataset: The hospital's images, of any size; its test part and what it holds back are not touched.
        config: How to train.
        context: Where and when.

    Raises:
        WeightsMismatch: the weights do not fit the spec.
        NonFinite: the given or learned weights contain NaN or infinity.
        DatasetUnusable: there are no training images, or more classes than the model has outputs.
        SettingInvalid: there is no such device.
        StorageFull: a checkpoint could not be written.
    """
    train = trained_on(dataset, config.held_back, context.seed).for_model(spec.size_px, spec.classes)
    check_truth(train, several=spec.several)
    trainer = _Trainer(spec, vector, train, config, context)
    key = _key(spec, vector, train, config, context) if context.checkpoint else ""
    done = load_checkpoint(context.checkpoint, key, trainer.weights) if context.checkpoint else None
    if done:
        trainer.resume(done)
    for epoch in range(done.progress.epoch if done else 0, config.epochs):
        progress = trainer.run_epoch(epoch)
        if context.checkpoint:
            save_checkpoint(context.checkpoint, key, capture(trainer.model, trainer.optimiser, progress))
        if context.progress:
            context.progress(progress)
    last = trainer.progress
    return LocalResult(
        np.concatenate([to_vector(trainer.model), vector[trainer.weights :]]), last.samples, last.correct, last.loss
    )


class _Trainer:
    """The state of one hospital's training in one round."""

    def __init__(
        self, spec: ModelSpec, vector: Vector, train: Dataset, config: LocalConfig, context: TrainContext
    ) -> None:
        self.config, self.context = config, context
        self.device = pick_device(context.device)
        self.model = build_model(spec, 0)
        self.weights = manifest_of(self.model).length
        load_vector(self.model, split(vector, spec.classes, self.weights)[0])
        place(self.model, self.device).train()
        plain = context.correction is not None
        steps = torch.optim.SGD if plain else torch.optim.AdamW
        self.optimiser: torch.optim.Optimizer = steps(
            self.model.parameters(),
            lr=config.lr_of_round(context.round),
            weight_decay=config.weight_decay,
            fused=self.device.type in FUSED and not plain,
        )
        self.correction = _like(self.model, context.correction)
        self.anchor = [tensor.detach().clone() for tensor in self.model.parameters()] if config.mu else []
        """FedProx: the global weights."""
        self.kind = spec.kind
        self.images = to_tensor(prepare_all(spec.preparation, train.images))
        self.labels, self.truth = torch.from_numpy(train.labels), truth_of(train)
        self.dtype = mixed_dtype(self.device)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.dtype is torch.float16)
        self.progress = Progress(0, config.epochs, len(train), 0, 0.0)

    def resume(self, done: Checkpoint) -> None:
        """Continue after a checkpointed epoch."""
        load_vector(self.model, done.weights)
        restore(self.optimiser, self.model, done)
        self.progress = done.progress
        if self.context.progress:
            self.context.progress(done.progress)

    def run_epoch(self, epoch: int) -> Progress:
        """Pass once over the images in an order drawn for this epoch (counted from 0)."""
        if self.config.privacy.on:
            return self._run_private(epoch)
        generator = torch.Generator().manual_seed(epoch_seed(self.context, epoch))
        if self.kind == OWN:
            torch.manual_seed(epoch_seed(self.context, epoch))  # for dropout of a consortium's own network
        order = draw_order(self.labels, self.config.class_balance, generator)
        loss_sum = torch.zeros((), device=self.device)
        correct = torch.zeros((), dtype=torch.int64, device=self.device)
        for rows in torch.split(order, self.config.batch):
            truth = self._to_device(self.truth[rows])
            loss, logits = self._step(self._prepared(rows, generator), truth)
            loss_sum += loss.detach() * len(rows)
            correct += right(logits.detach(), truth)
        count = len(order)
        self.progress = Progress(epoch + 1, self.config.epochs, count, int(correct), float(loss_sum) / count)
        return self.progress

    def _prepared(self, rows: Tensor, generator: torch.Generator) -> Tensor:
        """Return what the network sees of these rows, float32 [b, 3, S, S], on the device."""
        images = self._to_device(self.images[rows])
        pixels = normalise(augment(images, self.config.augment, generator), self.kind)
        return pixels.contiguous(memory_format=torch.channels_last)

    def _run_private(self, epoch: int) -> Progress:
        """Make the steps of a private epoch; what it tells depends on no picture."""
        self._private.run_epoch(self._pull)
        self.progress = Progress(epoch + 1, self.config.epochs, len(self.labels), 0, 0.0)
        return self.progress

    @functools.cached_property
    def _private(self) -> PrivateSteps:
        from fl.training.local.private import PrivateSteps  # noqa: PLC0415  # opacus takes a second to import

        generator = torch.Generator().manual_seed(random_seed())
        return PrivateSteps(
            self.model, self.optimiser, self.config, self.labels, lambda rows: self._prepared(rows, generator)
        )

    def _to_device(self, tensor: Tensor) -> Tensor:
        if self.device.type == "cuda":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)

    def _step(self, batch: Tensor, truth: Tensor) -> tuple[Tensor, Tensor]:
        """Step on batch float32 [B, 3, S, S] and its truth (loss.py); return the mean loss and logits [B, classes]."""
        self.optimiser.zero_grad()
        with torch.autocast(self.device.type, dtype=self.dtype, enabled=self.dtype is not None):
            logits = self.model(batch)
        own = self.model.loss_on(self.device) if isinstance(self.model, OwnNetwork) else None
        smoothed = partial(loss_of, smoothing=self.config.smoothing)
        loss = (own or smoothed)(logits.float(), truth)
        torch.autograd.backward(self.scaler.scale(loss))
        self.scaler.unscale_(self.optimiser)
        self._pull()
        if self.config.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)
        for tensor, part in zip(self.model.parameters(), self.correction, strict=bool(self.correction)):
            if tensor.grad is not None:
                tensor.grad.add_(part)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        return loss, logits

    def _pull(self) -> None:
        """FedProx: add the gradient of mu / 2 * |w - global w|^2, which is mu * (w - global w)."""
        for tensor, start in zip(self.model.parameters(), self.anchor, strict=bool(self.anchor)):
            if tensor.grad is not None:
                tensor.grad.add_(tensor.detach() - start, alpha=self.config.mu)


def _like(model: nn.Module, vector: Vector | None) -> list[Tensor]:
    """Return a vector in the shapes of the model's parameters; nothing without a vector."""
    if vector is None:
        return []
    parts, start = [], 0
    for tensor in model.parameters():
        part = torch.from_numpy(vector[start : start + tensor.numel()].copy())
        parts.append(part.reshape(tensor.shape).to(tensor.device))
        start += tensor.numel()
    return parts


def epoch_seed(context: TrainContext, epoch: int, what: str = "local") -> int:
    """Return the seed of one epoch: 63 bits of a digest that differs for every epoch."""
    text = json.dumps([f"BAFL/1/{what}", context.seed, context.turn or context.round, context.hospital, epoch])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def _key(spec: ModelSpec, vector: Vector, train: Dataset, config: LocalConfig, context: TrainContext) -> str:
    """Return a digest of all inputs of a training; only a checkpoint with the same key belongs to it."""
    facts = [spec.to_dict(), config.to_dict(), context.seed, context.round, context.turn, context.hospital]
    state = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    extra = b"" if context.correction is None else vector_to_bytes(context.correction)
    truth = (train.labels if train.marks is None else train.marks).tobytes()
    for data in (vector_to_bytes(vector) + extra, truth, np.ascontiguousarray(train.images).tobytes()):
        state.update(hashlib.sha256(data).digest())
    return state.hexdigest()
