from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
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


def test_damage_behind_the_first_page_is_named(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    journal = SqliteJournal(path)
    for number in range(200):
        journal.once(f"key/{number}", os.urandom(300))
    journal.close()
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)
    with pytest.raises(JournalUnreadable):
        SqliteJournal(path)


def filled(folder: Path) -> Path:
    path = folder / "journal.sqlite"
    journal = SqliteJournal(path)
    for number in range(40):
        journal.once(f"key/{number}", bytes([number]) * 100)
    journal.close()
    return path


def promises(path: Path) -> list[bytes | None]:
    journal = SqliteJournal(path)
    try:
        return [journal.get(f"key/{number}") for number in range(40)]
    finally:
        journal.close()


def altered(statement: str) -> Callable[[Path], object]:
    def alter(path: Path) -> None:
        with contextlib.closing(sqlite3.connect(path)) as database:
            database.executescript(statement)

    return alter


def folder_there(path: Path) -> None:
    path.unlink()
    path.mkdir()


def main_file_gone(path: Path) -> None:
    path.rename(path.with_name(path.name + "-wal"))


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda path: path.write_bytes(b""), id="no bytes"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:100]), id="a header only"),
        pytest.param(lambda path: path.write_bytes(path.read_bytes()[:-4096]), id="a page short"),
        pytest.param(lambda path: path.write_bytes(b'{"a": 1}'), id="another file"),
        pytest.param(folder_there, id="a folder"),
        pytest.param(main_file_gone, id="only its companion"),
        pytest.param(altered("PRAGMA user_version=2"), id="a newer version"),
        pytest.param(altered("DROP TABLE promise"), id="no table"),
        pytest.param(altered("ALTER TABLE promise RENAME COLUMN value TO worth"), id="another table"),
        pytest.param(altered("UPDATE promise SET value = 5 WHERE key = 'key/3'"), id="a number"),
        pytest.param(altered("UPDATE promise SET key = 'key/99' WHERE key = 'key/3'"), id="a moved promise"),
    ],
)
def test_any_damage_is_journal_unreadable_and_is_left_as_it_is(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    path = filled(tmp_path)
    damage(path)
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(JournalUnreadable) as refusal:
        SqliteJournal(path)
    assert refusal.value.path == str(path)
    assert (path.read_bytes() if path.is_file() else None) == before


def test_no_flipped_byte_changes_a_promise(tmp_path: Path) -> None:
    path = filled(tmp_path)
    whole, kept = path.read_bytes(), promises(path)
    for at in range(0, len(whole), 37):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        with contextlib.suppress(JournalUnreadable):
            assert promises(path) == kept


def test_a_journal_that_another_program_holds_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fl.storage.journal.LOCK_S", 0.05)
    path = filled(tmp_path)
    journal = SqliteJournal(path)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(JournalUnreadable, match="another program locks it"):
            journal.once("key/new", b"value")
        other.execute("ROLLBACK")
    assert journal.once("key/new", b"value") == b"value"


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


def test_a_promise_does_not_lie_in_the_companion_file_alone(tmp_path: Path) -> None:
    journal = SqliteJournal(tmp_path / "journal.sqlite")
    journal.once("key", b"promised")
    copy = tmp_path / "copy" / "journal.sqlite"
    copy.parent.mkdir()
    copy.write_bytes((tmp_path / "journal.sqlite").read_bytes())  # its process was killed, and -wal got lost
    journal.close()
    assert SqliteJournal(copy).once("key", b"another") == b"promised"
