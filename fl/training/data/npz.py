"""One .npz file, array by array: shapes first, and only what is asked for.

Invariant: nothing is unpickled; memory is bounded by what an array's own header says, and that is checked against a cap
before it is spent. A member that holds more or less than its header says is damaged.

Source: numpy's .npy format (numpy.lib.format); PKWARE's APPNOTE (end of the central directory).
Not here: what the arrays mean (arrays.py, dataset.py).
"""

from __future__ import annotations

import io
import math
import os
import stat
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt

from fl.protocol.errors import DatasetUnusable
from fl.training.data.listing import shown

MAX_FILE_BYTES = 2**31 - 1
MAX_MEMBERS = 1024
MAX_PIXEL_BYTES = 4 * 2**30
"""Memory for one array of pictures."""
MAX_SIDE_BYTES = 256 * 2**20
"""Memory for any other array."""
_DIRECTORY_CAP = 2**20
_END = struct.Struct("<4s4H2LH")
_COMMENT_CAP = 2**16
_LOCATOR_BYTES = 20
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})
_ENCRYPTED = 1
_CHUNK = 2**22
_ODD_HEADERS = (tokenize.TokenError, SyntaxError, TypeError, MemoryError, RecursionError)
"""What Python's own parser raises in numpy's reader of a header, beside ValueError."""


@dataclass(frozen=True)
class Header:
    """What an array says of itself."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: np.dtype[np.generic]
    bytes: int


class Npz:
    """An open .npz file."""

    def __init__(self, archive: zipfile.ZipFile, source: str) -> None:
        self._archive = archive
        self._members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        self.source = source
        if len(self._members) != len(archive.infolist()):
            self.refuse("an array is in it twice")

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._members)

    def refuse(self, why: str) -> None:
        """Raise DatasetUnusable for this file."""
        raise DatasetUnusable(self.source, why)

    def header(self, name: str) -> Header:
        """Return what array `name` says of itself, read without its values.

        Raises:
            DatasetUnusable: it is damaged, compressed in another way, or holds Python objects or several fields.
        """
        with self._member(name) as member:
            return self._header(name, member)

    def read(self, name: str, cap: int = MAX_SIDE_BYTES) -> npt.NDArray[np.generic]:
        """Return array `name` in the machine's byte order and C order.

        Raises:
            DatasetUnusable: as for `header`; it takes more than `cap` bytes, or its values are cut off.
        """
        with self._member(name) as member:
            header = self._header(name, member)
            if header.bytes > cap:
                self.refuse(f"{shown(name)} would take {header.bytes} bytes; at most {cap} are accepted")
            values = self._values(name, header, member)
        array = np.frombuffer(values, header.dtype).reshape(header.shape, order="F" if header.fortran else "C")
        return np.ascontiguousarray(array, header.dtype.newbyteorder("=")).reshape(header.shape)

    @contextmanager
    def _member(self, name: str) -> Iterator[IO[bytes]]:
        info = self._members[name]
        if info.compress_type not in _METHODS or info.flag_bits & _ENCRYPTED:
            self.refuse(f"{shown(name)} is encrypted or compressed in a way that numpy does not use")
        try:
            with self._archive.open(info) as member:
                yield member
        except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
            raise DatasetUnusable(self.source, f"{shown(name)} is damaged ({shown(str(error))})") from error

    def _header(self, name: str, member: IO[bytes]) -> Header:
        version = np.lib.format.read_magic(member)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in readers:
            self.refuse(f"{shown(name)} is of version {version}; 1.0 and 2.0 are read")
        try:
            shape, fortran, dtype = readers[version](member)
        except _ODD_HEADERS:
            self.refuse(f"{shown(name)} is damaged (its header is no description of an array)")
        if dtype.hasobject or dtype.names or dtype.subdtype:
            self.refuse(f"{shown(name)} holds Python objects or records, not plain values; nothing is unpickled")
        if any(length < 0 for length in shape) or len(shape) > 8:  # noqa: PLR2004  # no array here has more dimensions
            self.refuse(f"{shown(name)} has the shape {list(shape)}")
        return Header(tuple(shape), bool(fortran), dtype, math.prod(shape) * dtype.itemsize)

    def _values(self, name: str, header: Header, member: IO[bytes]) -> bytearray:
        """Return exactly the bytes that `header` announces; they are made only as they arrive."""
        values = bytearray()
        try:
            while chunk := member.read(min(_CHUNK, header.bytes + 1 - len(values))):
                values += chunk
        except MemoryError as error:
            raise DatasetUnusable(self.source, f"this machine has no memory for {header.bytes} bytes") from error
        if len(values) != header.bytes:
            self.refuse(f"{shown(name)} is damaged: its header says {header.bytes} bytes, and it holds another number")
        return values


@contextmanager
def open_npz(path: Path) -> Iterator[Npz]:
    """Open a .npz file to read some of its arrays.

    Raises:
        DatasetUnusable: there is no such file, or it is no .npz file.
    """
    source = shown(path.name)
    try:
        file = _open(path)
    except OSError as error:
        raise DatasetUnusable(source, error.strerror or "it cannot be opened") from error
    with file:
        _check_end(file, source)
        try:
            archive = zipfile.ZipFile(file)
        except (OSError, ValueError, EOFError, NotImplementedError, zipfile.BadZipFile) as error:
            raise DatasetUnusable(source, f"it is no readable .npz file ({shown(str(error))})") from error
        with archive:
            yield Npz(archive, source)


def _open(path: Path) -> io.BufferedReader:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(0, "it is no regular file")
    return os.fdopen(handle, "rb")


def _check_end(file: io.BufferedReader, source: str) -> None:
    """Refuse what is no zip file, is too large, or has a directory that would cost more than it may."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    start = file.read(6)
    if start == np.lib.format.MAGIC_PREFIX:
        raise DatasetUnusable(source, "it is a single array, not an .npz archive")
    if not start.startswith(b"PK"):
        raise DatasetUnusable(source, "it is no .npz file (an .npz file is a zip archive of arrays)")
    if size > MAX_FILE_BYTES:
        raise DatasetUnusable(source, f"it has {size} bytes; at most {MAX_FILE_BYTES} are accepted")
    tail_at = max(0, size - _COMMENT_CAP - _END.size - _LOCATOR_BYTES)
    file.seek(tail_at)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise DatasetUnusable(source, "it is no readable .npz file: its end is missing")
    _, _, _, _, members, directory, _, _ = _END.unpack_from(tail, at)
    if b"PK\x06\x07" in tail or members > MAX_MEMBERS or directory > _DIRECTORY_CAP:
        raise DatasetUnusable(source, f"it holds more than {MAX_MEMBERS} arrays, or is larger than an .npz may be")
    file.seek(0)
