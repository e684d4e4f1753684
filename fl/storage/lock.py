"""One process per role and state folder.

Invariant: the lock is the kernel's (flock), so it ends with its process, kill -9 included.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fl.protocol.errors import RoleRunning, StorageFull


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold `folder/lock`, or raise RoleRunning when another process does."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("a")
    except OSError as error:
        raise StorageFull(str(folder), error.strerror or str(error)) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RoleRunning(str(folder)) from error
        yield
