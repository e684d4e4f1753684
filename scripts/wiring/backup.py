"""What of a home is in a backup, and how it comes back.

Invariant: a backup holds no secret of a round (journal, outbox), so it cannot unmask an update, and no restored folder
can go on with an old round. Every member in it carries `restored.json`: the member's agent reads it before anything
else, and settles what the ledger has meanwhile (scripts/wiring/restored.py), also if somebody unpacked the archive by
hand.

Not here: the archive's format (fl/storage/backup.py).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from fl.files import make_folder
from fl.protocol.codec import parse_document, write_document
from fl.protocol.errors import BackupUnusable, EncodingError, RestoreRefused, SettingInvalid, StorageFull, refused_write
from fl.protocol.names import Role
from fl.storage.backup import Writer, extract, writing
from fl.storage.lock import only_one
from fl.storage.staged_keys import finish_change
from fl.storage.witness_state import FILE as WITNESS_STATE
from scripts.wiring import moving_in
from scripts.wiring.clock import now
from scripts.wiring.home import Home, MemberHome
from scripts.wiring.joining import own_version
from scripts.wiring.restored import RESTORED_FILE, mark_of

PASSWORD_VARIABLE = "HEMALEDGER_BACKUP_PASSWORD"  # noqa: S105 - the name of the variable, not a password
HEAD, WORKSHOP = "backup.json", ".restoring"
FORM = "hemaledger-backup/1"
PARTS = ("chain", "vault", "site")
"""What else a home can have. Their databases on a server are no part of it."""
LEFT_OUT = frozenset(
    {
        *(
            "journal.sqlite",
            "journal.sqlite-wal",
            "journal.sqlite-shm",
            "monitor.sqlite",
            "monitor.sqlite-wal",
            "monitor.sqlite-shm",
            "outbox",
            "uploads",
            "key-orders",
            "training",
            "sending",
        ),
        *("checkpoint", "lock", "password", RESTORED_FILE, "log-key.pem", "witness", WITNESS_STATE),
    }
)
"""Of a member's folder: secrets of rounds, what was on its way, a demo's password, what a witness cosigned last or a
monitor saw, and the log's key: an old copy of these could sign a second history, or forget what was seen."""
JOURNAL, HEADS = "journal.jsonl", "heads.jsonl"
SITE_DATABASE, SITE_LEFT_OUT = "site.sqlite", frozenset(("demo-password", "outbox", "kits", "servers.json"))
_HEAD_CAP = 64 * 1024
_SPARE = 64 * 1024 * 1024
"""Bytes that a restore leaves free on the disk."""


@dataclass(frozen=True)
class Chosen:
    """What a backup shall hold."""

    members: tuple[str, ...] = ()
    """Names; empty: every member of the home."""
    parts: tuple[str, ...] = ()
    """Of PARTS."""


def password_of_backup() -> str:
    """Return the password of backups, or raise SettingInvalid."""
    password = os.environ.get(PASSWORD_VARIABLE, "")
    if not password:
        raise SettingInvalid(
            PASSWORD_VARIABLE, "set it to a password for the backup, another one than that of the keys"
        )
    return password


def make_backup(home: Home, path: Path, password: str, chosen: Chosen) -> list[str]:
    """Write a backup; agents may run meanwhile. Return the names of the files in it.

    Raises:
        SettingInvalid: a member or a part is not in this home.
        BackupUnusable: `path` exists, or something changed too fast.
        StorageFull: the disk refuses.
    """
    members = [home.member(name) for name in chosen.members] or home.members()
    if not members or not all(member.account_file.exists() for member in members):
        missing = next((member.name for member in members if not member.account_file.exists()), "any member")
        raise SettingInvalid("name", f"{home.folder} does not have the keys of {missing}")
    names: list[str] = []
    with writing(path, password) as writer:
        writer.add(HEAD, write_document({"form": FORM, "made_at": now(), "version": own_version()}))
        if home.deployment_file.exists():
            names.append(_copy(writer, home, home.deployment_file))
        for member in members:
            names += _add_member(writer, home, member)
        for part in chosen.parts:
            names += _ADD[part](writer, home)
    return names


def restore_backup(home: Home, path: Path, password: str) -> list[str]:
    """Put a backup into place: all of it, or nothing. Return the names of its members.

    If a restore was killed while it moved files, the rest of them is moved first.

    Raises:
        BackupUnusable: it is damaged, or the password is wrong.
        RestoreRefused: something that it would replace is here, or the consortium is another one.
        StorageFull: the disk is too small, or refuses.
        RoleRunning: another restore runs in this home.
    """
    make_folder(home.folder)
    workshop = home.folder / WORKSHOP
    with only_one(workshop):
        try:
            return _restore(home, path, password, workshop)
        except OSError as error:
            raise refused_write(str(home.folder), error) from error
        finally:
            if not moving_in.is_begun(workshop):
                shutil.rmtree(workshop, ignore_errors=True)


def _restore(home: Home, path: Path, password: str, workshop: Path) -> list[str]:
    if moving_in.is_begun(workshop):
        names = moving_in.finish(home, PARTS, workshop, path)
        if names is not None:
            return names
    partial = workshop / moving_in.FILES
    shutil.rmtree(partial, ignore_errors=True)  # of a restore that was killed
    partial.mkdir(mode=0o700)
    left = [max(shutil.disk_usage(home.folder).free - _SPARE, 0)]
    extract(path, password, partial, lambda name, size: _admit(path, name, size, left))
    _check(path, home, partial)
    moving_in.begin(workshop, path)
    return moving_in.finish(home, PARTS, workshop, path) or []


# --- Making ------------------------------------------------------------------------------------------------------


def _copy(writer: Writer, home: Home, path: Path) -> str:
    name = path.relative_to(home.folder).as_posix()
    writer.copy(name, path)
    return name


