"""DP-SGD: each step clips the gradient of every picture, adds the clipped gradients up, and adds noise to the sum.

Invariant: nothing that depends on pictures leaves without noise, except how many there are. So the results report no
loss and no recognised images. Each picture is drawn by itself, and its gradient depends on no other picture.

Source: M. Abadi et al., "Deep Learning with Differential Privacy", CCS 2016, algorithm 1; opacus, which computes and
clips the gradients.
Not here: randomness (fl/training/privacy/noise.py) and accounting.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import torch
from opacus import GradSampleModule
from opacus.grad_sample import register_grad_sampler
from opacus.optimizers import DPOptimizer
from torch import Tensor, nn

from fl.training.local.config import LocalConfig
from fl.training.local.loss import loss_of
from fl.training.model.lite0 import Lite0, ScaledConv2d
from fl.training.privacy.noise import chosen, gaussian

Prepared = Callable[[Tensor], Tensor]
"""Rows int64 [b] -> what the network sees, on its device."""
AT_ONCE = 64
warnings.filterwarnings("ignore", "Full backward hook is firing", UserWarning)  # opacus's hooks; the sums are tested


class PrivateSteps:
    """The steps of one hospital's private training."""

    def __init__(
        self,
        model: nn.Module,
        optimiser: torch.optim.Optimizer,
        config: LocalConfig,
        labels: Tensor,
        prepared: Prepared,
    ) -> None:
        """Take over the steps of `optimiser` on `model`.

        Args:
            model: The network; its trained weights are the optimiser's.
            optimiser: Makes the steps from noisy gradients.
            config: With privacy terms. Its batch bounds how many gradients are in memory at once.
            labels: int64 [n].
            prepared: The pictures; called again for each step, so that augmentation may differ.
        """
        self._config, self._labels, self._prepared = config, labels, prepared
        self._device = next(model.parameters()).device
        fixed, trained = (
            model.divided() if isinstance(model, Lite0) and not config.augment else (nn.Sequential(), model)
        )
        self._inputs = self._through(fixed) if len(fixed) else None
        self._module: Any = GradSampleModule(trained, loss_reduction="sum", strict=False)  # scales are fixed buffers
        self._optimiser: Any = DPOptimizer(
            optimiser,
            noise_multiplier=config.privacy.noise,
            max_grad_norm=config.privacy.clip,
            expected_batch_size=None,
            loss_reduction="sum",
        )

    def run_epoch(self, pull: Callable[[], None]) -> None:
        """Make the steps of an epoch; `pull` may change a noisy gradient before the weights move."""
        for _ in range(self._config.privacy.steps_of_epoch):
            self._add_up(torch.from_numpy(chosen(len(self._labels), self._config.privacy.rate)))
            self._add_noise()
            pull()
            self._optimiser.original_optimizer.step()

    def release(self) -> None:
        """Remove opacus's hooks from the network, so that others can train it."""
        self._module.to_standard_module()

    def _add_up(self, rows: Tensor) -> None:
        """Sum the clipped gradients of these rows, a few at a time."""
        self._optimiser.zero_grad()
        for tensor in self._optimiser.params:
            tensor.summed_grad = torch.zeros_like(tensor)  # a step without pictures still adds noise
        for some in torch.split(rows, self._config.batch) if len(rows) else ():
            inputs = self._prepared(some) if self._inputs is None else self._inputs[some.to(self._device)]
            labels = self._labels[some].to(self._device)
            loss = loss_of(self._module(inputs), labels, self._config.smoothing, reduction="sum")
            torch.autograd.backward(loss)
            self._optimiser.clip_and_accumulate()
            for tensor in self._optimiser.params:
                tensor.grad_sample = None

    def _add_noise(self) -> None:
        """Set each gradient to its noisy sum over `batch`, a public number."""
        privacy = self._config.privacy
        for tensor in self._optimiser.params:
            noise = torch.from_numpy(gaussian(tensor.numel(), privacy.noise * privacy.clip))
            tensor.grad = (tensor.summed_grad + noise.view_as(tensor).to(self._device)) / self._config.batch

    def _through(self, fixed: nn.Module) -> Tensor:
        """Return what the trained part sees of every picture: computed once, because nothing before it changes."""
        rows = torch.arange(len(self._labels))
        with torch.no_grad():
            return torch.cat([fixed(self._prepared(some)) for some in torch.split(rows, AT_ONCE)])


@register_grad_sampler(ScaledConv2d)  # type: ignore[untyped-decorator]  # opacus
def _scaled_gradients(layer: ScaledConv2d, activations: list[Tensor], backprops: Tensor) -> dict[nn.Parameter, Tensor]:
    """Return each picture's gradient of the weight, [B, outputs, inputs / groups, kernel, kernel]."""
    if not layer.weight.requires_grad:
        return {}

    def product(weight: Tensor, image: Tensor, slope: Tensor) -> Tensor:
        return (layer.convolve(image[None], weight) * slope[None]).sum()

    each = torch.func.vmap(torch.func.grad(product), in_dims=(None, 0, 0))
    weight: Any = layer.weight
    return {weight: each(layer.weight.detach(), activations[0], backprops)}
