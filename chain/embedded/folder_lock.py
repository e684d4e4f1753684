"""Only one process at a time serves a chain's folder.

Invariant: the lock ends with its process, however that ends, so a stale file never blocks a start.

Source: flock(2).
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from fl.protocol.errors import ChainRunning, refused_write


def lock(folder: Path) -> int:
    """Create the folder if needed, and return a descriptor of its lock.

    Raises:
        ChainRunning: another process holds it.
        StorageFull: the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise refused_write(str(folder), error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise ChainRunning(str(folder)) from error
    return descriptor