def _add_member(writer: Writer, home: Home, member: MemberHome) -> Iterator[str]:
    finish_change(member.folder)
    before = _files(member)
    for path in before:
        yield _copy(writer, home, path)
    if _files(member) != before:
        raise BackupUnusable(member.name, "a file of this member was added or removed meanwhile; run this again")
    name = (member.folder / RESTORED_FILE).relative_to(home.folder).as_posix()
    writer.add(name, write_document(mark_of(member)))
    yield name


def _files(member: MemberHome) -> list[Path]:
    """Return what is kept of a member, sorted; of a trustee neither shares nor member keys (docs/trustee.md)."""
    trustee = member.role == Role.TRUSTEE
    kept = [path for path in member.folder.iterdir() if path.name not in LEFT_OUT and not path.name.startswith(".")]
    kept = [path for path in kept if not (trustee and path.name.startswith(("hpke-", "shares")))]
    return sorted(each for path in kept for each in _plain(path))


def _plain(path: Path) -> Iterator[Path]:
    """Yield a plain file, or those below a folder; links and hidden files are no part of a home."""
    if path.is_symlink() or path.name.startswith("."):
        return
    if path.is_file():
        yield path
    elif path.is_dir():
        for each in path.iterdir():
            yield from _plain(each)


def _add_chain(writer: Writer, home: Home) -> Iterator[str]:
    """Copy the heads first: the journal then has as many transactions, and what follows is cut off."""
    if not (home.chain / JOURNAL).exists():
        raise SettingInvalid("with", f"{home.chain} has no embedded chain")
    heads = (home.chain / HEADS).read_bytes() if (home.chain / HEADS).exists() else b""
    heads = heads[: heads.rfind(b"\n") + 1]
    writer.add(f"chain/{HEADS}", heads)
    with (home.chain / JOURNAL).open("rb") as file:
        size = sum(len(file.readline()) for _ in range(1 + heads.count(b"\n")))
    writer.copy(f"chain/{JOURNAL}", home.chain / JOURNAL, size)
    yield from (f"chain/{HEADS}", f"chain/{JOURNAL}")


def _add_vault(writer: Writer, home: Home) -> Iterator[str]:
    folder = home.vault_folder
    if folder is None:
        raise SettingInvalid("with", f"the vault is {home.vault_name}, not a folder; the store has its own backups")
    for path in _plain(folder.resolve()):
        name = f"vault/{path.relative_to(folder.resolve()).as_posix()}"
        writer.copy(name, path)
        yield name


def _add_site(writer: Writer, home: Home) -> Iterator[str]:
    """Copy the site's folder; its database through SQLite, so that it is whole while the site runs."""
    folder = home.folder / "site"
    if not (folder / SITE_DATABASE).exists():
        raise SettingInvalid("with", f"{folder} has no SQLite database; use the tools of your database server")
    snapshot = folder / f".{SITE_DATABASE}.backup"
    try:
        descriptor = os.open(snapshot, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.close(descriptor)
        with closing(sqlite3.connect(folder / SITE_DATABASE)) as source, closing(sqlite3.connect(snapshot)) as target:
            source.backup(target)
        writer.copy(f"site/{SITE_DATABASE}", snapshot)
        yield f"site/{SITE_DATABASE}"
    except sqlite3.Error as error:
        raise BackupUnusable(str(folder / SITE_DATABASE), "it is damaged or locked for too long") from error
    finally:
        snapshot.unlink(missing_ok=True)
    for path in sorted(folder.iterdir()):
        if path.name not in SITE_LEFT_OUT and not path.name.startswith(SITE_DATABASE):
            for each in _plain(path):
                yield _copy(writer, home, each)


_ADD = {"chain": _add_chain, "vault": _add_vault, "site": _add_site}


# --- Restoring ---------------------------------------------------------------------------------------------------


def _admit(path: Path, name: str, size: int, left: list[int]) -> None:
    """Allow a file of a backup, or raise; `left[0]` is how many bytes still fit on the disk."""
    top, *rest = name.split("/")
    member = top == "members" and len(rest) > 1 and (rest[1] == RESTORED_FILE or rest[1] not in LEFT_OUT)
    if not (name in (HEAD, "consortium.json") or member or (top in PARTS and rest)):
        raise BackupUnusable(str(path), f"it has the file {name}, which no backup has")
    left[0] -= size
    if left[0] < 0:
        raise StorageFull(name, "the disk is too small for this backup")


def _check(path: Path, home: Home, partial: Path) -> None:
    """Check that a backup is whole and replaces nothing."""
    try:
        with (partial / HEAD).open("rb") as file:
            form = parse_document(file.read(_HEAD_CAP + 1), HEAD).get("form")
    except (OSError, EncodingError) as error:
        raise BackupUnusable(str(path), "it has no readable head") from error
    if form != FORM:
        raise BackupUnusable(str(path), "another version of this program made it; install that version")
    unpacked = Home(partial)
    for member in unpacked.members():
        if not (member.folder / RESTORED_FILE).exists() or not member.account_file.exists():
            raise BackupUnusable(str(path), f"{member.name} in it is not complete")
        if home.member(member.name).folder.exists():
            raise RestoreRefused(member.name, f"{home.folder} already has this member, and its journal is newer")
    for part in PARTS:
        if (partial / part).exists() and (home.folder / part).exists():
            raise RestoreRefused(part, f"{home.folder / part} exists; move it away first")
    if unpacked.deployment_file.exists() and home.deployment_file.exists():
        here, there = home.deployment.anchor, unpacked.deployment.anchor
        if (here.consortium, here.chain_id) != (there.consortium, there.chain_id):
            raise RestoreRefused("consortium.json", f"{home.folder} belongs to another consortium")
