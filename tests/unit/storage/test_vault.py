from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fl.files import write_atomic
from fl.protocol.errors import SettingInvalid, StorageFull, TooLarge, VaultMissing, VaultUnavailable
from fl.protocol.names import Digest
from fl.storage.vault import MARKER, FolderVault, found_vault

DATA = b"a sealed update"
DIGEST = Digest(hashlib.sha256(DATA).digest())
NAME = DIGEST.hex()


def everything(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = sys.platform == "linux" and os.geteuid() == 0
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if not mounted or subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting a small file system needs root on Linux; the next test covers a refused write")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_file_lies_under_its_digest_and_comes_back(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path)
    assert not vault.has(DIGEST)
    assert vault.put(DATA) == DIGEST
    assert vault.has(DIGEST)
    assert vault.get(DIGEST, len(DATA)) == DATA
    assert everything(tmp_path) == [tmp_path / NAME[:2] / NAME]
    assert (tmp_path / NAME[:2] / NAME).read_bytes() == DATA


def test_putting_it_again_changes_nothing_and_mends_a_damaged_file(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path)
    vault.put(DATA)
    vault.path(DIGEST).write_bytes(b"damaged")
    assert vault.put(bytearray(DATA)) == DIGEST
    assert vault.get(DIGEST, 100) == DATA
    assert len(everything(tmp_path)) == 1


def test_what_is_not_there_is_missing(tmp_path: Path) -> None:
    for vault in (FolderVault(tmp_path), FolderVault(tmp_path / "nowhere"), FolderVault(Path("/dev/null/x"))):
        assert not vault.has(DIGEST)
        with pytest.raises(VaultMissing) as missing:
            vault.get(DIGEST, 100)
        assert missing.value.digest == DIGEST


def test_a_folder_that_the_system_refuses_is_our_error(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path / ("x" * 300))
    assert not vault.has(DIGEST)
    with pytest.raises(VaultMissing):
        vault.get(DIGEST, 100)
    with pytest.raises(StorageFull) as refusal:
        vault.put(DATA)
    assert NAME in refusal.value.path
    assert refusal.value.why == os.strerror(errno.ENAMETOOLONG)


def test_a_file_above_the_cap_is_refused_unread(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path)
    path = vault.path(DIGEST)
    path.parent.mkdir()
    with path.open("wb") as file:
        file.truncate(2**40)  # a terabyte of holes: reading it would not end
    with pytest.raises(TooLarge) as refusal:
        vault.get(DIGEST, 1_000_000)
    assert refusal.value.facts() == {"size": 2**40, "cap": 1_000_000}


def test_a_file_of_exactly_the_cap_is_read(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path)
    vault.put(DATA)
    assert vault.get(DIGEST, len(DATA)) == DATA
    with pytest.raises(TooLarge):
        vault.get(DIGEST, len(DATA) - 1)


def test_wrong_content_is_returned_unverified_because_the_reader_checks(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path)
    vault.put(DATA)
    vault.path(DIGEST).write_bytes(b"something else")
    assert vault.get(DIGEST, 100) == b"something else"


def test_what_is_no_regular_file_is_neither_followed_nor_waited_for(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path)
    path = vault.path(DIGEST)
    path.parent.mkdir()
    (tmp_path / "elsewhere").write_bytes(DATA)
    for make in (
        os.mkfifo,
        lambda place: place.symlink_to(tmp_path / "elsewhere"),
        lambda place: place.symlink_to("/dev/zero"),
    ):
        make(path)
        assert not vault.has(DIGEST)
        with pytest.raises(VaultMissing):
            vault.get(DIGEST, 100)
        path.unlink()


def test_a_link_in_a_files_place_is_replaced_and_what_it_leads_to_is_left_alone(tmp_path: Path) -> None:
    vault, other = FolderVault(tmp_path), tmp_path / "elsewhere"
    other.write_bytes(b"something else")
    vault.path(DIGEST).parent.mkdir()
    vault.path(DIGEST).symlink_to(other)
    vault.put(DATA)
    assert vault.get(DIGEST, 100) == DATA
    assert other.read_bytes() == b"something else"


def test_every_write_to_a_file_changes_its_mark(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path)
    assert vault.mark(DIGEST) is None
    vault.put(DATA)
    marks = [vault.mark(DIGEST)]
    for change in (lambda: vault.put(DATA), lambda: vault.path(DIGEST).write_bytes(DATA[::-1])):
        change()
        os.utime(vault.path(DIGEST), ns=(0, 0))
        marks.append(vault.mark(DIGEST))
    assert len(set(marks)) == 3
    assert vault.mark(DIGEST) == marks[-1]


def test_a_folder_in_a_files_place_is_no_file(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path)
    vault.path(DIGEST).mkdir(parents=True)
    assert not vault.has(DIGEST)
    with pytest.raises(VaultMissing):
        vault.get(DIGEST, 10**6)
    (vault.path(DIGEST) / "something").write_bytes(b"of others")
    vault.put(DATA)
    assert vault.get(DIGEST, 100) == DATA
    assert [path.read_bytes() for path in tmp_path.rglob("something")] == [b"of others"]


def test_a_file_in_a_folders_place_is_put_aside(tmp_path: Path) -> None:
    vault = FolderVault(tmp_path)
    vault.path(DIGEST).parent.write_bytes(b"of others")
    vault.put(DATA)
    assert vault.get(DIGEST, 100) == DATA
    assert b"of others" in {path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}


def test_a_full_disk_leaves_nothing_partial(tiny_disk: Path) -> None:
    vault = FolderVault(tiny_disk / "vault")
    vault.put(DATA)
    before = everything(tiny_disk)
    with pytest.raises(StorageFull) as refusal:
        vault.put(bytes(256 * 1024))
    assert refusal.value.why == os.strerror(errno.ENOSPC)
    assert everything(tiny_disk) == before
    assert vault.get(DIGEST, 100) == DATA
    vault.put(b"there is room again")


LIMITED = """
import resource, signal, sys
from pathlib import Path
from fl.protocol.errors import StorageFull
from fl.storage.vault import FolderVault

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    FolderVault(Path(sys.argv[1])).put(bytes(100_000))
except StorageFull as error:
    print(error.why)
"""


def test_a_write_that_the_system_stops_half_way_leaves_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == os.strerror(errno.EFBIG)
    assert everything(tmp_path) == []


def test_an_existing_file_is_whole_at_every_moment_of_its_replacement(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [bytes([number]) * 50_000 for number in range(8)]
    write_atomic(path, contents[0])
    stop = threading.Event()
    torn: list[int] = []

    def watch() -> None:
        while not stop.is_set():
            seen = path.read_bytes()
            if seen not in contents:
                torn.append(len(seen))

    watcher = threading.Thread(target=watch)
    watcher.start()
    for content in contents * 3:
        write_atomic(path, content)
    stop.set()
    watcher.join()
    assert torn == []
    assert path.read_bytes() == contents[-1]


def test_a_file_and_every_new_folder_above_it_are_synced_before_the_call_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    if not Path("/proc/self/fd").is_dir():
        pytest.skip("no /proc to ask which file a descriptor is")
    monkeypatch.setattr(os, "fsync", fsync)
    write_atomic(tmp_path / "a" / "b" / "file", DATA)
    folders = [str(tmp_path), str(tmp_path / "a"), str(tmp_path / "a" / "b")]
    assert [name for name in synced if name in folders] == folders
    [partial] = [name for name in synced if name not in folders]
    assert Path(partial).name.startswith(".file.")
    assert synced[-1] == folders[-1]


def test_a_private_file_is_private_from_its_first_moment(tmp_path: Path) -> None:
    write_atomic(tmp_path / "key", DATA, mode=0o600)
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


# --- Links and other things in a folder's place --------------------------------------------------------------------


def to_a_folder(place: Path, aside: Path) -> None:
    aside.mkdir()
    place.symlink_to(aside, target_is_directory=True)


def to_a_file(place: Path, aside: Path) -> None:
    aside.write_bytes(b"of others")
    place.symlink_to(aside)


def to_nothing(place: Path, aside: Path) -> None:
    place.symlink_to(aside)


def to_itself(place: Path, _aside: Path) -> None:
    place.symlink_to(place)


def a_pipe(place: Path, _aside: Path) -> None:
    os.mkfifo(place)


@pytest.mark.parametrize("plant", [to_a_folder, to_a_file, to_nothing, to_itself, a_pipe])
@pytest.mark.parametrize("part", ["folder", "file"])
def test_what_others_put_in_a_place_is_neither_followed_nor_written_through(
    tmp_path: Path, plant: Callable[[Path, Path], None], part: str
) -> None:
    vault, aside = FolderVault(tmp_path / "vault"), tmp_path / "aside"
    path = vault.path(DIGEST)
    place = path.parent if part == "folder" else path
    place.parent.mkdir(parents=True)
    plant(place, aside)
    before = everything(aside) if aside.is_dir() else aside.read_bytes() if aside.exists() else None
    assert not vault.has(DIGEST)
    with pytest.raises(VaultMissing):
        vault.get(DIGEST, 100)
    assert vault.put(DATA) == DIGEST
    assert vault.get(DIGEST, 100) == DATA
    assert not path.is_symlink()
    assert not path.parent.is_symlink()
    assert before == (everything(aside) if aside.is_dir() else aside.read_bytes() if aside.exists() else None)


def test_a_file_behind_a_linked_folder_is_not_the_vaults(tmp_path: Path) -> None:
    vault, aside = FolderVault(tmp_path / "vault"), tmp_path / "aside"
    vault.put(DATA)
    vault.path(DIGEST).parent.rename(aside)
    vault.path(DIGEST).parent.symlink_to(aside)
    assert not vault.has(DIGEST)
    vault.put(DATA)
    assert [path.name for path in everything(aside)] == [NAME]
    assert vault.path(DIGEST).stat().st_ino != (aside / NAME).stat().st_ino


# --- A vault that was founded --------------------------------------------------------------------------------------

CONSORTIUM, ANOTHER = bytes(range(32)), bytes(32)


@pytest.fixture
def shared(tmp_path: Path) -> FolderVault:
    found_vault(tmp_path / "vault", CONSORTIUM)
    return FolderVault(tmp_path / "vault", CONSORTIUM)


def test_a_founded_vault_works_as_any_other_also_through_a_link(shared: FolderVault, tmp_path: Path) -> None:
    shared.put(DATA)
    shared.check()
    (tmp_path / "link").symlink_to(tmp_path / "vault")
    linked = FolderVault(tmp_path / "link", CONSORTIUM)
    assert linked.get(DIGEST, 100) == DATA
    assert linked.mark(DIGEST) == shared.mark(DIGEST)


def moved(vault: Path) -> None:
    vault.rename(vault.with_name("elsewhere"))


def an_empty_folder(vault: Path) -> None:
    moved(vault)
    vault.mkdir()


def a_file(vault: Path) -> None:
    moved(vault)
    vault.write_bytes(b"")


def a_dangling_link(vault: Path) -> None:
    moved(vault)
    vault.symlink_to("nowhere")


def a_link_to_itself(vault: Path) -> None:
    moved(vault)
    vault.symlink_to(vault)


def no_marker(vault: Path) -> None:
    (vault / MARKER).unlink()


def a_linked_marker(vault: Path) -> None:
    (vault / MARKER).rename(vault / "right")
    (vault / MARKER).symlink_to("right")


def a_pipe_as_marker(vault: Path) -> None:
    (vault / MARKER).unlink()
    os.mkfifo(vault / MARKER)


def of_another(vault: Path) -> None:
    moved(vault)
    found_vault(vault, ANOTHER)


@pytest.mark.parametrize(
    "change",
    [
        moved,
        an_empty_folder,
        a_file,
        a_dangling_link,
        a_link_to_itself,
        no_marker,
        a_linked_marker,
        a_pipe_as_marker,
        of_another,
    ],
)
def test_a_vault_that_is_not_the_founded_one_is_named_and_never_made_again(
    shared: FolderVault, tmp_path: Path, change: Callable[[Path], None]
) -> None:
    shared.put(DATA)
    change(tmp_path / "vault")
    before = sorted(tmp_path.rglob("*"))
    for ask in (
        shared.check,
        lambda: shared.put(b"more"),
        lambda: shared.get(DIGEST, 100),
        lambda: shared.has(DIGEST),
        lambda: shared.mark(DIGEST),
    ):
        with pytest.raises(VaultUnavailable) as gone:
            ask()
        assert gone.value.path == str(tmp_path / "vault")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_vault_that_comes_back_is_the_vault(shared: FolderVault, tmp_path: Path) -> None:
    shared.put(DATA)
    moved(tmp_path / "vault")
    with pytest.raises(VaultUnavailable):
        shared.has(DIGEST)
    (tmp_path / "elsewhere").rename(tmp_path / "vault")
    assert shared.get(DIGEST, 100) == DATA


def test_founding_again_keeps_the_files_and_never_takes_over_anothers(tmp_path: Path) -> None:
    found_vault(tmp_path / "vault", CONSORTIUM)
    found_vault(tmp_path / "vault", ANOTHER)  # nothing was in it: a founding that did not come to its end
    FolderVault(tmp_path / "vault", ANOTHER).put(DATA)
    found_vault(tmp_path / "vault", ANOTHER)
    with pytest.raises(SettingInvalid):
        found_vault(tmp_path / "vault", CONSORTIUM)
    assert FolderVault(tmp_path / "vault", ANOTHER).get(DIGEST, 100) == DATA


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can become two users")
def test_two_users_of_a_machine_share_a_vault_of_their_group(tmp_path: Path) -> None:
    for folder in (tmp_path, *list(tmp_path.parents)[:3]):
        folder.chmod(folder.stat().st_mode | 0o011)
    ours, theirs = shared_vault(tmp_path / "ours", 0o2770), shared_vault(tmp_path / "theirs", 0o2750)
    assert [put_as(user, ours) for user in (FIRST_USER, SECOND_USER)] == ["stored", "stored"]
    assert put_as(FIRST_USER, theirs) == "VaultForbidden"


def shared_vault(folder: Path, mode: int) -> Path:
    found_vault(folder, b"c" * 32)
    os.chown(folder, 0, SHARED_GROUP)
    folder.chmod(mode)
    return folder


SHARED_GROUP, FIRST_USER, SECOND_USER = 64001, 64002, 64003
PUT = """
import os, sys
from pathlib import Path
from fl.protocol.errors import HemaledgerError
from fl.storage.vault import FolderVault
user, group, folder = int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
vault = FolderVault(folder, b"c" * 32)
os.setgroups([group]); os.setgid(user); os.setuid(user)
try:
    for number in range(600):
        vault.put(b"%d %d" % (number, number))
    print("stored")
except HemaledgerError as error:
    print(error.name)
"""


def put_as(user: int, folder: Path) -> str:
    """Store 600 files, at least one in each subfolder, as another user; return what came of it."""
    command = [sys.executable, "-c", PUT, str(user), str(SHARED_GROUP), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
