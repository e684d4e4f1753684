"""Which device computes, with how many threads, in which precision.

Invariant: on a CPU everything is float32, so that a run with the same number of threads gives the same bytes.

Source: torch.amp (autocast, GradScaler); torch.set_num_threads is global to the process.
"""

from __future__ import annotations

import torch
from torch import nn

from fl.protocol.errors import SettingInvalid

DEVICES = ("auto", "cpu", "cuda", "mps")


def pick_device(wanted: str) -> torch.device:
    """Return the device named `wanted`; "auto" takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        SettingInvalid: the name is unknown, or this machine does not have the device.
    """
    if wanted not in DEVICES:
        raise SettingInvalid("device", f"{wanted!r} is not one of {', '.join(DEVICES)}")
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    name = wanted if wanted != "auto" else next(name for name, usable in available.items() if usable)
    if not available[name]:
        raise SettingInvalid("device", f"this machine or this build of torch has no {name}")
    return torch.device(name)


def place(model: nn.Module, device: torch.device) -> nn.Module:
    """Move `model` to `device` in channels-last layout, which is faster for convolutions; return it."""
    model.to(device)
    for tensor in model.parameters():
        if tensor.dim() == 4:  # noqa: PLR2004  # the weights of a convolution
            tensor.data = tensor.data.contiguous(memory_format=torch.channels_last)
    return model


def mixed_dtype(device: torch.device) -> torch.dtype | None:
    """Return the low precision to train in on `device`, or None for float32 throughout (CPU, MPS)."""
    if device.type != "cuda":
        return None
    return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16


def use_threads(count: int) -> None:
    """Let one operation use `count` threads, everywhere in this process.

    Hospitals that train in threads of one process share this number: use `max(1, cores // hospitals)`. Repeating a run
    byte for byte needs the same number. A process that answers single pictures should use 1: on two shared cores, two
    threads that waited for each other took 314 ms for a picture, one alone 9 ms.
    """
    torch.set_num_threads(max(1, count))
