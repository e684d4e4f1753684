"""Reads one .npz file array by array: headers first, and only the requested arrays.

Invariant: nothing is unpickled. An array's header says how much memory it needs, and this is checked against a limit
before memory is used. An array with more or fewer bytes than its header says is damaged.

Source: numpy's .npy format (numpy.lib.format); PKWARE's APPNOTE (end of the central directory).
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
"""Errors beside ValueError that Python's parser raises in numpy's header reader."""


@dataclass(frozen=True)
class Header:
    """An array's header."""

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
            self.refuse("it contains an array twice")

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self._members)

    def refuse(self, why: str) -> None:
        """Raise DatasetUnusable for this file."""
        raise DatasetUnusable(self.source, why)

    def header(self, name: str) -> Header:
        """Return the header of array `name` without reading its values.

        Raises:
            DatasetUnusable: it is damaged, has an unknown compression, or holds Python objects or several fields.
        """
        with self._member(name) as member:
            return self._header(name, member)

    def read(self, name: str, cap: int = MAX_SIDE_BYTES) -> npt.NDArray[np.generic]:
        """Return array `name` in the machine's byte order and C order.

        Raises:
            DatasetUnusable: as for `header`; or it needs more than `cap` bytes, or its values are incomplete.
        """
        with self._member(name) as member:
            header = self._header(name, member)
            if header.bytes > cap:
                self.refuse(f"{shown(name)} needs {header.bytes} bytes; at most {cap} are accepted")
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
            raise DatasetUnusable(self.source, f"{shown(name)} is damaged") from error

    def _header(self, name: str, member: IO[bytes]) -> Header:
        version = np.lib.format.read_magic(member)
        readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in readers:
            self.refuse(f"{shown(name)} has version {version}; only 1.0 and 2.0 are supported")
        try:
            shape, fortran, dtype = readers[version](member)
        except _ODD_HEADERS:
            self.refuse(f"{shown(name)} is damaged (its header does not describe an array)")
        if dtype.hasobject or dtype.names or dtype.subdtype:
            self.refuse(f"{shown(name)} holds Python objects or records, which are never read; save plain values")
        if any(length < 0 for length in shape) or len(shape) > 8:  # noqa: PLR2004  # no array here has more dimensions
            self.refuse(f"{shown(name)} has the shape {list(shape)}")
        return Header(tuple(shape), bool(fortran), dtype, math.prod(shape) * dtype.itemsize)

    def _values(self, name: str, header: Header, member: IO[bytes]) -> bytearray:
        """Return exactly the bytes that `header` announces; memory grows only as they arrive."""
        values = bytearray()
        try:
            while chunk := member.read(min(_CHUNK, header.bytes + 1 - len(values))):
                values += chunk
        except MemoryError as error:
            raise DatasetUnusable(self.source, f"this machine does not have {header.bytes} bytes of memory") from error
        if len(values) != header.bytes:
            self.refuse(f"{shown(name)} is damaged: it does not have the {header.bytes} bytes that its header says")
        return values


@contextmanager
def open_npz(path: Path) -> Iterator[Npz]:
    """Open a .npz file to read some of its arrays.

    Raises:
        DatasetUnusable: there is no such file, or it is not an .npz file.
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
            raise DatasetUnusable(source, "it is not a readable .npz file") from error
        with archive:
            yield Npz(archive, source)


def _open(path: Path) -> io.BufferedReader:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(0, "it is not a regular file")
    return os.fdopen(handle, "rb")


def _check_end(file: io.BufferedReader, source: str) -> None:
    """Refuse a file that is not a zip file, is too large, or has too large a directory."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    start = file.read(6)
    if start == np.lib.format.MAGIC_PREFIX:
        raise DatasetUnusable(source, "it is a single array, not an .npz archive")
    if not start.startswith(b"PK"):
        raise DatasetUnusable(source, "it is not an .npz file (a zip archive of arrays)")
    if size > MAX_FILE_BYTES:
        raise DatasetUnusable(source, f"it has {size} bytes; at most {MAX_FILE_BYTES} are accepted")
    tail_at = max(0, size - _COMMENT_CAP - _END.size - _LOCATOR_BYTES)
    file.seek(tail_at)
    tail = file.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < _END.size:
        raise DatasetUnusable(source, "it is not a readable .npz file: its end is missing")
    _, _, _, _, members, directory, _, _ = _END.unpack_from(tail, at)
    if b"PK\x06\x07" in tail or members > MAX_MEMBERS or directory > _DIRECTORY_CAP:
        raise DatasetUnusable(source, f"it holds more than {MAX_MEMBERS} arrays, or is in the ZIP64 format")
    file.seek(0)
