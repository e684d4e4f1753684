"""Focus that is seen, and errors that take it, in a real browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.approval_site import served
from tests.support.site_town import INES, MAYA, PASSWORD, Town

RING = """() => {
  const seen = document.activeElement;
  if (!seen || seen === document.body) return null;
  const style = getComputedStyle(seen);
  let below = seen.parentElement;
  const clear = (colour) => colour === 'transparent' || /, 0\\)$/.test(colour);
  while (below && clear(getComputedStyle(below).backgroundColor)) below = below.parentElement;
  return {
    what: seen.tagName + '#' + seen.id + '.' + seen.className + ' ' + (seen.getAttribute('href') || ''),
    style: style.outlineStyle, width: parseFloat(style.outlineWidth), colour: style.outlineColor,
    below: below ? getComputedStyle(below).backgroundColor : 'rgb(255, 255, 255)',
  };
}"""


def luminance(colour: str) -> float:
    parts = [float(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def sign_in(page: Any, address: str, email: str) -> None:
    page.goto(f"{address}/sign-in")
    page.fill("#email", email)
    page.fill("#password", PASSWORD)
    page.click("#submit")
    page.wait_for_url(lambda url: "sign-in" not in url)


def rings(page: Any, path: str) -> list[dict[str, Any]]:
    """Go through a page with the tab key; return what has the focus at each stop."""
    page.goto(path)
    found: list[dict[str, Any]] = []
    for _ in range(60):
        page.keyboard.press("Tab")
        ring = page.evaluate(RING)
        if ring is None:
            break
        found.append(ring)
    return found


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
