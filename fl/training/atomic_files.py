"""Files that are there whole or not at all.

Invariant: a reader of `path` sees the old bytes or the new ones, also after a power cut or kill -9.

Source: rename(2), fsync(2).
Not here: the vault (fl/storage).
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from fl.protocol.errors import StorageFull


def write_atomic(path: Path, data: bytes) -> None:
    """Write `data` to `path` by way of a neighbour file that is fsynced and then renamed.

    Raises:
        StorageFull: the file could not be written; nothing partial is left.
    """
    neighbour = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with neighbour.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        neighbour.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            neighbour.unlink(missing_ok=True)
        raise StorageFull(str(path), error.strerror or str(error)) from error
