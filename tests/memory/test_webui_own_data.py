"""A patient takes along everything that the site stores about this patient, and nothing of anybody else."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date
from pathlib import Path

import pytest
from PIL import Image

from tests.support.site_town import INES, MAYA, NOOR, OMAR, Town, Visitor, cell
from webui.config import Limit, Limits
from webui.store.calendar_tables import Part
from webui.store.waiting import Wish


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def exported(visitor: Visitor) -> zipfile.ZipFile:
    answer = visitor.post("/my-data/export.zip", page="/my-data/")
    assert (answer.status_code, answer.mimetype) == (200, "application/zip")
    found = zipfile.ZipFile(io.BytesIO(answer.data))
    assert found.testzip() is None
    return found


def read(found: zipfile.ZipFile, name: str) -> object:
    return json.loads(found.read(name))


def test_the_file_has_every_part_and_says_what_is_what(town: Town) -> None:
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    town.book(MAYA, INES)
    doctor = town.visitor(INES)
    doctor.post(f"{location}/notes", page=location, text="Please come on Monday.")
    visitor.post("/consent/", readers="1", purposes=["1"])
    found = exported(visitor)
    names = set(found.namelist())
    assert {"README.txt", "account.json", "appointments.json", "consent.json", "who-opened.json"} <= names
    folder = next(name for name in names if name.endswith("/check.json")).removesuffix("check.json")
    for part in ("picture-1.png", "seen-1.png", "heat-1.png", "notes.json", "receipt.json"):
        assert folder + part in names
    with Image.open(io.BytesIO(found.read(f"{folder}picture-1.png"))) as picture:
        assert picture.size == (64, 64)
    assert "Please come on Monday." in found.read(f"{folder}notes.json").decode()
    text = found.read("README.txt").decode()
    assert all(name in text for name in ("account.json", "who-asked.json", "heat-1.png"))
    choices = read(found, "consent.json")
    assert isinstance(choices, list)
    assert choices[0]["a_quorum_may_open_for"] == ["treatment"]
    assert "Dr Inês Carvalho" in found.read("who-opened.json").decode()
    assert "Dr Inês Carvalho" in found.read("appointments.json").decode()


def test_nothing_of_another_patient_is_in_it(town: Town) -> None:
    town.add_check(OMAR)
    town.book(OMAR, INES)
    found = exported(town.visitor(MAYA))
    whole = b"".join(found.read(name) for name in found.namelist()).decode(errors="replace")
    assert "Omar" not in whole
    assert not [name for name in found.namelist() if name.startswith("checks/")]


def test_what_doctors_say_about_an_answer_is_in_it_as_far_as_the_patient_may_read(town: Town) -> None:
    town.book(MAYA, INES)
    row = town.add_check(MAYA)
    said = {"decision": "other", "answer": "leukemia", "reason": "I see a blast.", "show_reason": "y"}
    said |= {"note": "Ask Jonas.", "message": "Please come on Monday."}
    assert town.visitor(INES).post(f"/reviews/{row}", **said).status_code == 302
    found = exported(town.visitor(MAYA))
    name = next(name for name in found.namelist() if name.endswith("/reviews.json"))
    reviews = read(found, name)
    assert isinstance(reviews, list)
    assert reviews[0].pop("written_at").endswith("Z")
    assert reviews == [
        {
            "author": "Dr Inês Carvalho",
            "decision": "other",
            "labels": {"leukemia": "leukemic blast"},
            "message": "Please come on Monday.",
            "reason": "I see a blast.",
            "kept_among_doctors": ["note"],
        }
    ]
    assert b"Ask Jonas" not in b"".join(found.read(each) for each in found.namelist())
    assert not [each for each in found.namelist() if each.endswith("/notes.json")], "a review is no note"


def test_the_file_says_what_it_does_not_have(town: Town) -> None:
    text = exported(town.visitor(MAYA)).read("README.txt").decode()
    assert "everything" not in text
    assert all(missing in text for missing in ("access tokens", "signed-in devices", "reminders"))


def test_the_waiting_lists_and_the_accounts_own_log_are_in_it_in_words(town: Town) -> None:
    first = date(2026, 11, 28)
    maya, omar, ines = (town.members[each].id for each in (MAYA, OMAR, INES))
    town.site.book.waiting.join(maya, ines, Wish(first, first, Part.MORNING))
    town.site.book.waiting.join(omar, ines, Wish(first, first, Part.ANY))
    booked, visitor = town.book(), town.visitor(MAYA)
    town.visitor(OMAR)
    assert visitor.post(f"/appointments/{booked}/cancel").status_code == 302
    found = exported(visitor)
    waiting = read(found, "waiting-lists.json")
    assert isinstance(waiting, list)
    assert [(each["doctor"], each["first_day"], each["part_of_day"]) for each in waiting] == [
        ("Dr Inês Carvalho", "2026-11-28", "morning")
    ]
    log = read(found, "account-log.json")
    assert isinstance(log, list)
    said = [(each["what"], each["page"], each.get("about")) for each in log]
    assert ("Sent or changed", "Cancelling an appointment", f"appointment {booked}") in said
    assert len([each for each in said if each[0] == "Signed in"]) == 1


def test_what_cannot_be_opened_is_listed(town: Town) -> None:
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    visitor.post(f"{location}/erase")
    found = exported(visitor)
    name = next(name for name in found.namelist() if name.startswith("checks/"))
    state = read(found, name)
    assert isinstance(state, dict)
    assert state["state"] == "erased"


def test_an_export_works_while_the_ledger_is_silent(town: Town) -> None:
    visitor = town.visitor(MAYA)
    visitor.check(cell())
    town.federation.stop_chain()
    assert "README.txt" in exported(visitor).namelist()


def test_exports_are_counted_and_one_place_is_given_back(tmp_path: Path) -> None:
    town = Town(tmp_path, limits=Limits(exports=Limit(2, 3600)))
    visitor = town.visitor(MAYA)
    for _ in range(2):
        exported(visitor)
    assert visitor.post("/my-data/export.zip", page="/my-data/").status_code == 429


def test_an_export_is_for_patients(town: Town) -> None:
    for email in (INES, NOOR):
        assert town.visitor(email).get("/my-data/").status_code == 403
