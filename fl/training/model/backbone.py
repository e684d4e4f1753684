"""A network of torchvision by name, in the shape that federations need.

Invariant: it has no batch norm, no in-place operation and no dropout. From published weights each batch norm becomes a
fixed scale and shift, from random ones a GroupNorm. So an answer depends on its own picture alone, a training is
repeatable, and averages of weights, masks and per-sample gradients are exact.

Source: torchvision.models (BSD-3-Clause); Y. Wu and K. He, "Group Normalization", 2018.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from fl.protocol.errors import WeightsFileUnusable
from fl.training.model import torchvision_shim as vision
from fl.training.model.backbones import TORCHVISION
from fl.training.model.spec import GROUPS, ModelSpec

_resnet = vision.models.resnet


class FixedNorm(nn.Module):
    """What is left of a batch norm: a scale and a shift per channel, neither trained nor sent."""

    scale: Tensor
    shift: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(channels))
        self.register_buffer("shift", torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, channels, H, W] to the same shape."""
        return x * self.scale[:, None, None] + self.shift[:, None, None]


class _Basic(_resnet.BasicBlock):  # type: ignore[misc,name-defined]  # torchvision has no types
    """The block of resnet18 and 34 without `+=`."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        total: Tensor = self.relu(y + _shortcut(self, x))
        return total


class _Bottleneck(_resnet.Bottleneck):  # type: ignore[misc,name-defined]  # as above
    """The block of larger resnets without `+=`."""

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(y)))))
        total: Tensor = self.relu(y + _shortcut(self, x))
        return total


class _Mobile3(vision.models.mobilenetv3.InvertedResidual):  # type: ignore[misc,name-defined]  # as above
    """The block of mobilenet_v3 without `+=`."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        return x + y if self.use_res_connect else y


class _MBConv(vision.models.efficientnet.MBConv):  # type: ignore[misc,name-defined]  # as above
    """The block of efficientnet without `+=`, and without dropping whole blocks."""

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.block(x)
        return x + y if self.use_res_connect else y


_PLAIN: dict[type[nn.Module], type[nn.Module]] = {
    each.__mro__[1]: each for each in (_Basic, _Bottleneck, _Mobile3, _MBConv)
}


def _shortcut(block: nn.Module, x: Tensor) -> Tensor:
    y: Tensor = x if block.downsample is None else block.downsample(x)  # type: ignore[operator]
    return y


class Backbone(nn.Module):
    """A network of torchvision up to its last feature maps, their mean, and a linear head of our own."""

    def __init__(self, spec: ModelSpec) -> None:
        super().__init__()
        found = getattr(vision.models, spec.kind.removeprefix(TORCHVISION))(weights=None)
        self.body, self.hidden, width = _parts(found)
        self.head = nn.Linear(width, spec.classes)
        for module in self.modules():
            _make_plain(module, fixed=bool(spec.weights))

    def maps(self, x: Tensor) -> Tensor:
        """Map float32 [B, 3, S, S] to the last feature maps, [B, C, H, W]."""
        y: Tensor = self.body(x)
        return y

    def features(self, x: Tensor) -> Tensor:
        """Map float32 [B, 3, S, S] to what the head sees, [B, F]."""
        y: Tensor = self.hidden(self.maps(x).mean(dim=(2, 3)))
        return y

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 [B, 3, S, S] (normalised by inputs.normalise) to logits [B, classes]."""
        logits: Tensor = self.head(self.features(x))
        return logits


def _parts(found: nn.Module) -> tuple[nn.Sequential, nn.Sequential, int]:
    """Return what makes the last maps, what follows their mean up to the head, and how many numbers the head sees."""
    if isinstance(found, vision.models.ResNet):
        names = ("conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4")
        body = nn.Sequential(OrderedDict((name, found.get_submodule(name)) for name in names))
        return body, nn.Sequential(), found.get_submodule("fc").in_features
    features, classifier = found.get_submodule("features"), found.get_submodule("classifier")
    if isinstance(classifier, nn.Linear):  # a densenet: its last ReLU is in its `forward`
        return (
            nn.Sequential(OrderedDict([*features.named_children(), ("relu", nn.ReLU())])),
            nn.Sequential(),
            int(classifier.in_features),
        )
    layers = list(classifier.children())
    last = layers[-1]
    if not isinstance(features, nn.Sequential) or not isinstance(last, nn.Linear):
        raise TypeError("torchvision changed this network")
    return features, nn.Sequential(*layers[:-1]), last.in_features


def _make_plain(module: nn.Module, *, fixed: bool) -> None:
    """Replace norms and dropout below a module, and let neither it nor its residual connection work in place."""
    if getattr(module, "inplace", False):
        module.inplace = False  # type: ignore[assignment]
    if type(module) in _PLAIN:
        module.__class__ = _PLAIN[type(module)]
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d):
            channels = child.num_features
            norm = FixedNorm(channels) if fixed else nn.GroupNorm(math.gcd(GROUPS, channels), channels)
            setattr(module, name, norm)
        elif isinstance(child, nn.Dropout) or type(child).__name__ == "StochasticDepth":
            setattr(module, name, nn.Identity())


def published_state(kind: str, file: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return a file's tensors under the names of a `Backbone`, batch norms folded; the head is not among them.

    Args:
        kind: As in the spec.
        file: Its name, for the error.
        state: What `torchvision.models` would load.

    Raises:
        WeightsFileUnusable: a tensor is missing or has another shape.
    """
    with torch.device("meta"):
        published = getattr(vision.models, kind.removeprefix(TORCHVISION))(weights=None)
    wanted = {name: tensor.shape for name, tensor in published.state_dict().items()}
    own = {name: tensor for name, tensor in state.items() if isinstance(tensor, Tensor) and name in wanted}
    for name, shape in wanted.items():
        if name.endswith("num_batches_tracked"):
            own[name] = torch.zeros(())  # nobody reads it, and old files do not have it
        elif name not in own or own[name].shape != shape:
            raise WeightsFileUnusable(file, f"{name} is missing or has another shape")
    published.load_state_dict(own, assign=True)
    body, hidden, _ = _parts(published)
    return {**dict(_folded(body, "body")), **dict(_folded(hidden, "hidden"))}


def _folded(theirs: nn.Module, prefix: str) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors of a network of torchvision by the names of a Backbone."""
    for name, module in theirs.named_modules(prefix=prefix):
        if isinstance(module, nn.BatchNorm2d):
            scale = module.weight / torch.sqrt(_there(module.running_var) + module.eps)
            yield f"{name}.scale", scale.detach()
            yield f"{name}.shift", (module.bias - _there(module.running_mean) * scale).detach()
        else:
            for part, tensor in module.named_parameters(recurse=False):
                yield f"{name}.{part}", tensor.detach()


def _there(tensor: Tensor | None) -> Tensor:
    if tensor is None:
        raise TypeError("torchvision's batch norms have running statistics")
    return tensor
