"""The pages that every site needs, a patient's home page, and errors that say where to go."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.site_services import NOON
from tests.support.site_town import INES, MAYA, NOOR, Town, cell


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


@pytest.mark.parametrize("email", [None, MAYA, INES, NOOR])
@pytest.mark.parametrize("path", ["/help", "/privacy", "/terms", "/model", "/receipts/check"])
def test_the_pages_of_the_foot_are_for_everybody_and_linked_from_every_page(
    town: Town, path: str, email: str | None
) -> None:
    visitor = town.visitor(email)
    assert visitor.get(path).status_code == 200
    assert f'href="{path}"' in visitor.get("/help").text


def test_privacy_says_the_settings_of_this_hospital(tmp_path: Path) -> None:
    page = Town(tmp_path, care_days=30, session_s=600).visitor().text("/privacy")
    assert "Test Clinic operates this site" in page
    assert "until 30 days after your last appointment" in page
    assert "after 10 minutes without use" in page


def test_machines_find_their_files(town: Town) -> None:
    visitor = town.visitor()
    icon = visitor.get("/favicon.ico")
    assert (icon.status_code, icon.data[:4]) == (200, bytes([0, 0, 1, 0]))
    assert "Disallow: /\n" in visitor.get("/robots.txt").text
    text = visitor.get("/.well-known/security.txt")
    assert text.mimetype == "text/plain"
    fields = dict(line.split(": ", 1) for line in text.text.splitlines())
    assert fields["Contact"].endswith("/help#security")
    left = datetime.fromisoformat(fields["Expires"]) - datetime.fromtimestamp(NOON, UTC)
    assert 0 < left.days < 365
    assert 'id="security"' in visitor.get("/help").text


def test_a_patients_home_page_says_what_to_do_next(town: Town) -> None:
    visitor = town.visitor(MAYA)
    first = visitor.text("/")
    assert "Have a picture checked" in first
    assert "You have no appointment" in first
    town.federation.probability = 0.95
    location = visitor.check(cell()).location
    after = visitor.get("/").text
    assert "Show your last result to a doctor soon" in after
    assert f'href="{location}"' in after
    town.book(MAYA, INES)
    booked = visitor.text("/")
    assert "Show your last result at your appointment" in booked
    assert "Dr Inês Carvalho" in booked
    assert "Room 1" in booked


def test_a_patients_home_page_has_no_coordinators_facts_and_one_link_to_them(town: Town) -> None:
    page = town.visitor(MAYA).text("/")
    assert "North Coordination Office" not in page
    assert not re.search(r"[0-9a-f]{32}", page)
    assert "Facts about the model" in page
    facts = town.visitor(MAYA).text("/model")
    assert "North Coordination Office" in facts
    assert "National Audit Laboratory" in facts


def test_a_patients_home_page_works_without_a_model(town: Town) -> None:
    town.federation.final_round = 0
    page = town.visitor(MAYA).text("/")
    assert "There is no model yet" in page
    assert "What to do next" in page


@pytest.mark.parametrize(
    ("email", "ways"),
    [
        (MAYA, ("/checks/", "/appointments/", "/help")),
        (INES, ("/doctor/", "/help")),
        (NOOR, ("/auditor/", "/help")),
        (None, ("/sign-in", "/sign-up", "/help")),
    ],
)
def test_an_error_offers_the_ways_of_its_reader(town: Town, email: str | None, ways: tuple[str, ...]) -> None:
    answer = town.visitor(email).get("/nowhere")
    assert answer.status_code == 404
    main = answer.text[answer.text.index('class="error-ways"') :]
    assert all(f'href="{way}"' in main for way in ways)


def test_consent_is_said_in_five_lines_and_a_change_is_dated(town: Town) -> None:
    visitor = town.visitor(MAYA)
    page = visitor.get("/consent/").text
    five = page[page.index('class="five"') : page.index("</ol>")]
    assert five.count("<li>") == 5
    assert "You last changed this" not in page
    visitor.post("/consent/", readers="1", purposes=["1"])
    assert "You last changed this on 23 Nov 2026" in visitor.text("/consent/")
    assert "Today you allow it for: treatment" in visitor.text("/consent/")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", 2),
        ("?answer=bad", 1),
        ("?answer=good", 1),
        ("?answer=wait", 0),
        ("?since=2026-11-23", 2),
        ("?until=2026-11-22", 0),
        ("?since=2026-11-23&until=2026-11-23&answer=bad", 1),
    ],
)
def test_a_history_is_filtered_by_answer_and_date(town: Town, query: str, found: int) -> None:
    visitor = town.visitor(MAYA)
    for probability in (0.95, 0.02):
        town.federation.probability = probability
        visitor.check(cell())
    page = visitor.get(f"/checks/{query}")
    assert page.status_code == 200
    assert page.text.count('class="row-card') == found


@pytest.mark.parametrize("query", ["?since=yesterday", "?answer=nothing"])
def test_a_filter_that_makes_no_sense_is_said(town: Town, query: str) -> None:
    answer = town.visitor(MAYA).get(f"/checks/{query}")
    assert answer.status_code == 400
    assert "There is a problem" in answer.text
