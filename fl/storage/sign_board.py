"""Where signs of life are in the vault: `signs/ACCOUNT/NAME`, each written once.

Invariant: nothing is ever replaced, so a store that lets members only put new objects is enough. On a folder, a member
removes its own old signs; on a store, a rule of the store does (docs/monitoring.md).

Source: fl/replay/signs_of_life.py (names); PROTOCOL.md 4 names no such folder: an audit does not read it.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from fl.files import write_at
from fl.protocol.errors import VaultForbidden, VaultUnavailable
from fl.protocol.names import Address
from fl.storage.object_vault import StoreAddress
from fl.storage.vault import DIRECTORY, REGULAR, FolderVault, descriptor
from fl.storage.vaults import folder_of

if TYPE_CHECKING:
    from obstore.store import RetryConfig

FOLDER = "signs"
CAP = 2048
SIGN_NAME = re.compile(r"[mhd][0-9]{1,12}")
"""What a member removes of its own: nothing else can be a sign of life."""
QUICK: RetryConfig = {"max_retries": 1, "retry_timeout": timedelta(seconds=5)}
"""A sign that fails is written at the next time."""


class SignBoard(Protocol):
    """Stores signs of life; a name is given once."""

    def write(self, account: Address, name: str, data: bytes) -> None:
        """Write a sign unless there is one of that name.

        Raises:
            VaultUnavailable, VaultForbidden, StorageFull: it could not be written.
        """

    def read(self, account: Address, name: str) -> bytes | None:
        """Return a sign, None if there is none or it is too large; raise VaultUnavailable."""

    def keep(self, account: Address, names: frozenset[str]) -> None:
        """Remove a member's own signs except these, where members may remove."""


class FolderBoard:
    """Signs in a shared folder. No link in it is followed: another member may have made it."""

    def __init__(self, folder: Path, consortium: bytes) -> None:
        self._vault, self._root = FolderVault(folder, consortium), folder

    def write(self, account: Address, name: str, data: bytes) -> None:
        self._vault.check()
        try:
            with self._opened(account, create=True) as folder:
                if not _is_there(name, folder):
                    write_at(folder, name, data)
        except PermissionError as error:
            raise VaultForbidden(str(self._root / FOLDER)) from error
        except OSError as error:
            raise VaultUnavailable(str(self._root / FOLDER), error.strerror or "the disk refused it") from error

    def read(self, account: Address, name: str) -> bytes | None:
        try:
            with self._opened(account) as folder, descriptor(name, REGULAR, folder) as file:
                if not stat.S_ISREG(os.fstat(file).st_mode):
                    return None
                data = os.read(file, CAP + 1)
        except OSError:
            return None
        return data if len(data) <= CAP else None

    def keep(self, account: Address, names: frozenset[str]) -> None:
        with suppress(OSError), self._opened(account) as folder:
            for name in os.listdir(folder):  # noqa: PTH208 - an open folder has no path
                if name not in names and SIGN_NAME.fullmatch(name):
                    os.unlink(name, dir_fd=folder)

    @contextmanager
    def _opened(self, account: Address, *, create: bool = False) -> Iterator[int]:
        """Yield an account's folder, open."""
        with descriptor(str(self._root), DIRECTORY) as root:
            if create:
                self._make(FOLDER, root)
            with descriptor(FOLDER, DIRECTORY | os.O_NOFOLLOW, root) as signs:
                if create:
                    self._make(account.hex(), signs)
                with descriptor(account.hex(), DIRECTORY | os.O_NOFOLLOW, signs) as folder:
                    yield folder

    def _make(self, name: str, folder: int) -> None:
        """Make a folder with the rights of the vault, unless there is one."""
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=folder)
            with descriptor(name, DIRECTORY | os.O_NOFOLLOW, folder) as made:
                os.fchmod(made, stat.S_IMODE(self._root.stat().st_mode))


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


class StoreBoard:
    """Signs on an object store."""

    def __init__(self, address: StoreAddress) -> None:
        self._store, self._name = address.open(QUICK), str(address)

    def write(self, account: Address, name: str, data: bytes) -> None:
        import obstore  # noqa: PLC0415 a large library, which members with a folder do not need
        from obstore.exceptions import AlreadyExistsError, BaseError  # noqa: PLC0415

        try:
            with suppress(AlreadyExistsError):
                obstore.put(self._store, _path(account, name), data, mode="create", use_multipart=False)
        except BaseError as error:
            raise VaultUnavailable(self._name, "a sign of life could not be written") from error

    def read(self, account: Address, name: str) -> bytes | None:
        import obstore  # noqa: PLC0415
        from obstore.exceptions import BaseError  # noqa: PLC0415

        try:
            answer = obstore.get(self._store, _path(account, name))
            return bytes(answer.bytes()) if answer.meta["size"] <= CAP else None
        except FileNotFoundError:
            return None
        except BaseError as error:
            raise VaultUnavailable(self._name, "a sign of life could not be read") from error

    def keep(self, account: Address, names: frozenset[str]) -> None:
        """Do nothing: members may not remove, and a rule of the store does it."""


def open_board(url: str, home: Path, consortium: bytes) -> SignBoard:
    """Return the board of the vault at an address (vaults.open_vault), or raise SettingInvalid."""
    folder = folder_of(url, home)
    return FolderBoard(folder, consortium) if folder is not None else StoreBoard(StoreAddress.parse(url))


def _path(account: Address, name: str) -> str:
    return f"{FOLDER}/{account.hex()}/{name}"
