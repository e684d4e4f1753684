"""Shows where in a picture the network saw what its answer rests on: Grad-CAM.

Invariant: a map belongs to the same prepared input, the same weights and the same views as the answer. It depends on
the weights: a network with random weights gives another map (tests/unit/training/evaluation/test_explain.py).

A map is coarse: the last feature maps of a picture of 128 px have 4 x 4 (lite0) or 8 x 8 (hemanet) places. It shows
where, not why, and proves nothing about a cell.

Source: R. Selvaraju et al., "Grad-CAM", 2017 (captum's LayerGradCam); J. Adebayo et al., "Sanity Checks for Saliency
Maps", 2018. captum is imported when it is needed: that takes half a second and 33 MB, most of it matplotlib.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from fl.protocol.errors import SettingInvalid
from fl.training.evaluation.predict import Predictor
from fl.training.model.inputs import normalise, to_tensor, undo_view, views_of
from fl.training.model.lite0 import Lite0
from fl.training.model.network import HemaNet
from fl.training.model.own_network import OwnNetwork
from fl.training.pictures.heat import COLOURS
from fl.training.pictures.images import Pixels, encode_png

STRENGTH = 0.5
"""How much of the colour covers the picture where the map is 1."""
LARGEST = 255


@dataclass(frozen=True, eq=False)
class HeatMap:
    """Where a network saw what speaks for a class.

    Attributes:
        heat: float32 [S, S] in 0..1; all 0 if nothing in the picture speaks for the class.
        picture: uint8 [S, S, 3], the prepared input.
        target: The class.
    """

    heat: npt.NDArray[np.float32]
    picture: Pixels
    target: int

    def overlay(self) -> Pixels:
        """Return uint8 [S, S, 3]: the picture, coloured from violet (0) to yellow (1), more strongly where it is 1."""
        places = np.linspace(0, 1, len(COLOURS))
        colour = np.stack([np.interp(self.heat, places, channel) for channel in COLOURS.T], axis=2)
        share = STRENGTH * self.heat[..., np.newaxis]
        mixed = self.picture * (1 - share) + colour * share
        return np.asarray(np.rint(mixed).clip(0, LARGEST), np.uint8)

    def png(self) -> bytes:
        """Return prepared picture and overlay side by side as a PNG file, S x 2S pixels."""
        return encode_png(np.concatenate([self.picture, self.overlay()], axis=1))


def explain(predictor: Predictor, image: Pixels, target: int) -> HeatMap:
    """Return the map of a picture uint8 [H, W, 3] for a class; with several views, the mean of their maps.

    Raises:
        ValueError: the model has no such class.
    """
    if not 0 <= target < predictor.spec.classes:
        raise ValueError(f"class {target} is not one of the model's {predictor.spec.classes}")
    picture = predictor.prepared(image[np.newaxis])
    device = next(predictor.network.parameters()).device
    batch = normalise(to_tensor(picture).to(device), predictor.spec.kind)
    maps = [
        undo_view(_map(predictor.network, view, target), index)
        for index, view in enumerate(views_of(batch, predictor.spec.views))
    ]
    heat = torch.stack(maps).mean(dim=0)[0, 0]
    most = float(heat.max())
    scaled = heat / most if most > 0 else torch.zeros_like(heat)
    return HeatMap(scaled.clamp(0, 1).cpu().numpy().astype(np.float32), picture[0], target)


def _map(network: nn.Module, view: Tensor, target: int) -> Tensor:
    """Return float32 [1, 1, S, S], at least 0: the places of the last feature maps that speak for the class."""
    from captum.attr import LayerAttribution, LayerGradCam

    method = LayerGradCam(network, last_maps(network))
    found = method.attribute(view.contiguous(), target=target, relu_attributions=True)
    side = (int(view.shape[2]), int(view.shape[3]))
    whole: Tensor = LayerAttribution.interpolate(found.detach(), side, "bilinear")
    return whole


def last_maps(network: nn.Module) -> nn.Module:
    """Return the layer whose outputs are the last feature maps.

    Raises:
        SettingInvalid: a consortium's own network does not name one, as its attribute `last_maps`.
    """
    if isinstance(network, OwnNetwork):
        named = getattr(network.network, "last_maps", None)
        if not isinstance(named, nn.Module):
            raise SettingInvalid("network", "it names no layer `last_maps`, so there is no map of what it saw")
        return named
    return network.get_submodule({Lite0: "top", HemaNet: "relu"}.get(type(network), "body"))
