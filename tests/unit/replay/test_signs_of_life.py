"""Signs of life: what a reader accepts, and what a hostile member's files can do."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from chain.transactions.eip712 import signer_of
from chain.transactions.keystore import AccountKey, generate
from fl.protocol.errors import EncodingError, SignatureInvalid, VaultUnavailable
from fl.protocol.names import Address
from fl.protocol.ports import Anchor
from fl.replay.signs_of_life import SIGN_CAP, SLOTS, Sign, names_back, names_of, newest_sign, note_of, read_sign, sealed
from fl.storage.sign_board import FolderBoard
from fl.storage.vault import found_vault
from scripts.wiring.watch.signs import kept

AT = 1_796_000_000
ANCHOR = Anchor(bytes(range(32)), 31_337, Address(b"\1" * 20), Address(b"\2" * 20))
KEY = generate()
SIGN = Sign(KEY.address, AT, "1.4.0", 3, "clock")


def file_of(sign: Sign, key: AccountKey = KEY, anchor: Anchor = ANCHOR) -> bytes:
    document = sign.to_bytes()
    return sealed(document, key.sign_digest(note_of(anchor, document)))


def test_a_sign_comes_back_as_it_was_written() -> None:
    for name in names_of(AT):
        assert read_sign(ANCHOR, KEY.address, name, file_of(SIGN), signer_of) == SIGN


def test_a_sign_of_another_account_consortium_or_time_is_refused() -> None:
    name = names_of(AT)[0]
    stranger = generate()
    for file in (file_of(SIGN, stranger), file_of(SIGN, anchor=replace(ANCHOR, chain_id=1)), file_of(SIGN)[:-1]):
        with pytest.raises(SignatureInvalid):
            read_sign(ANCHOR, KEY.address, name, file, signer_of)
    with pytest.raises(EncodingError):
        read_sign(ANCHOR, KEY.address, names_of(AT + 600)[0], file_of(SIGN), signer_of)
    foreign = file_of(replace(SIGN, account=stranger.address))
    with pytest.raises(EncodingError):
        read_sign(ANCHOR, KEY.address, name, foreign, signer_of)


def test_texts_of_a_hostile_member_have_no_effect_and_no_length() -> None:
    hostile = replace(SIGN, version="\x1b[2J" + "x" * 1000, waits="\u202e you are hacked", round=10**30)
    read = Sign.from_bytes(hostile.to_bytes())
    assert "\x1b" not in read.version
    assert len(read.version) < 100
    assert read.waits == "other"


def test_files_that_are_no_sign_count_as_absent_and_an_older_sign_is_found() -> None:
    older = file_of(replace(SIGN, at=AT - 3600))
    files = {names_of(AT)[0]: b"\0" * SIGN_CAP, names_of(AT)[1]: b"", names_of(AT - 3600)[1]: older}
    found = newest_sign(ANCHOR, KEY.address, AT, lambda _account, name: files.get(name), signer_of)
    assert found is not None
    assert found.at == AT - 3600


def test_a_reader_looks_at_a_bounded_number_of_names_the_newest_first() -> None:
    names = list(names_back(AT))
    assert len(names) == sum(back + 1 for *_, back in SLOTS)
    assert names[1] == names_of(AT)[0]
    assert set(names) == kept(AT)


def test_a_folder_keeps_the_first_sign_of_a_name_and_only_names_that_count(tmp_path: Path) -> None:
    found_vault(tmp_path, ANCHOR.consortium)
    board = FolderBoard(tmp_path, ANCHOR.consortium)
    board.write(KEY.address, "m1", b"first")
    board.write(KEY.address, "m1", b"second")
    board.write(KEY.address, "m2", b"new")
    assert board.read(KEY.address, "m1") == b"first"
    board.keep(KEY.address, frozenset({"m2"}))
    assert board.read(KEY.address, "m1") is None
    assert board.read(KEY.address, "m2") == b"new"


def test_links_pipes_and_large_files_in_the_place_of_a_sign_are_not_read(tmp_path: Path) -> None:
    found_vault(tmp_path, ANCHOR.consortium)
    board = FolderBoard(tmp_path, ANCHOR.consortium)
    folder = tmp_path / "signs" / KEY.address.hex()
    folder.mkdir(parents=True)
    (folder / "m1").symlink_to("/etc/passwd")
    os.mkfifo(folder / "m2")
    (folder / "m3").write_bytes(b"x" * (SIGN_CAP + 1))
    assert [board.read(KEY.address, name) for name in ("m1", "m2", "m3", "m4")] == [None] * 4


def test_a_link_in_the_place_of_a_folder_of_signs_leads_nowhere(tmp_path: Path) -> None:
    vault, home = tmp_path / "vault", tmp_path / "home"
    found_vault(vault, ANCHOR.consortium)
    home.mkdir()
    (home / "account.json").write_bytes(b"key")
    (vault / "signs").mkdir()
    (vault / "signs" / KEY.address.hex()).symlink_to(home)
    board = FolderBoard(vault, ANCHOR.consortium)
    with pytest.raises(VaultUnavailable):
        board.write(KEY.address, "m1", b"sign")
    board.keep(KEY.address, frozenset())
    assert [path.name for path in home.iterdir()] == ["account.json"]


def test_a_member_removes_nothing_that_is_no_sign(tmp_path: Path) -> None:
    found_vault(tmp_path, ANCHOR.consortium)
    board = FolderBoard(tmp_path, ANCHOR.consortium)
    board.write(KEY.address, "m1", b"sign")
    (tmp_path / "signs" / KEY.address.hex() / "notes").write_bytes(b"somebody's")
    board.keep(KEY.address, frozenset())
    assert [path.name for path in (tmp_path / "signs" / KEY.address.hex()).iterdir()] == ["notes"]


def test_no_sign_is_written_into_a_folder_that_is_not_the_vault(tmp_path: Path) -> None:
    with pytest.raises(VaultUnavailable):
        FolderBoard(tmp_path, ANCHOR.consortium).write(KEY.address, "m1", b"x")
    assert list(tmp_path.iterdir()) == []
