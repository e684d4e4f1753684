"""Pages on a phone and with large text: nothing is cut, nothing is too small, and no table hides its last column.

Source: WCAG 2.2, 1.4.4 (text at 200 %), 1.4.10 (reflow).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fl.protocol.names import Protection
from tests.support.approval_site import served
from tests.support.browser import seen, until
from tests.support.site_browser import sign_in
from tests.support.site_federation import RealTown
from tests.support.site_town import INES, JONAS, MAYA, NOOR, PASSWORD, TOVE, Town
from webui.store.models import SiteRole
from webui.store.new_accounts import NewAccount

OTTO = "otto@clinic.example"
PAGES = {
    MAYA: ("/account/log", "/withdrawals/", "/withdrawals/mine", "/appointments/doctors", "/model", "/checks/1"),
    INES: ("/worklist/", "/doctor/", "/requests/", "/doctor/schedule", "/account/log"),
    NOOR: (
        "/auditor/",
        "/auditor/rounds/1",
        "/auditor/ledger/members",
        "/auditor/ledger/rounds",
        "/auditor/ledger/keys",
        "/auditor/audit/compare",
    ),
    OTTO: (
        "/operator/members",
        "/operator/ceremonies",
        "/operator/staff",
        "/operator/access-log",
        "/operator/orders/ceremony",
    ),
    TOVE: ("/hospital/", "/hospital/model", "/hospital/curves", "/hospital/members", "/hospital/withdrawal/"),
}
WIDER = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
LARGE = "document.documentElement.style.fontSize = '32px'"
HIDDEN = """[...document.querySelectorAll('table')].filter((one) => one.parentElement.scrollWidth
  > one.parentElement.clientWidth + 1).map((one) => one.caption?.textContent)"""
CUT = """[...document.querySelectorAll('select')].filter((one) => {
  const pen = document.createElement('canvas').getContext('2d'), style = getComputedStyle(one);
  pen.font = style.font;
  const room = one.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  return one.selectedOptions[0] && pen.measureText(one.selectedOptions[0].text).width > room + 1;
}).map((one) => one.id)"""
CLIPBOARD = "navigator.clipboard.readText()"
SMALLEST = """() => {
  const picture = document.querySelector('.plot svg');
  const scale = picture.getBoundingClientRect().width / picture.viewBox.baseVal.width;
  return scale * parseFloat(getComputedStyle(picture.querySelector('.plot-text')).fontSize);
}"""


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return peopled(Town(tmp_path))


def peopled(made: Town) -> Town:
    made.site.accounts.create(NewAccount(SiteRole.OPERATOR, OTTO, "Otto Brandt", PASSWORD))
    made.add_check(MAYA)
    made.book()
    return made


@pytest.mark.parametrize("language", ["en", "de"])
@pytest.mark.parametrize("email", PAGES)
def test_nothing_is_cut_on_a_phone_or_with_text_twice_as_large(
    tmp_path: Path, chromium: Any, email: str, language: str
) -> None:
    faults = list[str]()
    town = peopled(RealTown(tmp_path, Protection.MASKED) if email == NOOR else Town(tmp_path))
    with served(town.app) as address:
        context = chromium.new_context(viewport={"width": 390, "height": 844}, locale=language)
        page = context.new_page()
        sign_in(page, address, email)
        for path in PAGES[email]:
            answer = page.goto(address + path)
            assert answer.status == 200, path
            page.set_viewport_size({"width": 390, "height": 844})
            faults += [f"{path}: {page.evaluate(WIDER)} px too wide on a phone"] if page.evaluate(WIDER) > 0 else []
            faults += [f"{path}: cut on a phone: {name}" for name in page.evaluate(HIDDEN) + page.evaluate(CUT)]
            page.set_viewport_size({"width": 1280, "height": 900})
            page.evaluate(LARGE)
            faults += [f"{path}: {page.evaluate(WIDER)} px too wide at 200 %"] if page.evaluate(WIDER) > 0 else []
        context.close()
    assert faults == []


@pytest.mark.parametrize("width", [1280, 390])
def test_the_text_of_a_curve_is_as_large_as_that_of_the_page(town: Town, chromium: Any, width: int) -> None:
    with served(town.app) as address:
        context = chromium.new_context(viewport={"width": width, "height": 844})
        page = context.new_page()
        sign_in(page, address, TOVE)
        page.goto(f"{address}/hospital/curves")
        assert 12 <= page.evaluate(SMALLEST) <= 24
        context.close()


def test_a_digest_is_short_and_its_button_copies_all_of_it(town: Town, chromium: Any) -> None:
    with served(town.app) as address:
        context = chromium.new_context(permissions=["clipboard-read", "clipboard-write"])
        page = context.new_page()
        sign_in(page, address, TOVE)
        page.goto(f"{address}/hospital/model")
        seen(page, ".btn-copy").to_have_count(2)
        page.locator(".btn-copy").last.click()
        until(page, f"{CLIPBOARD}.then((text) => text !== '')")
        copied = page.evaluate(CLIPBOARD)
        assert len(bytes.fromhex(copied)) == 32
        assert copied not in page.inner_text("main")
        context.close()


def test_of_several_records_the_form_of_each_is_folded_and_one_alone_is_open(town: Town) -> None:
    doctor = town.visitor(JONAS)
    assert doctor.post("/requests/find", page="/requests/", text=MAYA).text.count('<details class="details" open>') == 1
    town.add_check(MAYA)
    found = doctor.post("/requests/find", page="/requests/", text=MAYA).text
    assert found.count("Ask for record") == 2
    assert '<details class="details" open>' not in found
