"""Appointments on pages: find a doctor, the week, book, move, undo, wait; the doctor's calendar; feeds."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from pathlib import Path

import pytest
from icalendar import Calendar
from sqlalchemy import select

from tests.support.site_town import INES, JONAS, MAYA, NOOR, OMAR, PASSWORD, Town, Visitor, words
from webui.maintenance import keep_up
from webui.pages.calendar_feed import NEW_ADDRESSES
from webui.presentation.week_view import SHOWN
from webui.store.access_log import Sought
from webui.store.appointments import UNDO_S
from webui.store.calendar_tables import Meeting, Part
from webui.store.doctor_plans import Terms
from webui.store.mail_tables import MailRow
from webui.store.new_accounts import DoctorFacts, Hours
from webui.store.slots import Slot, Stretch
from webui.store.waiting import Wish

DAY_S = 86400
FOCUSABLE = re.compile(r"<(?:a |button|input|select|textarea)")


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def today(town: Town) -> date:
    return datetime.fromtimestamp(town.federation.clock.now, town.config.tz).date()


def week(town: Town, query: str = "") -> str:
    return f"/appointments/doctors/{town.members[INES].id}{query}"


def mails(town: Town) -> list[tuple[str, str]]:
    with town.site.database.reading() as session:
        rows = session.scalars(select(MailRow).order_by(MailRow.id))
        return [(row.recipient, row.subject) for row in rows]


def events(data: bytes) -> list[dict[str, str]]:
    """Return the properties of each event in an iCalendar file, as another program reads them."""
    found = Calendar.from_ical(data).walk("VEVENT")
    return [{line.partition(":")[0]: line.partition(":")[2] for line in _unfolded(event.to_ical())} for event in found]


def _unfolded(data: bytes) -> list[str]:
    return data.decode().replace("\r\n ", "").splitlines()


def main_part(visitor: Visitor, path: str) -> str:
    return visitor.get(path).text.partition("<main")[2].partition("</main>")[0]


def test_a_week_has_at_most_42_times_and_says_how_many_more(town: Town) -> None:
    page = main_part(town.visitor(MAYA), week(town, f"?day={today(town) + timedelta(days=7)}"))
    assert page.count('class="time"') == 5 * (SHOWN - 1)
    assert page.count("11 more") >= 5
    assert len(FOCUSABLE.findall(page)) <= 60
    assert page.count('class="week-day') == 7


def test_the_page_of_one_day_has_all_its_times(town: Town) -> None:
    day = today(town) + timedelta(days=7)
    page = main_part(town.visitor(MAYA), week(town, f"?day={day}&all=1"))
    assert page.count('class="time"') == 16
    assert "Monday, 30 November 2026" in page


def test_weeks_lead_to_each_other_and_today_is_marked(town: Town) -> None:
    patient = town.visitor(MAYA)
    page = main_part(patient, week(town))
    assert 'rel="prev"' not in page
    assert "is-today" in page
    following = unescape(re.findall(r'href="([^"]+)" rel="next"', page)[0])
    later = main_part(patient, following)
    assert "is-today" not in later
    assert 'rel="prev"' in later
    last = main_part(patient, week(town, "?day=2099-01-01"))
    assert 'rel="next"' not in last


def test_an_empty_week_names_the_next_free_day_and_links_to_it(town: Town) -> None:
    ines, schedules = town.members[INES].id, town.site.book.schedules
    for number in range(1, 7):
        schedules.close_day(ines, today(town) + timedelta(days=number))
    for start in [at for at in town.free() if at < town.federation.clock.now + DAY_S]:
        schedules.block(ines, Slot(start, start + 1))
    patient = town.visitor(MAYA)
    assert 'class="time"' in patient.get(week(town)).text, "it opens on the week of the next free time"
    page = patient.get(week(town, f"?day={today(town)}")).text
    assert "The next free time is on Monday, 30 November 2026." in page
    link = unescape(re.findall(r'href="([^"]+)">Go to that week', page)[0])
    assert 'class="time"' in patient.get(link).text


def test_to_move_an_appointment_the_page_opens_on_its_week(town: Town) -> None:
    starts_at = next(at for at in town.free() if at > town.federation.clock.now + 15 * DAY_S)
    booking = town.site.appointments.book(town.members[MAYA].id, town.members[INES].id, starts_at)
    patient = town.visitor(MAYA)
    page = main_part(patient, f"/appointments/{booking}/move")
    times = [int(at) for at in re.findall(rf'href="/appointments/{booking}/move/(\d+)"', page)]
    assert times
    assert all(abs(at - starts_at) < 7 * DAY_S for at in times)


@pytest.mark.parametrize("day", ["", "x", "2026-02-30", "0001-01-01", "9999-12-31", "2026-11-24T00:00"])
def test_any_day_in_the_address_gives_a_week(town: Town, day: str) -> None:
    assert town.visitor(MAYA).get(week(town, f"?day={day}")).status_code == 200


def test_doctors_are_found_by_place_specialty_language_and_video_and_the_soonest_comes_first(town: Town) -> None:
    ines, jonas = town.members[INES].id, town.members[JONAS].id
    video = Terms(place="Bern", languages=("de", "fr"), meeting=Meeting.VIDEO, video_address="https://v.example/j")
    town.site.book.schedules.set_terms(jonas, video)
    town.site.book.schedules.set_terms(ines, Terms(place="Zürich", languages=("pt",)))
    town.site.book.schedules.close_day(ines, today(town) + timedelta(days=1))
    patient = town.visitor(MAYA)

    def found(query: str) -> list[str]:
        text = patient.text(f"/appointments/doctors?{query}")
        both = ("Dr Inês Carvalho", "Dr Jonas Okafor")
        return sorted((name for name in both if name in text), key=text.index)

    assert found("place=Bern") == ["Dr Jonas Okafor"]
    assert found("language=pt") == found("specialty=Haematology") == found("meeting=room") == ["Dr Inês Carvalho"]
    assert found("place=Bern&language=pt") == []
    assert "No doctor fits" in patient.text("/appointments/doctors?place=Bern&language=pt")
    for start in [at for at in town.free() if at < town.federation.clock.now + DAY_S]:
        town.site.book.schedules.block(ines, Slot(start, start + 1))
    assert found("") == ["Dr Jonas Okafor", "Dr Inês Carvalho"]
    assert found("order=name") == ["Dr Inês Carvalho", "Dr Jonas Okafor"]


def test_the_check_goes_with_the_booking_and_only_an_own_one(town: Town) -> None:
    check, of_omar = town.add_check(MAYA), town.add_check(OMAR)
    patient, slot = town.visitor(MAYA), town.free()[0]
    assert f"/appointments/doctors?check={check}" in patient.get(f"/checks/{check}").text
    path = f"{week(town)}/{slot}"
    assert f'<option selected value="{check}">' in patient.get(f"{path}?check={check}").text
    assert patient.post(path, reason="result", check=str(of_omar), meeting="room").status_code == 400
    assert patient.post(path, reason="leukemia", check="", meeting="room").status_code == 400
    assert patient.post(path, reason="result", check=str(check), meeting="room").status_code == 302
    page = patient.get("/appointments/").text
    assert "Talk about a check" in page
    assert f"/checks/{check}" in page
    doctor = (
        town.visitor(INES).get(f"/doctor/calendar?day={datetime.fromtimestamp(slot, town.config.tz):%Y-%m-%d}").text
    )
    assert "Talk about a check" in doctor
    assert f"/checks/{check}" in doctor


def test_a_patient_chooses_video_and_gets_the_address_only_then(town: Town) -> None:
    terms = Terms(place="Bern", meeting=Meeting.BOTH, video_address="https://video.example/ines")
    town.site.book.schedules.set_terms(town.members[INES].id, terms)
    patient, slot = town.visitor(MAYA), town.free()[0]
    path = f"{week(town)}/{slot}"
    assert "video.example" not in patient.get(path).text
    assert patient.post(path, reason="question", check="", meeting="roof").status_code == 400
    assert patient.post(path, reason="question", check="", meeting="video").status_code == 302
    assert 'href="https://video.example/ines"' in patient.get("/appointments/").text
    claimed = town.site.mail.store.claim()
    assert claimed is not None
    assert "Where: https://video.example/ines" in claimed[1].text


def test_who_is_too_late_sees_the_next_free_times(town: Town) -> None:
    slots, omar = town.free(), town.visitor(OMAR)
    town.book(MAYA)
    answer = omar.post(f"{week(town)}/{slots[0]}", page="/appointments/doctors")
    assert answer.status_code == 409
    for slot in slots[1:7]:
        assert f"{week(town)}/{slot}" in answer.text
    assert "Join the waiting list" in answer.text


def test_a_patient_moves_an_appointment_on_pages(town: Town) -> None:
    slots, booking, patient = town.free(), town.book(), town.visitor(MAYA)
    assert f"/appointments/{booking}/move" in patient.get("/appointments/").text
    page = patient.get(f"/appointments/{booking}/move").text
    assert f"/appointments/{booking}/move/{slots[1]}" in page, "the same day may be chosen"
    assert f"/appointments/{booking}/move/{slots[0]}" not in page
    assert "Move this appointment?" in patient.text(f"/appointments/{booking}/move/{slots[1]}")
    assert patient.post(f"/appointments/{booking}/move/{slots[1]}").location == "/appointments/"
    assert slots[0] in town.free()
    town.site.appointments.book(town.members[OMAR].id, town.members[INES].id, slots[3])
    late = patient.post(f"/appointments/{booking}/move/{slots[3]}", page="/appointments/doctors")
    assert late.status_code == 409
    assert "You keep your appointment" in words(late)
    assert [subject.partition(":")[0] for to, subject in mails(town) if to == MAYA][:2] == [
        "Your appointment on Monday, 23 November 2026, 12",
        "New time",
    ]


def test_a_cancellation_is_undone_by_a_button_for_a_minute(town: Town) -> None:
    slot, booking, patient = town.free()[0], town.book(), town.visitor(MAYA)
    patient.post(f"/appointments/{booking}/cancel")
    page = patient.get("/appointments/").text
    assert f"/appointments/{booking}/undo" in page
    assert "For one minute you can take this back" in page
    assert patient.post(f"/appointments/{booking}/undo", page="/appointments/").location == "/appointments/"
    assert slot not in town.free()
    patient.post(f"/appointments/{booking}/cancel")
    town.federation.clock.now += UNDO_S
    assert f"/appointments/{booking}/undo" not in patient.get("/appointments/").text
    assert patient.post(f"/appointments/{booking}/undo", page="/checks/new").status_code == 409


def test_the_waiting_list_from_joining_to_booking(town: Town) -> None:
    ines, patient, tomorrow = town.members[INES].id, town.visitor(MAYA), today(town) + timedelta(days=1)
    town.site.book.schedules.close_day(ines, tomorrow)
    path = f"/appointments/waiting/doctors/{ines}"
    days = {"first_day": str(tomorrow), "last_day": str(tomorrow), "part": "morning"}
    assert patient.post(path, **(days | {"last_day": str(today(town))})).status_code == 400
    assert patient.post(path, **days).location == "/appointments/"
    assert "from Tuesday, 24 November 2026" in patient.text("/appointments/")
    assert patient.post(path, **days).status_code == 409
    keep_up(town.site)
    assert "is free" not in patient.text("/appointments/")
    town.site.book.schedules.open_day(ines, tomorrow)
    keep_up(town.site)
    page = patient.get("/appointments/").text
    assert "A time with Dr Inês Carvalho is free: Tuesday, 24 November 2026, 09:00." in page
    accept = re.findall(r'action="(/appointments/waiting/\d+/accept)"', page)[0]
    omar = town.visitor(OMAR)
    assert omar.post(accept, page="/checks/new").status_code == 404
    assert patient.post(accept, page="/appointments/").location == "/appointments/"
    assert town.site.appointments.of_patient(town.members[MAYA].id)[0].state == "booked"
    assert [subject for to, subject in mails(town) if to == MAYA] == [
        "A free time on Tuesday, 24 November 2026, 09:00 (UTC)",
        "Your appointment on Tuesday, 24 November 2026, 09:00 (UTC)",
    ]


def test_a_reminder_goes_out_once_a_day_before(town: Town) -> None:
    starts = town.free()[40]
    town.site.appointments.book(town.members[MAYA].id, town.members[INES].id, starts)
    town.federation.clock.now = starts - DAY_S - 1
    assert town.site.book.reminders.turn() == 0
    town.federation.clock.now += 1
    assert town.site.book.reminders.turn() == 1
    assert town.site.book.reminders.turn() == 0
    assert mails(town)[-1][1].startswith("Reminder: your appointment")


def test_a_doctor_sets_hours_exceptions_blocks_and_terms(town: Town) -> None:
    doctor, ines = town.visitor(INES), town.members[INES].id
    path = "/doctor/schedule"
    hours = {f"day{number}": "" for number in range(7)} | {"day1": "09:00-10:00, 14:00–15:00"}
    minutes = {"slot_minutes": "20", "buffer_minutes": "10"}
    assert doctor.post(f"{path}/hours", page=path, **(hours | minutes)).status_code == 302
    tuesday = [f"{datetime.fromtimestamp(at, town.config.tz):%H:%M}" for at in town.free()[:4]]
    assert tuesday == ["09:00", "09:30", "14:00", "14:30"]
    wrong = doctor.post(f"{path}/hours", page=path, **(hours | minutes | {"day1": "9 to 5"}))
    assert wrong.status_code == 400
    assert "<title>Error:" in wrong.text
    assert "9 to 5 cannot be read as hours" in words(wrong)
    overlap = doctor.post(f"{path}/hours", page=path, **(hours | minutes | {"day1": "09:00-10:00, 09:30-11:00"}))
    assert overlap.status_code == 409
    assert "The working hours on Tuesday overlap" in words(overlap)
    saturday = today(town) + timedelta(days=5)
    assert doctor.post(f"{path}/exceptions", page=path, day=str(saturday), hours="10:00-11:00").status_code == 302
    assert town.site.book.schedules.of(ines).extra[0].day == saturday
    assert doctor.post(f"{path}/exceptions", page=path, day=str(today(town)), hours="").status_code == 302
    assert "Monday, 23 November 2026: closed" in doctor.text(path)
    block = {"block_day": str(saturday), "begins": "10:00", "ends": "10:20"}
    assert doctor.post(f"{path}/blocks", page=path, **block).status_code == 302
    assert doctor.post(f"{path}/blocks", page=path, **block).status_code == 409
    terms = {"place": " Zürich  West ", "room": "B 2", "languages": "pt", "meeting": "both", "video_address": ""}
    assert doctor.post(f"{path}/terms", page=path, **terms).status_code == 400
    terms["video_address"] = "https://video.example/ines"
    assert doctor.post(f"{path}/terms", page=path, **terms).status_code == 302
    found = town.site.appointments.doctor(ines)
    assert (found.terms.place, found.room, found.terms.languages) == ("Zürich West", "B 2", ("pt",))
    assert found.terms.buffer_minutes == 10
    text = doctor.get(path).text
    for action in re.findall(r'action="(/doctor/schedule/[^"]+/(?:remove|open))"', text):
        assert doctor.post(action, page=path).status_code == 302
    schedule = town.site.book.schedules.of(ines)
    assert (schedule.closed, schedule.extra, schedule.blocks) == ([], [], [])


def test_a_doctor_sees_past_and_coming_bookings_and_cancels_with_a_notice(town: Town) -> None:
    starts, booking = town.free()[0], town.book()
    doctor, page = town.visitor(INES), f"/doctor/appointments/{town.book(OMAR, place=40)}/cancel"
    day = f"{datetime.fromtimestamp(starts, town.config.tz):%Y-%m-%d}"
    town.federation.clock.now += DAY_S
    assert "Maya Lindqvist" in doctor.text(f"/doctor/calendar?day={day}")
    assert "Maya Lindqvist" in doctor.text(f"/doctor/calendar?day={day}&view=day")
    assert f"/doctor/appointments/{booking}/cancel" not in doctor.get(f"/doctor/calendar?day={day}").text
    agenda = doctor.text("/doctor/")
    assert agenda.index("Omar Haddad") < agenda.index("The last seven days") < agenda.index("Maya Lindqvist")
    assert "Cancel this appointment?" in doctor.text(page)
    assert doctor.post(page, closed="y").status_code == 302
    assert mails(town)[-1] == (
        OMAR,
        "Cancelled by the doctor: your appointment on Thursday, 26 November 2026, 09:00 (UTC)",
    )
    assert "cancelled by the doctor" in town.visitor(OMAR).text("/appointments/")
    assert doctor.get(f"/doctor/appointments/{booking}/cancel").status_code == 409


def test_patients_see_of_a_schedule_only_free_times(town: Town) -> None:
    ines, slots = town.members[INES].id, town.free()
    town.site.book.schedules.block(ines, Slot(slots[2], slots[2] + 600))
    town.site.book.schedules.add_extra(ines, today(town) + timedelta(days=5), Stretch(600, 660))
    town.book(OMAR)
    town.site.book.waiting.join(town.members[OMAR].id, ines, Wish(today(town), today(town), Part.ANY))
    patient = town.visitor(MAYA)
    for path in (week(town), week(town, f"?day={today(town)}&all=1"), "/appointments/doctors", "/appointments/"):
        page = patient.get(path).text
        assert f"{week(town)}/{slots[0]}" not in page
        assert f"{week(town)}/{slots[2]}" not in page
        for secret in ("Omar", "blocked", "waiting list of", "booked by", "held"):
            assert secret not in page, (path, secret)


def test_a_calendar_file_is_in_utc_and_says_nothing_about_health(tmp_path: Path) -> None:
    town = Town(tmp_path, zone="Europe/Zurich")
    booking, patient = town.book(), town.visitor(MAYA)
    row = town.site.appointments.of(town.members[MAYA].id, booking)
    answer = patient.get(f"/calendar/{booking}.ics")
    assert answer.mimetype == "text/calendar"
    assert b"\r\n" in answer.data
    [event] = events(answer.data)
    assert event["DTSTART"] == f"{datetime.fromtimestamp(row.starts_at, UTC):%Y%m%dT%H%M%SZ}"
    assert (event["SUMMARY"], event["STATUS"], event["SEQUENCE"]) == ("Appointment: Dr Inês Carvalho", "CONFIRMED", "0")
    for word in (b"Haematology", b"Maya", b"result"):
        assert word not in answer.data
    uid = event["UID"]
    town.site.appointments.move(town.members[MAYA].id, booking, town.free()[5])
    [moved] = events(patient.get(f"/calendar/{booking}.ics").data)
    assert (moved["UID"], moved["SEQUENCE"]) == (uid, "1")
    town.site.appointments.cancel(town.members[MAYA].id, booking)
    [ended] = events(patient.get(f"/calendar/{booking}.ics").data)
    assert (ended["UID"], ended["SEQUENCE"], ended["STATUS"]) == (uid, "2", "CANCELLED")


def test_a_feed_needs_its_address_and_ends_when_it_is_renewed_or_revoked(town: Town) -> None:
    town.book()
    patient, stranger = town.visitor(MAYA), Visitor(town.app)

    def renew() -> str:
        page = patient.post("/calendar/renew", page="/calendar/").text
        return str(re.findall(r"http://[^/]+(/calendar/feed/[^<]+\.ics)", page)[0])

    first = renew()
    assert len(events(stranger.get(first).data)) == 1
    assert first.rpartition("/")[2].removesuffix(".ics").encode() not in town.stored_bytes()
    second = renew()
    assert [stranger.get(path).status_code for path in (first, second)] == [404, 200]
    assert patient.post("/calendar/revoke", page="/calendar/").location == "/calendar/"
    assert stranger.get(second).status_code == 404
    assert stranger.get("/calendar/feed/" + "x" * 500 + ".ics").status_code == 404


def test_a_doctors_feed_names_no_patient(town: Town) -> None:
    town.book()
    doctor = town.visitor(INES)
    page = doctor.post("/calendar/renew", page="/calendar/").text
    feed = Visitor(town.app).get(re.findall(r"http://[^/]+(/calendar/feed/[^<]+\.ics)", page)[0])
    assert len(events(feed.data)) == 1
    assert b"Maya" not in feed.data


def test_a_mail_has_the_appointment_and_nothing_about_health(town: Town) -> None:
    check = town.add_check(MAYA)
    slot, patient = town.free()[0], town.visitor(MAYA)
    patient.post(f"{week(town)}/{slot}", reason="second-opinion", check=str(check), meeting="room")
    claimed = town.site.mail.store.claim()
    assert claimed is not None
    letter = claimed[1]
    assert letter.to == MAYA
    assert "Dr Inês Carvalho: Monday, 23 November 2026, 12:30 (UTC)" in letter.text
    assert "Room 1" in letter.text
    [file] = letter.attachments
    assert (file.name, file.media_type) == ("appointment.ics", "text/calendar")
    for secret in ("Haematology", "opinion", "check", "leuk"):
        assert secret not in (letter.text + letter.subject + file.data.decode()).lower()


@pytest.mark.parametrize("email", [MAYA, NOOR])
@pytest.mark.parametrize("path", ["/doctor/calendar", "/doctor/schedule", "/doctor/appointments/1/cancel"])
def test_a_schedule_is_for_doctors(town: Town, email: str, path: str) -> None:
    town.book()
    assert town.visitor(email).get(path).status_code == 403


@pytest.mark.parametrize("email", [INES, NOOR])
@pytest.mark.parametrize("path", ["/appointments/1/move", "/appointments/waiting/doctors/3", "/appointments/doctors/3"])
def test_waiting_and_moving_are_for_patients(town: Town, email: str, path: str) -> None:
    town.book()
    assert town.visitor(email).get(path).status_code == 403


@pytest.mark.parametrize("path", ["/appointments/1/move", "/appointments/1/move/1795435200", "/calendar/1.ics"])
def test_another_patients_appointment_does_not_exist(town: Town, path: str) -> None:
    town.book()
    assert town.visitor(OMAR).get(path).status_code == 404


def test_another_doctors_booking_does_not_exist(town: Town) -> None:
    booking = town.book()
    jonas = town.visitor(JONAS)
    assert jonas.get(f"/doctor/appointments/{booking}/cancel").status_code == 404
    assert jonas.get(f"/calendar/{booking}.ics").status_code == 404
    assert "Maya" not in jonas.text("/doctor/calendar")


def test_no_page_of_a_doctor_with_short_slots_is_heavy(town: Town) -> None:
    every = tuple(Hours(day, 0, 1440) for day in range(7))
    ines = town.members[INES].id
    town.site.book.schedules.set_hours(ines, DoctorFacts("Haematology", "R", 5, every))
    patient, day = town.visitor(MAYA), today(town) + timedelta(days=2)
    for path in (week(town), week(town, f"?day={day}&all=1"), "/appointments/doctors"):
        answer = patient.get(path)
        assert len(answer.data) < 250_000, path
    assert PASSWORD not in answer.text


def test_a_private_address_of_a_calendar_is_in_the_log_and_its_owner_gets_a_mail(town: Town) -> None:
    town.book()
    maya = town.visitor(MAYA)
    before = len(mails(town))
    page = maya.post("/calendar/renew", page="/calendar/")
    assert [(to, subject) for to, subject in mails(town)[before:]] == [(MAYA, "Your calendar got a private address")]
    made = re.search(r"/calendar/feed/[^<]+", page.text)
    assert made is not None
    assert town.visitor().get(made[0]).status_code == 200
    assert maya.post("/calendar/revoke", page="/calendar/").status_code == 302
    lines = town.site.access_log.lines(Sought(account_id=town.members[MAYA].id))
    found = [(each.entry.event, each.entry.what) for each in lines if each.entry.what.startswith("calendar.")]
    assert found[::-1] == [
        ("changed", "calendar.renew"),
        ("read by a program", "calendar.feed"),
        ("changed", "calendar.revoke"),
    ]
    assert all(made[0].split("/")[-1][:9] not in each.entry.about for each in lines)
    assert "A private address of the calendar" in maya.text("/account/log")


def test_addresses_of_calendars_are_counted(town: Town) -> None:
    maya = town.visitor(MAYA)
    answers = [maya.post("/calendar/renew", page="/calendar/").status_code for _ in range(NEW_ADDRESSES.count + 1)]
    assert answers[-2:] == [200, 429]
