"""Record-level DP-SGD (opacus): each step clips the gradient of each image and adds noise.

It hides single images from anybody who sees the model. It does not hide a hospital's update from the server. So it does
not replace masks, and both can be used together.

Source: M. Abadi et al., CCS 2016; I. Mironov, "Renyi Differential Privacy", CSF 2017; opacus.
The product's own training (fl/training/local/train.py) is different: it balances batches by class and clips the whole
gradient.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from fl.training.aggregation.quantise import Vector
from fl.training.data.dataset import TRAIN, Dataset
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from fl.training.local.augment import augment
from fl.training.local.config import LocalConfig
from fl.training.local.train import LocalResult, TrainContext, train_local
from fl.training.model.inputs import normalise, to_tensor
from fl.training.model.network import build_model
from fl.training.model.spec import HEMANET, ModelSpec
from fl.training.model.tensors import load_vector, to_vector
from scripts.bench.schemes.base import Case, Cost, least
from scripts.bench.schemes.ours import Plain

DELTA = 1e-5
WIDTHS: Mapping[int, int] = {100_000: 16, 1_000_000: 56, 11_000_000: 192}
"""Number of weights -> channels of a network of about that size."""
IMAGES, BATCH = 512, 32
"""One epoch of a hospital in the cost table."""


@dataclass(frozen=True)
class Noise:
    """The settings of DP-SGD."""

    multiplier: float
    """Standard deviation of the noise in units of the clipping bound."""
    bound: float = 1.0
    """Largest L2 norm of one image's gradient."""

    def epsilon(self, images: int, batch: int, epochs: int) -> float:
        """Return epsilon at DELTA by RDP after `epochs` epochs over `images` images; infinite without noise."""
        from opacus.accountants import RDPAccountant

        if self.multiplier == 0.0:
            return float("inf")
        accountant = RDPAccountant()
        rate = min(1.0, batch / images)
        for _ in range(epochs * max(1, round(images / batch))):
            accountant.step(noise_multiplier=self.multiplier, sample_rate=rate)
        return float(accountant.get_epsilon(DELTA))


def train_privately(
    spec: ModelSpec, vector: Vector, dataset: Dataset, config: LocalConfig, context: tuple[TrainContext, Noise]
) -> LocalResult:
    """Train as `train_local` does, with Poisson-drawn batches, gradients clipped per image, and noise."""
    where, noise = context
    train = dataset.part(TRAIN).for_model(spec.size_px, spec.classes)
    generator = torch.Generator().manual_seed(_seed(where))
    model, optimiser = _private(spec, vector, config.lr_of_round(where.round), (noise, config, generator))
    images, labels = to_tensor(train.images), torch.from_numpy(train.labels)
    steps = config.epochs * max(1, round(len(train) / config.batch))
    rate = min(1.0, config.batch / len(train))
    correct, seen, losses = 0, 0, 0.0
    for _ in range(steps):
        rows = torch.nonzero(torch.rand(len(train), generator=generator) < rate)[:, 0]
        if not len(rows):
            continue
        loss, right = _step(model, optimiser, augment(images[rows], config.augment, generator), labels[rows])
        correct, seen, losses = correct + right, seen + len(rows), losses + loss * len(rows)
    learned = to_vector(model._module)  # noqa: SLF001  # opacus's name for what it wraps
    return LocalResult(learned, len(train), round(correct / max(seen, 1) * len(train)), losses / max(seen, 1))


def _seed(where: TrainContext) -> int:
    text = f"{where.seed}/{where.round}/{where.hospital}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big")


def _private(
    spec: ModelSpec, vector: Vector, rate: float, how: tuple[Noise, LocalConfig, torch.Generator]
) -> tuple[Any, Any]:
    from opacus import GradSampleModule
    from opacus.optimizers import DPOptimizer

    noise, config, generator = how
    model = build_model(spec, 0)
    load_vector(model, vector)
    wrapped = GradSampleModule(model.train())
    adam = torch.optim.AdamW(wrapped.parameters(), lr=rate, weight_decay=config.weight_decay)
    optimiser = DPOptimizer(
        adam,
        noise_multiplier=noise.multiplier,
        max_grad_norm=noise.bound,
        expected_batch_size=config.batch,
        generator=generator,
    )
    return wrapped, optimiser


def _step(model: Any, optimiser: Any, pixels: Tensor, labels: Tensor) -> tuple[float, int]:  # noqa: ANN401
    optimiser.zero_grad()
    logits = model(normalise(pixels, HEMANET))
    loss = torch.nn.functional.cross_entropy(logits, labels)
    torch.autograd.backward(loss)
    optimiser.step()
    return float(loss.detach()), int((logits.argmax(dim=1) == labels).sum())


class DpSgd:
    """DP-SGD's price: the slower training of one local epoch. Updates are sent unencrypted."""

    name = "DP-SGD"
    needs = ("opacus",)

    def cost(self, case: Case) -> Cost:
        """Measure the extra time of an epoch, and plain averaging."""
        sent = Plain().cost(case)
        return Cost({"protect": _extra_s(case.parameters)}, sent.server, sent.upload, case.parameters)

    def total(self, updates: Sequence[Vector]) -> Vector:
        """Return the sum of the unencrypted updates."""
        return Plain().total(updates)


@lru_cache(maxsize=8)
def _extra_s(parameters: int) -> float:
    """Return the extra seconds of an epoch of IMAGES images, extrapolated from a few steps."""
    spec = ModelSpec(size_px=64, width=WIDTHS.get(parameters, 16))
    vector = to_vector(build_model(spec, 1))
    few = draw_dataset(SyntheticPlan(subjects=8, cells=16, size_px=64, test=0.5), 1)
    config = LocalConfig(epochs=1, batch=BATCH, augment=0.0)
    where = TrainContext(1, 1, "hospital", "cpu")
    steps = max(1, round(len(few.part(TRAIN)) / BATCH))
    plain_s, _ = least(lambda: train_local(spec, vector, few, config, where), 2)
    private_s, _ = least(lambda: train_privately(spec, vector, few, config, (where, Noise(1.0))), 2)
    return (private_s - plain_s) * IMAGES / BATCH / steps
