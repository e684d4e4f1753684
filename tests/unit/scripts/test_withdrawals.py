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
from scripts.wiring.withdrawals import FolderRows, read_persons


@pytest.fixture
def member(tmp_path: Path) -> MemberHome:
    found = Home(tmp_path).member("alpha")
    found.folder.mkdir(parents=True)
    save_dataset(draw_dataset(SyntheticPlan(subjects=6, cells=3, size_px=16), 1), found.data_file)
    return found


def test_the_images_are_gone_and_the_statement_names_nobody(member: MemberHome) -> None:
    before, rows = load_dataset(member.data_file), FolderRows(member)
    gone = sorted(set(before.groups.tolist()))[:2]
    removal = rows.remove(gone, 3)
    what, after = removal.what, load_dataset(member.data_file)
    assert not set(gone) & set(after.groups.tolist())
    assert what.rows == len(before) - len(after) == int(np.isin(before.groups, gone).sum())
    assert what.since == 3
    listed = (member.folder / "withdrawn" / f"{what.listed.hex()}.json").read_bytes()
    assert sha256(listed) == what.listed
    assert all(person.encode() in listed and person.encode() not in what.to_bytes() for person in gone)
    assert rows.waiting() == removal, "it was not stated yet"
    assert rows.last() is None
    rows.stated(Digest(b"\x01" * 32))
    assert rows.waiting() is None
    assert rows.last() == removal
    with pytest.raises(SettingInvalid, match="have no person"):
        rows.remove(gone, 3)


def test_a_removal_that_a_power_cut_stopped_is_ended(member: MemberHome) -> None:
    rows, before = FolderRows(member), load_dataset(member.data_file)
    gone = sorted(set(before.groups.tolist()))[:1]
    rows.remove(gone, 1)
    save_dataset(before, member.data_file)  # as if the rest had not been written
    assert rows.waiting() is not None
    assert not rows.has(gone)


def test_all_images_or_nobody_are_refused(member: MemberHome, tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match="no image would be left"):
        FolderRows(member).remove(sorted(set(load_dataset(member.data_file).groups.tolist())), 1)
    file = tmp_path / "persons.txt"
    file.write_text("b\n a \n\nb\n", encoding="utf-8")
    assert read_persons(file) == ["a", "b"]
    file.write_text("\n", encoding="utf-8")
    with pytest.raises(SettingInvalid, match="names nobody"):
        read_persons(file)
