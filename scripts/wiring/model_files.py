"""The files of a model, in a folder or a ZIP."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from fl.protocol.errors import EncodingError

MOST_FILES = 20_000
ENCRYPTED = 1
"""The bit of a file's flags."""
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
FILES_CAP = 16 * 1024**3
"""Bytes of all files of a ZIP; they are read in parts."""


@contextmanager
def model_files(path: Path) -> Iterator[tuple[list[str], Callable[[str], IO[bytes]]]]:
    """Yield the names of all files in a folder or ZIP, and what opens one of them.

    Raises:
        EncodingError: it is no whole ZIP, has encrypted files, too many or too large files, or two of one name.
    """
    if path.is_dir():
        yield (
            [each.relative_to(path).as_posix() for each in path.rglob("*") if not each.is_dir()],
            (lambda name: (path / name).open("rb")),
        )
        return
    try:
        with zipfile.ZipFile(path) as archive:
            infos = [each for each in archive.infolist() if not each.is_dir()]
            names = [each.filename for each in infos]
            if len(names) > MOST_FILES or sum(each.file_size for each in infos) > FILES_CAP:
                raise EncodingError("model", "it has too many or too large files")
            if len(set(names)) != len(names):
                raise EncodingError("model", "two of its files have one name")
            if any(each.flag_bits & ENCRYPTED or each.compress_type not in METHODS for each in infos):
                raise EncodingError("model", "a file in it is encrypted, or packed in a way that no export uses")
            yield names, archive.open
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise EncodingError("model", "it is not a whole ZIP file") from error
