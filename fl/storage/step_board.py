"""Where signed steps of wide rounds are in the vault: `steps/CONTEXT/PHASE/ACCOUNT-DIGEST`, each written once.

CONTEXT is that of the round, in hexadecimal digits, so that a round on a forked chain has other names. DIGEST is the
SHA-256 of the file: nobody can put another file under the name of a member's step. In a round with clusters the
parcels of each dealer are beside its steps, with `parcels` in place of the phase.

Invariant: nothing is ever replaced or removed, so a store that lets members only put new objects is enough. A reader
lists at most MAX_POSTED names and reads at most `cap` bytes of each.

Source: PROTOCOL.md 5W.2 and 5W.5.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from fl.files import write_at
from fl.protocol.batches import STEP_CAP
from fl.protocol.codec import sha256
from fl.protocol.errors import VaultForbidden, VaultUnavailable
from fl.protocol.names import Address
from fl.protocol.ports import Board, Shelf
from fl.storage.object_vault import StoreAddress
from fl.storage.vault import DIRECTORY, REGULAR, FolderVault, descriptor
from fl.storage.vaults import folder_of

FOLDER = "steps"
MAX_POSTED = 1 << 16
"""Names of one shelf: four for each hospital of the largest round."""
NAME = re.compile(r"[0-9a-f]{40}-[0-9a-f]{64}")


class FolderSteps:
    """Steps in a shared folder. No link in it is followed: another member may have made it."""

    def __init__(self, folder: Path, consortium: bytes | None = None) -> None:
        self._vault, self._root = FolderVault(folder, consortium), folder

    def post(self, context: bytes, shelf: Shelf, account: Address, data: bytes) -> None:
        self._vault.check()
        try:
            with self._opened(context, shelf, create=True) as folder:
                name = name_of(account, data)
                if not _is_there(name, folder):
                    write_at(folder, name, data)
        except PermissionError as error:
            raise VaultForbidden(str(self._root / FOLDER)) from error
        except OSError as error:
            raise VaultUnavailable(str(self._root / FOLDER), error.strerror or "the disk refused it") from error

    def names(self, context: bytes, shelf: Shelf) -> Sequence[str]:
        try:
            with self._opened(context, shelf) as folder, os.scandir(folder) as found:
                listed = [each.name for each in islice(found, MAX_POSTED)]
        except OSError:
            return []
        return sorted(name for name in listed if NAME.fullmatch(name))

    def read(self, context: bytes, shelf: Shelf, name: str, cap: int = STEP_CAP) -> bytes | None:
        try:
            with self._opened(context, shelf) as folder, descriptor(name, REGULAR, folder) as file:
                status = os.fstat(file)
                if not stat.S_ISREG(status.st_mode) or status.st_size > cap:
                    return None
                with os.fdopen(os.dup(file), "rb") as opened:
                    return _checked(name, opened.read(cap + 1))
        except OSError:
            return None

    @contextmanager
    def _opened(self, context: bytes, shelf: Shelf, *, create: bool = False) -> Iterator[int]:
        """Yield a shelf of a round, open."""
        with (
            descriptor(str(self._root), DIRECTORY) as root,
            self._below(root, FOLDER, create=create) as steps,
            self._below(steps, context.hex(), create=create) as one,
            self._below(one, _part(shelf), create=create) as folder,
        ):
            yield folder

    @contextmanager
    def _below(self, parent: int, name: str, *, create: bool) -> Iterator[int]:
        """Yield a folder in an open one, open; with `create`, make it first with the rights of the vault."""
        if create:
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=parent)
                with descriptor(name, DIRECTORY | os.O_NOFOLLOW, parent) as made:
                    os.fchmod(made, stat.S_IMODE(self._root.stat().st_mode))
        with descriptor(name, DIRECTORY | os.O_NOFOLLOW, parent) as folder:
            yield folder


class StoreSteps:
    """Steps on an object store."""

    def __init__(self, address: StoreAddress) -> None:
        self._store, self._name = address.open(), str(address)

    def post(self, context: bytes, shelf: Shelf, account: Address, data: bytes) -> None:
        import obstore  # noqa: PLC0415 a large library, which members with a folder do not need
        from obstore.exceptions import AlreadyExistsError, BaseError  # noqa: PLC0415

        try:
            with suppress(AlreadyExistsError):
                path = _folder(context, shelf) + name_of(account, data)
                obstore.put(self._store, path, data, mode="create", use_multipart=False)
        except BaseError as error:
            raise VaultUnavailable(self._name, "a step of a round could not be written") from error

    def names(self, context: bytes, shelf: Shelf) -> Sequence[str]:
        import obstore  # noqa: PLC0415
        from obstore.exceptions import BaseError  # noqa: PLC0415

        prefix, found = _folder(context, shelf), []
        try:
            for part in obstore.list(self._store, prefix=prefix, chunk_size=1000):
                found += [str(each["path"]).rpartition("/")[2] for each in part]
                if len(found) >= MAX_POSTED:
                    break
        except BaseError as error:
            raise VaultUnavailable(self._name, "the steps of a round could not be listed") from error
        return sorted(name for name in found[:MAX_POSTED] if NAME.fullmatch(name))

    def read(self, context: bytes, shelf: Shelf, name: str, cap: int = STEP_CAP) -> bytes | None:
        import obstore  # noqa: PLC0415
        from obstore.exceptions import BaseError  # noqa: PLC0415

        try:
            answer = obstore.get(self._store, _folder(context, shelf) + name)
            return _checked(name, bytes(answer.bytes())) if answer.meta["size"] <= cap else None
        except FileNotFoundError:
            return None
        except BaseError as error:
            raise VaultUnavailable(self._name, "a step of a round could not be read") from error


def open_steps(url: str, home: Path, consortium: bytes) -> Board:
    """Return the board of the vault at an address (vaults.open_vault), or raise SettingInvalid."""
    folder = folder_of(url, home)
    return FolderSteps(folder, consortium) if folder is not None else StoreSteps(StoreAddress.parse(url))


def name_of(account: Address, data: bytes) -> str:
    return f"{account.hex()}-{sha256(data).hex()}"


def _checked(name: str, data: bytes) -> bytes | None:
    return data if name.endswith(sha256(data).hex()) else None


def _is_there(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _folder(context: bytes, shelf: Shelf) -> str:
    return f"{FOLDER}/{context.hex()}/{_part(shelf)}/"


def _part(shelf: Shelf) -> str:
    return shelf if isinstance(shelf, str) else str(int(shelf))
