"""A consortium's own network and loss, built by code that this member allowed.

Invariant: the code runs only after its member allowed this very source. The network has float32 weights, no norm with
running statistics, and one output per class, so that it can be averaged, masked and replayed like any other. Equal
source, seed and version of torch give equal weights.

Source: own_source.py (digest and import), consent.py. docs/networks.md says what `build` returns.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import torch
from torch import Tensor, nn

from fl.protocol.errors import NetworkNotAllowed, NetworkUnusable
from fl.training.model.consent import Source, given
from fl.training.model.frozen import STATISTICS, fix_some
from fl.training.model.own_source import load_function
from fl.training.model.spec import MOST_WEIGHTS, ModelSpec

Loss = Callable[[Tensor, Tensor], Tensor]
"""Maps logits float32 [B, classes] and what is true (local/loss.py) to a loss float32 []."""
_drawing = threading.Lock()
_WHOLE = nn.Identity()


class OwnNetwork(nn.Module):
    """A consortium's network. One with a method `features` and a layer `head` shows what its head sees."""

    def __init__(self, network: nn.Module, loss: Loss | None) -> None:
        super().__init__()
        self.network = network
        self.parts = isinstance(getattr(network, "head", None), nn.Module) and callable(
            getattr(network, "features", None)
        )
        self._loss = (loss,)  # in a tuple, so that a module is no part of the network

    @property
    def loss(self) -> Loss | None:
        return self._loss[0]

    def loss_on(self, device: torch.device) -> Loss | None:
        """Return the loss, with its buffers on `device`."""
        loss = self.loss
        return loss.to(device) if isinstance(loss, nn.Module) else loss

    @property
    def head(self) -> nn.Module:
        """Return the layer from features to logits."""
        return self.network.get_submodule("head") if self.parts else _WHOLE

    def features(self, x: Tensor) -> Tensor:
        """Map float32 [B, 3, S, S] to what the head sees, [B, F]; without parts, these are the logits."""
        part: Callable[[Tensor], Tensor] = getattr(self.network, "features") if self.parts else self.network  # noqa: B009
        return part(x)

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 [B, 3, S, S], in -1..1, to logits [B, classes]."""
        logits: Tensor = self.network(x)
        return logits


def build_own(spec: ModelSpec, seed: int) -> OwnNetwork:
    """Return the network of a spec with the weights that its source draws from `seed`.

    Raises:
        NetworkNotAllowed: this member did not allow it; nothing was imported.
        NetworkMissing, NetworkChanged, NetworkUnusable: see own_source.py; or `build` does not give such a network.
    """
    source = Source.parse(spec.source)
    if source not in given().networks:
        raise NetworkNotAllowed(source.entry, source.sha256)
    function = load_function(source)
    if not callable(function):
        raise NetworkUnusable(source.entry, "it is not a function")
    with _drawing, torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            return _checked(_named(function(classes=spec.classes, size_px=spec.size_px)), spec)
        except NetworkUnusable:
            raise
        except _Unfit as error:
            raise NetworkUnusable(source.entry, str(error)) from error
        except Exception as error:  # the consortium's own code may raise anything
            raise NetworkUnusable(source.entry, f"it failed with {type(error).__name__}: {error}") from error


class _Unfit(Exception):
    """What is wrong with a network."""


def _named(built: object) -> OwnNetwork:
    network = built if isinstance(built, nn.Module) else getattr(built, "network", None)
    loss = None if isinstance(built, nn.Module) else getattr(built, "loss", None)
    if not isinstance(network, nn.Module):
        raise _Unfit("build returns no torch.nn.Module, and nothing with a network")
    if loss is not None and not callable(loss):
        raise _Unfit("its loss is not a function")
    if isinstance(loss, nn.Module) and any(True for _ in loss.parameters()):
        raise _Unfit("its loss has weights, which nobody would train")
    return OwnNetwork(network, loss)


def _checked(model: OwnNetwork, spec: ModelSpec) -> OwnNetwork:
    """Return a network that can be trained together, with what is not trained made fixed."""
    if spec.trained == "head":
        if not model.parts:
            raise _Unfit("it has no layer `head` and method `features`, so its head cannot be trained alone")
        fix_some(model, (name for name, _ in model.named_parameters() if not name.startswith("network.head.")))
    fix_some(model, (name for name, tensor in model.named_parameters() if not tensor.requires_grad))
    trained = dict(model.named_parameters())
    size = sum(tensor.numel() for tensor in model.parameters()) + sum(tensor.numel() for tensor in model.buffers())
    if not trained or size > MOST_WEIGHTS:
        raise _Unfit(f"it has {size} weights, not 1 to {MOST_WEIGHTS} of which some are trained")
    for name, tensor in trained.items():
        if tensor.dtype is not torch.float32:
            raise _Unfit(f"{name} is {tensor.dtype}, not torch.float32")
    for name, _ in model.named_buffers():
        if name.rpartition(".")[2] in STATISTICS:
            raise _Unfit(f"{name} changes in training and would not travel; use GroupNorm instead of BatchNorm")
    _try(model, spec)
    return model


def _try(model: OwnNetwork, spec: ModelSpec) -> None:
    """Let the network answer for two grey pictures, and see that every weight takes part."""
    model.eval()
    pictures = torch.zeros(2, 3, spec.size_px, spec.size_px)
    logits = model(pictures)
    if logits.shape != (2, spec.classes) or logits.dtype is not torch.float32:
        raise _Unfit(f"it answers {logits.dtype} {list(logits.shape)}, not float32 [B, {spec.classes}]")
    features = model.features(pictures)
    if features.dim() != 2 or not torch.allclose(model.head(features), logits, atol=1e-5):  # noqa: PLR2004  # [B, F]
        raise _Unfit("its head does not make its answer from its features, float32 [B, F]")
    gradients = torch.autograd.grad(logits.sum(), list(model.parameters()), allow_unused=True)
    for (name, _), gradient in zip(model.named_parameters(), gradients, strict=True):
        if gradient is None:
            raise _Unfit(f"{name} takes no part in its answer")
    if model.loss is not None:
        truth = torch.zeros(2, spec.classes) if spec.several else torch.zeros(2, dtype=torch.int64)
        loss = model.loss(logits.detach(), truth)
        if not isinstance(loss, Tensor) or loss.shape != ():
            raise _Unfit("its loss is not one number")
    model.train()
