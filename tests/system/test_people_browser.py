"""Focus that is seen, and errors that take it, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.approval_site import served
from tests.support.site_browser import sign_in
from tests.support.site_town import INES, MAYA, Town
from tests.support.tab_stops import contrast, rings


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_stop_of_the_tab_key_is_seen(tmp_path: Path, chromium: Any, scheme: str) -> None:
    town = Town(tmp_path)
    town.add_check(MAYA)
    town.book()
    with served(town.app) as address:
        context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        paths = ["/", "/sign-in", "/sign-up", "/new-password"]
        found = [ring for path in paths for ring in rings(page, address + path)]
        sign_in(page, address, MAYA)
        paths = ["/checks/", "/checks/1", "/checks/new", "/appointments/", "/appointments/1/cancel", "/consent/"]
        paths += ["/appointments/doctors", f"/appointments/doctors/{town.members[INES].id}", "/requests/who-sees"]
        found += [ring for path in paths for ring in rings(page, address + path)]
        context.close()
    assert len(found) > 100
    assert [ring for ring in found if ring["style"] != "solid" or ring["width"] < 2] == []
    assert [ring for ring in found if contrast(ring["colour"], ring["below"]) < 3] == []


@pytest.mark.parametrize("scripts", [True, False])
def test_the_error_summary_takes_the_focus_and_leads_to_the_field(tmp_path: Path, chromium: Any, scripts: bool) -> None:
    with served(Town(tmp_path).app) as address:
        context = chromium.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=scripts)
        page = context.new_page()
        page.goto(f"{address}/sign-up")
        page.fill("#name", "Ada")
        page.click("#submit")
        page.wait_for_selector(".error-summary:focus")
        assert page.title().startswith("Error: ")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("#date_of_birth:focus")
        page.keyboard.press("Tab")
        context.close()


def test_new_pages_fit_a_phone(tmp_path: Path, chromium: Any) -> None:
    town = Town(tmp_path)
    town.add_check(MAYA)
    town.book()
    with served(town.app) as address:
        context = chromium.new_context(viewport={"width": 390, "height": 844})
        page = context.new_page()

        def width(path: str) -> int:
            page.goto(address + path)
            return int(page.evaluate("document.documentElement.scrollWidth"))

        widths = {"/new-password": width("/new-password")}
        sign_in(page, address, MAYA)
        widths |= {path: width(path) for path in ("/password", "/requests/who-sees", "/appointments/1/cancel")}
        context.close()
    assert set(widths.values()) == {390}, widths
