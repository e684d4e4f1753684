"""The choice of a private prediction on the page of a check, its result, its receipt, and what refuses it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.federation import memory_folder
from tests.support.fhir import System
from tests.support.private_site import PrivateTown, PrivateWorld
from tests.support.site_town import INES, MAYA, OMAR, Town, cell, words
from webui.config import Limit, Limits
from webui.store.records import PAGE_ROWS
from webui.store.tokens import Scope

CELL = cell(size=(450, 450))
WHO = "None of them sees the last layer of the model, and only this hospital sees the answer"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateWorld]:
    with memory_folder(tmp_path_factory.mktemp("private")) as folder:
        made = PrivateWorld(folder)
        made.announce()
        made.buy(8)
        yield made


@pytest.fixture
def town(tmp_path: Path, world: PrivateWorld) -> PrivateTown:
    return PrivateTown(tmp_path, world)


def left(world: PrivateWorld) -> int:
    return world.private.offer().left


def stored(town: Town, email: str = MAYA) -> int:
    return len(town.site.record_store.of_patient(town.members[email].id, 0)[:PAGE_ROWS])


def test_a_patient_chooses_it_and_the_result_says_how_it_came(town: PrivateTown) -> None:
    maya, before = town.visitor(MAYA), left(town.world)
    page = maya.text("/checks/new")
    assert WHO in page
    assert f"This hospital has {before} private answers left for this model" in page
    assert "This hospital also has the whole model" in page
    assert "does not notice a picture that shows nothing that the model knows" in page
    answer = maya.check(CELL, way="private")
    assert answer.status_code == 302
    said = maya.text(answer.location)
    assert f"This hospital has {before - 1} left for this model." in said
    for part in (
        "private prediction",
        "This came by the private way, in ",
        "The percentages are not calibrated",
        "It does not mean that the picture shows what the model knows",
        "The last layer of the model stayed encrypted",
        "Verified on the ledger",
        "Digest of the encrypted last layer",
    ):
        assert part in said, part
    assert "Show where the model looked" not in said
    receipt = json.loads(maya.get(f"{answer.location}/receipt.json").text)
    way = receipt["core"]["private"]
    assert way["head"] == (town.world.head or b"").hex()
    assert set(way["trustees"]) == {"ada", "ben", "cleo"}
    compared = words(maya.post("/receipts/check", text=json.dumps(receipt)))
    assert "do not trust" not in compared.lower()
    assert maya.get(f"{answer.location}/receipt.pdf").data.startswith(b"%PDF")
    number = answer.location.rpartition("/")[2]
    program = System(town, MAYA, Scope.CHECKS_READ)
    assert program.get(f"/checks/{number}").get_json()["result"]["private"] is True
    town.book()
    assert "private prediction" in town.visitor(INES).text(answer.location)


def test_the_normal_way_stays_the_default_and_uses_no_answer(town: PrivateTown) -> None:
    maya, before = town.visitor(MAYA), left(town.world)
    said = maya.text(maya.check(CELL).location)
    assert "private" not in said.lower()
    assert left(town.world) == before


def test_a_hospital_without_the_model_offers_the_private_way_alone(town: PrivateTown) -> None:
    town.federation.final_round = 0
    maya = town.visitor(MAYA)
    said = maya.text("/checks/new")
    assert "You cannot choose this now, because this hospital cannot open the newest model." in said
    assert "hides nothing from it" not in said
    assert re.search(r"<input[^>]*checked[^>]*value=\"private\"", maya.get("/checks/new").text)
    assert maya.check(CELL, way="private").status_code == 302


def test_it_takes_one_picture(town: PrivateTown) -> None:
    maya, before = town.visitor(MAYA), left(town.world)
    answer = maya.post("/checks/new", image=[(io.BytesIO(CELL), f"{n}.png") for n in range(2)], way="private")
    assert answer.status_code == 400
    assert "A private prediction takes one picture, and you sent 2." in words(answer)
    assert maya.check(cell()[:-200], way="private").status_code == 400
    assert (left(town.world), stored(town)) == (before, 0)


def test_one_patient_does_not_use_up_the_answers_of_all(tmp_path: Path, world: PrivateWorld) -> None:
    town = PrivateTown(tmp_path, world, limits=Limits(private=Limit(1, 86_400)))
    maya, before = town.visitor(MAYA), left(world)
    assert maya.check(CELL, way="private").status_code == 302
    assert maya.check(CELL, way="private").status_code == 429
    assert town.visitor(OMAR).check(CELL, way="private").status_code == 302
    assert left(world) == before - 2


def test_when_the_servers_do_not_answer_the_page_says_why_and_nothing_is_stored(town: PrivateTown) -> None:
    maya, servers = town.visitor(MAYA), town.world.servers
    token = maya.token("/checks/new")
    before = left(town.world)
    for name in ("ada", "ben"):
        servers[name].refuses = True
    failed = maya.check(CELL, way="private")
    assert failed.status_code == 503
    assert "One private answer of this hospital is used up." in words(failed)
    assert (left(town.world), stored(town)) == (before - 1, 0)
    for name in ("ada", "ben"):
        servers[name].refuses, servers[name].up = False, False
    town.world.private._alive = (-1e9, frozenset())
    said = maya.text("/checks/new")
    assert "the servers of 1 trustees answer and 2 are needed" in said
    assert WHO not in said
    late = maya.post_bare("/checks/new", csrf_token=token, way="private", image=(io.BytesIO(CELL), "cell.png"))
    assert late.status_code == 503
    assert stored(town) == 0
    for name in ("ada", "ben"):
        servers[name].up = True
    town.world.private._alive = (-1e9, frozenset())
    assert left(town.world) == before - 1


def test_the_last_answer(town: PrivateTown) -> None:
    maya, count = town.visitor(MAYA), left(town.world)
    omar = town.visitor(OMAR)
    for number in range(count):
        answer = (maya if number < 4 else omar).check(CELL, way="private")
        assert answer.status_code == 302
    assert "This hospital has 0 left for this model." in (maya if count <= 4 else omar).text(answer.location)
    assert "this hospital has used all its private answers" in maya.text("/checks/new")
    refused = maya.check(CELL, way="private")
    assert refused.status_code == 409
    assert "this hospital has used all its private answers" in words(refused)


def test_a_site_without_trustees_servers_says_nothing_of_it(tmp_path: Path) -> None:
    maya = Town(tmp_path).visitor(MAYA)
    assert "private prediction" not in maya.text("/checks/new").lower()
    assert maya.check(CELL, way="private").status_code == 409
