"""Secrets that a service manager hands over as files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fl.protocol.errors import SettingInvalid
from scripts.wiring.secret_files import CAP, read_secret_files

NAME = "HEMALEDGER_PASSWORD"


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, "")
    monkeypatch.delenv(NAME)


def given(monkeypatch: pytest.MonkeyPatch, file: Path, data: bytes) -> None:
    file.write_bytes(data)
    monkeypatch.setenv(f"{NAME}_FILE", str(file))


def test_a_file_gives_the_password_without_its_last_newline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given(monkeypatch, tmp_path / "password", b" four random words \n")
    read_secret_files()
    assert os.environ[NAME] == " four random words "


def test_a_variable_comes_before_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    given(monkeypatch, tmp_path / "password", b"from the file")
    monkeypatch.setenv(NAME, "from the variable")
    read_secret_files()
    assert os.environ[NAME] == "from the variable"


@pytest.mark.parametrize("data", [b"", b"\n", b"\xff", b"a\0b", b"x" * (CAP + 1)])
def test_a_file_without_one_secret_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, data: bytes) -> None:
    given(monkeypatch, tmp_path / "password", data)
    with pytest.raises(SettingInvalid, match="HEMALEDGER_PASSWORD_FILE"):
        read_secret_files()


def test_a_missing_file_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "nowhere"))
    with pytest.raises(SettingInvalid, match="nowhere"):
        read_secret_files()
