"""What a training step minimises: cross-entropy of classes, or binary cross-entropy of each label.

Invariant: the truth's type decides. int64 [B] are classes; float32 [B, labels] are labels, 1 where an image has one.

Source: torch; C. Szegedy et al., 2016 (smoothing).
"""

from __future__ import annotations

import torch
import torch.nn.functional as tnf
from torch import Tensor

from fl.protocol.errors import DatasetUnusable
from fl.training.data.dataset import Dataset


def check_truth(dataset: Dataset, *, several: bool) -> None:
    """Raise DatasetUnusable unless the images have several labels exactly where the model has."""
    if several != (dataset.marks is not None):
        wants, has = ("several labels", "one class") if several else ("one class", "several labels")
        raise DatasetUnusable(dataset.source, f"the model gives {wants} per image, but its images have {has}")


def truth_of(dataset: Dataset) -> Tensor:
    """Return what the network should say: int64 [n], or float32 [n, labels] where an image may have several."""
    if dataset.marks is None:
        return torch.from_numpy(dataset.labels)
    return torch.from_numpy(dataset.marks).to(torch.float32)


def loss_of(logits: Tensor, truth: Tensor, smoothing: float, reduction: str = "mean") -> Tensor:
    """Return the mean or `sum` of losses, logits float32 [B, outputs]; smoothing moves labels to 1/2, or classes."""
    if truth.dtype == torch.int64:
        return tnf.cross_entropy(logits, truth, label_smoothing=smoothing, reduction=reduction)
    target = truth * (1.0 - smoothing) + smoothing / 2.0
    return tnf.binary_cross_entropy_with_logits(logits, target, reduction=reduction)


def right(logits: Tensor, truth: Tensor) -> Tensor:
    """Return how many images are judged correctly, int64 []: the class, or every label."""
    if truth.dtype == torch.int64:
        return (logits.argmax(dim=1) == truth).sum()
    return ((logits > 0.0) == (truth > 0.0)).all(dim=1).sum()
