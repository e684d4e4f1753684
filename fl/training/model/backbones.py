"""Which networks of torchvision a federation may train, without importing it (backbone.py does).

Invariant: a name is in the table only if tests build, average and train it.

Source: torchvision.models; its files of ImageNet weights have the first 8 digits of their SHA-256 in their names.
"""

from __future__ import annotations

import re

TORCHVISION = "torchvision:"
"""The prefix of the kinds in a spec."""
TORCHVISION_NAMES: dict[str, int] = {
    "resnet18": 11_176_512,
    "resnet50": 23_508_032,
    "mobilenet_v2": 2_223_872,
    "mobilenet_v3_small": 1_517_856,
    "efficientnet_b0": 4_007_548,
    "densenet121": 6_953_856,
}
"""By name: how many weights it has without its head."""
SIDES = (32, 512)
"""The least and the largest side of a picture in pixels: time and memory grow with its square."""

_FILE = re.compile(r"(?P<file>[A-Za-z0-9][A-Za-z0-9._+-]{0,99}), SHA-256 (?P<sha256>[0-9a-f]{64})")


def from_file(name: str, sha256: str) -> str:
    """Return how a spec records that the first weights come from a file."""
    return f"{re.sub(r'[^A-Za-z0-9._+-]', '_', name)[:100].lstrip('._+-') or 'weights'}, SHA-256 {sha256}"


def file_of(weights: str) -> tuple[str, str] | None:
    """Return the name and the SHA-256 that a spec records, or None if it records no file."""
    found = _FILE.fullmatch(weights)
    return (found["file"], found["sha256"]) if found else None
