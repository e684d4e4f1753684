"""A vault on a store that speaks S3: the port's rules, and a store that is slow, full, broken, or lies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from fl.protocol.batches import STEP_CAP
from fl.protocol.codec import sha256
from fl.protocol.errors import SettingInvalid, StorageFull, TooLarge, VaultMissing, VaultUnavailable
from fl.protocol.names import Address, Digest
from fl.protocol.ports import PARCELS
from fl.replay.vault_files import Awaited
from fl.storage.cached_vault import CachedVault
from fl.storage.object_vault import PARTS_FROM_BYTES, ObjectVault, StoreAddress
from fl.storage.sign_board import open_board
from fl.storage.step_board import name_of, open_steps
from fl.storage.vault import FolderVault
from fl.storage.vaults import create_vault, folder_of, open_vault
from tests.support.s3_server import BUCKET, BadLine, address, client, s3_server

CONSORTIUM, OTHER = b"c" * 32, b"d" * 32
DATA = b"an encrypted update"
DIGEST = sha256(DATA)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch, s3_server(patch) as url:
        yield url


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    return sha256(request.node.nodeid.encode()).hex()[:16]


@pytest.fixture
def vault(endpoint: str, prefix: str) -> ObjectVault:
    made = ObjectVault.at(address(endpoint, prefix), CONSORTIUM)
    made.found()
    return made


@pytest.fixture
def line(endpoint: str) -> Iterator[BadLine]:
    bad = BadLine(endpoint)
    yield bad
    bad.close()


@pytest.fixture
def bad_vault(vault: ObjectVault, line: BadLine, prefix: str) -> ObjectVault:
    """Return the same vault, over the bad line."""
    vault.check()
    behind = ObjectVault.at(address(line.url, prefix), CONSORTIUM)
    behind.check()
    return behind


def test_a_file_comes_back_by_its_digest(vault: ObjectVault) -> None:
    assert vault.put(DATA) == DIGEST
    assert vault.put(DATA) == DIGEST
    assert vault.get(DIGEST, len(DATA)) == DATA
    assert vault.has(DIGEST)


def test_a_large_file_goes_up_in_parts(vault: ObjectVault) -> None:
    large = os.urandom(1024) * (PARTS_FROM_BYTES // 1024 + 1)
    assert vault.get(vault.put(large), len(large)) == large


def test_a_file_that_is_not_there_is_missing(vault: ObjectVault) -> None:
    assert not vault.has(DIGEST)
    assert vault.mark(DIGEST) is None
    with pytest.raises(VaultMissing):
        vault.get(DIGEST, 100)


def test_a_deleted_file_is_gone_and_deleting_twice_is_no_error(vault: ObjectVault) -> None:
    digest = vault.put(b"an old update")
    assert vault.delete(digest)
    assert not vault.has(digest)
    assert not vault.delete(digest)


def test_nothing_is_read_beyond_its_cap(vault: ObjectVault) -> None:
    vault.put(DATA)
    with pytest.raises(TooLarge):
        vault.get(DIGEST, len(DATA) - 1)


def test_a_wrong_file_under_a_name_is_replaced(vault: ObjectVault, endpoint: str, prefix: str) -> None:
    vault.put(DATA)
    before = vault.mark(DIGEST)
    overwrite(endpoint, prefix, DIGEST, b"something else")
    assert vault.mark(DIGEST) != before
    assert vault.put(DATA) == DIGEST
    assert vault.get(DIGEST, len(DATA)) == DATA


def test_a_store_without_the_marker_is_not_the_vault(endpoint: str, prefix: str) -> None:
    empty = ObjectVault.at(address(endpoint, prefix), CONSORTIUM)
    for ask in (lambda: empty.put(DATA), lambda: empty.get(DIGEST, 9), lambda: empty.has(DIGEST), empty.check):
        with pytest.raises(VaultUnavailable, match=r"vault\.json"):
            ask()


def test_another_consortium_cannot_use_a_vault(vault: ObjectVault, endpoint: str, prefix: str) -> None:
    vault.found()
    other = ObjectVault.at(address(endpoint, prefix), OTHER)
    with pytest.raises(SettingInvalid, match="another consortium"):
        other.found()
    with pytest.raises(VaultUnavailable, match="another consortium"):
        other.check()


@pytest.mark.parametrize("fault", ["busy", "silent", "half"])
def test_a_store_that_fails_once_is_asked_again(bad_vault: ObjectVault, line: BadLine, fault: str) -> None:
    bad_vault.put(DATA)
    line.faults += [fault, fault]
    assert bad_vault.get(DIGEST, 100) == DATA


@pytest.mark.parametrize("fault", ["busy", "silent"])
def test_a_file_is_stored_though_the_store_fails_once(bad_vault: ObjectVault, line: BadLine, fault: str) -> None:
    line.faults += [fault, fault]
    assert bad_vault.put(DATA) == DIGEST
    assert bad_vault.get(DIGEST, 100) == DATA


def test_a_full_store_is_named_and_keeps_no_part(bad_vault: ObjectVault, line: BadLine) -> None:
    line.faults += ["full"] * 20
    with pytest.raises(StorageFull, match="full"):
        bad_vault.put(DATA)
    line.faults.clear()
    assert not bad_vault.has(DIGEST)


def test_a_store_that_lies_is_found_by_whoever_reads(bad_vault: ObjectVault, line: BadLine) -> None:
    bad_vault.put(DATA)
    line.faults += ["", "lie"]
    with pytest.raises(VaultMissing):
        Awaited(bad_vault).get(DIGEST, 100)


def test_an_error_names_the_store_and_no_key(prefix: str, line: BadLine) -> None:
    line.close()
    gone = ObjectVault(
        StoreAddress.parse(address(line.url, prefix)).open({"max_retries": 0}), "the store of the test", CONSORTIUM
    )
    with pytest.raises(VaultUnavailable, match="the store of the test") as caught:
        gone.check()
    assert "secret" not in str(caught.value)
    assert "member" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://store.example/bucket",
        "s3://",
        "s3://key:secret@bucket/one",
        "s3://bucket/one?endpoint=http://store.example",
        "s3://bucket/one?endpoint=ftp://store.example",
        "s3://bucket/one?endpoint=https://key:secret@store.example",
        "s3://bucket/one?secret=x",
        "s3://bucket/one#x",
    ],
)
def test_an_address_that_leaks_or_means_nothing_is_refused(url: str) -> None:
    with pytest.raises(SettingInvalid):
        StoreAddress.parse(url)


def test_copies_serve_when_the_store_is_away_and_are_checked(vault: ObjectVault, tmp_path: Path) -> None:
    cached = CachedVault(vault, tmp_path)
    cached.put(DATA)
    copy = tmp_path / DIGEST.hex()[:2] / DIGEST.hex()
    assert copy.read_bytes() == DATA
    copy.write_bytes(b"damaged on this disk")
    assert cached.get(DIGEST, 100) == DATA
    assert copy.read_bytes() == DATA


def test_the_oldest_copies_go_when_there_are_too_many(vault: ObjectVault, tmp_path: Path) -> None:
    cached = CachedVault(vault, tmp_path, kept_bytes=4000)
    digests = [cached.put(bytes([number]) * 1000) for number in range(10)]
    kept = [each for each in digests if (tmp_path / each.hex()[:2] / each.hex()).exists()]
    assert 1 <= len(kept) <= 4
    assert digests[-1] in kept
    assert all(cached.get(each, 1000) for each in digests)


def test_one_address_names_a_folder_or_a_store(endpoint: str, prefix: str, tmp_path: Path) -> None:
    assert folder_of("", tmp_path) == tmp_path / "vault"
    assert folder_of("file:///srv/a%20vault", tmp_path) == Path("/srv/a vault")
    assert folder_of(address(endpoint), tmp_path) is None
    for url in ("", f"file://{tmp_path}/other", address(endpoint, prefix)):
        create_vault(url, tmp_path, CONSORTIUM)
        opened = open_vault(url, tmp_path, CONSORTIUM)
        assert opened.get(opened.put(DATA), 100) == DATA
    assert isinstance(open_vault("", tmp_path, CONSORTIUM), FolderVault)
    with pytest.raises(SettingInvalid):
        folder_of("ftp://store.example/vault", tmp_path)


def overwrite(endpoint: str, prefix: str, digest: Digest, data: bytes) -> None:
    """Write an object as somebody would who may write to the store and does not keep the vault's rules."""
    client(endpoint).put_object(Bucket=BUCKET, Key=f"{prefix}/{digest.hex()[:2]}/{digest.hex()}", Body=data)


