"""A run's folder and the vault in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fl.protocol.errors import SettingInvalid, VaultUnavailable
from fl.protocol.names import Address
from fl.protocol.ports import Anchor
from fl.storage.vault import found_vault
from scripts.wiring.home import Deployment, Home

ANCHOR = Anchor(bytes(range(32)), 1337, Address(b"a" * 20), Address(b"l" * 20))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.save(Deployment("http://127.0.0.1:8545", ANCHOR, free_gas=True))
    return made


def test_a_members_command_never_makes_the_shared_vault(home: Home) -> None:
    with pytest.raises(VaultUnavailable) as gone:
        home.vault.put(b"a sealed file")
    assert gone.value.path == str(home.vault_folder)
    assert not (home.folder / "vault").exists()
    assert "no program creates it a second time" in str(gone.value)


def test_the_vault_of_the_consortium_is_used(home: Home) -> None:
    found_vault(home.folder / "vault", ANCHOR.consortium)
    assert home.vault.has(home.vault.put(b"a sealed file"))


def test_without_a_consortium_there_is_no_vault(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid):
        Home(tmp_path).vault.has(bytes(32))  # type: ignore[arg-type]
