from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fl.protocol.errors import KeystoreUnreadable, StorageFull
from fl.storage.keyring import FolderKeys, create_key, load_keys


def test_a_key_is_made_once_and_loaded_afterwards(tmp_path: Path) -> None:
    first = create_key(tmp_path / "h1", 1, "secret")
    assert create_key(tmp_path / "h1", 1, "secret").public_key == first.public_key
    assert create_key(tmp_path / "h1", 2, "secret").public_key != first.public_key


def test_all_epochs_are_loaded_by_number(tmp_path: Path) -> None:
    made = {epoch: create_key(tmp_path, epoch, "secret").public_key for epoch in (1, 2, 10)}
    loaded = load_keys(tmp_path, "secret")
    assert {epoch: key.public_key for epoch, key in loaded.items()} == made
    assert {key.epoch for key in loaded.values()} == {1, 2, 10}
    assert load_keys(tmp_path / "nobody", "secret") == {}


def test_key_files_are_encrypted_and_readable_by_their_owner_only(tmp_path: Path) -> None:
    create_key(tmp_path, 1, "secret")
    path = tmp_path / "hpke-1.pem"
    assert path.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_wrong_password_is_refused_and_the_key_stays(tmp_path: Path) -> None:
    made = create_key(tmp_path, 1, "secret")
    for load in (lambda: create_key(tmp_path, 1, "other"), lambda: load_keys(tmp_path, "other")):
        with pytest.raises(KeystoreUnreadable) as refusal:
            load()
        assert refusal.value.path == str(tmp_path / "hpke-1.pem")
    assert load_keys(tmp_path, "secret")[1].public_key == made.public_key


def test_an_empty_password_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KeystoreUnreadable):
        create_key(tmp_path, 1, "")
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "hpke-one.pem").write_bytes(b"")
    with pytest.raises(KeystoreUnreadable) as refusal:
        load_keys(tmp_path, "secret")
    assert refusal.value.path == str(tmp_path / "hpke-one.pem")


def test_a_key_that_cannot_be_read_or_written_is_our_error(tmp_path: Path) -> None:
    (tmp_path / "hpke-1.pem").mkdir()
    with pytest.raises(KeystoreUnreadable):
        load_keys(tmp_path, "secret")
    with pytest.raises(StorageFull):
        create_key(Path("/dev/null"), 1, "secret")


def test_two_that_make_the_key_of_one_epoch_at_the_same_time_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as threads:
        made = list(threads.map(lambda _: create_key(tmp_path, 1, "secret").public_key, range(64)))
    assert set(made) == {load_keys(tmp_path, "secret")[1].public_key}
    assert [path.name for path in tmp_path.iterdir()] == ["hpke-1.pem"]


def test_a_destroyed_key_was_overwritten_and_is_gone_with_what_its_writing_left(tmp_path: Path) -> None:
    folder = tmp_path / "ada"
    keys = FolderKeys(folder, "secret")
    made = [keys.create(epoch).public_key for epoch in (1, 2)]
    left = folder / ".hpke-1.pem.0123456789ab.part"
    left.hardlink_to(folder / "hpke-1.pem")
    (tmp_path / "link").hardlink_to(left)
    assert keys.epochs() == [1, 2]
    for _ in range(2):
        keys.destroy(1)
    assert [path.name for path in folder.iterdir()] == ["hpke-2.pem"]
    assert set((tmp_path / "link").read_bytes()) == {0}
    assert keys.epochs() == [2]
    assert keys.of(2).public_key == made[1]
    with pytest.raises(KeystoreUnreadable):
        keys.of(1)


def test_a_key_whose_destruction_was_interrupted_is_found_and_destroyed(tmp_path: Path) -> None:
    keys = FolderKeys(tmp_path, "secret")
    keys.create(1)
    (tmp_path / "hpke-1.pem").write_bytes(bytes(100))
    (tmp_path / ".hpke-3.pem.0123456789ab.part").write_bytes(b"")
    assert keys.epochs() == [1, 3]
    for epoch in keys.epochs():
        keys.destroy(epoch)
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_cannot_be_destroyed_is_our_error(tmp_path: Path) -> None:
    (tmp_path / "hpke-1.pem").mkdir()
    with pytest.raises(StorageFull):
        FolderKeys(tmp_path, "secret").destroy(1)