def test_a_store_keeps_the_first_sign_of_life_of_a_name(endpoint: str, prefix: str) -> None:
    board = open_board(address(endpoint, prefix), Path("unused"), CONSORTIUM)
    account = Address(b"\7" * 20)
    board.write(account, "m1", b"first")
    board.write(account, "m1", b"second")
    board.write(account, "m2", b"x" * 2049)
    board.keep(account, frozenset())
    assert [board.read(account, name) for name in ("m1", "m2", "m3")] == [b"first", None, None]


def test_a_store_that_is_silent_costs_a_sign_and_nothing_else(line: BadLine, prefix: str) -> None:
    board = open_board(address(line.url, prefix), Path("unused"), CONSORTIUM)
    line.close()
    with pytest.raises(VaultUnavailable):
        board.write(Address(b"\7" * 20), "m1", b"first")


def test_a_store_and_a_folder_keep_the_same_steps_of_a_round(endpoint: str, prefix: str, tmp_path: Path) -> None:
    create_vault("", tmp_path, CONSORTIUM)
    for url in (address(endpoint, prefix), ""):
        board = open_steps(url, tmp_path, CONSORTIUM)
        account, other = Address(b"\7" * 20), Address(b"\1" * 20)
        assert board.names(bytes(32), 2) == []
        for _ in range(2):
            board.post(bytes(32), 2, account, b"a step")
        board.post(bytes(32), 2, other, b"another")
        board.post(bytes(32), 3, account, b"of another phase")
        board.post(bytes([1]) * 32, 2, account, b"of another round")
        names = board.names(bytes(32), 2)
        assert names == [name_of(other, b"another"), name_of(account, b"a step")]
        assert [board.read(bytes(32), 2, name) for name in names] == [b"another", b"a step"]
        assert board.read(bytes(32), 2, name_of(account, b"missing")) is None
        board.post(bytes(32), PARCELS, account, b"parcels")
        assert board.names(bytes(32), PARCELS) == [name_of(account, b"parcels")]
        found = [board.read(bytes(32), PARCELS, name_of(account, b"parcels"), cap) for cap in (7, 6)]
        assert found == [b"parcels", None]
        assert board.names(bytes(32), 2) == names


