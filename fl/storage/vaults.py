"""Opens the vault that an address names: a folder, or a store that speaks S3.

Source: README of obstore; docs/operator.md, "Where the vault is".
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from fl.protocol.errors import SettingInvalid
from fl.storage.cached_vault import CachedVault
from fl.storage.object_vault import SCHEME, ObjectVault, StoreAddress
from fl.storage.vault import FolderVault, found_vault


def folder_of(url: str, home: Path) -> Path | None:
    """Return the folder that an address names (empty: `vault` in the run's own folder); None for a store.

    Raises:
        SettingInvalid: the address is neither `file:///FOLDER` nor `s3://BUCKET/PREFIX`.
    """
    if not url:
        return home / "vault"
    parts = urlsplit(url)
    if parts.scheme == SCHEME:
        return None
    if parts.scheme != "file" or parts.netloc or not parts.path.startswith("/"):
        raise SettingInvalid("vault", "write file:///FOLDER or s3://BUCKET/PREFIX?endpoint=URL")
    return Path(unquote(parts.path))


def open_vault(url: str, home: Path, consortium: bytes) -> FolderVault | CachedVault:
    """Return a consortium's vault; this does not connect. Copies of a store's files are in `home/cache`.

    Raises:
        SettingInvalid: the address cannot be used.
    """
    folder = folder_of(url, home)
    if folder is not None:
        return FolderVault(folder, consortium)
    return CachedVault(ObjectVault.at(url, consortium), home / "cache")


def create_vault(url: str, home: Path, consortium: bytes) -> None:
    """Create the vault of a new consortium; calling this twice is allowed.

    Raises:
        SettingInvalid: the address cannot be used, or another consortium's files are there.
        StorageFull, VaultUnavailable: it could not be created.
    """
    folder = folder_of(url, home)
    if folder is not None:
        found_vault(folder, consortium)
    else:
        ObjectVault.at(url, consortium).found()


def name_of(url: str, home: Path) -> str:
    """Return what messages call this vault."""
    folder = folder_of(url, home)
    return str(folder) if folder is not None else str(StoreAddress.parse(url))
