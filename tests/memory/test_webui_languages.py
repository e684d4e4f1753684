"""Pages, errors and mails in the language, the zone and the form of dates of a person."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from fl.protocol.errors import ImageUnreadable, NoAnswer
from tests.support.languages import speak_german
from tests.support.site_town import INES, MAYA, OMAR, PASSWORD, Town, cell
from webui.errors import NotFound, SiteBusy, TableFileUnusable, TooManyAttempts
from webui.http.error_words import sentence_of
from webui.http.languages import outside_pages
from webui.maintenance import upkeep_of
from webui.presentation.numbers_and_dates import decimal, per_cent, percent, short, whole
from webui.presentation.verdict_wording import class_name, reported_of
from webui.store.booking_rules import News
from webui.store.mail_tables import MailRow
from webui.store.preferences import Preferences

TEXTS: dict[str | tuple[str, str], str | tuple[str, str]] = {
    "Sign in": "Anmelden",
    "Create account": "Konto anlegen",
    "My checks": "Meine Prüfungen",
    "Please enter your password.": "Bitte geben Sie Ihr Passwort ein.",
    NotFound.sentence: "Diese Seite gibt es nicht, oder Sie dürfen sie nicht sehen.",
    TooManyAttempts.sentence: "Das war zu oft. Bitte versuchen Sie es {wait} noch einmal.",
    ("in %(num)s minute", "in %(num)s minutes"): ("in %(num)s Minute", "in %(num)s Minuten"),
    SiteBusy.sentence: "Zu viele {what}. Nichts hat sich geändert. Noch einmal {wait}.",
    "have a picture checked": "lassen ein Bild prüfen",
    "it has more than {rows} rows; divide it": "sie hat mehr als {rows} Zeilen",
    TableFileUnusable.sentence: "Diese Datei geht nicht: {why}.",
    NoAnswer.sentence: "{verdict}: {why}. Es gibt keine Antwort.",
    "the cell in it has too few pixels": "die Zelle hat zu wenige Bildpunkte",
    "below %(share)s": "unter %(share)s",
    "Page not found": "Seite nicht gefunden",
    ImageUnreadable.sentence: "Das Bild {name_of_file} ist nicht lesbar: {why}.",
    "it is only {width} x {height} pixels": "es hat nur {width} x {height} Pixel",
    "leukemia": "Leukämie",
    "leukemic blast": "leukämischer Blast",
    "Appointment: %(doctor)s": "Termin: %(doctor)s",
    "Your appointment on %(moment)s": "Ihr Termin am %(moment)s",
    "Reminder: your appointment on %(moment)s": "Erinnerung: Ihr Termin am %(moment)s",
    "Cancelled by the doctor: your appointment on %(moment)s": "Vom Arzt abgesagt: Ihr Termin am %(moment)s",
    "The password of your account was changed": "Das Passwort Ihres Kontos wurde geändert",
}
NEW_YORK = "America/New_York"
LATER = 30
"""A free time some days ahead."""


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Town:
    made = Town(tmp_path, zone="Europe/Amsterdam")
    speak_german(made.app, tmp_path / "translations", TEXTS, monkeypatch)
    return made


def chooses(town: Town, email: str, **choices: str) -> None:
    town.site.preferences.choose(town.members[email].id, Preferences(**choices))


def german(client: FlaskClient, path: str, **headers: str) -> TestResponse:
    return client.get(path, headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.5", **headers})


def mails_to(town: Town, email: str) -> list[str]:
    with town.site.database.reading() as session:
        return list(session.scalars(select(MailRow.subject).where(MailRow.recipient == email).order_by(MailRow.id)))


def test_a_page_is_in_the_language_that_the_browser_asks_for_and_says_so(town: Town) -> None:
    client = town.app.test_client()
    page, english = german(client, "/sign-in").text, client.get("/sign-in").text
    assert '<html lang="de">' in page
    assert "Anmelden" in page
    assert '<html lang="en">' in english
    assert "Anmelden" not in english


def test_a_browser_that_asks_for_a_language_of_no_page_gets_english(town: Town) -> None:
    page = town.app.test_client().get("/sign-in", headers={"Accept-Language": "tlh"}).text
    assert '<html lang="en">' in page


def test_a_persons_choice_beats_the_browser(town: Town) -> None:
    maya, omar = town.visitor(MAYA), town.visitor(OMAR)
    chooses(town, MAYA, language="de")
    assert "Meine Prüfungen" in maya.text("/")
    assert "My checks" in omar.text("/")


def test_a_language_that_the_site_speaks_no_more_is_no_choice(town: Town) -> None:
    maya = town.visitor(MAYA)
    chooses(town, MAYA, language="nl")
    assert '<html lang="en">' in maya.get("/").text


def test_somebody_who_is_not_signed_in_can_change_the_language_in_the_foot_without_a_script(town: Town) -> None:
    client = town.app.test_client()
    assert 'href="/language?to=de&amp;next=/sign-in"' in client.get("/sign-in").text
    answer = client.get("/language?to=de&next=/sign-in")
    assert (answer.status_code, answer.location) == (302, "/sign-in")
    assert '<html lang="de">' in client.get("/sign-in").text
    client.get("/language?to=en")
    assert '<html lang="en">' in german(client, "/sign-in").text


def test_who_is_signed_in_chooses_in_the_account_instead(town: Town) -> None:
    assert "/language?to=" not in town.visitor(MAYA).get("/").text


@pytest.mark.parametrize(
    ("path", "status", "goes_to"),
    [
        ("/language?to=xx", 404, None),
        ("/language", 404, None),
        ("/language?to=de&next=https://bad.example/", 302, "/"),
        ("/language?to=de&next=//bad.example/", 302, "/"),
    ],
)
def test_the_switch_takes_only_its_own_languages_and_never_leaves_the_site(
    town: Town, path: str, status: int, goes_to: str | None
) -> None:
    answer = town.app.test_client().get(path)
    assert (answer.status_code, answer.location) == (status, goes_to)


def test_an_error_page_is_in_the_language_of_the_person(town: Town) -> None:
    page = german(town.app.test_client(), "/no-such-page").text
    assert "Seite nicht gefunden" in page
    assert '<html lang="de">' in page
    maya = town.visitor(MAYA)
    chooses(town, MAYA, language="de")
    assert "oder Sie dürfen sie nicht sehen" in maya.get("/checks/999").text


def test_a_program_reads_english_whatever_it_asks_for(town: Town) -> None:
    answer = german(town.app.test_client(), "/api/v1/checks")
    assert answer.status_code == 401
    assert answer.json is not None
    assert answer.json["title"].isascii()
    assert "oder" not in answer.text


def test_a_refused_form_says_why_in_the_language_of_the_page(town: Town) -> None:
    nobody = town.visitor()
    nobody.get("/language?to=de")
    page = nobody.post("/sign-in", email=MAYA, password="")
    assert "Bitte geben Sie Ihr Passwort ein." in page.text


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TooManyAttempts(900), "Das war zu oft. Bitte versuchen Sie es in 15 Minuten noch einmal."),
        (SiteBusy("have a picture checked"), "Zu viele lassen ein Bild prüfen. Nichts hat sich geändert. Noch einmal"),
        (NoAnswer("too small", "It", "the cell is only 4 pixels wide"), "It: die Zelle hat zu wenige Bildpunkte. Es"),
    ],
)
def test_the_fields_of_a_sentence_are_translated_too(town: Town, error: Exception, said: str) -> None:
    with town.app.test_request_context(headers={"Accept-Language": "de"}):
        assert sentence_of(error).startswith(said)  # type: ignore[arg-type]


def test_a_picture_that_cannot_be_read_is_refused_with_a_reason_in_the_persons_language(town: Town) -> None:
    maya, omar = town.visitor(MAYA), town.visitor(OMAR)
    chooses(town, MAYA, language="de")
    assert "ist nicht lesbar: es hat nur 64 x 4 Pixel." in maya.check(cell(size=(64, 4))).text
    assert "could not be read: it is only 64 x 4 pixels." in omar.check(cell(size=(64, 4))).text


@pytest.mark.parametrize("error", [TooManyAttempts(900), TooManyAttempts(1), SiteBusy("have a picture checked")])
def test_in_english_a_sentence_is_what_logs_say(town: Town, error: TooManyAttempts | SiteBusy) -> None:
    with town.app.test_request_context():
        assert sentence_of(error) == str(error)


def test_tasks_and_numbers_are_in_the_language_of_the_page(town: Town) -> None:
    task = town.federation.services.predictions.model().task
    with town.app.test_request_context(headers={"Accept-Language": "de"}):
        assert (reported_of(task), class_name(task, "leukemia")) == ("Leukämie", "leukämischer Blast")
        assert (whole(1_234_567), decimal(0.87, 2), per_cent(0.875, 1)) == ("1.234.567", "0,87", "87,5 %")
        assert (short(5.4), percent(0.001), percent(0.5)) == ("5,4", "unter 1 %", "50 %")
    assert (whole(1_234_567), decimal(0.87, 2), per_cent(0.875, 1)) == ("1,234,567", "0.87", "87.5 %")


@pytest.mark.parametrize(
    ("choices", "moment", "day"),
    [
        ({}, "27 Nov 2026, 00:30 CET", "Friday, 27 November 2026"),
        ({"zone": NEW_YORK}, "26 Nov 2026, 18:30 EST", "Thursday, 26 November 2026"),
        ({"zone": "Asia/Dubai", "dates": "year-month-day"}, "2026-11-27, 03:30 UTC+04", "Friday, 2026-11-27"),
        ({"dates": "month-day"}, "Nov 27, 2026, 00:30 CET", "Friday, Nov 27, 2026"),
        ({"language": "de"}, "27. Nov. 2026, 00:30 CET", "Freitag, 27. November 2026"),
        ({"language": "de", "dates": "day-month"}, "27 Nov. 2026, 00:30 CET", "Freitag, 27 Nov. 2026"),
    ],
)
def test_a_moment_has_the_zone_and_the_form_that_a_person_chose(
    town: Town, choices: dict[str, str], moment: str, day: str
) -> None:
    chooses(town, MAYA, **choices)
    seconds = 1_795_735_800
    said: list[str] = []

    @town.app.get("/moment")
    def shown() -> str:
        globals_of = town.app.jinja_env.globals
        said.extend(globals_of[name](seconds) for name in ("when", "on_day"))  # type: ignore[operator]
        return ""

    town.visitor(MAYA).get("/moment")
    assert said == [moment, day]


def test_an_appointment_says_which_zone_if_it_is_not_the_hospitals(town: Town) -> None:
    town.book()
    chooses(town, OMAR, zone=NEW_YORK)
    town.book(OMAR, place=3)
    here, there = town.visitor(MAYA).text("/appointments/"), town.visitor(OMAR).text("/appointments/")
    assert "EST" not in here
    assert "EST" in there
    assert NEW_YORK in town.visitor(OMAR).text(f"/appointments/doctors/{town.members[INES].id}")


def test_a_doctors_calendar_keeps_the_clock_of_the_room(town: Town) -> None:
    town.book()
    chooses(town, INES, zone=NEW_YORK)
    page = town.visitor(INES).text("/doctor/calendar?day=2026-11-24")
    assert "EST" not in page


def test_a_command_writes_a_mail_for_its_reader_too(town: Town) -> None:
    chooses(town, MAYA, language="de", zone=NEW_YORK)
    town.book()
    booking = town.site.appointments.of_patient(town.members[MAYA].id)[0]
    with outside_pages():
        town.site.database.write(lambda session: town.site.book.news.tell(session, booking, News.HOSPITAL_CANCELLED))
    assert mails_to(town, MAYA)[-1].endswith(f"Montag, 23. November 2026, 07:30 ({NEW_YORK})")


def test_a_calendar_address_gives_the_owners_language(town: Town) -> None:
    town.book()
    chooses(town, MAYA, language="de")
    token = town.site.book.feeds.renew(town.members[MAYA].id)
    answer = town.app.test_client().get(f"/calendar/feed/{token}.ics")
    assert "Termin: Dr" in answer.text


def test_the_privacy_page_names_the_cookie_of_the_language(town: Town) -> None:
    assert "a second cookie keeps this choice" in town.app.test_client().get("/privacy").text


def test_a_zone_that_this_machine_does_not_know_is_the_hospitals(town: Town) -> None:
    town.book()
    chooses(town, MAYA, zone="Mars/Olympus")
    assert town.visitor(MAYA).get("/appointments/").status_code == 200


def test_a_reminder_is_in_the_language_zone_and_form_of_its_reader(town: Town) -> None:
    chooses(town, MAYA, language="de", zone=NEW_YORK, dates="year-month-day")
    begins = town.free()[LATER]
    for email in (MAYA, OMAR):
        town.book(email, place=LATER)
    town.federation.clock.now = begins - 20 * 3600
    upkeep_of(town.app)()
    said = mails_to(town, MAYA)[-1]
    assert said.startswith("Erinnerung: Ihr Termin am ")
    assert said.endswith(f"({NEW_YORK})")
    assert ", 2026-11-" in said
    assert mails_to(town, OMAR)[-1].startswith("Reminder: your appointment on ")
    assert mails_to(town, OMAR)[-1].endswith("(Europe/Amsterdam)")


def test_what_a_doctor_does_is_mailed_in_the_patients_language(town: Town) -> None:
    chooses(town, MAYA, language="de")
    booking = town.book()
    town.visitor(INES).post(f"/doctor/appointments/{booking}/cancel", closed="y")
    assert mails_to(town, MAYA)[-1].startswith("Vom Arzt abgesagt: Ihr Termin am ")


def test_a_doctors_language_is_not_put_into_a_patients_mail(town: Town) -> None:
    chooses(town, INES, language="de")
    booking = town.book()
    town.visitor(INES).post(f"/doctor/appointments/{booking}/cancel", closed="y")
    assert mails_to(town, MAYA)[-1].startswith("Cancelled by the doctor: your appointment on ")


def test_who_chose_nothing_gets_mail_in_the_language_of_the_page_that_caused_it(town: Town) -> None:
    maya = town.visitor(MAYA)
    maya.get("/language?to=de")
    new = {"old": PASSWORD, "password": "correct horse battery", "again": "correct horse battery"}
    assert maya.post("/password", **new).status_code == 302
    assert mails_to(town, MAYA)[-1] == "Das Passwort Ihres Kontos wurde geändert"
