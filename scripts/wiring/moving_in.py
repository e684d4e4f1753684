"""Moves what a restore has unpacked into a home: all of it, also if the process is killed on the way.

Invariant: nothing has moved before the plan is durable; from then on the next restore first moves the rest. The members
come last: an agent starts only from a complete home.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from fl.files import write_atomic
from fl.protocol.codec import Fields, JsonValue, parse_document, write_document
from scripts.wiring.home import Home

FILES, PLAN = "files", "moving.json"
_CAP, _WHAT = 1 << 20, "plan of a restore"


def is_begun(workshop: Path) -> bool:
    """Return whether a restore has begun to move files, and has not ended."""
    return (workshop / PLAN).exists()


def begin(workshop: Path, source: Path) -> None:
    """Decide to move everything in `workshop/files`, which came from the backup `source`."""
    names: list[JsonValue] = [member.name for member in Home(workshop / FILES).members()]
    write_atomic(workshop / PLAN, write_document({"members": names, "source": _identity(source)}))


def finish(home: Home, parts: tuple[str, ...], workshop: Path, source: Path) -> list[str] | None:
    """Move what has not moved yet; return the members' names, or None if the files came from another backup.

    Raises:
        OSError: the disk refuses; the next call goes on.
        EncodingError: somebody changed the plan.
    """
    with (workshop / PLAN).open("rb") as file:
        plan = Fields(parse_document(file.read(_CAP), _WHAT), _WHAT)
    partial = workshop / FILES
    if (partial / "consortium.json").exists() and not home.deployment_file.exists():
        (partial / "consortium.json").rename(home.deployment_file)
    for part in parts:
        if (partial / part).exists():
            (partial / part).rename(home.folder / part)
    (home.folder / "members").mkdir(exist_ok=True)
    for member in Home(partial).members():
        member.folder.rename(home.folder / "members" / member.name)
    for folder in (home.folder / "members", home.folder):
        descriptor = os.open(folder, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
    shutil.rmtree(partial, ignore_errors=True)
    (workshop / PLAN).unlink()
    names = plan.value["members"]
    own = plan.value.get("source") == _identity(source)
    return [str(name) for name in names] if own and isinstance(names, list) else None


def _identity(source: Path) -> str:
    """Return what tells this backup from others that were made or copied here."""
    about = source.stat()
    return f"{about.st_size} {about.st_mtime_ns} {source.resolve()}"
