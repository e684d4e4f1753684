"""Takes the images of persons out of a hospital's imported data, before the hospital states that it did.

Invariant: the statement is made after the images are gone. After a crash at any moment the next run takes out what is
left, and states it.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fl.files import write_atomic
from fl.protocol.codec import sha256, write_document
from fl.protocol.errors import DatasetUnusable, SettingInvalid
from fl.protocol.names import Digest
from fl.protocol.withdrawal import DATA, Withdrawal
from fl.roles.hospital.withdrawing import Removal
from fl.training.data.dataset import load_dataset, save_dataset
from scripts.wiring.home import OWNER_ONLY, MemberHome

PERSONS_CAP = 1024 * 1024
_FOLDER, _WAITING, _LAST = "withdrawn", "waiting.json", "last"
_FILE_ONLY = 0o600


@dataclass(frozen=True)
class FolderRows:
    """Implements OwnRows over the imported images and the folder `withdrawn` beside them."""

    member: MemberHome

    def waiting(self) -> Removal | None:
        """Return the removal that was not stated yet, after taking out what is left of it."""
        if not (self._folder / _WAITING).exists():
            return None
        removal = self._removal((self._folder / _WAITING).read_bytes())
        dataset = load_dataset(self.member.data_file)
        gone = np.isin(dataset.groups, removal.persons)
        if gone.any():
            save_dataset(dataset.take(~gone), self.member.data_file)
        return removal

    def last(self) -> Removal | None:
        mark = self._folder / _LAST
        if not mark.exists():
            return None
        return self._removal((self._folder / f"{mark.read_text()}.stated.json").read_bytes())

    def has(self, persons: Sequence[str]) -> bool:
        return bool(np.isin(load_dataset(self.member.data_file).groups, persons).any())

    def remove(self, persons: Sequence[str], since: int) -> Removal:
        if not self.member.data_file.exists():
            raise SettingInvalid("persons", "this hospital has no imported images")
        dataset = load_dataset(self.member.data_file)
        known = set(dataset.groups.tolist())
        unknown = [each for each in persons if each not in known]
        if unknown:
            raise SettingInvalid("persons", f"the imported images have no person {unknown[0]}")
        gone = np.isin(dataset.groups, persons)
        if gone.all():
            raise SettingInvalid("persons", "no image would be left; withdraw the whole hospital")
        listed = write_document({"persons": [*persons], "salt": secrets.token_hex(32)})
        what = Withdrawal(DATA, since, int(gone.sum()), sha256(listed))
        self._folder.mkdir(mode=OWNER_ONLY, exist_ok=True)
        write_atomic(self._folder / f"{what.listed.hex()}.json", listed, mode=_FILE_ONLY)
        write_atomic(self._folder / _WAITING, what.to_bytes(), mode=_FILE_ONLY)
        save_dataset(dataset.take(~gone), self.member.data_file)
        return Removal(what, tuple(persons))

    def stated(self, digest: Digest) -> None:
        """Note that the removal was stated; the document's digest names it."""
        waiting = self._folder / _WAITING
        write_atomic(self._folder / f"{digest.hex()}.stated.json", waiting.read_bytes(), mode=_FILE_ONLY)
        write_atomic(self._folder / _LAST, digest.hex().encode(), mode=_FILE_ONLY)
        waiting.unlink()

    @property
    def _folder(self) -> Path:
        return self.member.folder / _FOLDER

    def _removal(self, document: bytes) -> Removal:
        """Return the removal that a document of this folder states, with the persons of its list.

        Raises:
            DatasetUnusable: the list is gone or was changed.
        """
        what = Withdrawal.from_bytes(document)
        file = self._folder / f"{what.listed.hex()}.json"
        try:
            persons = json.loads(file.read_bytes())["persons"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DatasetUnusable(str(file), "the list of withdrawn persons is gone or damaged") from error
        return Removal(what, tuple(str(each) for each in persons))


def read_persons(file: Path) -> list[str]:
    """Return the persons in the lines of a file, sorted; raise SettingInvalid if it is too large, or names nobody."""
    if file.stat().st_size > PERSONS_CAP:
        raise SettingInvalid("persons", f"{file} has more than {PERSONS_CAP} bytes")
    try:
        persons = sorted({line.strip() for line in file.read_text(encoding="utf-8").splitlines()} - {""})
    except UnicodeDecodeError as error:
        raise SettingInvalid("persons", f"{file} is not a text in UTF-8") from error
    if not persons:
        raise SettingInvalid("persons", f"{file} names nobody")
    return persons
