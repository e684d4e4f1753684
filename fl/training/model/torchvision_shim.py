"""The only importer of torchvision: networks by name (backbone.py), and the transforms that tests compare with ours.

Invariant: importing this module works with a CUDA build of torch and with a CPU-only one. The exported transforms take
their parameters as arguments, so the caller controls the randomness.

Source: torchvision.transforms.v2.functional; torchvision.models; torch.library (a schema without a kernel is enough to
import).
Not here: `torchvision.ops.nms` and `torchvision.io`, which need the compiled kernels.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

import torch

_SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)
_LIBRARIES: list[torch.library.Library] = []
"""Keeps the fragment alive: torch drops a library's schemas when it is garbage-collected."""


def _import_functional() -> ModuleType:
    """Import `torchvision.transforms.v2.functional`.

    PyPI's torchvision is built for CUDA. With a CPU-only torch its C++ part is not loaded, and its Python part fails
    when it registers fake kernels for operators that do not exist. Defining their schemas is enough for the transforms.

    Raises:
        RuntimeError: torchvision fails for any other reason.
    """
    try:
        return importlib.import_module("torchvision.transforms.v2.functional")
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]  # torch
    for schema in _SCHEMAS:
        library.define(schema)  # type: ignore[no-untyped-call]  # torch
    _LIBRARIES.append(library)
    return importlib.import_module("torchvision.transforms.v2.functional")


_functional = _import_functional()

affine = _functional.affine
adjust_saturation = _functional.adjust_saturation
horizontal_flip = _functional.horizontal_flip
InterpolationMode = importlib.import_module("torchvision.transforms.v2").InterpolationMode
models = importlib.import_module("torchvision.models")
shimmed = bool(_LIBRARIES)
"""Whether the shim was needed."""
