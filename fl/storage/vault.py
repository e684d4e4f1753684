"""The vault: large sealed files by their SHA-256, in a folder that many machines may share.

Invariant: a file is whole or absent. Nobody trusts the vault: a reader checks the digest, only regular files are
opened, and no link below the vault's own folder is followed. A founded vault has `vault.json`; a folder without it is
not the vault, and no write makes it one.

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
from fl.protocol.errors import SettingInvalid, TooLarge, VaultForbidden, VaultMissing, VaultUnavailable, refused_write
from fl.protocol.names import Blob, Digest, show
from fl.protocol.ports import Mark
from fl.timing import timed

MARKER = "vault.json"
FORMAT = "hemaledger-vault-1"
MARKER_CAP = 4096
DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
REGULAR = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Flags with which a file that somebody else wrote is opened: no link, and no wait for a pipe."""
"""Others write here too: never follow a link, never wait for a pipe or device."""


class FolderVault:
    """Implements the Vault port over `folder/ab/abcd...`; the digest's first byte names the subfolder."""

    checked = False

    def __init__(self, folder: Path, consortium: bytes | None = None) -> None:
        """Use the vault in `folder`, which may be a link to shared storage.

        Args:
            folder: Its path.
            consortium: The 32 bytes of the vault's consortium (`found_vault`). None: a folder of this member alone;
                the first write creates it.
        """
        self._folder = folder
        self._marker = None if consortium is None else marker_of(consortium)

    def check(self) -> None:
        """Raise VaultUnavailable unless the vault is there."""
        with suppress(OSError), self._opened():
            pass

    @timed("vault")
    def put(self, data: Blob) -> Digest:
        """Store `data` durably and return its digest; replace a file under that name, or put a folder aside."""
        digest = sha256(data)
        name = digest.hex()
        try:
            if self._marker is None:
                make_folder(self._folder)
            with self._opened() as root:
                _make_subfolder(root, name[:2])
                with descriptor(name[:2], DIRECTORY | os.O_NOFOLLOW, root) as folder:
                    if _kind(name, folder) == stat.S_IFDIR:
                        _put_aside(name, folder)
                    write_at(folder, name, data)
        except PermissionError as error:
            raise VaultForbidden(str(self.path(digest))) from error
        except OSError as error:
            raise refused_write(str(self.path(digest)), error) from error
        return digest

    @timed("vault")
    def get(self, digest: Digest, cap: int) -> bytes:
        """Return the file unverified, or raise VaultMissing or TooLarge (unread)."""
        try:
            with self._subfolder(digest) as folder:
                if _kind(digest.hex(), folder) != stat.S_IFREG:  # opening a device can have effects
                    raise VaultMissing(digest)
                with descriptor(digest.hex(), REGULAR, folder) as file:
                    return _read(file, digest, cap)
        except OSError as error:
            raise VaultMissing(digest) from error

    def has(self, digest: Digest) -> bool:
        """Return whether a regular file of that name exists and can be seen."""
        return self.mark(digest) is not None

    def mark(self, digest: Digest) -> Mark | None:
        """Return inode, size and times of the regular file of that name; a writer cannot forge the change time."""
        try:
            with self._subfolder(digest) as folder:
                status = os.stat(digest.hex(), dir_fd=folder, follow_symlinks=False)
        except OSError:
            return None
        if not stat.S_ISREG(status.st_mode):
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns

    def delete(self, digest: Digest) -> bool:
        """Remove a file for good; False if there is none. Only a retention record allows it (fl/replay/retention.py).

        Raises:
            VaultForbidden: this account may not.
            VaultUnavailable: the vault is not there.
        """
        try:
            with self._subfolder(digest) as folder:
                os.unlink(digest.hex(), dir_fd=folder)
                os.fsync(folder)
        except FileNotFoundError:
            return False
        except OSError as error:
            raise VaultForbidden(str(self.path(digest))) from error
        return True

    def path(self, digest: Digest) -> Path:
        name = digest.hex()
        return self._folder / name[:2] / name

    @contextmanager
    def _subfolder(self, digest: Digest) -> Iterator[int]:
        with self._opened() as root, descriptor(digest.hex()[:2], DIRECTORY | os.O_NOFOLLOW, root) as folder:
            yield folder

    @contextmanager
    def _opened(self) -> Iterator[int]:
        """Yield the vault's folder; raise VaultUnavailable if a shared folder is not the founded vault."""
        try:
            root = os.open(self._folder, DIRECTORY)
        except OSError as error:
            if self._marker is None:
                raise
            raise self._gone(error.strerror or "the disk refused it") from error
        try:
            if self._marker is not None:
                self._check_marker(root)
            yield root
        finally:
            os.close(root)

    def _check_marker(self, root: int) -> None:
        marker = read_marker(root)
        if marker is None:
            raise self._gone(f"the folder there has no {MARKER}, so it is another folder, or a disk is not mounted")
        if marker != self._marker:
            raise self._gone(f"its {MARKER} belongs to another consortium, or is damaged")

    def _gone(self, why: str) -> VaultUnavailable:
        return VaultUnavailable(str(self._folder), why)