def test_a_step_that_somebody_changed_or_made_too_large_is_not_read(endpoint: str, prefix: str, tmp_path: Path) -> None:
    create_vault("", tmp_path, CONSORTIUM)
    account = Address(b"\7" * 20)
    name, large = name_of(account, b"a step"), name_of(account, bytes(STEP_CAP + 1))
    place = f"steps/{bytes(32).hex()}/2"
    for key, data in ((name, b"b step"), (large, bytes(STEP_CAP + 1)), ("no name", b"")):
        client(endpoint).put_object(Bucket=BUCKET, Key=f"{prefix}/{place}/{key}", Body=data)
        (tmp_path / "vault" / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / "vault" / place / key).write_bytes(data)
    (tmp_path / "vault" / place / name_of(account, b"link")).symlink_to(tmp_path / "vault" / place / name)
    for url in (address(endpoint, prefix), ""):
        board = open_steps(url, tmp_path, CONSORTIUM)
        assert "no name" not in board.names(bytes(32), 2)
        assert {board.read(bytes(32), 2, each) for each in board.names(bytes(32), 2)} == {None}


def test_a_store_that_is_silent_is_waited_for_with_a_step(line: BadLine, prefix: str) -> None:
    board = open_steps(address(line.url, prefix), Path("unused"), CONSORTIUM)
    line.close()
    with pytest.raises(VaultUnavailable):
        board.names(bytes(32), 2)
