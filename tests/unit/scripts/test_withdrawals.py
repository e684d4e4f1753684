"""Persons' images leave the imported data before anything is stated, and a crash between loses neither."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fl.protocol.codec import sha256
from fl.protocol.errors import SettingInvalid
from fl.protocol.names import Digest
from fl.training.data.dataset import load_dataset, save_dataset
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from scripts.wiring.home import Home, MemberHome
from scripts.wiring.withdrawals import remove_persons, stated


@pytest.fixture
def member(tmp_path: Path) -> MemberHome:
    found = Home(tmp_path).member("alpha")
    found.folder.mkdir(parents=True)
    save_dataset(draw_dataset(SyntheticPlan(subjects=6, cells=3, size_px=16), 1), found.data_file)
    return found


def test_the_images_are_gone_and_the_statement_names_nobody(member: MemberHome, tmp_path: Path) -> None:
    before = load_dataset(member.data_file)
    gone = sorted(set(before.groups.tolist()))[:2]
    file = tmp_path / "persons.txt"
    file.write_text("\n".join(gone) + "\n\n", encoding="utf-8")
    what = remove_persons(member, file, 3)
    after = load_dataset(member.data_file)
    assert not set(gone) & set(after.groups.tolist())
    assert what.rows == len(before) - len(after) == int(np.isin(before.groups, gone).sum())
    assert what.since == 3
    listed = (member.folder / "withdrawn" / f"{what.listed.hex()}.json").read_bytes()
    assert sha256(listed) == what.listed
    assert all(person.encode() in listed and person.encode() not in what.to_bytes() for person in gone)
    assert remove_persons(member, file, 3) == what, "it was not stated yet"
    stated(member, Digest(b"\x01" * 32))
    with pytest.raises(SettingInvalid, match="have no person"):
        remove_persons(member, file, 3)


def test_all_images_or_nobody_are_refused(member: MemberHome, tmp_path: Path) -> None:
    file = tmp_path / "persons.txt"
    file.write_text("\n".join(set(load_dataset(member.data_file).groups.tolist())), encoding="utf-8")
    with pytest.raises(SettingInvalid, match="no image would be left"):
        remove_persons(member, file, 1)
    file.write_text("\n", encoding="utf-8")
    with pytest.raises(SettingInvalid, match="names nobody"):
        remove_persons(member, file, 1)
