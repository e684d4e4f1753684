"""Shares at rest."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from fl.crypto.encrypted_keystore import HeldShare, Seat
from fl.protocol.errors import KeystoreUnreadable, StorageFull
from fl.protocol.names import Address, KeyUse
from fl.storage.shares import FolderShares

ADA = Address(bytes(19) + b"\x01")
PASSWORD = "a password of the trustee"


def share(epoch: int, use: KeyUse = KeyUse.RECORDS, value: int = 5) -> HeldShare:
    return HeldShare(Seat(ADA, use, epoch, 2), value)


@pytest.fixture
def shares(tmp_path: Path) -> FolderShares:
    return FolderShares(tmp_path / "shares", PASSWORD)


def test_a_share_is_there_once_put_and_gone_once_erased(shares: FolderShares) -> None:
    assert not shares.has(KeyUse.RECORDS, 3)
    assert shares.epochs(KeyUse.RECORDS) == []
    for _ in range(2):
        shares.put(share(3))
    assert shares.has(KeyUse.RECORDS, 3)
    assert shares.get(KeyUse.RECORDS, 3) == share(3)
    for _ in range(2):
        shares.erase(KeyUse.RECORDS, 3)
    assert not shares.has(KeyUse.RECORDS, 3)
    with pytest.raises(KeystoreUnreadable):
        shares.get(KeyUse.RECORDS, 3)


def test_epochs_are_those_of_one_use_in_order(shares: FolderShares) -> None:
    for epoch in (10, 9):
        shares.put(share(epoch))
    shares.put(share(1, KeyUse.MODEL))
    assert shares.epochs(KeyUse.RECORDS) == [9, 10]
    assert shares.epochs(KeyUse.MODEL) == [1]
    shares.erase(KeyUse.RECORDS, 9)
    assert shares.epochs(KeyUse.RECORDS) == [10]


def test_what_an_interrupted_write_left_counts_and_is_erased_with_its_share(
    shares: FolderShares, tmp_path: Path
) -> None:
    shares.put(share(3))
    whole = tmp_path / "shares" / "records-3.json"
    left = whole.with_name(".records-3.json.0123456789ab.part")
    whole.rename(left)
    assert not shares.has(KeyUse.RECORDS, 3)
    assert shares.epochs(KeyUse.RECORDS) == [3]
    shares.put(share(3))
    (tmp_path / "link").hardlink_to(left)
    shares.erase(KeyUse.RECORDS, 3)
    assert list((tmp_path / "shares").iterdir()) == []
    assert set((tmp_path / "link").read_bytes()) == {0}


def test_a_share_that_cannot_be_erased_is_our_error(tmp_path: Path) -> None:
    (tmp_path / "records-1.json").mkdir()
    with pytest.raises(StorageFull):
        FolderShares(tmp_path, PASSWORD).erase(KeyUse.RECORDS, 1)


def test_a_share_is_its_owners_alone_and_needs_a_password(tmp_path: Path) -> None:
    FolderShares(tmp_path, PASSWORD).put(share(1))
    assert stat.S_IMODE((tmp_path / "records-1.json").stat().st_mode) == 0o600
    with pytest.raises(KeystoreUnreadable):
        FolderShares(tmp_path, "").put(share(2))
    with pytest.raises(KeystoreUnreadable):
        FolderShares(tmp_path, "another").get(KeyUse.RECORDS, 1)
