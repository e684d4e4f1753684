"""The password of a member's keys: weak ones are refused, and it is changed for all keys or for none."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from chain.transactions import keystore
from fl.crypto.encrypted_keystore import HeldShare, Seat
from fl.protocol.errors import HemaledgerError, KeystoreUnreadable, RoleRunning, SettingInvalid
from fl.protocol.names import Address, KeyUse, Role
from fl.storage.keyring import LONG, SEATS, create_key, load_keys, load_long_keys, load_seats
from fl.storage.lock import only_one
from fl.storage.shares import FolderShares
from fl.storage.staged_keys import finish_change
from scripts.cli import main
from scripts.wiring.home import Home, MemberHome
from scripts.wiring.password_change import change_password
from scripts.wiring.roles import create_member

OLD, NEW = "four random words here", "five quite other nouns instead"
SHARE = HeldShare(Seat(Address(b"\x01" * 20), KeyUse.RECORDS, 3, 2), 5)
MEMBERS = ("hospital", "coordinator", "auditor", "trustee")


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow hashes protect people, and tests have none."""
    monkeypatch.setattr(keystore, "encrypted", lambda key, word, _n=0, make=keystore.encrypted: make(key, word, 2))
    monkeypatch.setenv("HEMALEDGER_PASSWORD", OLD)


@pytest.fixture
def member(tmp_path: Path) -> MemberHome:
    """Return a trustee with an account, two keys and a share."""
    home = Home(tmp_path)
    create_member(home, "ada", Role.TRUSTEE)
    made = home.member("ada")
    create_key(made.folder, 2, OLD)
    LONG.create(made.folder, 2, OLD)
    SEATS.create(made.folder, 1, OLD)
    FolderShares(made.folder / "shares", OLD).put(SHARE)
    return made


def _succeeds(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except HemaledgerError:
        return False
    return True


def opens(member: MemberHome, password: str) -> bool:
    """Return whether every key opens with `password`; fail if only some do."""
    tried = (
        lambda: keystore.load(member.account_file, password),
        lambda: load_keys(member.folder, password)[2],
        lambda: load_long_keys(member.folder, password)[2],
        lambda: load_seats(member.folder, password)[1],
        lambda: FolderShares(member.folder / "shares", password).get(SHARE.seat.use, SHARE.seat.epoch),
    )
    results = {_succeeds(each) for each in tried}
    assert len(results) == 1, "some keys have the old password, and some the new one"
    return results.pop()


@pytest.mark.parametrize("role", MEMBERS)
@pytest.mark.parametrize("weak", ["x", "password1234", "hemaledger-lake"])
def test_no_member_begins_with_a_weak_password(tmp_path: Path, role: str, weak: str) -> None:
    words = [role, "init", "--home", str(tmp_path), "--name", "lake"]
    result = CliRunner().invoke(main, words, env={"HEMALEDGER_PASSWORD": weak})
    assert result.exit_code == 78
    assert "HEMALEDGER_PASSWORD" in result.output
    assert not Home(tmp_path).member("lake").account_file.exists()


def test_a_changed_password_opens_every_key_and_the_old_one_none(member: MemberHome) -> None:
    account = keystore.load(member.account_file, OLD).address
    assert change_password(member, NEW) == 6
    assert opens(member, NEW)
    assert not opens(member, OLD)
    assert keystore.load(member.account_file, NEW).address == account


@pytest.mark.parametrize("role", ["consortium", *MEMBERS])
def test_every_role_has_the_command(tmp_path: Path, role: str) -> None:
    create_member(Home(tmp_path), "ada", Role.HOSPITAL)
    words = [role, "password", "--home", str(tmp_path), "--name", "ada"]
    typed = CliRunner().invoke(main, words, input=f"{NEW}\n{NEW}\n")
    assert typed.exit_code == 0, typed.output
    assert NEW not in typed.output
    assert opens_account(Home(tmp_path).member("ada"), NEW)


def opens_account(member: MemberHome, password: str) -> bool:
    return bool(keystore.load(member.account_file, password))


def test_a_weak_new_password_changes_nothing(member: MemberHome) -> None:
    with pytest.raises(SettingInvalid, match="HEMALEDGER_NEW_PASSWORD"):
        change_password(member, "x")
    assert opens(member, OLD)


def test_a_wrong_present_password_changes_nothing(member: MemberHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEMALEDGER_PASSWORD", "not the one of the keys")
    with pytest.raises(KeystoreUnreadable):
        change_password(member, NEW)
    assert opens(member, OLD)


def test_a_running_agent_keeps_its_password(member: MemberHome) -> None:
    with only_one(member.folder), pytest.raises(RoleRunning):
        change_password(member, NEW)
    assert opens(member, OLD)


class Killed(BaseException):
    """Stands for kill -9: nothing catches it."""


@pytest.mark.parametrize("steps", range(10))
def test_an_interrupted_change_leaves_one_password_for_all_keys(
    member: MemberHome, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    left = [steps]

    def dying(name: str) -> None:
        real = getattr(os, name)

        def call(*args: object, **more: object) -> object:
            if not left[0]:
                raise Killed
            left[0] -= 1
            return real(*args, **more)

        monkeypatch.setattr(os, name, call)

    with monkeypatch.context():
        for name in ("link", "rename", "replace"):
            dying(name)
        with contextlib.suppress(Killed):
            change_password(member, NEW)
    monkeypatch.undo()
    monkeypatch.setenv("HEMALEDGER_PASSWORD", OLD)
    _ = member.password  # what every program does first
    assert opens(member, NEW) != opens(member, OLD)


def test_a_demos_random_password_ends_with_the_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HEMALEDGER_PASSWORD")
    member = Home(tmp_path).member("ada")
    member.create_password()
    create_member(Home(tmp_path), "ada", Role.HOSPITAL)
    change_password(member, NEW)
    assert not (member.folder / "password").exists()
    assert opens_account(member, NEW)
    finish_change(member.folder)
