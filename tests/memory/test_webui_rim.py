"""What strangers may send, and what they get: names, multipart, errors, static files, doors."""

from __future__ import annotations

import gzip
import logging
import re
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Response
from sqlalchemy import func, select

from fl.crypto.capsule import Readers
from fl.protocol.names import Purpose
from scripts.server.log import QUEUE, OncePerMinute
from tests.support.site_town import MAYA, PASSWORD, Town, cell, words
from webui.app import create_app
from webui.config import Places
from webui.errors import SiteBusy, TooManyAttempts, in_words
from webui.maintenance import keep_up
from webui.ports.consent import Choice
from webui.site import EXTENSION, Site
from webui.store.consent_changes import _outdated
from webui.store.mail_tables import MailRow
from webui.store.models import StoredRecord
from webui.store.staff import StaffStore
from webui.usecases.admission import Admission
from webui.usecases.patient_records import AT_ONCE
from webui.usecases.sealing import choice_of

TREATMENT = frozenset({Purpose.TREATMENT})
PART = "--b\r\nContent-Disposition: form-data{}\r\n\r\nx\r\n--b--\r\n"


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


@pytest.mark.parametrize(
    "body",
    [
        PART.format(""),
        PART.format('; name=""'),
        PART.format('; filename="cell.png"'),
        PART.format('; name="a"; filename=""') + "--b",
        "--b\r\n\r\n\r\n--b--\r\n",
        "--c--\r\n",
        "no parts at all",
        PART.format('; name="' + "n" * 100_000 + '"'),
        PART.format('; name="text"').replace("\r\n\r\nx", "\r\nContent-Type: text/plain; charset=no-such\r\n\r\n\xff"),
        PART.format('; name="email"').replace("\r\nx", "\r\na\0b"),
        "".join(f'--b\r\nContent-Disposition: form-data; name="f{n}"\r\n\r\nx\r\n' for n in range(500)) + "--b--\r\n",
    ],
)
@pytest.mark.parametrize("path", ["/sign-in", "/sign-up", "/checks/new", "/auditor/file", "/nowhere"])
def test_odd_multipart_from_a_stranger_is_never_a_500(town: Town, path: str, body: str) -> None:
    for kind in ("multipart/form-data; boundary=b", "multipart/form-data", 'multipart/form-data; boundary=""'):
        answer = town.app.test_client().post(path, data=body.encode("latin-1"), content_type=kind)
        assert answer.status_code in {400, 404, 413}, (kind, answer.status_code)
        assert "Home page" in answer.text


def test_a_part_without_a_name_is_a_400(town: Town) -> None:
    answer = town.app.test_client().post(
        "/sign-in", data=PART.format("").encode(), content_type="multipart/form-data; boundary=b"
    )
    assert answer.status_code == 400


def test_a_file_that_is_too_large_gets_the_limit_and_a_way_back(town: Town) -> None:
    answer = town.visitor(MAYA).check(bytes(9 * 1024 * 1024))
    assert answer.status_code == 413
    assert "8 MB" in words(answer)
    assert 'href="/checks/new"' in answer.text


@pytest.mark.parametrize(
    "fields", [{"email": MAYA, "password": "wrong password"}, {"email": MAYA, "password": "x" * 200}]
)
def test_a_failed_sign_in_is_a_401(town: Town, fields: dict[str, str]) -> None:
    assert town.visitor().post("/sign-in", **fields).status_code == 401


def test_a_sign_in_without_a_password_is_a_400(town: Town) -> None:
    assert town.visitor().post("/sign-in", email=MAYA, password="").status_code == 400


def test_too_many_attempts_say_when_in_words_and_in_the_header_alike(town: Town) -> None:
    visitor = town.visitor()
    for _ in range(5):
        visitor.post("/sign-in", email=MAYA, password="wrong password")
    town.federation.clock.now += 4
    answer = visitor.post("/sign-in", email=MAYA, password="wrong password")
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "896"
    assert "in 15 minutes" in words(answer)
    assert "896" not in words(answer)


