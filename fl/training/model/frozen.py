"""Weights that are not trained.

Invariant: a fixed weight is a buffer; it is neither in the manifest nor with the optimiser.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

STATISTICS = ("running_mean", "running_var", "num_batches_tracked")
"""Buffers of norms that change in training, and would have to travel."""


def fix(module: nn.Module) -> None:
    """Make all weights of `module` fixed."""
    fix_some(module, (name for name, _ in module.named_parameters()))


def fix_some(module: nn.Module, names: Iterable[str]) -> None:
    """Make the weights of these names fixed, such as `head.weight`."""
    for name in list(names):
        owner, _, part = name.rpartition(".")
        inner = module.get_submodule(owner)
        tensor = inner.get_parameter(part).detach()
        delattr(inner, part)
        inner.register_buffer(part, tensor)
