"""Weights that somebody else published: where they come from, and that they are the ones a round's opening names.

Invariant: nothing of a package is executed, and a file is read only after its SHA-256 was compared; its pickle may
hold tensors only.

Source: torch.load with `weights_only`.
"""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from fl.protocol.errors import PretrainedChanged, PretrainedMissing
from fl.training.model.lite0 import from_published
from fl.training.model.sources import LITE0_IMAGENET, Published


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
