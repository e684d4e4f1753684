"""The sealed files of the newest models in a member's own folder, by digest."""

from __future__ import annotations

import re
from pathlib import Path

from fl.protocol.names import DIGEST_BYTES, Blob, Digest
from fl.storage.vault import FolderVault

_NAME = re.compile(rf"[0-9a-f]{{{2 * DIGEST_BYTES}}}")
"""Other files in the folder are not copies."""


class FolderModels:
    """Implements the ModelStore port of fl/roles/kept_models.py over a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = FolderVault(folder)

    def names(self) -> frozenset[Digest]:
        """Return the digests of the copies."""
        found = (path.name for path in self._folder.glob("*/*") if _NAME.fullmatch(path.name))
        return frozenset(Digest(bytes.fromhex(name)) for name in found)

    def put(self, data: Blob) -> Digest:
        return self._files.put(data)

    def get(self, digest: Digest, cap: int) -> bytes:
        return self._files.get(digest, cap)

    def delete(self, digest: Digest) -> bool:
        return self._files.delete(digest)
