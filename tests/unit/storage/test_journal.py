from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fl.protocol.errors import JournalUnreadable, RoleRunning, StorageFull
from fl.storage.journal import SqliteJournal
from fl.storage.lock import only_one

PROMISES = """
import os, sys
from pathlib import Path
from fl.storage.journal import SqliteJournal

journal = SqliteJournal(Path(sys.argv[1]))
for number in range(1_000_000):
    key = f"update/{number}"
    print(key, journal.once(key, os.urandom(32)).hex(), flush=True)
"""
HOLDS = """
import sys
from pathlib import Path
from fl.storage.lock import only_one

with only_one(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_first_value_stands_for_ever(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.sqlite")
    assert journal.get("update/1") is None
    assert journal.once("update/1", b"first") == b"first"
    assert journal.once("update/1", b"second") == b"first"
    assert journal.get("update/1") == b"first"
    assert journal.once("update/2", b"second") == b"second"


@pytest.mark.parametrize("value", [b"", b"\x00", bytes(range(256)), bytes(100_000)])
def test_any_bytes_come_back(tmp_path: Path, value: bytes) -> None:
    journal = SqliteJournal(tmp_path / "journal.sqlite")
    assert journal.once("key", value) == value
    assert journal.get("key") == value


def test_a_new_process_object_finds_what_the_old_one_promised(tmp_path: Path) -> None:
    first = SqliteJournal(tmp_path / "roles" / "h1" / "journal.sqlite")
    first.once("key", b"first")
    second = SqliteJournal(tmp_path / "roles" / "h1" / "journal.sqlite")
    assert second.once("key", b"second") == b"first"
    first.close()
    assert second.get("key") == b"first"


def test_many_threads_and_connections_agree_on_one_value(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journals = [SqliteJournal(path) for _ in range(3)]
    with ThreadPoolExecutor(6) as pool:
        for number in range(5):
            key = f"key/{number}"
            jobs = [pool.submit(journals[who % 3].once, key, bytes([who])) for who in range(12)]
            values = {job.result() for job in jobs}
            assert len(values) == 1
            assert journals[0].get(key) in values


def test_what_was_returned_survives_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    with subprocess.Popen([sys.executable, "-c", PROMISES, str(path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        promised = [process.stdout.readline().split() for _ in range(30)]
        process.send_signal(signal.SIGKILL)
        rest = process.stdout.read().splitlines()
    promised += [line.split() for line in rest if len(line.split()) == 2 and len(line.split()[1]) == 64]
    assert process.returncode == -signal.SIGKILL
    journal = SqliteJournal(path)
    for key, value in promised:
        assert journal.once(key, b"another") == bytes.fromhex(value)


def test_a_damaged_journal_is_named_and_not_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"this is no database at all " * 200)
    with pytest.raises(JournalUnreadable) as refusal:
        SqliteJournal(path)
    assert refusal.value.path == str(path)
    assert path.read_bytes().startswith(b"this is no database")


def test_damage_while_it_is_open_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = SqliteJournal(path)
    for number in range(200):
        journal.once(f"key/{number}", os.urandom(300))
    journal.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    damaged = SqliteJournal(path)
    with pytest.raises(JournalUnreadable):
        damaged.get("key/7")
    with pytest.raises(JournalUnreadable):
        damaged.once("key/7", b"again")


@pytest.mark.parametrize("place", ["/dev/null/journal.sqlite", "/proc/no/journal.sqlite"])
def test_a_journal_that_cannot_be_made_is_our_error(place: str) -> None:
    with pytest.raises(StorageFull) as refusal:
        SqliteJournal(Path(place))
    assert refusal.value.path == place


def test_a_role_runs_once_per_folder(tmp_path: Path) -> None:
    folder = tmp_path / "h1"
    with only_one(folder), pytest.raises(RoleRunning) as refusal, only_one(folder):
        raise AssertionError("it ran twice")
    assert refusal.value.folder == str(folder)
    with only_one(folder), only_one(tmp_path / "h2"):
        assert (folder / "lock").is_file()


def test_the_lock_ends_with_its_process_even_when_that_is_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(RoleRunning), only_one(tmp_path):
            raise AssertionError("it ran twice")
        process.kill()
    with only_one(tmp_path):
        assert process.returncode == -signal.SIGKILL


def test_the_lock_ends_with_an_error_inside(tmp_path: Path) -> None:
    with pytest.raises(KeyError), only_one(tmp_path):
        raise KeyError
    with only_one(tmp_path):
        pass


def test_a_folder_that_cannot_be_made_is_our_error() -> None:
    with pytest.raises(StorageFull), only_one(Path("/dev/null/h1")):
        raise AssertionError("it ran")
