"""Lists the files below a folder, each with a first reason if it cannot be used.

Invariant: the number of files and bytes is bounded; links are not followed, and only regular files are opened.

Source: os.scandir; magic numbers of the formats' specifications; known_names.py.
"""

from __future__ import annotations

import io
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from fl.protocol.errors import DatasetUnusable
from fl.training.data.known_names import JUNK, SIDE_NAMES, SIDE_SUFFIXES, THUMBNAIL_FOLDERS
from fl.training.data.listing import LeftOut, LeftOutReason, shown
from fl.training.pictures.decode import MAX_BYTES
from fl.training.pictures.kinds import FORMATS, READ_TYPES, SNIFF_BYTES, SUFFIXES, kind_of

MAX_ENTRIES = 500_000
"""The most files and folders that are listed."""
MAX_PICTURES = 200_000
MAX_TOTAL_BYTES = 512 * 2**30
MAX_DEPTH = 32


@dataclass(frozen=True)
class FoundFile:
    """One file, or a folder that could not be opened (then the last part is empty).

    Attributes:
        path: Its full path.
        name: Its path below the source, unchanged.
        parts: Folder names below the source and the file's name, in Unicode form NFC; backslashes from archives made on
            Windows separate parts like slashes.
        size: Bytes.
        reason: Why it is not used; None for a file with the suffix of a picture.
        detail: More about the reason.
    """

    path: Path
    name: str
    parts: tuple[str, ...]
    size: int = 0
    reason: LeftOutReason | None = None
    detail: str = ""

    def out(self, reason: LeftOutReason, detail: str = "") -> FoundFile:
        return replace(self, reason=reason, detail=detail)

    def left_out(self) -> LeftOut:
        if self.reason is None:
            raise RuntimeError("a used file has no reason")
        return LeftOut(self.name, self.reason, self.detail)


def walk(root: Path) -> list[FoundFile]:
    """Return every file below `root`, sorted by name, with links and folders that cannot be opened.

    Raises:
        DatasetUnusable: there are too many files or pictures.
    """
    entries: list[FoundFile] = []
    pictures = total = 0
    for count, entry in enumerate(_below(root, root, 0, None), 1):
        entries.append(entry)
        pictures += entry.reason is None
        total += entry.size if entry.reason is None else 0
        if count > MAX_ENTRIES:
            raise DatasetUnusable(shown(root.name), f"it holds more than {MAX_ENTRIES} files and folders")
        if pictures > MAX_PICTURES or total > MAX_TOTAL_BYTES:
            why = f"at most {MAX_PICTURES} pictures of {MAX_TOTAL_BYTES // 2**30} GiB in all are accepted"
            raise DatasetUnusable(shown(root.name), why)
    return sorted(entries, key=lambda entry: entry.parts)


def _below(folder: Path, root: Path, depth: int, outcome: LeftOutReason | None) -> Iterator[FoundFile]:
    try:
        with os.scandir(folder) as scan:
            found = list(_bounded(scan, root))
    except OSError as error:
        yield _entry(folder, root, is_folder=True).out(LeftOutReason.UNREADABLE, error.strerror or "")
        return
    if not found and folder != root:
        yield _entry(folder, root, is_folder=True).out(outcome or LeftOutReason.EMPTY_FOLDER)
    for each in found:
        path, reason = folder / each.name, outcome or _by_name(each.name)
        if each.is_dir(follow_symlinks=False):
            if depth + 1 >= MAX_DEPTH:
                yield _entry(path, root, is_folder=True).out(LeftOutReason.TOO_DEEP)
            else:
                yield from _below(path, root, depth + 1, reason)
        else:
            yield _file(each, _entry(path, root), reason)


def _bounded(scan: Iterator[os.DirEntry[str]], root: Path) -> Iterator[os.DirEntry[str]]:
    for count, each in enumerate(scan):
        if count >= MAX_ENTRIES:
            raise DatasetUnusable(shown(root.name), f"one folder in it holds more than {MAX_ENTRIES} files")
        yield each


def _entry(path: Path, root: Path, *, is_folder: bool = False) -> FoundFile:
    name = str(path.relative_to(root))
    parts = tuple(part for part in re.split(r"[/\\]", unicodedata.normalize("NFC", name)) if part not in {"", "."})
    return FoundFile(path, name, (*parts, "") if is_folder else parts or (name,))


def _by_name(name: str) -> LeftOutReason | None:
    """Return the reason that a name alone gives: junk, thumbnail, hidden."""
    for part in re.split(r"[/\\]", name):
        folded = part.casefold()
        if folded in JUNK or folded.startswith("._"):
            return LeftOutReason.JUNK
        if folded in THUMBNAIL_FOLDERS:
            return LeftOutReason.THUMBNAIL
        if folded.startswith("."):
            return LeftOutReason.HIDDEN
    return None


def _file(found: os.DirEntry[str], entry: FoundFile, reason: LeftOutReason | None) -> FoundFile:
    """Return `entry` with the reason that its kind, size and suffix give."""
    if reason is not None:
        return entry.out(reason)
    if found.is_symlink():
        return _link(entry)
    try:
        facts = found.stat(follow_symlinks=False)
    except OSError as error:
        return entry.out(LeftOutReason.UNREADABLE, error.strerror or "")
    if not stat.S_ISREG(facts.st_mode):
        return entry.out(LeftOutReason.SPECIAL)
    entry = replace(entry, size=facts.st_size)
    if not _is_text(entry.name):
        return entry.out(LeftOutReason.BAD_NAME)
    return _by_suffix(entry)


def _link(entry: FoundFile) -> FoundFile:
    """Return a link; a link to a folder counts as that folder, so that a missing class is noticed."""
    if entry.path.is_dir():
        return replace(entry, parts=(*entry.parts, "")).out(LeftOutReason.LINK, "a folder; copy it to this place")
    return entry.out(LeftOutReason.LINK)


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _by_suffix(entry: FoundFile) -> FoundFile:
    suffix = Path(entry.parts[-1]).suffix.lower()
    if suffix in SIDE_SUFFIXES:
        return entry.out(LeftOutReason.SIDE)
    if not suffix:
        return _without_suffix(entry)
    if suffix not in SUFFIXES:
        return entry.out(LeftOutReason.UNSUPPORTED, f"{suffix}; {READ_TYPES} are read")
    if entry.size == 0:
        return entry.out(LeftOutReason.EMPTY)
    if entry.size > MAX_BYTES:
        return entry.out(LeftOutReason.TOO_LARGE, f"{entry.size} bytes; at most {MAX_BYTES} are accepted")
    return entry


def _without_suffix(entry: FoundFile) -> FoundFile:
    kind = "" if entry.size == 0 else kind_of(peek(entry.path))
    if kind:
        return entry.out(LeftOutReason.NO_EXTENSION, f"it is {kind}" + _advice(kind))
    return entry.out(LeftOutReason.SIDE if entry.parts[-1].casefold() in SIDE_NAMES else LeftOutReason.NO_EXTENSION)


def _advice(kind: str) -> str:
    return f"; add .{kind.lower()} to the name" if kind in FORMATS else ""


def peek(path: Path) -> bytes:
    """Return the first bytes of a regular file, or nothing if it cannot be read."""
    try:
        with open_regular(path) as file:
            return file.read(SNIFF_BYTES)
    except OSError:
        return b""


def open_regular(path: Path) -> io.BufferedReader:
    """Open a regular file for reading; do not follow a link or wait for a pipe.

    Raises:
        OSError: it cannot be opened, or is not a regular file.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(0, "it is not a regular file")
    return os.fdopen(handle, "rb")
