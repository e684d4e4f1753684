"""The password of a member's keys: which are accepted, and how it is changed for all keys together.

Invariant: a change is complete or did not happen (fl/storage/staged_keys.py). The keys themselves stay the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from fl.protocol.errors import KeystoreUnreadable, SettingInvalid

if TYPE_CHECKING:
    from scripts.wiring.home import MemberHome

NEW_PASSWORD_VARIABLE = "HEMALEDGER_NEW_PASSWORD"  # noqa: S105 - the name of the variable, not a password
HOUSE = "hemaledger"
EASY = "it is too easy to guess. Use four random words, for example from a dictionary opened anywhere"


def check_password(setting: str, password: str, *about: str) -> None:
    """Check a new password by the rule of the site's accounts; `about` are words that a thief tries first.

    Raises:
        SettingInvalid: it is too short, too long, has invisible characters, or is easy to guess.
    """
    from webui.errors import PasswordMalformed, PasswordWeak
    from webui.store.passwords import check_guesses, prepare

    try:
        check_guesses(prepare(password), (*about, HOUSE))
    except PasswordMalformed as error:
        raise SettingInvalid(setting, error.why.rstrip(".")) from error
    except PasswordWeak as error:
        raise SettingInvalid(setting, EASY) from error


def change_password(member: MemberHome, new: str) -> int:
    """Encrypt every key in the member's folder with `new` instead of its present password; return how many.

    The member's agent must not run, because it holds the old password.

    Raises:
        SettingInvalid: `new` is weak, or the present password is not set.
        RoleRunning: the member's agent runs.
        KeystoreUnreadable: a key does not open with the present password; nothing changed.
        StorageFull: see staged_keys.change_together.
    """
    from fl.storage.lock import only_one
    from fl.storage.staged_keys import change_together

    check_password(NEW_PASSWORD_VARIABLE, new, member.name)
    if not member.account_file.exists():
        raise KeystoreUnreadable(str(member.account_file), "it does not exist")
    with only_one(member.folder):
        old = member.password
        files = dict(_again(member.folder, old, new))
        change_together(member.folder, files)
    return len(files)


def _again(folder: Path, old: str, new: str) -> Iterator[tuple[str, bytes]]:
    """Yield each key file's name and its new content."""
    from chain.transactions import keystore
    from fl.crypto.encrypted_keystore import LOCKBOX_CAP, Lockbox, lock
    from fl.storage.keyring import load_keys, load_long_keys, load_seats

    yield "account.json", keystore.encrypted(keystore.load(folder / "account.json", old), new)
    for epoch, key in load_keys(folder, old).items():
        yield f"hpke-{epoch}.pem", key.to_pem(new)
    for epoch, long_key in load_long_keys(folder, old).items():
        yield f"long-{epoch}.pem", long_key.to_pem(new)
    for number, seat in load_seats(folder, old).items():
        yield f"seat-{number}.pem", seat.to_pem(new)
    for path in sorted((folder / "shares").glob("*.json")):
        with path.open("rb") as file:
            share = Lockbox.parse(file.read(LOCKBOX_CAP + 1), str(path)).unlock(old)
        yield f"shares/{path.name}", lock(share, new)
