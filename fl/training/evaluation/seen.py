"""An answer and the map behind it from one pass through the network: Grad-CAM without a second look at the picture.

Invariant: the answer has the same bits as without a map (tests/unit/training/evaluation/test_seen.py). The map is the
one of explain.py for the likeliest class.

The weights need no gradient, so nothing is recorded up to the last feature maps. From there on, only pooling and head
are recorded; their gradient costs under a hundredth of the pass.

Source: R. Selvaraju et al., "Grad-CAM", 2017.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as tnf
from torch import Tensor, nn

from fl.protocol.errors import SettingInvalid
from fl.training.calibration.answer import Answer
from fl.training.evaluation.explain import LARGEST, last_maps
from fl.training.evaluation.predict import Predictor
from fl.training.model.inputs import undo_view
from fl.training.pictures.heat import Heat, Seen
from fl.training.pictures.images import Pixels


def answer_with_map(predictor: Predictor, image: Pixels) -> tuple[Answer, Seen | None]:
    """Return the answer about one picture uint8 [H, W, 3], and what the network saw.

    There is no map (None) if a consortium's own network names no layer for it, or cannot be looked into.

    Raises:
        NonFinite: a result is not a probability.
    """
    try:
        layer, head = last_maps(predictor.network), _head(predictor.network)
    except (SettingInvalid, AttributeError):  # a layer is missing
        return predictor.answer(image), None
    with _recorded(layer, head) as (maps, logits):
        answer = predictor.answers(image[np.newaxis], recording=True)[0]
    heat = _heat(maps, logits, int(answer.probabilities.argmax()), predictor.spec.size_px)
    if heat is None:
        return answer, None
    return answer, Seen(predictor.prepared(image[np.newaxis])[0], heat)


def _head(network: nn.Module) -> nn.Module:
    """Return the layer that gives the logits, or raise SettingInvalid."""
    head = getattr(network, "head", None)
    if not isinstance(head, nn.Module):
        raise SettingInvalid("network", "it names no layer `head`, so there is no map of what it saw")
    return head


@contextmanager
def _recorded(layer: nn.Module, head: nn.Module) -> Iterator[tuple[list[Tensor], list[Tensor]]]:
    """Yield two lists that receive the last feature maps and the logits of the pass inside the block."""
    maps: list[Tensor] = []
    logits: list[Tensor] = []

    def from_here(_layer: nn.Module, _inputs: object, output: Tensor) -> Tensor:
        maps.append(output.detach().requires_grad_())
        return maps[-1].clone()  # the network may change it in place

    def keep(_layer: nn.Module, _inputs: object, output: Tensor) -> None:
        logits.append(output)

    hooks = [layer.register_forward_hook(from_here), head.register_forward_hook(keep)]
    try:
        yield maps, logits
    finally:
        for hook in hooks:
            hook.remove()


def _heat(maps: list[Tensor], logits: list[Tensor], target: int, side: int) -> Heat | None:
    """Return the mean map of all views, 0..255; None if the network has no one layer of maps before its logits."""
    if len(maps) != 1 or len(logits) != 1 or maps[0].ndim != 4 or not logits[0].requires_grad:  # noqa: PLR2004
        return None
    slopes: Tensor | None = torch.autograd.grad(logits[0][:, target].sum(), maps[0], allow_unused=True)[0]
    if slopes is None:
        return None
    places = (slopes.mean(dim=(2, 3), keepdim=True) * maps[0]).sum(dim=1, keepdim=True).detach().relu()
    views = tnf.interpolate(places, (side, side), mode="bilinear")
    heat = torch.stack([undo_view(view[None], index) for index, view in enumerate(views)]).mean(dim=0)[0, 0]
    most = float(heat.max())
    scaled = heat / most if np.isfinite(most) and most > 0 else torch.zeros_like(heat)
    return np.asarray((scaled.clamp(0, 1) * LARGEST).round().cpu().numpy(), np.uint8)
