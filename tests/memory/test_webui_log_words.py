"""The access log speaks plain words: for every page, and for the things in its address."""

from __future__ import annotations

from pathlib import Path

import pytest
from werkzeug.routing import IntegerConverter

from tests.support.site_town import INES, MAYA, Town
from webui.http.access_log import PROGRAM_QUIET, QUIET
from webui.presentation.log_pages import PAGES
from webui.presentation.log_things import has_words
from webui.store.access_log import LogEvent
from webui.store.openings import How


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def test_every_endpoint_that_can_be_in_the_log_has_words(town: Town) -> None:
    endpoints = {rule.endpoint for rule in town.app.url_map.iter_rules()}
    assert endpoints - QUIET - PROGRAM_QUIET - PAGES.keys() == set()


def test_no_words_are_left_for_pages_that_the_site_no_longer_has(town: Town) -> None:
    endpoints = {rule.endpoint for rule in town.app.url_map.iter_rules()}
    written_otherwise = {"", "password", "app", "passkey", "recovery", "checks.note"}
    written_otherwise |= {f"record.{how.value}" for how in How}
    assert {name for name in PAGES if name not in endpoints and not name.startswith("staff.")} == written_otherwise


def test_every_number_in_an_address_has_words_of_its_own(town: Town) -> None:
    unnamed = {
        (rule.endpoint, name)
        for rule in town.app.url_map.iter_rules()
        for name, converter in rule._converters.items()
        if isinstance(converter, IntegerConverter) and not has_words(rule.endpoint, name)
    }
    assert unnamed == set()


def test_a_person_reads_in_words_what_was_done_and_with_what(town: Town) -> None:
    booked, maya = town.book(), town.visitor(MAYA)
    later = town.free()[3]
    assert maya.post(f"/appointments/{booked}/move/{later}").status_code == 302
    log = maya.text("/account/log")
    assert f"Moving an appointment appointment {booked}, " in log
    assert "confirm_move" not in log
    assert str(later) not in log


def test_a_name_that_no_page_has_any_more_is_not_shown(town: Town) -> None:
    maya = town.members[MAYA]
    town.site.access_log.write(town.site.line(maya, LogEvent.CHANGED, "old.page_name", None, "thing=3"))
    log = town.visitor(MAYA).text("/account/log")
    assert "old.page_name" not in log
    assert "A page of an earlier version of the site number 3" in log


def test_a_doctors_log_names_the_patient_s_account_and_not_a_code(town: Town) -> None:
    town.book()
    ines = town.visitor(INES)
    assert ines.get(f"/doctor/patients/{town.members[MAYA].id}").status_code == 200
    assert f"A patient the patient with account {town.members[MAYA].id}" in ines.text("/account/log")
