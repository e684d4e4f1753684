"""Which training images an epoch uses, and in which order.

Invariant: an epoch always has as many rows as there are images, and every class with images has its share.

Source: balanced (stratified) resampling; He and Garcia, "Learning from Imbalanced Data", 2009.
"""

from __future__ import annotations

import torch
from torch import Tensor


def draw_order(labels: Tensor, balance: float, generator: torch.Generator) -> Tensor:
    """Return int64 [n], the rows of one epoch: class c has n times n_c^(1 - balance) / (sum over classes) rows.

    Each class uses whole shuffled passes over its images and a part of one more. So a rare class is repeated (with new
    augmentation each time), and some images of a frequent class are skipped. This works better than weighting the loss:
    with a dozen healthy cells among hundreds, AdamW would scale down the rare large gradients.
    """
    rows_of = [torch.nonzero(labels == label)[:, 0] for label in range(int(labels.max()) + 1)]
    rows_of = [rows for rows in rows_of if len(rows)]
    shares = torch.tensor([float(len(rows)) ** (1.0 - balance) for rows in rows_of], dtype=torch.float64)
    ends = torch.round(torch.cumsum(shares / shares.sum(), 0) * len(labels)).to(torch.int64).tolist()
    chosen = []
    for rows, start, stop in zip(rows_of, [0, *ends], ends, strict=False):
        passes = -(-(stop - start) // len(rows))
        shuffled = [rows[torch.randperm(len(rows), generator=generator)] for _ in range(passes)]
        chosen.append(torch.cat([*shuffled, rows[:0]])[: stop - start])
    order = torch.cat(chosen)
    return order[torch.randperm(len(order), generator=generator)]