def found_vault(folder: Path, consortium: bytes) -> None:
    """Create the vault of a new consortium; calling this twice is allowed.

    Raises:
        SettingInvalid: the folder holds another consortium's files.
        StorageFull: it could not be created.
    """
    try:
        make_folder(folder)
        with descriptor(str(folder), DIRECTORY) as root:
            others = set(os.listdir(root)) - {MARKER}  # noqa: PTH208 - an open folder has no path
            if others and read_marker(root) not in {None, marker_of(consortium)}:
                raise SettingInvalid("vault", f"{folder} holds the files of another consortium")
    except OSError as error:
        raise refused_write(str(folder), error) from error
    write_atomic(folder / MARKER, marker_of(consortium))


def marker_of(consortium: bytes) -> bytes:
    return json.dumps({"consortium": show(consortium), "format": FORMAT}, indent=2).encode() + b"\n"


def read_marker(root: int) -> bytes | None:
    """Return the content of `vault.json` in an open folder, b"" if it cannot be read, None if it does not exist."""
    try:
        kind = _kind(MARKER, root)
        if kind != stat.S_IFREG:
            return b"" if kind else None
        with descriptor(MARKER, REGULAR, root) as file:
            return os.read(file, MARKER_CAP)
    except OSError:
        return b""


@contextmanager
def descriptor(name: str, flags: int, folder: int | None = None) -> Iterator[int]:
    """Open a name in an open folder, and close it again."""
    opened = os.open(name, flags, dir_fd=folder)
    try:
        yield opened
    finally:
        os.close(opened)


def _read(file: int, digest: Digest, cap: int) -> bytes:
    """Return the content of an open file, at most `cap` bytes."""
    status = os.fstat(file)
    if not stat.S_ISREG(status.st_mode):
        raise VaultMissing(digest)
    if status.st_size > cap:
        raise TooLarge(status.st_size, cap)
    with os.fdopen(file, "rb", closefd=False) as stream:
        data = stream.read(status.st_size + 1)
    if len(data) > cap:  # it grew in the meantime
        raise TooLarge(len(data), cap)
    return data


def _kind(name: str, folder: int) -> int:
    """Return the kind of an entry (stat.S_IFREG...) without following links; 0 if there is none."""
    try:
        return stat.S_IFMT(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return 0


def _make_subfolder(root: int, name: str) -> None:
    """Create a subfolder durably; rename any other entry in its place, such as a link, so that nothing is lost."""
    kind = _kind(name, root)
    if kind == stat.S_IFDIR:
        return
    if kind:
        _put_aside(name, root)
    try:
        os.mkdir(name, dir_fd=root)
    except FileExistsError:  # another writer was faster
        return
    os.chmod(name, stat.S_IMODE(os.fstat(root).st_mode), dir_fd=root)  # who may write in the vault may write here
    os.fsync(root)


def _put_aside(name: str, folder: int) -> None:
    os.rename(name, f".{name}.{secrets.token_hex(6)}.aside", src_dir_fd=folder, dst_dir_fd=folder)
