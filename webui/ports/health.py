"""The port for the machine behind the site: node, vault, disks and backups.

Not here: the site's own database (usecases/system_health.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class NodeAnswer:
    """What the node says of its newest block."""

    head: int
    head_at: int
    """Seconds since 1970."""
    answer_ms: float


@dataclass(frozen=True)
class Disk:
    """The room on the disk of one folder."""

    name: str
    """What it holds: `site`, `vault`..."""
    free: int
    total: int
    """Bytes."""


@dataclass(frozen=True)
class Backup:
    """One folder of backups."""

    folder: str
    newest_at: int | None
    """Seconds since 1970 of its newest file; None if it is empty or cannot be read."""


class HealthService(Protocol):
    """Measures the machine; every method answers within seconds."""

    def node(self) -> NodeAnswer:
        """Ask the node for its newest block, or raise UnavailableError."""

    def vault_ms(self) -> float:
        """Return how long the vault took to answer, or raise UnavailableError."""

    def disks(self) -> Sequence[Disk]:
        """Return the disks that the site fills."""

    def backups(self) -> Sequence[Backup]:
        """Return the folders of backups that the site was told of."""

    def consortium_file(self) -> bytes | None:
        """Return the consortium's own file, which every member gets; None if it cannot be read."""
