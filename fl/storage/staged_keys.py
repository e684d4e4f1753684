"""Replaces several key files of a member's folder together: all of them or none, even after kill -9 or a power cut.

FOLDER/.new-keys.part/   the new files while they are made; without meaning until the folder has its final name
FOLDER/.new-keys/        the complete new files; every program moves them into place before it opens a key

Invariant: while `.new-keys` does not exist, only the old files count; once it exists, only the new ones.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from fl.files import write_once
from fl.protocol.errors import refused_write
from fl.protocol.names import Blob

STAGED, PARTIAL = ".new-keys", ".new-keys.part"
DRAWN = "password"
"""The file with a demo's random password; it ends with the keys that it opened."""


def change_together(folder: Path, files: Mapping[str, Blob]) -> None:
    """Replace the files in `folder` by `files` (names relative to it), and remove the demo's password file.

    Raises:
        StorageFull: the disk refuses. Then either nothing changed, or the next program finishes the change.
    """
    partial = folder / PARTIAL
    shutil.rmtree(partial, ignore_errors=True)
    for name, data in files.items():
        write_once(partial / name, data, mode=0o600)
    try:
        partial.rename(folder / STAGED)
        _sync(folder)
    except OSError as error:
        raise refused_write(str(folder / STAGED), error) from error
    finish_change(folder)


def finish_change(folder: Path) -> None:
    """Move complete new files into place, if there are any; several processes may do it at once.

    Raises:
        StorageFull: the disk refuses; call it again.
    """
    staged = folder / STAGED
    if not staged.is_dir():
        return
    try:
        for path in sorted(staged.rglob("*"), reverse=True):
            if path.is_file():
                target = folder / path.relative_to(staged)
                with contextlib.suppress(FileNotFoundError):
                    path.replace(target)
                _sync(target.parent)
        (folder / DRAWN).unlink(missing_ok=True)
        _sync(folder)
        shutil.rmtree(staged, ignore_errors=True)
    except OSError as error:
        raise refused_write(str(staged), error) from error


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
