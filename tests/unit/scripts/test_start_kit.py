"""`hemaledger trustee init --start-kit`: the account and key that a browser made."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from chain.transactions.keystore import AccountKey
from fl.crypto.encrypted_keystore import KitChain
from fl.crypto.group import random_scalar, scalar_bytes
from fl.crypto.start_kit import StartKit, lock_start
from fl.protocol.names import Address
from fl.storage.keyring import load_keys
from scripts.cli import main
from scripts.wiring.home import Home

PASSWORD = "vier zufällige Wörter hier"


def kit() -> StartKit:
    account = AccountKey(scalar_bytes(random_scalar()))
    site = KitChain(7357, Address(b"\xb2" * 20), bytes(32))
    return StartKit(account.address, site, scalar_bytes(random_scalar()), account.secret)


def init(folder: Path, file: Path, password: str = PASSWORD) -> tuple[int, str]:
    Home(folder).member("ada").create_password()
    words = ["trustee", "init", "--home", str(folder), "--name", "ada", "--start-kit", str(file)]
    result = CliRunner().invoke(main, words, env={"HEMALEDGER_KIT_PASSWORD": password})
    return result.exit_code, result.output


def test_the_trustee_gets_the_account_and_the_key_of_the_kit(tmp_path: Path) -> None:
    made, file = kit(), tmp_path / "start.json"
    file.write_bytes(lock_start(made, PASSWORD))
    assert init(tmp_path / "run", file) == (0, f"Account of ada: 0x{made.account.hex()}\n")
    member = Home(tmp_path / "run").member("ada")
    assert load_keys(member.folder, member.password)[1].public_key == made.hpke_key.public_key
    assert init(tmp_path / "run", file)[0] == 0, "it may be repeated"


@pytest.mark.parametrize("password", ["", "another password"])
def test_without_the_password_of_the_kit_nothing_is_made(tmp_path: Path, password: str) -> None:
    file = tmp_path / "start.json"
    file.write_bytes(lock_start(kit(), PASSWORD))
    assert init(tmp_path / "run", file, password)[0] == 78 if not password else 76
    assert not Home(tmp_path / "run").member("ada").account_file.exists()


def test_a_trustee_with_another_account_is_not_overwritten(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_bytes(lock_start(kit(), PASSWORD))
    assert init(tmp_path / "run", tmp_path / "one")[0] == 0
    code, said = init(tmp_path / "run", tmp_path / "two")
    assert code == 78
    assert "already has another account" in said
