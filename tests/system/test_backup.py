"""Backups: one encrypted file, made while the agent runs, restored on an empty machine; hostile files are refused."""

from __future__ import annotations

import io
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pyrage
import pytest
from click.testing import Result

from chain.embedded.chain import DevChain, DevChainSettings
from chain.transactions import keystore
from fl.crypto import age_file
from fl.protocol.names import Role
from fl.protocol.task_catalogue import LEUKEMIA
from fl.replay.ledger_view import LedgerView
from fl.storage.backup import header
from fl.storage.journal import SqliteJournal
from fl.storage.keyring import load_keys
from fl.storage.lock import only_one
from fl.storage.vaults import create_vault
from scripts.wiring.backup import PASSWORD_VARIABLE
from scripts.wiring.founding import ChainChoice, found_consortium
from scripts.wiring.home import Home
from scripts.wiring.roles import create_member, load_account, open_ledger, register_key, register_member
from tests.support.processes import PASSWORD, ROOT, Process, invoke

PROJECT = Path(__file__).resolve().parents[2]
SECRET = "four random words of a backup"
ENVIRONMENT = {**PASSWORD, PASSWORD_VARIABLE: SECRET}
NAMES = ("alpha", "operator", "zoë")


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("chain")
    with DevChain(DevChainSettings(PROJECT, folder, lambda: int(time.time()), port=0)) as found:
        yield found.url


@pytest.fixture(autouse=True)
def _cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(keystore, "WORK_FACTOR", 2**12)
    monkeypatch.setattr(age_file, "WORK", 10)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, chain: str) -> Home:
    """Return a home with a hospital, a trustee and the operator, and what they had on the way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEMALEDGER_PASSWORD", PASSWORD["HEMALEDGER_PASSWORD"])
        patch.setattr(keystore, "WORK_FACTOR", 2**12)
        found = Home(tmp_path_factory.mktemp("home") / "home")
        found_consortium(found, ChainChoice(chain), LEUKEMIA)
        for name, role in (("alpha", Role.HOSPITAL), ("zoë", Role.TRUSTEE)):
            account = create_member(found, name, role)
            register_member(open_ledger(found, found.member("operator")), account, role, name)
            register_key(found, name)
    alpha = found.member("alpha").folder
    (alpha / "data.npz").write_bytes(os.urandom(200_000))
    (alpha / "control").mkdir()
    (alpha / "control" / "3.safetensors").write_bytes(b"control variate")
    (alpha / "outbox").mkdir()
    (alpha / "outbox" / "secret").write_bytes(b"sealed")
    for name in ("log-key.pem", "witness-key.pem", "witness-state.note"):
        (alpha / name).write_bytes(b"of the log")
    journal = SqliteJournal(alpha / "journal.sqlite")
    journal.once("keys/" + "00" * 32, b"secret of a round")
    journal.once("spent/" + "ab" * 32, b"7")
    journal.close()
    (found.member("zoë").folder / "shares").mkdir()
    (found.member("zoë").folder / "shares" / "records-1.json").write_bytes(b"{}")
    return found


def backup(home: Home, file: Path, *options: str) -> Result:
    return invoke("backup", str(file), "--home", str(home.folder), *options)


def restore(file: Path, folder: Path) -> Result:
    return invoke("restore", str(file), "--home", str(folder))


def contents(file: Path) -> dict[str, bytes]:
    """Return what is in a backup, read by other programs: age's library in Rust, and tar."""
    with tarfile.open(fileobj=io.BytesIO(pyrage.passphrase.decrypt(file.read_bytes(), SECRET))) as archive:
        members = [(each.name, archive.extractfile(each)) for each in archive]
        return {name: found.read() for name, found in members if found is not None}


def test_an_empty_machine_gets_every_member_back(home: Home, tmp_path: Path) -> None:
    made = backup(home, tmp_path / "b.age", "--with", "vault")
    assert made.exit_code == 0, made.output
    empty = Home(tmp_path / "empty")
    back = restore(tmp_path / "b.age", empty.folder)
    assert back.exit_code == 0, back.output
    assert [member.name for member in empty.members()] == list(NAMES)
    for name in NAMES:
        assert load_account(empty.member(name)).address == load_account(home.member(name)).address
    for each in ("data.npz", "control/3.safetensors", "hpke-1.pem", "member.json"):
        assert (empty.member("alpha").folder / each).read_bytes() == (home.member("alpha").folder / each).read_bytes()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (empty.folder / "members").rglob("*") if path.is_file()}
    assert modes == {0o600}
    checked = invoke("doctor", "--home", str(empty.folder), "--name", "alpha")
    assert "FAIL" not in checked.output, checked.output


