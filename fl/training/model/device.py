"""The machine below: which device computes, with how many threads, in which precision.

Invariant: on a CPU everything is float32, so that a run can be repeated byte for byte with the same threads.

Source: torch.amp (autocast, GradScaler); torch.set_num_threads is global to the process.
Not here: what is computed (train.py, predict.py).
"""

from __future__ import annotations

import torch
from torch import nn

from fl.protocol.errors import SettingInvalid

DEVICES = ("auto", "cpu", "cuda", "mps")


def pick_device(wanted: str) -> torch.device:
    """Return the device named `wanted`; "auto" takes CUDA, then Apple's MPS, then the CPU.

    Raises:
        SettingInvalid: no such device, or this machine does not have it.
    """
    if wanted not in DEVICES:
        raise SettingInvalid("device", f"{wanted!r} is not one of {', '.join(DEVICES)}")
    here = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    name = wanted if wanted != "auto" else next(name for name, is_here in here.items() if is_here)
    if not here[name]:
        raise SettingInvalid("device", f"this machine or this build of torch has no {name}")
    return torch.device(name)


def place(model: nn.Module, device: torch.device) -> nn.Module:
    """Move `model` to `device` in channels-last layout, which convolutions prefer; return it."""
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

    Hospitals that train at the same time as threads of one process share this number: give each
    `max(1, cores // hospitals)`. It is part of what makes a run repeatable to the byte. A process that answers
    single pictures wants 1: where another program holds a core, two threads that wait for each other at every
    operation took 314 ms for a picture, one alone 9 ms (measured on two shared cores).
    """
    torch.set_num_threads(max(1, count))
