"""Writes files whole or not at all, and erases them.

Invariant: after `write_atomic` or `write_once` returns, the file survives a power cut; if one raises, no part of the
file remains. A power cut can leave a partial file beside it under another name; `erase` also removes that.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fl.protocol.errors import refused_write
from fl.protocol.names import Blob


def write_atomic(path: Path, data: Blob, mode: int = 0o644) -> None:
    """Write `data` beside `path`, fsync, rename, fsync the folder.

    Raises:
        StorageFull: the disk is full or refuses the write.
    """
    with _translated(path), _folder_of(path) as folder:
        write_at(folder, path.name, data, mode)


def write_at(folder: int, name: str, data: Blob, mode: int = 0o644) -> None:
    """Write as `write_atomic` does, but into an open folder, so that no link in its path can lead elsewhere.

    Raises:
        OSError: the disk is full or refuses the write.
    """
    with _beside(folder, name, data, mode) as partial:
        os.replace(partial, name, src_dir_fd=folder, dst_dir_fd=folder)


def write_once(path: Path, data: Blob, mode: int = 0o644) -> None:
    """Write as `write_atomic` does, unless `path` exists: the file of the faster of two processes stays.

    Raises:
        StorageFull: the disk is full or refuses the write.
    """
    with (
        _translated(path),
        _folder_of(path) as folder,
        _beside(folder, path.name, data, mode) as partial,
        contextlib.suppress(FileExistsError),
    ):
        os.link(partial, path.name, src_dir_fd=folder, dst_dir_fd=folder)


def erase(path: Path) -> None:
    """Overwrite and remove a file and the partial files of interrupted writes; if there are none, do nothing.

    Raises:
        StorageFull: the disk refuses.
    """
    try:
        for each in (path, *path.parent.glob(f".{path.name}.*.part")):
            with contextlib.suppress(FileNotFoundError):
                _overwrite(each)
                each.unlink()
                _sync_folder(path.parent)
    except OSError as error:
        raise refused_write(str(path), error) from error


def numbers(folder: Path, before: str, after: str) -> list[int]:
    """Return the numbers between `before` and `after` in the names of files and partial files, ascending."""
    form = re.compile(rf"\.?{re.escape(before)}([0-9]+){re.escape(after)}(?:\.[0-9a-f]+\.part)?")
    matches = (form.fullmatch(path.name) for path in folder.glob("*"))
    return sorted({int(match[1]) for match in matches if match})


@contextmanager
def _beside(folder: int, name: str, data: Blob, mode: int) -> Iterator[str]:
    """Write `data` durably beside `name`; the block moves it into place, then fsync the folder."""
    partial = f".{name}.{secrets.token_hex(6)}.part"
    try:
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=folder)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        yield partial
        os.fsync(folder)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(partial, dir_fd=folder)


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise refused_write(str(path), error) from error


@contextmanager
def _folder_of(path: Path) -> Iterator[int]:
    """Yield the descriptor of the folder of `path`; create the folder if needed."""
    make_folder(path.parent)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
        file.flush()
        os.fsync(file.fileno())


def make_folder(folder: Path) -> None:
    """Create a folder and its parents durably: if a power cut loses a folder, its files are lost too."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
