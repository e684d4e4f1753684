"""Builds the network of a spec.

Invariant: `build_model(spec, seed)` depends only on its arguments and never uses torch's global random state; two
machines with the same version of torch build the same weights.

Source: K. He et al., "Deep Residual Learning", 2016 (pre-activation blocks of 2016b); Y. Wu and K. He, "Group
Normalization", 2018; K. He et al., "Delving Deep into Rectifiers", 2015 (initial weights).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from fl.training.model.backbones import TORCHVISION, file_of
from fl.training.model.frozen import fix
from fl.training.model.lite0 import Lite0
from fl.training.model.own_network import build_own
from fl.training.model.published import lite0_tensors, tensors_of_file
from fl.training.model.spec import GROUPS, LITE0, OWN, ModelSpec


class ResidualBlock(nn.Module):
    """A pre-activation residual block: norm, ReLU, 3x3 convolution, twice, plus a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, inputs)
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm2 = nn.GroupNorm(GROUPS, outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.relu = nn.ReLU()
        changes = stride != 1 or inputs != outputs
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, inputs, S, S] to [B, outputs, S / stride, S / stride]."""
        y = self.relu(self.norm1(x))
        shortcut = self.shortcut(y) if isinstance(self.shortcut, nn.Conv2d) else x
        y = self.conv1(y)
        y = self.conv2(self.relu(self.norm2(y)))
        total: Tensor = shortcut + y
        return total  # not `+=`: per-sample gradients need the parts


class HemaNet(nn.Module):
    """A small residual network for single cells: GroupNorm, no in-place operations, about 1 M parameters.

    It has three stages, at a quarter, an eighth and a sixteenth of 128 px. Mean and maximum of the last stage feed the
    linear head, because both the whole cell (its size) and its most informative spot (nucleoli) matter.
    """

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        stride, width = spec.stem_stride, spec.width
        kernel = max(3, 2 * stride - 1)
        self.stem = nn.Conv2d(spec.in_channels, width, kernel, stride, kernel // 2, bias=False)
        blocks: list[nn.Module] = []
        inputs = width
        for stage in range(3):
            outputs = width * 2**stage
            for index in range(spec.depth):
                blocks.append(ResidualBlock(inputs, outputs, 2 if stage and not index else 1))
                inputs = outputs
        self.stages = nn.Sequential(*blocks)
        self.norm = nn.GroupNorm(GROUPS, inputs)
        self.relu = nn.ReLU()
        self.head = nn.Linear(2 * inputs, spec.classes)

    def features(self, x: Tensor) -> Tensor:
        """Map float32 [B, C, S, S] to what the head sees, [B, 8 width]: mean and maximum of the last stage."""
        y = self.relu(self.norm(self.stages(self.stem(x))))
        return torch.cat([y.mean(dim=(2, 3)), y.amax(dim=(2, 3))], dim=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 [B, C, S, S] (normalised by inputs.normalise) to logits float32 [B, classes]."""
        logits: Tensor = self.head(self.features(x))
        return logits


def build_model(spec: ModelSpec, seed: int) -> nn.Module:
    """Return the network of `spec` with its initial weights: drawn from `seed`, or published ones with a drawn head.

    A network is first created on the meta device, so that torch's own initialisation changes no global state.

    Raises:
        PretrainedMissing, PretrainedChanged: the published weights are not here, or are not the ones meant.
        WeightsFileMissing, WeightsFileUnusable: the same of a file of weights.
        NetworkNotAllowed, NetworkMissing, NetworkChanged, NetworkUnusable: see own_network.py.
    """
    if spec.kind == OWN:
        return build_own(spec, seed)
    generator = torch.Generator().manual_seed(seed)
    if spec.kind.startswith(TORCHVISION):
        return _backbone(spec, generator)
    with torch.device("meta"):
        model = Lite0(spec.classes) if spec.kind == LITE0 else HemaNet(spec)
    _take_memory(model)
    with torch.no_grad():
        _draw(model, generator)
        if isinstance(model, Lite0):
            model.load_state_dict({**model.state_dict(), **lite0_tensors()})
            model.train_only(spec.trained)
    return model


def _backbone(spec: ModelSpec, generator: torch.Generator) -> nn.Module:
    """Return a network of torchvision."""
    from fl.training.model.backbone import Backbone, published_state  # noqa: PLC0415  # torchvision takes a second

    file = file_of(spec.weights)
    published = published_state(spec.kind, file[0], tensors_of_file(*file)) if file else {}
    with torch.device("meta"):
        model = Backbone(spec)
    _take_memory(model)
    with torch.no_grad():
        _draw(model, generator)
        model.load_state_dict({**model.state_dict(), **published})
    if spec.trained == "head":
        fix(model.body)
        fix(model.hidden)
    return model


def _draw(model: nn.Module, generator: torch.Generator) -> None:
    """Draw He's normal weights, and a head near zero."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            fan_in = module.weight[0].numel()
            module.weight.normal_(0.0, math.sqrt(2.0 / fan_in), generator=generator)
            if module.bias is not None:
                module.bias.zero_()
        elif isinstance(module, nn.Linear):
            deviation = 0.01 if module is model.head else math.sqrt(2.0 / module.in_features)
            module.weight.normal_(0.0, deviation, generator=generator)
            module.bias.zero_()
        elif isinstance(module, nn.GroupNorm):
            module.weight.fill_(1.0)
            module.bias.zero_()


def _take_memory(model: nn.Module) -> None:
    """Allocate memory for tensors on the meta device.

    `Module.to_empty` does the same, but it loads sympy: 40 MB, and seconds before the first answer.
    """
    for module in model.modules():
        for name, laid_out in list(module.named_parameters(recurse=False)):
            setattr(module, name, nn.Parameter(torch.empty(laid_out.shape, dtype=laid_out.dtype)))
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, torch.empty(buffer.shape, dtype=buffer.dtype))
