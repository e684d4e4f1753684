"""What a token does shows to its owner, and a token ends with an account that was taken over."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.api import Program
from tests.support.site_town import INES, MAYA, NOOR, Town, cell
from webui.store.access_log import Sought


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def lines(town: Town, email: str) -> list[tuple[str, str, str]]:
    """Return event, page and numbers of each line of a person, the oldest first."""
    found = town.site.access_log.lines(Sought(account_id=town.members[email].id))
    return [(each.entry.event, each.entry.what, each.entry.about) for each in reversed(found)]


def test_what_a_program_reads_and_changes_is_in_the_log_of_its_owner(town: Town) -> None:
    maya = Program(town, MAYA)
    check = maya.check(cell()).json["id"]
    assert maya.get(f"/checks/{check}").status_code == 200
    assert maya._client.get(f"/fhir/DiagnosticReport/{check}", headers=maya.headers).status_code == 200
    found = lines(town, MAYA)
    assert [event for event, *_ in found] == ["changed by a program", "read by a program", "read by a program"]
    assert [about for *_, about in found] == ["", f"check_id={check}", f"check_id={check}"]
    assert found[2][1].startswith("fhir.")
    assert "by a program with a token" in town.visitor(MAYA).text("/account/log")


def test_staff_programs_leave_a_line_for_lists_too(town: Town) -> None:
    ines, maya = Program(town, INES), town.members[MAYA].id
    town.book(MAYA, INES)
    town.add_check(MAYA)
    assert ines.get(f"/checks?patient={maya}").status_code == 200
    assert [event for event, *_ in lines(town, INES)] == ["read by a program"]


def test_a_refused_program_leaves_no_line_of_a_reading(town: Town) -> None:
    noor = Program(town, NOOR)
    assert noor.get("/checks/1").status_code == 403
    assert lines(town, NOOR) == []
