"""One process per role and state folder.

Invariant: the kernel's lock (flock) ends with its process, even after kill -9.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fl.protocol.errors import RoleRunning, StorageFull


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Lock `folder/lock`, or raise RoleRunning if another process has locked it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("a")
    except OSError as error:
        raise StorageFull(str(folder), error.strerror or "the disk refused it") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise RoleRunning(str(folder)) from error
        yield
