"""Mails to doctors about appointments, and their choice."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import undefer

from tests.support.site_town import INES, MAYA, Town
from webui.store.mail_tables import MailRow
from webui.store.preferences import Preferences


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def told(town: Town, whom: str = INES) -> list[str]:
    """Return the subjects of the mails to one person, without the time."""
    return [row.subject.partition(":")[0] for row in rows(town, whom)]


def rows(town: Town, whom: str) -> list[MailRow]:
    with town.site.database.reading() as session:
        return list(
            session.scalars(
                select(MailRow)
                .options(undefer(MailRow.attachments))
                .where(MailRow.recipient == whom)
                .order_by(MailRow.id)
            )
        )


def calendar_of(row: MailRow) -> bytes:
    [(_, _, data)] = json.loads(row.attachments or b"[]")
    return b64decode(data)


def live(town: Town) -> int:
    """Let Maya book, move, cancel, and take that back."""
    maya, booking = town.members[MAYA].id, town.book()
    town.site.appointments.move(maya, booking, town.free()[5])
    town.site.appointments.cancel(maya, booking)
    town.site.appointments.restore(maya, booking)
    return booking


def test_a_doctor_gets_a_mail_when_a_patient_books_moves_or_cancels(town: Town) -> None:
    live(town)
    assert told(town) == ["New appointment", "Moved to a new time", "Cancelled by the patient", "Booked again"]
    for row in rows(town, INES):
        for secret in ("Maya", "Lindqvist", "Haematology"):
            assert secret not in row.subject + row.text, "a mailbox may be read by others"
            assert secret.encode() not in calendar_of(row)
        assert b"Appointment with a patient" in calendar_of(row)


def test_what_a_doctor_did_is_not_mailed_to_that_doctor_and_reminders_are_not_either(town: Town) -> None:
    booking = town.book()
    town.site.appointments.call_off(town.members[INES].id, booking, closed=False)
    assert told(town) == ["New appointment"]
    assert len(told(town, MAYA)) == 2


def test_a_doctor_who_does_not_want_them_gets_none_and_may_change_it(town: Town) -> None:
    ines = town.visitor(INES)
    assert re.search(r'name="bookings"[^>]*checked|checked[^>]*name="bookings"', ines.get("/account").text)
    sent = {"language": "", "zone": "", "dates": ""}
    assert ines.post("/account/preferences", page="/account", **sent).status_code == 302
    live(town)
    assert told(town) == []
    assert len(told(town, MAYA)) == 4, "the patient gets them as before"
    assert ines.post("/account/preferences", page="/account", bookings="y", **sent).status_code == 302
    town.site.appointments.cancel(town.members[MAYA].id, town.site.appointments.of_patient(town.members[MAYA].id)[0].id)
    assert told(town) == ["Cancelled by the patient"]


def test_only_doctors_have_this_choice(town: Town) -> None:
    maya = town.visitor(MAYA)
    assert 'name="bookings"' not in maya.get("/account").text
    sent = {"language": "", "zone": "", "dates": "", "bookings": "y"}
    assert maya.post("/account/preferences", page="/account", **sent).status_code == 302
    assert town.site.mail_choices.bookings(town.members[INES].id)


def test_a_blocked_doctor_gets_no_mail_and_another_one_hears_that_the_hospital_cancelled(town: Town) -> None:
    town.book()
    town.site.staff.disable(MAYA)
    assert told(town) == ["New appointment", "Cancelled by the hospital"]
    town.book("omar@patients.example")
    town.site.staff.disable(INES)
    assert told(town)[-1] == "New appointment", "the account is blocked"


def test_the_mail_is_in_the_doctors_language_whoever_clicks(town: Town) -> None:
    town.site.preferences.choose(town.members[INES].id, Preferences("de"))
    maya, slot = town.visitor(MAYA), town.free()[0]
    path = f"/appointments/doctors/{town.members[INES].id}/{slot}"
    assert maya.post(path, page=path).status_code == 302
    assert "Ein Patient hat einen Termin bei Ihnen gebucht: Montag, 23. November" in rows(town, INES)[0].text
    assert "Monday, 23 November" in rows(town, MAYA)[0].text