def test_another_program_opens_a_backup_and_no_secret_of_a_round_is_in_it(home: Home, tmp_path: Path) -> None:
    assert backup(home, tmp_path / "b.age").exit_code == 0
    found = contents(tmp_path / "b.age")
    assert {"members/alpha/account.json", "members/alpha/witness-key.pem"} <= set(found)
    assert not {"members/alpha/log-key.pem", "members/alpha/witness-state.note"} & set(found)
    assert not [name for name in found if "journal" in name or "outbox" in name or name.endswith("/password")]
    assert [name for name in found if name.startswith("members/zoë/")] == [
        "members/zoë/account.json",
        "members/zoë/member.json",
        "members/zoë/restored.json",
    ]  # a copy of an old share or key would open what a refresh made worthless
    assert b"secret of a round" not in b"".join(found.values())
    assert json.loads(found["members/alpha/restored.json"])["spent"] == {"ab" * 32: 7}


def test_the_agent_of_a_restored_hospital_settles_before_it_acts(home: Home, tmp_path: Path) -> None:
    assert backup(home, tmp_path / "b.age", "--name", "alpha", "--with", "vault").exit_code == 0
    empty = Home(tmp_path / "empty")
    assert restore(tmp_path / "b.age", empty.folder).exit_code == 0
    agent = Process("hospital", "run", "--home", str(empty.folder), "--name", "alpha", "--uploads-only", env=PASSWORD)
    agent.wait_for("alpha: restored from a backup")
    agent.wait_for("alpha: ready")
    second = backup(empty, tmp_path / "while-it-runs.age", "--name", "alpha")
    assert second.exit_code == 0, second.output
    assert agent.stop() == 0
    assert not (empty.member("alpha").folder / "restored.json").exists()
    with closing(sqlite3.connect(empty.member("alpha").folder / "journal.sqlite")) as journal:
        assert journal.execute("SELECT key, value FROM promise").fetchall() == [("spent/" + "ab" * 32, b"7")]
    spent = json.loads(contents(tmp_path / "while-it-runs.age")["members/alpha/restored.json"])["spent"]
    assert spent == {"ab" * 32: 7}


def test_a_restored_trustee_gets_a_new_key(home: Home, tmp_path: Path) -> None:
    assert backup(home, tmp_path / "b.age", "--name", "zoë").exit_code == 0
    empty = Home(tmp_path / "empty")
    assert restore(tmp_path / "b.age", empty.folder).exit_code == 0
    create_vault("", empty.folder, empty.deployment.anchor.consortium)
    assert invoke("trustee", "requests", "--home", str(empty.folder), "--name", "zoë").exit_code == 0
    key = LedgerView(open_ledger(home)).refresh().book.active(load_account(home.member("zoë")).address).key
    assert key is not None
    assert load_keys(empty.member("zoë").folder, PASSWORD["HEMALEDGER_PASSWORD"])[2].public_key == key.public_key


def test_a_chain_comes_back_while_it_grows_and_its_site_with_it(tmp_path: Path) -> None:
    home, empty = Home(tmp_path / "home"), Home(tmp_path / "empty")
    with DevChain(DevChainSettings(PROJECT, home.chain, lambda: int(time.time()), port=0)) as chain:
        found_consortium(home, ChainChoice(chain.url), LEUKEMIA)
        (home.folder / "site").mkdir()
        (home.folder / "site" / "secret").write_bytes(b"secret")
        with closing(sqlite3.connect(home.folder / "site" / "site.sqlite")) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute("CREATE TABLE patient (name TEXT)")
            database.execute("INSERT INTO patient VALUES ('Tove')")
            database.commit()
            parts = ("--with", "chain", "--with", "vault", "--with", "site")
            made = backup(home, tmp_path / "b.age", *parts)
            assert made.exit_code == 0, made.output
        head = chain.head
        create_member(home, "late", Role.HOSPITAL)
        account = load_account(home.member("late")).address
        register_member(open_ledger(home, home.member("operator")), account, Role.HOSPITAL, "late")
        assert chain.head != head
    assert restore(tmp_path / "b.age", empty.folder).exit_code == 0
    with DevChain(DevChainSettings(PROJECT, empty.chain, lambda: int(time.time()), port=0)) as again:
        assert again.head == head
    with closing(sqlite3.connect(empty.folder / "site" / "site.sqlite")) as database:
        assert database.execute("SELECT name FROM patient").fetchall() == [("Tove",)]
    assert (empty.folder / "site" / "secret").read_bytes() == b"secret"


