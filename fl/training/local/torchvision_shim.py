"""The one door to torchvision: the tensor transforms that augmentation is made of.

Invariant: importing this module works beside a CUDA build of torch and beside a CPU-only one; beside the former it is
nothing but an import. The transforms exported take their parameters as arguments, so chance stays with the caller.

Source: torchvision.transforms.v2.functional; torch.library (a schema without a kernel is enough to import).
Not here: `torchvision.ops.nms` and `torchvision.io`, which need the compiled kernels; which parameters are drawn
(augment.py).
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
"""Keeps the fragment alive: torch forgets a library's schemas when it is collected."""


def _import_functional() -> ModuleType:
    """Import `torchvision.transforms.v2.functional`.

    The registry's torchvision is built for CUDA. Beside a CPU-only torch its C++ part is not loaded, and its Python
    part then fails while it registers fake kernels for operators that were never defined. Defining their schemas is
    all that the transforms need.

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
shimmed = bool(_LIBRARIES)
"""Whether the shim was needed."""
