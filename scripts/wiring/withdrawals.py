"""Takes the images of persons out of a hospital's imported data, before the hospital states that it did.

Invariant: the statement is made after the images are gone. After a crash between the two, the next run makes it.
"""

from __future__ import annotations

import secrets
from pathlib import Path

import numpy as np

from fl.files import write_atomic
from fl.protocol.codec import sha256, write_document
from fl.protocol.errors import SettingInvalid
from fl.protocol.names import Digest
from fl.protocol.withdrawal import DATA, Withdrawal
from fl.training.data.dataset import load_dataset, save_dataset
from scripts.wiring.home import OWNER_ONLY, MemberHome

PERSONS_CAP = 1024 * 1024
_FOLDER, _WAITING = "withdrawn", "waiting.json"


def remove_persons(member: MemberHome, file: Path, since: int) -> Withdrawal:
    """Delete persons' images, and return what to state; an earlier removal that was not stated comes first.

    Raises:
        SettingInvalid: the file is too large or empty, a person has no image here, or no image would be left.
        DatasetUnusable: the imported data are damaged.
        StorageFull: the rest could not be written; nothing was deleted.
    """
    folder = member.folder / _FOLDER
    if (folder / _WAITING).exists():
        return Withdrawal.from_bytes((folder / _WAITING).read_bytes())
    persons = _persons(file)
    dataset = load_dataset(member.data_file)
    unknown = [each for each in persons if each not in set(dataset.groups.tolist())]
    if unknown:
        raise SettingInvalid("persons", f"the imported images have no person {unknown[0]}")
    gone = np.isin(dataset.groups, persons)
    if gone.all():
        raise SettingInvalid("persons", "no image would be left; withdraw the whole hospital")
    listed = write_document({"persons": [*persons], "salt": secrets.token_hex(32)})
    what = Withdrawal(DATA, since, int(gone.sum()), sha256(listed))
    folder.mkdir(mode=0o700, exist_ok=True)
    write_atomic(folder / f"{what.listed.hex()}.json", listed, mode=OWNER_ONLY)
    save_dataset(dataset.take(~gone), member.data_file)
    write_atomic(folder / _WAITING, what.to_bytes(), mode=OWNER_ONLY)
    return what


def stated(member: MemberHome, digest: Digest) -> None:
    """Note that the removal was stated; the document's digest names it."""
    folder = member.folder / _FOLDER
    (folder / _WAITING).replace(folder / f"{digest.hex()}.stated.json")


def _persons(file: Path) -> list[str]:
    if file.stat().st_size > PERSONS_CAP:
        raise SettingInvalid("persons", f"{file} has more than {PERSONS_CAP} bytes")
    try:
        persons = sorted({line.strip() for line in file.read_text(encoding="utf-8").splitlines()} - {""})
    except UnicodeDecodeError as error:
        raise SettingInvalid("persons", f"{file} is not a text in UTF-8") from error
    if not persons:
        raise SettingInvalid("persons", f"{file} names nobody")
    return persons
