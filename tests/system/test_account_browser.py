"""Passkeys and apps for codes in a real browser, and the account pages on a phone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.approval_site import served
from tests.support.browser import follow, seen
from tests.support.second_steps import Phone
from tests.support.site_browser import sign_in
from tests.support.site_town import INES, MAYA, PASSWORD, Town

DEVICE = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


def with_device(context: Any) -> Any:
    """Return a page of a browser that has a fingerprint reader."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send("WebAuthn.addVirtualAuthenticator", {"options": DEVICE})
    return page


def test_a_doctor_adds_a_passkey_and_signs_in_with_it_alone(tmp_path: Path, chromium: Any) -> None:
    town = Town(tmp_path, second_step_for_staff=True)
    with served(town.app) as there:
        address = there.replace("127.0.0.1", "localhost")
        context = chromium.new_context(viewport={"width": 390, "height": 844})
        page = with_device(context)
        sign_in(page, address, INES)
        page.wait_for_url("**/account/second-step")
        page.click("text=Add a passkey")
        page.wait_for_url("**/account/recovery-codes")
        page.click("text=Show me ten new codes")
        seen(page, ".codes li").to_have_count(10)
        page.goto(f"{address}/doctor/")
        page.click(".navbar-toggler")
        follow(page, "text=Sign out")
        page.goto(f"{address}/sign-in")
        page.click("text=Sign in with a passkey")
        page.wait_for_url("**/doctor/")
        context.close()


def test_a_passkey_is_the_second_step_after_a_password(tmp_path: Path, chromium: Any) -> None:
    town = Town(tmp_path)
    with served(town.app) as there:
        address = there.replace("127.0.0.1", "localhost")
        context = chromium.new_context(viewport={"width": 1280, "height": 900})
        page = with_device(context)
        sign_in(page, address, MAYA)
        page.goto(f"{address}/account/second-step")
        page.click("text=Add a passkey")
        page.wait_for_url("**/account/recovery-codes")
        follow(page, "text=Sign out")
        page.goto(f"{address}/sign-in")
        page.fill("#email", MAYA)
        page.fill("#password", PASSWORD)
        follow(page, "#submit")
        page.click("text=Use your passkey")
        page.wait_for_url("**/checks/")
        context.close()


def test_an_app_for_codes_works_without_scripts(tmp_path: Path, chromium: Any) -> None:
    town = Town(tmp_path, second_step_for_staff=True)
    with served(town.app) as address:
        context = chromium.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False)
        page = context.new_page()
        sign_in(page, address, INES)
        follow(page, "text=Set up an app")
        page.click("text=I cannot scan it")
        page.fill("#code", Phone(town, page.content()).code())
        page.click("#submit")
        page.wait_for_url("**/account/recovery-codes")
        context.close()


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_account_pages_fit_the_screen(tmp_path: Path, chromium: Any, width: int) -> None:
    town = Town(tmp_path)
    paths = ("/account", "/account/second-step", "/account/log", "/account/email", "/forgot-password/sent")
    with served(town.app) as address:
        context = chromium.new_context(viewport={"width": width, "height": 844})
        page = context.new_page()
        sign_in(page, address, MAYA)
        widths = {}
        for path in paths:
            page.goto(address + path)
            widths[path] = int(page.evaluate("document.documentElement.scrollWidth"))
        context.close()
    assert set(widths.values()) == {width}, widths