def test_times_are_rounded_up() -> None:
    assert [in_words(seconds) for seconds in (0, 1, 2, 60, 61, 896, 3600, 3601, 7201)] == [
        "in 1 seconds",
        "in a second",
        "in 2 seconds",
        "in 60 seconds",
        "in 2 minutes",
        "in 15 minutes",
        "in 60 minutes",
        "in 2 hours",
        "in 3 hours",
    ]
    assert "in 15 minutes" in str(TooManyAttempts(896))


def test_the_error_page_has_a_plain_form_when_the_site_s_look_is_broken(town: Town) -> None:
    def broken() -> str:
        raise RuntimeError

    town.app.jinja_env.globals["asset"] = broken
    answer = town.app.test_client().get("/nowhere")
    assert answer.status_code == 404
    assert "Home page" in answer.text


def test_even_an_error_in_the_last_step_has_a_page(town: Town) -> None:
    town.app.after_request(_raise)
    answer = town.app.test_client().get("/healthz")
    assert answer.status_code == 500
    assert "Home page" in answer.text


@pytest.mark.parametrize("host", ["evil.example", "", "a b", "user@localhost", "localhost:123456", "h" * 300, "é"])
def test_a_host_that_is_not_known_is_a_400(town: Town, host: str) -> None:
    answer = town.app.test_client().get("/", headers={"Host": host}, environ_overrides={"HTTP_HOST": host})
    assert answer.status_code == 400
    assert "Home page" in answer.text


def test_static_files_are_packed_and_kept_for_ever_by_their_contents(town: Town) -> None:
    client = town.app.test_client()
    for address in set(re.findall(r'(?:src|href)="(/static/[^"#]+)', client.get("/").text)):
        answer = client.get(address, headers={"Accept-Encoding": "gzip"})
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable", address
        if answer.headers.get("Content-Encoding") == "gzip":
            assert gzip.decompress(answer.data) == client.get(address).data
        else:
            assert len(answer.data) < 1000, address
    assert "immutable" not in client.get("/static/site.css?v=old").headers["Cache-Control"]
    assert client.get("/static/../app.py").status_code == 404
    assert client.get("/static/nothing.css").headers["Cache-Control"] == "no-store"


def test_beyond_its_places_a_door_says_so() -> None:
    door = Admission("have a picture checked", 1, 0.0)
    with door.enter(), pytest.raises(SiteBusy, match="in 10 seconds"), door.enter():
        pass
    with door.enter():
        pass


def test_a_picture_beyond_the_places_is_a_503_that_says_when(tmp_path: Path) -> None:
    town = Town(tmp_path, places=replace(Places(), checks=1, checks_wait_s=0.0))
    visitor = town.visitor(MAYA)
    with town.site.doors.checks.enter():
        answer = visitor.check(cell())
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "10"
    assert "Too many people have a picture checked" in words(answer)


def _link(town: Town) -> str:
    """Return the path of a link for a new password."""
    town.site.ways_back.ask(MAYA, "/new-password/{}")
    with town.site.database.reading() as session:
        text = session.query(MailRow).one().text
    return "/new-password/" + text.partition("/new-password/")[2].split()[0]


def test_a_busy_site_counts_no_attempt(tmp_path: Path) -> None:
    town = Town(tmp_path, places=Places(passwords=1, passwords_waiting=1, wait_s=0))
    with town.site.doors.passwords.enter():
        assert [town.visitor().sign_in(MAYA).status_code for _ in range(7)] == [503] * 7
    assert town.visitor().sign_in(MAYA).status_code == 302


