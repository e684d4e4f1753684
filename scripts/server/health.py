"""Measures the machine of the site: the node's answer, the vault's, disks, and the age of backups."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from chain.rpc.node import Node
from chain.rpc.shapes import quantity
from fl.protocol.errors import ChainUnavailable
from fl.protocol.names import NO_DIGEST
from fl.protocol.ports import Vault
from scripts.wiring.home import Home
from scripts.wiring.nodes import node_of
from webui.ports.health import Backup, Disk, NodeAnswer

NODE_TIMEOUT_S = 2.0
MOST_FILES = 10_000
"""Of a folder of backups; the newest of these counts."""


@dataclass(frozen=True)
class MachineHealth:
    """Implements HealthService."""

    home: Home
    vault: Vault
    backup_folders: tuple[Path, ...] = ()

    def node(self) -> NodeAnswer:
        where = self.home.deployment
        node = Node(node_of(where, NODE_TIMEOUT_S))
        begun = time.perf_counter()
        block = node.request("eth_getBlockByNumber", "latest", False)  # noqa: FBT003 the node's own parameter
        took_ms = 1000 * (time.perf_counter() - begun)
        if not isinstance(block, dict):
            raise ChainUnavailable(node.using, "it has no newest block")
        numbers = [node.parsed(quantity, block.get(name)) for name in ("number", "timestamp")]
        return NodeAnswer(numbers[0], numbers[1], took_ms)

    def vault_ms(self) -> float:
        begun = time.perf_counter()
        self.vault.has(NO_DIGEST)
        return 1000 * (time.perf_counter() - begun)

    def disks(self) -> Sequence[Disk]:
        folders = {"site": self.home.folder / "site", "vault": self.home.vault_folder, "chain": self.home.chain}
        return tuple(Disk(name, *_room(folder)) for name, folder in folders.items() if folder and folder.is_dir())

    def backups(self) -> Sequence[Backup]:
        return tuple(Backup(str(folder), _newest(folder)) for folder in self.backup_folders)

    def consortium_file(self) -> bytes | None:
        try:
            return self.home.deployment_file.read_bytes()
        except OSError:
            return None


def _room(folder: Path) -> tuple[int, int]:
    usage = shutil.disk_usage(folder)
    return usage.free, usage.total


def _newest(folder: Path) -> int | None:
    """Return when the newest file directly in a folder was written."""
    try:
        with os.scandir(folder) as entries:
            times = [entry.stat().st_mtime for entry, _ in zip(entries, range(MOST_FILES), strict=False)]
    except OSError:
        return None
    return int(max(times)) if times else None
