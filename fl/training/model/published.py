"""Weights that somebody else published: where they come from, and that they are the ones a round's opening names.

Invariant: nothing of a package is executed, and a file is read only after its SHA-256 was compared; its pickle may
hold tensors only.

Source: torch.load with `weights_only`.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from fl.protocol.errors import PretrainedChanged, PretrainedMissing, WeightsFileMissing, WeightsFileUnusable
from fl.training.model.consent import given
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


LARGEST_FILE = 2**30
"""Bytes of a file of weights."""


def tensors_of_file(name: str, sha256: str) -> dict[str, Tensor]:
    """Return the tensors in the file of this digest among those that the member gave (consent.py).

    Raises:
        WeightsFileMissing: no file has the digest.
        WeightsFileUnusable: it has other things than tensors in it.
    """
    for path in given().files:
        data = _bytes(path)
        if hashlib.sha256(data).hexdigest() == sha256:
            return _tensors(name, data)
    raise WeightsFileMissing(name, sha256)


def _bytes(path: Path) -> bytes:
    """Return a file's bytes, or none if it cannot be read or is too large."""
    try:
        return path.read_bytes() if path.stat().st_size <= LARGEST_FILE else b""
    except OSError:
        return b""


def _tensors(name: str, data: bytes) -> dict[str, Tensor]:
    try:
        found = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except (RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise WeightsFileUnusable(name, "torch cannot read it as tensors") from error
    if not isinstance(found, dict):
        raise WeightsFileUnusable(name, "it has no names of tensors")
    return found


def digest_of_file(path: Path) -> str:
    """Return the SHA-256 of a file of weights, or raise OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
