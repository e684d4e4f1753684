"""Where signs of life are in the vault: `signs/ACCOUNT/NAME`, each written once.

Invariant: nothing is ever replaced, so a store that lets members only put new objects is enough. On a folder, a member
removes its own old signs; on a store, a rule of the store does (docs/monitoring.md).

Source: fl/replay/signs_of_life.py (names); PROTOCOL.md 4 names no such folder: an audit does not read it.
"""

from __future__ import annotations

import os
import stat
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from fl.files import write_once
from fl.protocol.errors import VaultForbidden, VaultUnavailable
from fl.protocol.names import Address
from fl.storage.object_vault import StoreAddress
from fl.storage.vault import FolderVault
from fl.storage.vaults import folder_of

if TYPE_CHECKING:
    from obstore.store import RetryConfig

FOLDER = "signs"
CAP = 2048
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
    """Signs in a shared folder."""

    def __init__(self, folder: Path, consortium: bytes) -> None:
        self._vault, self._root = FolderVault(folder, consortium), folder

    def write(self, account: Address, name: str, data: bytes) -> None:
        self._vault.check()
        folder = self._root / FOLDER / account.hex()
        try:
            for each in (folder.parent, folder):
                if not each.is_dir():
                    each.mkdir()
                    each.chmod(stat.S_IMODE(self._root.stat().st_mode))
        except FileExistsError:
            pass
        except PermissionError as error:
            raise VaultForbidden(str(folder)) from error
        except OSError as error:
            raise VaultUnavailable(str(folder), error.strerror or "the disk refused it") from error
        write_once(folder / name, data)

    def read(self, account: Address, name: str) -> bytes | None:
        try:
            path = self._root / FOLDER / account.hex() / name
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                return None
            data = os.read(file, CAP + 1)
        except OSError:
            return None
        finally:
            os.close(file)
        return data if len(data) <= CAP else None

    def keep(self, account: Address, names: frozenset[str]) -> None:
        with suppress(OSError):
            for path in (self._root / FOLDER / account.hex()).iterdir():
                if path.name not in names:
                    path.unlink(missing_ok=True)


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
