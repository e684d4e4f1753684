"""The page "Members now": signs of life, for whom the round waits, and whom it left out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

import webui
from fl.protocol.federation import Federation
from fl.protocol.names import Address, Protection
from fl.replay.attendance import Missed
from fl.replay.signs_of_life import Sign
from tests.support.site_federation import RealTown, forget_worlds
from tests.support.site_hospital import FakeHospital
from tests.support.site_services import NOON
from tests.support.site_town import INES, MAYA, NOOR, PASSWORD, Town
from webui.ports.federation import Services
from webui.ports.hospital import RoundNow
from webui.presentation import presence_wording
from webui.store.models import SiteRole
from webui.store.new_accounts import NewAccount

OLGA, HUGO = "olga@clinic.example", "hugo@clinic.example"


@dataclass
class Given:
    """Signs as a test sets them, by the member's name."""

    by_name: Mapping[str, Sign]

    def signs(self, federation: Federation) -> Mapping[Address, Sign]:
        members = federation.book.members.values()
        return {each.account: self.by_name[each.name] for each in members if each.name in self.by_name}


class SignedTown(Town):
    """A site whose members gave signs."""

    def services(self) -> Services:
        here = Address(bytes(20))
        well = Sign(here, NOON - 120, "1.4.0", 7)
        return replace(
            super().services(),
            presence=Given(
                {
                    "St Elisabeth": well,
                    "National Audit Laboratory": replace(well, waits="clock"),
                    "University Clinic West": replace(well, at=NOON - 7 * 3600, version="1.3.0"),
                }
            ),
        )


def staffed(town: Town) -> Town:
    for email, role in ((OLGA, SiteRole.OPERATOR), (HUGO, SiteRole.HOSPITAL)):
        town.members[email] = town.site.accounts.create(NewAccount(role, email, email[:4], PASSWORD))
    return town


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return staffed(SignedTown(tmp_path))


def test_only_the_operator_and_the_hospitals_staff_see_the_members_now(town: Town) -> None:
    for email, status in ((OLGA, 200), (HUGO, 200), (MAYA, 403), (INES, 403), (NOOR, 403)):
        assert town.visitor(email).get("/consortium/now").status_code == status, email


def test_a_row_says_when_a_member_was_seen_which_version_it_has_and_why_it_waits(town: Town) -> None:
    page = town.visitor(OLGA).text("/consortium/now")
    assert re.search(r"University Clinic West +hospital 7 hours ago", page)
    assert "1.3.0" in page
    assert "Its clock is wrong." in page
    assert "Somebody who gave signs of life gives none any more." in page
    assert "They must run their join command." in page


def test_the_last_rounds_say_who_was_left_out(tmp_path: Path) -> None:
    town = RealTown(tmp_path, Protection.SEALED)
    try:
        page = staffed(town).visitor(HUGO).text("/consortium/now")
    finally:
        forget_worlds()
    assert "Round 2" in page
    assert "Nobody was left out." in page
    assert "No round is running." in page


def test_every_word_that_the_page_asks_for_is_there() -> None:
    page = (Path(webui.__file__).parent / "templates" / "operator" / "now.html").read_text()
    asked = set(re.findall(r"words\.(\w+)", page))
    assert "left_out_why" in asked
    assert {name for name in asked if not callable(getattr(presence_wording, name, None))} == set()


class LeavingOut(FakeHospital):
    """A hospital whose present round goes on without others."""

    def now(self) -> RoundNow | None:
        found = super().now()
        return replace(found, left_out=(("beta", Missed.SHARES),)) if found else None


class TownWithout(Town):
    """A site whose round leaves beta out."""

    def services(self) -> Services:
        return replace(super().services(), hospital=LeavingOut(lambda: True))


def test_the_page_of_the_round_says_at_once_whom_it_goes_on_without(tmp_path: Path) -> None:
    page = staffed(TownWithout(tmp_path)).visitor(HUGO).text("/hospital/")
    assert re.search(r"This round goes on without beta\. +It sent no shares in time\.", page)
