"""The page of witnesses, its line on the page of the model, and the same for programs."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

import webui
from fl.protocol.names import Role
from tests.support.site_services import NOON
from tests.support.site_town import INES, MAYA, NOOR, PASSWORD, TOVE, Town
from tests.support.witnessed_world import LogWorld
from webui.ports.federation import Services
from webui.presentation import witness_wording
from webui.store.models import SiteRole
from webui.store.new_accounts import NewAccount

OLGA = "olga@clinic.example"


@pytest.fixture
def town(tmp_path: Path) -> Town:
    made = Town(tmp_path)
    made.members[OLGA] = made.site.accounts.create(NewAccount(SiteRole.OPERATOR, OLGA, "Olga Perez", PASSWORD))
    return made


def test_auditors_operators_and_the_hospitals_staff_see_the_witnesses(town: Town) -> None:
    for email, status in ((NOOR, 200), (OLGA, 200), (TOVE, 200), (MAYA, 403), (INES, 403)):
        assert town.visitor(email).get("/witnesses").status_code == status, email


def test_a_row_says_what_a_witness_signed_and_how_far_it_is_behind(town: Town) -> None:
    page = town.visitor(NOOR).text("/witnesses")
    assert re.search(r"National Audit Laboratory auditor cosigns 16 entries .{10,40} none ", page)
    assert re.search(r"University Clinic West hospital behind 14 entries .{10,40} 2 entries, for 2 hours ", page)
    assert re.search(r"=HYPERLINK\(1\) hospital silent Ask whether its witness still runs. nothing – 16 entries,", page)
    assert re.search(r"Lakeside Children's Hospital hospital disagrees It signed another history", page)
    assert "2 of 5 witnesses cosigned it; at least 3 must. It does not count yet." in page
    assert "North Coordination Office" in page


def test_the_page_of_the_model_says_who_cosigned_and_keeps_silent_without_the_ledger(town: Town) -> None:
    line = "The ledger's newest checkpoint was cosigned by 2 of 5 members, 60 seconds ago."
    assert line in town.visitor().text("/model")
    town.federation.stop_chain()
    assert "newest checkpoint" not in town.visitor().text("/model")


class Empty(Town):
    """A site of a consortium whose log nobody keeps or cosigns."""

    def services(self) -> Services:
        world = LogWorld({"North Coordination Office": Role.COORDINATOR}, NOON)
        world.revoke("North Coordination Office")
        return replace(super().services(), log=world)


def test_without_keeper_and_witnesses_the_page_says_how_to_begin(tmp_path: Path) -> None:
    page = Empty(tmp_path).visitor(NOOR).text("/witnesses")
    assert "The coordinator begins with hemaledger log init ." in page
    assert "Hospitals and auditors begin with hemaledger witness init ." in page


class Unwatched(Town):
    """A site that reads no log."""

    def services(self) -> Services:
        return replace(super().services(), log=None)


def test_a_site_without_a_log_has_no_page_of_witnesses(tmp_path: Path) -> None:
    town = Unwatched(tmp_path)
    assert town.visitor(NOOR).get("/witnesses").status_code == 404
    assert "newest checkpoint" not in town.visitor().text("/model")


def test_every_word_that_the_page_asks_for_is_there() -> None:
    page = (Path(webui.__file__).parent / "templates" / "ledger" / "witnesses.html").read_text()
    asked = set(re.findall(r"words\.(\w+)", page))
    assert {name for name in asked if not callable(getattr(witness_wording, name, None))} == set()
