"""The vault: large sealed files by their SHA-256, in a folder that may be shared by many machines.

Invariant: a file is whole or absent. Nothing here is trusted: who reads checks the digest, what is no regular file is
not opened, and no link below the vault's own folder is followed, for reading or for writing. A vault that was founded
carries `vault.json`; a folder without it is not the vault, and is never made into one by a write.

Source: PROTOCOL.md 4; openat(2) on why paths are not enough.
"""

from __future__ import annotations

import json
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from fl.files import make_folder, write_at, write_atomic
from fl.protocol.codec import sha256
from fl.protocol.errors import SettingInvalid, StorageFull, TooLarge, VaultMissing, VaultUnavailable
from fl.protocol.names import Blob, Digest, show
from fl.protocol.ports import Mark
from fl.timing import timed

MARKER = "vault.json"
FORMAT = "hemaledger-vault-1"
_MARKER_CAP = 4096
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Others write here too: no link is followed, and no pipe or device is waited for."""


class FolderVault:
    """Implements the Vault port over `folder/ab/abcd...`, the first byte of the digest being the subfolder."""

    checked = False

    def __init__(self, folder: Path, consortium: bytes | None = None) -> None:
        """Use the vault in `folder`, which may be a link to shared storage.

        Args:
            folder: Where it lies.
            consortium: Whose vault it must be, 32 bytes (`found_vault`). None: a folder of this member alone, made
                when it is first written to.
        """
        self._folder = folder
        self._marker = None if consortium is None else marker_of(consortium)

    def check(self) -> None:
        """Raise VaultUnavailable unless the vault is there."""
        with suppress(OSError), self._opened():
            pass

    @timed("vault")
    def put(self, data: Blob) -> Digest:
        """Store `data` durably and return its digest; whatever lies under that name is replaced or put aside."""
        digest = sha256(data)
        name = digest.hex()
        try:
            if self._marker is None:
                make_folder(self._folder)
            with self._opened() as root:
                _make_subfolder(root, name[:2])
                with _descriptor(name[:2], _FOLDER | os.O_NOFOLLOW, root) as folder:
                    if _kind(name, folder) == stat.S_IFDIR:
                        _put_aside(name, folder)
                    write_at(folder, name, data)
        except OSError as error:
            raise StorageFull(str(self.path(digest)), error.strerror or str(error)) from error
        return digest

    @timed("vault")
    def get(self, digest: Digest, cap: int) -> bytes:
        """Return the file unverified, or raise VaultMissing or TooLarge (unread)."""
        try:
            with self._subfolder(digest) as folder:
                if _kind(digest.hex(), folder) != stat.S_IFREG:  # to open a device is to do something with it
                    raise VaultMissing(digest)
                with _descriptor(digest.hex(), _FILE, folder) as file:
                    return _read(file, digest, cap)
        except OSError as error:
            raise VaultMissing(digest) from error

    def has(self, digest: Digest) -> bool:
        """Return whether a regular file of that name exists and can be seen."""
        return self.mark(digest) is not None

    def mark(self, digest: Digest) -> Mark | None:
        """Return inode, size and times of the regular file of that name; no writer can choose when it changed."""
        try:
            with self._subfolder(digest) as folder:
                found = os.stat(digest.hex(), dir_fd=folder, follow_symlinks=False)
        except OSError:
            return None
        if not stat.S_ISREG(found.st_mode):
            return None
        return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns

    def path(self, digest: Digest) -> Path:
        name = digest.hex()
        return self._folder / name[:2] / name

    @contextmanager
    def _subfolder(self, digest: Digest) -> Iterator[int]:
        with self._opened() as root, _descriptor(digest.hex()[:2], _FOLDER | os.O_NOFOLLOW, root) as folder:
            yield folder

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Yield the vault's folder; raise VaultUnavailable when a shared vault's is not the one that was founded."""
        try:
            root = os.open(self._folder, _FOLDER)
        except OSError as error:
            if self._marker is None:
                raise
            raise self._gone(error.strerror or str(error)) from error
        try:
            if self._marker is not None:
                self._check_marker(root)
            yield root
        finally:
            os.close(root)

    def _check_marker(self, root: int) -> None:
        found = read_marker(root)
        if found is None:
            raise self._gone(f"the folder there has no {MARKER}, so it is another folder, or a disk is not mounted")
        if found != self._marker:
            raise self._gone(f"its {MARKER} is that of another consortium, or damaged")

    def _gone(self, why: str) -> VaultUnavailable:
        return VaultUnavailable(str(self._folder), why)


def found_vault(folder: Path, consortium: bytes) -> None:
    """Make the vault of a consortium, once, when it is founded; repeating it is no error.

    Raises:
        SettingInvalid: the folder holds another consortium's files.
        StorageFull: it could not be made.
    """
    try:
        make_folder(folder)
        with _descriptor(str(folder), _FOLDER) as root:
            others = set(os.listdir(root)) - {MARKER}  # noqa: PTH208 - an open folder has no path
            if others and read_marker(root) not in {None, marker_of(consortium)}:
                raise SettingInvalid("vault", f"{folder} holds the files of another consortium")
    except OSError as error:
        raise StorageFull(str(folder), error.strerror or str(error)) from error
    write_atomic(folder / MARKER, marker_of(consortium))


def marker_of(consortium: bytes) -> bytes:
    """Return what `vault.json` of a consortium holds."""
    return json.dumps({"consortium": show(consortium), "format": FORMAT}, indent=2).encode() + b"\n"


def read_marker(root: int) -> bytes | None:
    """Return what `vault.json` in an open folder holds, b"" when it is no file to read; None when there is none."""
    try:
        kind = _kind(MARKER, root)
        if kind != stat.S_IFREG:
            return b"" if kind else None
        with _descriptor(MARKER, _FILE, root) as file:
            return os.read(file, _MARKER_CAP)
    except OSError:
        return b""


@contextmanager
def _descriptor(name: str, flags: int, folder: int | None = None) -> Iterator[int]:
    found = os.open(name, flags, dir_fd=folder)
    try:
        yield found
    finally:
        os.close(found)


def _read(file: int, digest: Digest, cap: int) -> bytes:
    """Return what an open file holds, at most `cap` bytes."""
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode):
        raise VaultMissing(digest)
    if found.st_size > cap:
        raise TooLarge(found.st_size, cap)
    with os.fdopen(file, "rb", closefd=False) as stream:
        data = stream.read(found.st_size + 1)
    if len(data) > cap:  # it grew meanwhile
        raise TooLarge(len(data), cap)
    return data


def _kind(name: str, folder: int) -> int:
    """Return what an entry is (stat.S_IFREG...), itself and not what it leads to; 0 when there is none."""
    try:
        return stat.S_IFMT(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return 0


def _make_subfolder(root: int, name: str) -> None:
    """Make a subfolder durably; what others put in its place, a link among them, is renamed, and nothing is lost."""
    kind = _kind(name, root)
    if kind == stat.S_IFDIR:
        return
    if kind:
        _put_aside(name, root)
    try:
        os.mkdir(name, dir_fd=root)
    except FileExistsError:  # another writer was faster
        return
    os.fsync(root)


def _put_aside(name: str, folder: int) -> None:
    os.rename(name, f".{name}.{secrets.token_hex(6)}.aside", src_dir_fd=folder, dst_dir_fd=folder)