def test_every_page_that_hashes_passwords_has_a_door(tmp_path: Path) -> None:
    town = Town(tmp_path, places=Places(passwords=1, passwords_waiting=1, wait_s=0))
    member, stranger, new = town.visitor(MAYA), town.visitor(), "nine grey herons under a bridge"
    code = StaffStore(town.site.database, town.federation.clock).start_reset(MAYA, 3600)
    forms = {
        "/password": (member, {"old": PASSWORD, "password": new, "again": new}),
        "/new-password": (stranger, {"email": MAYA, "code": code, "password": new, "again": new}),
        "/sign-in": (stranger, {"email": MAYA, "password": PASSWORD}),
        "/account/confirm": (member, {"password": PASSWORD}),
        _link(town): (stranger, {"password": new, "again": new}),
    }
    with town.site.doors.passwords.enter():
        assert {path: who.post(path, **fields).status_code for path, (who, fields) in forms.items()} == dict.fromkeys(
            forms, 503
        )


def test_the_doors_leave_workers_for_everything_else() -> None:
    from scripts.server.request import Bounds  # noqa: PLC0415 beside what it is compared with

    assert Places().threads <= Bounds.threads - 4


def test_a_change_of_consent_goes_on_in_the_background_and_says_how_far_it_is(town: Town) -> None:
    maya, count = town.members[MAYA].id, AT_ONCE + 4
    for _ in range(count):
        town.add_check(MAYA)
    visitor = town.visitor(MAYA)
    visitor.post("/consent/", readers="1", purposes="1")
    assert town.site.wake.is_set()
    assert f"Your records are being changed: {AT_ONCE} of {count}" in visitor.text("/consent/")
    assert {choice_of(row) == choice_of(town.site.record_store.patient(maya)) for row in rows(town)} == {True, False}
    keep_up(town.site)
    assert {choice_of(row) for row in rows(town)} == {Choice(Readers.HOSPITAL_AND_TRUSTEES, TREATMENT)}
    assert "being changed" not in visitor.text("/consent/")


def test_a_change_of_consent_survives_a_restart(town: Town) -> None:
    for _ in range(AT_ONCE + 2):
        town.add_check(MAYA)
    wanted = Choice(Readers.HOSPITAL_AND_TRUSTEES, TREATMENT)
    town.site.patient_records.choose(town.members[MAYA].id, wanted)
    restarted: Site = create_app(town.config, town.services()).extensions[EXTENSION]
    assert {choice_of(row) == wanted for row in rows(town)} == {True, False}
    keep_up(restarted)
    assert {choice_of(row) for row in rows(town)} == {wanted}


def test_a_later_choice_takes_the_place_of_an_earlier_one(town: Town) -> None:
    for _ in range(AT_ONCE + 2):
        town.add_check(MAYA)
    for consent in (TREATMENT, frozenset[Purpose]()):
        town.site.patient_records.choose(town.members[MAYA].id, Choice(Readers.HOSPITAL_AND_TRUSTEES, consent))
    keep_up(town.site)
    assert {choice_of(row).consent for row in rows(town)} == {frozenset()}


def test_records_that_are_sealed_otherwise_are_found_without_reading_a_file(town: Town) -> None:
    """The columns behind a file of 3 MB can only be reached through it: 0.6 s for each of 120 records."""
    due = select(func.min(StoredRecord.id)).where(
        *_outdated(town.members[MAYA].id, 1, 0, b"k" * 16), StoredRecord.id > 7
    )
    with town.site.database.reading() as session:
        text = str(due.compile(session.connection(), compile_kwargs={"literal_binds": True}))
        plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {text}").all()
    assert "USING COVERING INDEX" in str(plan)


def test_the_servers_noise_is_one_line_a_minute_with_a_count(caplog: pytest.LogCaptureFixture) -> None:
    now = [0.0]
    logger, limit = logging.getLogger(QUEUE), OncePerMinute(lambda: now[0])
    logger.addFilter(limit)
    try:
        with caplog.at_level(logging.WARNING):
            for second in range(120):
                now[0] = float(second)
                for _ in range(100):
                    logger.warning("Task queue depth is %d", 7)
    finally:
        logger.removeFilter(limit)
    assert [record.getMessage().rpartition(" ")[2] for record in caplog.records] == ["1", "6000"]


def rows(town: Town) -> list[StoredRecord]:
    return list(town.site.record_store.of_patient(town.members[MAYA].id))


def _raise(_response: object) -> Response:
    raise RuntimeError
