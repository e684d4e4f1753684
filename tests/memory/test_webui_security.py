"""Whom the site stops."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from itsdangerous import TimestampSigner

from tests.support.site_services import NOON
from tests.support.site_town import INES, JONAS, MAYA, NOOR, OMAR, PASSWORD, Town, Visitor, cell, config_at, words
from webui.app import create_app
from webui.config import Limit, Limits

OWNERS = {
    MAYA: ["/checks/", "/checks/new", "/appointments/", "/appointments/doctors"],
    INES: ["/doctor/"],
    NOOR: ["/auditor/", "/auditor/rounds/7", "/auditor/file"],
}


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


@pytest.mark.parametrize("path", [path for paths in OWNERS.values() for path in paths])
def test_strangers_are_asked_to_sign_in(town: Town, path: str) -> None:
    answer = town.visitor().get(path)
    assert answer.status_code == 302
    assert answer.location.startswith("/sign-in?next=")


@pytest.mark.parametrize("email", list(OWNERS))
def test_other_roles_are_refused_with_a_page(town: Town, email: str) -> None:
    visitor = town.visitor(email)
    for owner, paths in OWNERS.items():
        for path in paths:
            answer = visitor.get(path)
            assert answer.status_code == (200 if owner == email else 403), path
            assert "Hemaledger" in answer.text


def test_no_guessing_of_numbers_opens_anothers_data(town: Town) -> None:
    location = town.visitor(MAYA).check(cell()).location
    booking = town.book(MAYA, INES)
    maya = town.members[MAYA].id
    for email in (OMAR, JONAS):
        visitor = town.visitor(email)
        for path in (location, f"{location}/image.png"):
            assert visitor.get(path).status_code == 404
    omar = town.visitor(OMAR)
    assert omar.post(f"/appointments/{booking}/cancel", page="/checks/new").status_code == 404
    assert omar.get(f"/doctor/patients/{maya}").status_code == 403
    assert town.visitor(JONAS).get(f"/doctor/patients/{maya}").status_code == 404
    assert town.visitor(NOOR).get(location).status_code == 403
    assert town.visitor().get(f"{location}/image.png").status_code == 302
    assert town.site.appointments.of_patient(maya)[0].state == "booked"


@pytest.mark.parametrize(
    ("email", "path"),
    [
        (None, "/sign-in"),
        (None, "/sign-up"),
        (MAYA, "/sign-out"),
        (MAYA, "/checks/new"),
        (MAYA, "/appointments/1/cancel"),
        (MAYA, "/appointments/doctors/3/1795510800"),
        (NOOR, "/auditor/file"),
    ],
)
def test_a_form_without_its_token_changes_nothing(town: Town, email: str | None, path: str) -> None:
    visitor = town.visitor(email)
    answer = visitor.post_bare(path, email=MAYA, password=PASSWORD)
    assert answer.status_code == 400
    assert "This form has expired" in words(answer)
    assert visitor.post_bare(path, csrf_token="forged").status_code == 400


def test_every_answer_carries_the_security_headers(town: Town) -> None:
    visitor = town.visitor(MAYA)
    for path in ("/", "/checks/", "/nowhere", "/auditor/", "/static/site.css"):
        headers = visitor.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
        assert "camera=()" in headers["Permissions-Policy"]


def test_personal_pages_are_not_cached_and_files_are(town: Town) -> None:
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    for path in ("/checks/", location, f"{location}/image.png"):
        assert visitor.get(path).headers["Cache-Control"] == "no-store"
    assert "max-age" in visitor.get("/static/site.css").headers["Cache-Control"]


def test_no_page_brings_a_script_or_style_of_its_own(town: Town) -> None:
    visitor = town.visitor(MAYA)
    pages = ["/", "/checks/", "/checks/new", visitor.check(cell()).location, "/appointments/doctors", "/nowhere"]
    for path in pages:
        page = visitor.get(path).text
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|<script(?![^>]+\bsrc=)", page), path
        for address in re.findall(r'(?:src|href|action)="([^"]*)"', page):
            assert address.startswith(("/", "#")), address
            assert not address.startswith("//"), address


def test_cookies_are_locked_down(tmp_path: Path) -> None:
    town = Town(tmp_path)
    cookie = town.visitor().get("/sign-in").headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_with_tls_the_cookie_is_secure_and_bound_to_the_host(tmp_path: Path) -> None:
    config = replace(config_at(tmp_path), secure_cookies=True, hosts=("site.example",))
    client = create_app(config, Town(tmp_path).federation.services).test_client()
    answer = client.get("/sign-in", base_url="https://site.example")
    assert answer.headers["Set-Cookie"].startswith("__Host-hemaledger=")
    assert "Secure" in answer.headers["Set-Cookie"]
    assert "max-age" in answer.headers["Strict-Transport-Security"]


def test_a_copied_cookie_is_worthless_after_sign_out(town: Town) -> None:
    visitor, thief = town.visitor(MAYA), town.visitor()
    copied = visitor.cookie()
    assert visitor.post("/sign-out", page="/checks/new").status_code == 302
    thief.use_cookie(copied)
    assert thief.get("/checks/").status_code == 302


def test_a_cookie_carried_to_another_browser_is_dropped(town: Town) -> None:
    thief = Visitor(town.app, "198.51.100.7")
    thief.use_cookie(town.visitor(MAYA).cookie())
    assert thief.get("/checks/").status_code == 302


def test_an_idle_session_ends_and_a_used_one_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [NOON]
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda _: now[0])  # what dates and judges the cookie
    town = Town(tmp_path, session_s=60)
    used, idle = town.visitor(MAYA), town.visitor(OMAR)
    for _ in range(4):
        now[0] += 50
        assert used.get("/checks/").status_code == 200
    assert idle.get("/checks/").status_code == 302


def test_a_forged_cookie_is_nobody(town: Town) -> None:
    forger = town.visitor()
    forger.use_cookie("eyJfdXNlcl9pZCI6IjE6MCJ9.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb")
    assert forger.get("/checks/").status_code == 302


def test_guessing_a_password_is_slowed_down_and_others_are_not(town: Town) -> None:
    guesser = town.visitor()
    assert [guesser.sign_in(MAYA, f"guess number {n}").status_code for n in range(6)] == [401] * 5 + [429]
    refused = guesser.sign_in(MAYA)
    assert refused.status_code == 429
    assert "Too many attempts" in words(refused)
    assert Visitor(town.app, "198.51.100.7").sign_in(MAYA).status_code == 302
    assert town.visitor().sign_in(OMAR).status_code == 302
    town.federation.clock.now += 15 * 60
    assert guesser.sign_in(MAYA).status_code == 302


def test_signing_in_well_is_never_counted(town: Town) -> None:
    for _ in range(40):
        assert town.visitor().sign_in(MAYA).status_code == 302


def test_one_account_guessed_from_many_addresses_is_slowed_down_too(tmp_path: Path) -> None:
    town = Town(tmp_path, limits=Limits(sign_in_account=Limit(8, 900)))
    codes = [Visitor(town.app, f"198.51.100.{n}").sign_in(MAYA, "wrong password").status_code for n in range(10)]
    assert codes == [401] * 8 + [429] * 2


def test_checks_and_sign_ups_are_limited(tmp_path: Path) -> None:
    town = Town(tmp_path, limits=Limits(checks=Limit(2, 3600), sign_up_address=Limit(1, 3600)))
    visitor = town.visitor(MAYA)
    assert [visitor.check(cell()).status_code for _ in range(3)] == [302, 302, 429]
    fields = {"name": "Ada", "date_of_birth": "1990-12-10", "password": PASSWORD, "again": PASSWORD}
    codes = [town.visitor().post("/sign-up", **fields, email=f"a{n}@x.example").status_code for n in range(2)]
    assert codes == [302, 429]
