"""A backup: files by name in a tar archive, inside a file of age. `age --decrypt FILE | tar --extract` opens it too.

Invariant: a restore writes only plain files, only below its own folder, and no more bytes than the caller allows. The
rest of what tar can hold (links, devices, long names, sparse files) is refused.

Source: POSIX.1-1988, ustar; fl/crypto/age_file.py.
Not here: which files of a home are in a backup (scripts/wiring/backup.py).
"""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from fl.crypto.age_file import CHUNK, OpeningFile, SealingFile
from fl.files import make_folder
from fl.protocol.errors import BackupUnusable, EncodingError, refused_write
from fl.protocol.names import Blob

BLOCK = tarfile.BLOCKSIZE
MOST_FILES = 1_000_000
LARGEST_USTAR = 8**11 - 1
"""Bytes of a file that a plain ustar header can say: 11 octal digits."""
_PART = re.compile(r"\w[\w.-]{0,99}")
"""A name of one folder or file: letters and digits of any alphabet, as a member's name may have."""
_DEPTH = 5


@dataclass(frozen=True)
class Writer:
    """Adds files to a backup."""

    sealed: SealingFile

    def add(self, name: str, data: Blob) -> None:
        """Add a small file."""
        self.sealed.write(header(name, len(data)))
        self.sealed.write(data)
        self.sealed.write(_padding(len(data)))

    def copy(self, name: str, path: Path, size: int | None = None) -> int:
        """Add a file as it is now, its first `size` bytes or all; return how many.

        A file that is replaced meanwhile (a rename) gives its old content, whole.

        Raises:
            BackupUnusable: it cannot be read, or became shorter meanwhile.
        """
        try:
            with path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size if size is None else size
                self.sealed.write(header(name, size))
                left = size
                while left:
                    data = file.read(min(left, CHUNK))
                    if not data:
                        raise BackupUnusable(str(path), "it became shorter while it was read; run this again")
                    self.sealed.write(data)
                    left -= len(data)
        except OSError as error:
            raise BackupUnusable(str(path), error.strerror or "it cannot be read") from error
        self.sealed.write(_padding(size))
        return size


@contextmanager
def writing(path: Path, password: str) -> Iterator[Writer]:
    """Write a new backup at `path`, whole or not at all; an existing file is not replaced.

    Raises:
        BackupUnusable: the file exists.
        StorageFull: the disk refuses.
    """
    partial = path.with_name(f".{path.name}.part")
    try:
        make_folder(path.parent)
        partial.unlink(missing_ok=True)
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                sealed = SealingFile(file, password)
                yield Writer(sealed)
                sealed.write(bytes(2 * BLOCK))
                sealed.close()
                file.flush()
                os.fsync(file.fileno())
            os.link(partial, path)
        finally:
            partial.unlink(missing_ok=True)
        _sync(path.parent)
    except FileExistsError as error:
        raise BackupUnusable(
            str(path), "it exists already, and no backup is overwritten; choose another name"
        ) from error
    except OSError as error:
        raise refused_write(str(path), error) from error


def extract(path: Path, password: str, target: Path, allowed: Callable[[str, int], None]) -> list[str]:
    """Write the files of a backup below `target`, an empty folder; return their names.

    Args:
        path: The backup.
        password: That with which it was made.
        target: Every file in it is made new, for its owner only.
        allowed: Gets each name and size in bytes before anything of it is written; raises if it must not be there.

    Raises:
        BackupUnusable: the password is wrong, or the backup was changed, cut, or holds something else than plain files.
        StorageFull: the disk refuses.
    """
    names: list[str] = []
    try:
        with path.open("rb") as file:
            opened = OpeningFile.of(file, password)
            for name, size in _heads(opened):
                allowed(name, size)
                _write(target / name, opened, size)
                names.append(name)
    except (EncodingError, UnicodeDecodeError) as error:
        why = error.why if isinstance(error, EncodingError) else "a name in it cannot be read"
        raise BackupUnusable(str(path), why) from error
    except FileExistsError as error:
        raise BackupUnusable(str(path), "it has a file twice") from error
    except FileNotFoundError as error:
        raise BackupUnusable(str(path), "it does not exist") from error
    except OSError as error:
        raise refused_write(str(target), error) from error
    return names


def header(name: str, size: int) -> bytes:
    """Return the 512 bytes before a file, or raise BackupUnusable."""
    info = tarfile.TarInfo(_checked(name))
    info.size, info.mode = size, 0o600
    if size <= LARGEST_USTAR:
        return info.tobuf(tarfile.USTAR_FORMAT, "utf-8", "strict")
    head = info.tobuf(tarfile.GNU_FORMAT, "utf-8", "strict")  # its size field goes on beyond 8 GiB
    if len(head) != BLOCK:
        raise BackupUnusable(name, "it is larger than 8 GiB, and its name is longer than 100 bytes")
    return head


def _heads(opened: OpeningFile) -> Iterator[tuple[str, int]]:
    """Yield name and size of every file; the caller reads `size` bytes before the next."""
    count = 0
    while (block := opened.read(BLOCK)) != bytes(BLOCK):
        count += 1
        if count > MOST_FILES:
            raise EncodingError("backup", f"it has more than {MOST_FILES} files")
        try:
            info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
        except tarfile.TarError as error:
            raise EncodingError("backup", "it is damaged inside") from error
        if info.type != tarfile.REGTYPE or info.size < 0:
            raise EncodingError("backup", "it holds something else than plain files")
        yield _checked(info.name), info.size
        if opened.read(len(_padding(info.size))).strip(b"\0"):
            raise EncodingError("backup", "it is damaged inside")
    if opened.read(BLOCK) != bytes(BLOCK) or opened.read(1):
        raise EncodingError("backup", "something follows its end")


def _checked(name: str) -> str:
    """Return a name with plain parts below the folder, or raise EncodingError."""
    parts = name.split("/")
    if len(parts) > _DEPTH or not all(_PART.fullmatch(part) for part in parts) or str(PurePosixPath(name)) != name:
        raise EncodingError("backup", "a file in it has a name that no backup has")
    return name


def _write(path: Path, opened: OpeningFile, size: int) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        _pour(opened, file, size)
        file.flush()
        os.fsync(file.fileno())
    _sync(path.parent)


def _pour(opened: OpeningFile, file: BinaryIO, size: int) -> None:
    while size:
        data = opened.read(min(size, CHUNK))
        if not data:
            raise EncodingError("backup", "it ends too early")
        file.write(data)
        size -= len(data)


def _padding(size: int) -> bytes:
    return bytes(-size % BLOCK)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
