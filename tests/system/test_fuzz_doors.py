"""The doors of `make fuzz` open, take their own good inputs and refuse damaged ones; a bad answer is seen."""

from __future__ import annotations

import importlib
import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.fuzz.__main__ import Run
from scripts.fuzz._door import Door
from scripts.fuzz._memory import peak_mb

DAMAGED = 25
WITHOUT_A_FEDERATION = ("pictures", "archives", "journals", "rpc_server", "rpc_client")


def opened(name: str, folder: Path) -> Door:
    door: Door = importlib.import_module(f"scripts.fuzz.doors.{name}").open_door(folder)
    return door


def damaged(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed[: rng.randint(1, len(changed))])


@pytest.mark.parametrize("name", WITHOUT_A_FEDERATION)
def test_a_door_answers_good_and_damaged_bytes(name: str, tmp_path: Path) -> None:
    door, rng = opened(name, tmp_path), random.Random(7)  # noqa: S311 - which bytes are damaged
    assert len(door.seeds) >= 3
    for seed in door.seeds:
        door.knock(seed)
    for _ in range(DAMAGED):
        door.knock(damaged(rng.choice(door.seeds), rng))


def test_what_the_product_does_not_catch_is_seen(tmp_path: Path) -> None:
    door = opened("journals", tmp_path)
    (tmp_path / "good").rename(tmp_path / "gone")
    with pytest.raises(FileNotFoundError):
        door.knock(door.seeds[0])


def test_the_memory_of_a_process_is_read() -> None:
    assert peak_mb(os.getpid()) > 1
    assert peak_mb(2**30) == 0


def test_a_door_that_never_ends_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scripts.fuzz.__main__.PREPARATION_S", 0)
    endless = subprocess.Popen(
        [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert Run("endless", endless).result(0)["finding"] == "it did not end in time"
    assert endless.returncode is not None