def test_a_killed_restore_leaves_nothing_once_another_ends(home: Home, tmp_path: Path) -> None:
    assert backup(home, tmp_path / "b.age", "--name", "alpha").exit_code == 0
    left = tmp_path / "home" / ".restoring" / "files" / "members" / "alpha"
    left.mkdir(parents=True)
    (left / "data.npz").write_bytes(b"images")
    with only_one(tmp_path / "home" / ".restoring"):
        assert restore(tmp_path / "b.age", tmp_path / "home").exit_code == 77  # one at a time
    assert restore(tmp_path / "b.age", tmp_path / "home").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "home").iterdir()) == ["consortium.json", "members"]


KILLED = """
import os, pathlib, signal, sys
from fl.crypto import age_file
from scripts.cli import main
age_file.WORK, left, honest = 10, int(sys.argv.pop(1)), pathlib.Path.rename
def rename(self, target):
    global left
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    left -= 1
    return honest(self, target)
pathlib.Path.rename = rename
main(sys.argv[1:])
"""


def files_of(folder: Path) -> dict[str, bytes]:
    found = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    return {name: data for name, data in found.items() if not name.startswith(".restoring")}


def test_a_restore_that_is_killed_between_two_moves_is_finished_by_the_next_one(home: Home, tmp_path: Path) -> None:
    file, whole = tmp_path / "b.age", tmp_path / "whole"
    assert backup(home, file).exit_code == 0
    assert restore(file, whole).exit_code == 0
    for moves in range(4):  # consortium.json, and three members
        folder = tmp_path / f"home-{moves}"
        command = [sys.executable, "-c", KILLED, str(moves), "restore", str(file), "--home", str(folder)]
        assert subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode == -signal.SIGKILL
        assert len(files_of(folder)) < len(files_of(whole))
        again = restore(file, folder)
        assert again.exit_code == 0, again.output
        assert all(name in again.output for name in NAMES)
        assert files_of(folder) == files_of(whole)
        assert not (folder / ".restoring").exists()
        assert restore(file, folder).exit_code == 77  # now the members are there


def test_a_restore_of_another_backup_first_finishes_the_one_that_was_killed(home: Home, tmp_path: Path) -> None:
    first, second, folder = tmp_path / "1.age", tmp_path / "2.age", tmp_path / "home"
    assert backup(home, first, "--name", "alpha").exit_code == 0
    assert backup(home, second, "--name", "zoë").exit_code == 0
    command = [sys.executable, "-c", KILLED, "1", "restore", str(first), "--home", str(folder)]
    assert subprocess.run(command, cwd=ROOT, check=False, capture_output=True).returncode == -signal.SIGKILL
    assert not (folder / "members" / "alpha").exists()
    assert restore(second, folder).exit_code == 0
    assert sorted(path.name for path in (folder / "members").iterdir()) == ["alpha", "zoë"]


def test_a_restore_replaces_nothing(home: Home, tmp_path: Path) -> None:
    assert backup(home, tmp_path / "b.age").exit_code == 0
    before = {path: path.read_bytes() for path in home.folder.rglob("*") if path.is_file()}
    refused = restore(tmp_path / "b.age", home.folder)
    assert refused.exit_code == 77
    assert "already has this member" in refused.output
    assert {path: path.read_bytes() for path in home.folder.rglob("*") if path.is_file()} == before
    assert backup(home, tmp_path / "b.age").exit_code == 65  # nor does a backup


