"""How pixels become the numbers that a network takes: (pixel - mean) / deviation, both in 0..255.

This module does not import torch, because a process that only names these numbers does not need it.

Source: inputs.py, which applies them.
"""

from __future__ import annotations

from fl.training.model.backbones import TORCHVISION
from fl.training.model.spec import HEMANET, LITE0, OWN

MEAN_AND_STD = {HEMANET: (51.0, 51.0), LITE0: (127.0, 128.0), OWN: (127.5, 127.5)}
"""Hemanet's were chosen for dark cells on black, lite0's are those of its published weights, and a consortium's own
network sees -1..1. All channels and data sets use the same values, so hospitals need not share statistics about their
patients."""
IMAGENET = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
"""Mean and standard deviation of red, green and blue, as all weights of torchvision have seen them."""


def scales_of(kind: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and deviation of red, green and blue for a kind of network."""
    if kind.startswith(TORCHVISION):
        return IMAGENET
    mean, deviation = MEAN_AND_STD[kind]
    return (mean,) * 3, (deviation,) * 3
