"""Files that are whole or absent.

Invariant: after `write_atomic` returns, the file survives a power cut; when it raises, nothing partial is left.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from fl.protocol.errors import StorageFull
from fl.protocol.names import Blob


def write_atomic(path: Path, data: Blob, mode: int = 0o644) -> None:
    """Write `data` beside `path`, fsync, rename, fsync the folder.

    Raises:
        StorageFull: the disk is full or refuses the write.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(6)}.part")
    try:
        _make_folder(path.parent)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise StorageFull(str(path), error.strerror or str(error)) from error


def _make_folder(folder: Path) -> None:
    """Create a folder and its parents, each durably: a file in a folder that a power cut loses is lost with it."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
