"""One process per role and state folder.

Invariant: the kernel's lock (flock) ends with its process, even after kill -9.
"""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from fl.files import make_folder
from fl.protocol.errors import RoleRunning, refused_write

TRIES, TRY_S = 3, 0.05


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Lock `folder/lock`, or raise RoleRunning if another process has locked it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("a")
    except OSError as error:
        raise refused_write(str(folder), error) from error
    with file:
        _lock(file, folder)
        yield


@contextmanager
def waiting_lock(path: Path) -> Iterator[None]:
    """Lock the file `path`, which is made, for a short write, and wait for other threads and processes that hold it.

    Raises:
        StorageFull: the disk refuses.
    """
    try:
        make_folder(path.parent)
        file = path.open("a")
    except OSError as error:
        raise refused_write(str(path), error) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def locked(folder: Path) -> bool:
    """Return whether a process has locked `folder`."""
    try:
        with (folder / "lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _lock(file: IO[str], folder: Path) -> None:
    """Lock `file`; try again for a moment, because `locked` holds it as long as it looks."""
    for left in range(TRIES, 0, -1):
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if left == 1:
                raise RoleRunning(str(folder)) from error
            time.sleep(TRY_S)
        else:
            return
