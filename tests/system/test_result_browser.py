"""A result in a real browser: the map by mouse, by keyboard and without a script; narrow screens; small lists."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from tests.support.approval_site import served
from tests.support.browser import seen, until
from tests.support.site_browser import sign_in
from tests.support.site_town import MAYA, Town, Visitor, cell

SHOWN = """name => getComputedStyle(document.querySelector('.heat-' + name)).display !== 'none'"""
SIZES = """[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]
  .map((one) => [one.name, one.decodedBodySize])"""
WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
PATHS = ["/", "/checks/", "/checks/1", "/checks/2", "/checks/new", "/consent/", "/my-data/", "/requests/about-me"]
PUBLIC = ["/help", "/privacy", "/terms", "/model", "/receipts/check", "/nowhere"]


def settled(folder: Path) -> Town:
    """Return a site with a check of one picture, and one of three."""
    town = Town(folder)
    visitor: Visitor = town.visitor(MAYA)
    visitor.check(cell(size=(200, 200)))
    visitor.post("/checks/new", image=[(io.BytesIO(cell(size=(90 + n, 90 + n))), f"{n}.png") for n in range(3)])
    return town


@pytest.mark.parametrize("script", [True, False])
def test_the_map_is_switched_on_by_the_keyboard_and_without_a_script(
    tmp_path: Path, chromium: Any, *, script: bool
) -> None:
    with served(settled(tmp_path).app) as address:
        context = chromium.new_context(java_script_enabled=True)
        page = context.new_page()
        sign_in(page, address, MAYA)
        cookies = context.cookies()
        context.close()
        context = chromium.new_context(java_script_enabled=script)
        context.add_cookies(cookies)
        page = context.new_page()
        page.goto(f"{address}/checks/1")
        assert not page.locator(".heat-layer").first.is_visible()
        assert page.locator(".heat-plain").first.is_visible()
        page.focus("#heat-1")
        page.keyboard.press("Space")
        for shown in (".heat-layer", ".heat-seen", ".heat-note"):
            seen(page, f"{shown} >> nth=0").to_be_visible()
        seen(page, ".heat-plain >> nth=0").to_be_hidden()
        context.close()


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_no_page_of_a_patient_is_wider_than_the_screen(tmp_path: Path, chromium: Any, width: int) -> None:
    with served(settled(tmp_path).app) as address:
        context = chromium.new_context(viewport={"width": width, "height": 800})
        page = context.new_page()
        sign_in(page, address, MAYA)
        for path in [*PATHS, *PUBLIC]:
            page.goto(address + path)
            for fold in page.locator("details").all():
                fold.evaluate("one => { one.open = true; }")
            assert page.evaluate(WIDER) <= 0, path
        context.close()


def test_a_history_of_twenty_checks_is_light(tmp_path: Path, chromium: Any) -> None:
    town = Town(tmp_path)
    for _ in range(20):
        town.add_check(MAYA)
    with served(town.app) as address:
        context = chromium.new_context()
        page = context.new_page()
        sign_in(page, address, MAYA)
        page.goto(f"{address}/checks/")
        page.evaluate("[...document.images].forEach((one) => { one.loading = 'eager'; })")
        until(page, "[...document.images].every((one) => one.complete && one.naturalWidth > 0)")
        sizes = {name: size for name, size in page.evaluate(SIZES) if "/checks/" in name}
        context.close()
    assert sum(sizes.values()) < 250_000
    assert len(sizes) > 10
    assert min(sizes.values()) > 0


def test_a_digest_is_copied_whole_by_its_button(tmp_path: Path, chromium: Any) -> None:
    with served(settled(tmp_path).app) as address:
        context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
        page = context.new_page()
        sign_in(page, address, MAYA)
        page.goto(f"{address}/checks/1")
        page.get_by_text("Where this answer comes from").click()
        page.get_by_text("Facts for experts").first.click()
        place = page.locator("[data-copy]").first
        place.get_by_role("button").click()
        until(page, f"navigator.clipboard.readText().then((text) => text === '{place.get_attribute('data-copy')}')")
        context.close()
