"""The source of a consortium's own network: its digest, and its import from the very bytes that were digested.

Invariant: nothing of a package is executed before its digest was compared, and then only the digested bytes are: no
bytecode cache, no compiled extension, and no file that was changed in between.

The digest is H("BAFL/1/source" || for each file, by path: u32 length of the path || path || u64 length || bytes). The
files are all those below the top package, or the one file of a top module, with their paths relative to the folder
above; without `__pycache__` and `.pyc`, which are never loaded.

Source: importlib (finders and loaders). Not here: other packages that the source imports; the digest does not cover
them.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.abc import MetaPathFinder, SourceLoader
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from fl.protocol.errors import NetworkChanged, NetworkMissing, NetworkUnusable
from fl.protocol.names import LABEL_PREFIX
from fl.training.model.consent import Source, check_entry

MOST_FILES, MOST_BYTES = 2000, 2**28
_CACHES = "__pycache__"
_loading = threading.RLock()


@dataclass(frozen=True, eq=False)
class Snapshot:
    """All files of one top package or module.

    Attributes:
        top: Its name.
        folder: The folder above.
        files: Bytes by POSIX path relative to `folder`.
    """

    top: str
    folder: Path
    files: Mapping[str, bytes]

    @property
    def sha256(self) -> str:
        state = hashlib.sha256(LABEL_PREFIX + b"source")
        for path, data in sorted((path.encode(), data) for path, data in self.files.items()):
            state.update(len(path).to_bytes(4, "big") + path + len(data).to_bytes(8, "big") + data)
        return state.hexdigest()


def read_source(entry: str) -> Snapshot:
    """Read the installed source around `package.module:function`, without running it.

    Raises:
        SettingInvalid: the entry has another form.
        NetworkMissing: it is not installed, or cannot be read.
        NetworkUnusable: it is not a Python package with source, or too large.
    """
    top = check_entry(entry).partition(":")[0].partition(".")[0]
    root = _place(entry, top)
    paths = [root] if root.is_file() else _files(root, entry)
    try:
        if sum(path.stat().st_size for path in paths) > MOST_BYTES:
            raise NetworkUnusable(entry, f"the package {top} has more than {MOST_BYTES} bytes")
        files = {path.relative_to(root.parent).as_posix(): path.read_bytes() for path in paths}
    except OSError as error:
        raise NetworkMissing(entry, f"{top} cannot be read") from error
    return Snapshot(top, root.parent, files)


def _place(entry: str, top: str) -> Path:
    """Return the folder of a package, or the file of a module."""
    try:
        found = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        found = None
    if found is None:
        raise NetworkMissing(entry, f"no package {top} is installed")
    origin = Path(found.origin) if found.origin and found.has_location else None
    if origin is None or origin.suffix != ".py":
        raise NetworkUnusable(entry, f"{top} has no source file" if found.loader else f"{top} has no __init__.py")
    if not origin.is_file():
        raise NetworkMissing(entry, f"{origin.name} of {top} is gone")
    return origin.parent if found.submodule_search_locations else origin


def _files(root: Path, entry: str) -> list[Path]:
    found: list[Path] = []
    for folder, below, names in os.walk(root):
        below[:] = [name for name in below if name != _CACHES]
        found += [Path(folder, name) for name in names if not name.endswith(".pyc")]
        if len(found) > MOST_FILES:
            raise NetworkUnusable(entry, f"its package has more than {MOST_FILES} files")
    return [path for path in found if path.is_file()]


def load_function(source: Source) -> object:
    """Return the function of a source that the caller allowed.

    Raises:
        NetworkMissing: it is not installed.
        NetworkChanged: the installed source is another one; nothing of it was run.
        NetworkUnusable: it cannot be imported, or has no such function.
    """
    snapshot = read_source(source.entry)
    actual = snapshot.sha256
    if actual != source.sha256:
        raise NetworkChanged(source.entry, source.sha256, actual)
    module, _, function = source.entry.partition(":")
    with _loading:
        _use(snapshot, source)
        try:
            return getattr(importlib.import_module(module), function)
        except Exception as error:  # the consortium's own code may raise anything
            raise NetworkUnusable(source.entry, f"its import failed with {type(error).__name__}: {error}") from error


def _use(snapshot: Snapshot, source: Source) -> None:
    """Let Python import the top package from the snapshot alone, in place of an earlier snapshot."""
    ours = next((each for each in sys.meta_path if isinstance(each, _Finder) and each.top == snapshot.top), None)
    if ours is not None and ours.sha256 == source.sha256:
        return
    loaded = [name for name in sys.modules if name.partition(".")[0] == snapshot.top]
    if ours is None and loaded:
        raise NetworkUnusable(source.entry, f"Hemaledger itself uses a package {snapshot.top}; rename yours")
    for name in loaded:
        del sys.modules[name]
    if ours is not None:
        sys.meta_path.remove(ours)
    sys.meta_path.insert(0, _Finder(snapshot, source.sha256))


class _Loader(SourceLoader):
    """Loads a module from a snapshot. Without `path_stats`, importlib neither reads nor writes bytecode."""

    def __init__(self, snapshot: Snapshot, path: str) -> None:
        self._snapshot, self._path = snapshot, path

    def get_filename(self, _fullname: str) -> str:
        return str(self._snapshot.folder / self._path)

    def get_data(self, path: str | bytes) -> bytes:
        """Return the digested bytes of a file, or raise OSError."""
        name = Path(os.fsdecode(path)).relative_to(self._snapshot.folder).as_posix()
        if name not in self._snapshot.files:
            raise FileNotFoundError(name)
        return self._snapshot.files[name]


class _Finder(MetaPathFinder):
    """Finds the modules of one snapshot, and refuses all others below its top name."""

    def __init__(self, snapshot: Snapshot, sha256: str) -> None:
        self.top, self.sha256, self._snapshot = snapshot.top, sha256, snapshot

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] != self.top:
            return None
        stem = fullname.replace(".", "/")
        for path, inside in ((f"{stem}/__init__.py", [str(self._snapshot.folder / stem)]), (f"{stem}.py", None)):
            if path in self._snapshot.files:
                return importlib.util.spec_from_file_location(
                    fullname,
                    self._snapshot.folder / path,
                    loader=_Loader(self._snapshot, path),
                    submodule_search_locations=inside,
                )
        raise ModuleNotFoundError(f"{fullname} is not in the digested source", name=fullname)
