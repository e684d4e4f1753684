"""The file of hospital servers: what is right is read, and what is wrong is named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fl.protocol.errors import SettingInvalid
from fl.roles.serving.routing import Place, Server
from scripts.wiring.servers import read_servers

HOME = {"name": "north", "region": "EU"}
SOUTH = {"name": "south", "region": "EU", "url": "https://south.example:8100/", "latitude": 48.1, "longitude": 11.6}


def written(folder: Path, value: object) -> Path:
    path = folder / "servers.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_a_file_of_servers_is_read(tmp_path: Path) -> None:
    found = read_servers(written(tmp_path, {"regions": ["EU"], "servers": [HOME, SOUTH]}), "north")
    assert found.regions == {"EU"}
    assert found.servers == (
        Server("north", "", "EU"),
        Server("south", "https://south.example:8100", "EU", Place(48.1, 11.6)),
    )


def test_a_hospital_may_have_a_name_for_people(tmp_path: Path) -> None:
    rows = [HOME, SOUTH | {"called": "Clinic South"}]
    assert read_servers(written(tmp_path, {"regions": [], "servers": rows}), "north").called == {
        "south": "Clinic South"
    }


@pytest.mark.parametrize(
    "value",
    [
        [],
        {"regions": ["EU"]},
        {"regions": "EU", "servers": [HOME]},
        {"regions": [], "servers": [SOUTH]},
        {"regions": [], "servers": [HOME, HOME]},
        {"regions": [], "servers": [HOME | {"url": "https://north.example"}]},
        {"regions": [], "servers": [HOME, SOUTH | {"url": ""}]},
        {"regions": [], "servers": [HOME, SOUTH | {"url": "file:///etc/passwd"}]},
        {"regions": [], "servers": [HOME, SOUTH | {"latitude": 91}]},
        {"regions": [], "servers": [HOME, SOUTH | {"latitude": "north"}]},
        {"regions": [], "servers": [HOME | {"password": "x"}]},
        {"regions": [], "servers": [HOME, SOUTH | {"called": ""}]},
        {"regions": [], "servers": [HOME, SOUTH | {"called": "x" * 81}]},
        {"regions": [], "servers": [HOME, SOUTH | {"called": "two\nlines"}]},
        {"regions": [], "servers": [HOME, SOUTH | {"called": 5}]},
        {"regions": [], "servers": [HOME, SOUTH | {"called": "north"}]},
        {"regions": [], "servers": [HOME | {"called": "Clinic"}, SOUTH | {"called": "Clinic"}]},
        {"regions": [], "servers": [HOME, *(SOUTH | {"name": f"south {each}"} for each in range(200))]},
    ],
)
def test_a_wrong_file_is_refused(tmp_path: Path, value: object) -> None:
    with pytest.raises(SettingInvalid, match="servers"):
        read_servers(written(tmp_path, value), "north")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingInvalid, match="cannot be read"):
        read_servers(tmp_path / "none.json", "north")