@pytest.mark.parametrize("damage", ["cut", "changed", "cut at a chunk", "longer", "empty", "another kind", "password"])
def test_a_damaged_backup_restores_nothing(
    home: Home, tmp_path: Path, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "b.age"
    assert backup(home, file).exit_code == 0
    data = bytearray(file.read_bytes())
    match damage:
        case "cut":
            del data[-1000:]
        case "changed":
            data[len(data) // 2] ^= 1
        case "cut at a chunk":
            head = data.index(b"\n---") + 4 + 1 + 43 + 1 + 16
            del data[head + 2 * (age_file.CHUNK + age_file.TAG) :]
        case "longer":
            data += b"x"
        case "empty":
            data.clear()
        case "another kind":
            data[:] = b"PK\x03\x04" + bytes(5000)
        case _:
            monkeypatch.setenv(PASSWORD_VARIABLE, "another password")
    file.write_bytes(data)
    refused = restore(file, tmp_path / "empty")
    assert refused.exit_code == 65, refused.output
    assert "Nothing was changed" in refused.output
    assert list((tmp_path / "empty").iterdir()) == []


def plain(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int | None = None) -> bytes:
    """Return one entry of a tar archive."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    info.size = 4 if size is None else size
    return info.tobuf(tarfile.PAX_FORMAT) + b"data" + bytes(508)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "a path outside": lambda: plain("../outside"),
    "an absolute path": lambda: plain("/etc/outside"),
    "a path with a dot": lambda: plain("members/./alpha/account.json"),
    "a hidden file": lambda: plain("members/alpha/.new-keys/account.json"),
    "a link": lambda: plain("members/alpha/link", tarfile.SYMTYPE, "/etc/passwd", 0),
    "a hard link": lambda: plain("members/alpha/link", tarfile.LNKTYPE, "/etc/passwd", 0),
    "a device": lambda: plain("members/alpha/device", tarfile.CHRTYPE, "", 0),
    "a folder": lambda: plain("members/alpha", tarfile.DIRTYPE, "", 0),
    "a long name": lambda: plain("members/alpha/" + "x" * 300),
    "a journal": lambda: plain("members/alpha/journal.sqlite"),
    "a lock": lambda: plain("members/alpha/lock"),
    "a file twice": lambda: 2 * plain("members/alpha/account.json"),
    "another top": lambda: plain("bin/hemaledger"),
    "too many bytes": lambda: plain("members/alpha/data.npz", size=2**33 - 1),
    "no end": lambda: b"",
    "no head": lambda: bytes(1024),
    "a member without its mark": lambda: plain("members/alpha/account.json") + bytes(1024),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_archive_leaves_nothing_behind(tmp_path: Path, kind: str) -> None:
    file, target = tmp_path / "b.age", tmp_path / "inside" / "home"
    with file.open("wb") as opened:
        sealed = age_file.SealingFile(opened, SECRET)
        sealed.write(HOSTILE[kind]())
        sealed.close()
    refused = restore(file, target)
    assert refused.exit_code in {65, 75}, refused.output
    assert not refused.exception or isinstance(refused.exception, SystemExit)
    assert list(target.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.age", "inside"]


def test_a_file_that_asks_for_much_memory_is_refused_at_once(tmp_path: Path) -> None:
    file = tmp_path / "b.age"
    file.write_bytes(
        b"age-encryption.org/v1\n-> scrypt " + b"A" * 22 + b" 30\n" + b"A" * 43 + b"\n--- " + b"A" * 43 + b"\n"
    )
    assert restore(file, tmp_path / "home").exit_code == 65


@pytest.mark.parametrize("size", [0, 8 * 2**30 - 1, 8 * 2**30, 900 * 2**30])
def test_the_header_of_a_file_says_its_size_however_large_it_is(size: int) -> None:
    found = tarfile.TarInfo.frombuf(header("members/zoë/data.npz", size), "utf-8", "strict")
    assert (found.name, found.size, found.type) == ("members/zoë/data.npz", size, tarfile.REGTYPE)


@pytest.mark.parametrize("password", ["", "password1"])
def test_a_backup_needs_a_strong_password(
    home: Home, tmp_path: Path, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, password)
    refused = backup(home, tmp_path / "b.age")
    assert refused.exit_code == 78
    assert PASSWORD_VARIABLE in refused.output
    assert not list(tmp_path.iterdir())
