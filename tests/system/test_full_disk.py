"""A disk that is really full: each write says so, what was there stays, and the next write works when there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path

import pytest

from fl.protocol.codec import sha256
from fl.protocol.errors import StorageFull
from fl.storage.journal import SqliteJournal
from fl.storage.uploads import FolderUploads
from fl.storage.vault import FolderVault
from tests.support.site_town import MAYA, Town, cell

KIB, MIB = 1 << 10, 1 << 20
ROOM = 8 * MIB
FIRST, SECOND = "0" * 16, "1" * 16


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder on a disk of 8 MiB; skip where this user may mount none."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("this user may not mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Write until nothing fits any more; return the file to remove."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(KIB)):
            pass
    return filler


def test_a_vault_refuses_a_file_whole_and_keeps_the_others(disk: Path) -> None:
    vault, small, large = FolderVault(disk / "vault"), os.urandom(20 * KIB), os.urandom(400 * KIB)
    first = vault.put(small)
    filler, before = fill(disk), {path for path in disk.rglob("*") if path.is_file()}
    with pytest.raises(StorageFull):
        vault.put(large)
    assert {path for path in disk.rglob("*") if path.is_file()} == before
    assert vault.get(first, MIB) == small
    assert not vault.has(sha256(large))
    filler.unlink()
    assert vault.get(vault.put(large), MIB) == large


def test_a_journal_forgets_no_promise_and_makes_none_that_it_cannot_keep(disk: Path) -> None:
    path = disk / "journal.sqlite"
    journal = SqliteJournal(path)
    kept = {f"update/{number}": os.urandom(32) for number in range(20)}
    for key, value in kept.items():
        journal.once(key, value)
    filler, refused = fill(disk), ""
    for number in range(10_000):  # what SQLite's log has room for is still kept
        refused, value = f"answer/{number}", os.urandom(200)
        try:
            kept[refused] = journal.once(refused, value)
        except StorageFull:
            break
    assert refused not in kept
    assert {key: journal.get(key) for key in kept} == kept
    assert journal.get(refused) is None
    journal.close()
    again = SqliteJournal(path)
    assert {key: again.get(key) for key in kept} == kept
    assert again.get(refused) is None
    filler.unlink()
    assert again.once(refused, b"now") == b"now"
    again.close()


def test_a_hospitals_upload_is_refused_whole(disk: Path) -> None:
    uploads = FolderUploads(disk / "uploads")
    uploads.put(FIRST, b"weights of the first upload")
    filler = fill(disk)
    with pytest.raises(StorageFull):
        uploads.put(SECOND, bytes(400 * KIB))
    assert list(uploads.waiting()) == [FIRST]
    assert uploads.get(FIRST) == b"weights of the first upload"
    filler.unlink()
    uploads.put(SECOND, b"weights")
    assert sorted(uploads.waiting()) == [FIRST, SECOND]


def test_a_site_says_that_a_check_was_not_stored_and_loses_none(disk: Path) -> None:
    town = Town(disk)
    kept = town.add_check(MAYA)
    visitor = town.visitor(MAYA)
    filler = fill(disk)
    answers = []
    for _ in range(60):  # what SQLite's log has room for is still stored
        answers.append(visitor.post("/checks/new", image=(BytesIO(cell()), "cell.png")))
        if answers[-1].status_code != 302:
            break
    assert answers[-1].status_code == 503
    stored = len(answers) - 1
    filler.unlink()
    rows = town.site.record_store.latest_of([town.members[MAYA].id])
    assert rows[town.members[MAYA].id].id == kept + stored
    assert visitor.get(f"/checks/{kept}").status_code == 200
    assert visitor.post("/checks/new", image=(BytesIO(cell()), "cell.png")).status_code == 302
