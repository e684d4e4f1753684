"""The main paths of doctors, auditors and operators in a real browser, with the keyboard alone.

Source: WCAG 2.2, 2.1.1 (keyboard), 2.4.7 (visible focus).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from fl.protocol.names import Protection
from tests.support.approval_site import served
from tests.support.site_federation import RealTown
from tests.support.site_town import INES, MAYA, NOOR, PASSWORD, Town
from tests.support.tab_stops import choose_in_menu, press, reach, sign_in_by_keys
from webui.store.models import SiteRole
from webui.store.new_accounts import NewAccount

OTTO = "otto@clinic.example"
Browse = Callable[[Town, str], AbstractContextManager[Any]]


@pytest.fixture(params=[1280, 390])
def person(request: pytest.FixtureRequest, chromium: Any) -> Browse:
    """Return what opens a site as somebody who has only a keyboard."""

    @contextmanager
    def opened(town: Town, email: str) -> Iterator[Any]:
        with served(town.app) as address:
            context = chromium.new_context(viewport={"width": request.param, "height": 844})
            page = context.new_page()
            sign_in_by_keys(page, address, email)
            yield page
            context.close()

    return opened


@pytest.fixture
def town(tmp_path: Path) -> Town:
    made = RealTown(tmp_path, Protection.MASKED)
    made.site.accounts.create(NewAccount(SiteRole.OPERATOR, OTTO, "Otto Brandt", PASSWORD))
    return made


def test_a_doctor_reviews_a_check_and_writes_a_note(tmp_path: Path, person: Browse) -> None:
    town = Town(tmp_path)
    check = town.add_check(MAYA)
    town.book()
    with person(town, INES) as page:
        choose_in_menu(page, "/worklist/")
        press(page, f"a[href='/reviews/{check}']")
        reach(page, "[name=decision]")
        page.keyboard.press("Space")
        reach(page, "[name=note]")
        page.keyboard.type("Typical blast.")
        press(page, "form.panel [type=submit]")
        assert "Typical blast." in page.inner_text("main")
        choose_in_menu(page, "/worklist/")
        assert "reviewed" in page.inner_text("main")


def test_an_auditor_searches_the_ledger_and_checks_a_round(town: Town, person: Browse) -> None:
    with person(town, NOOR) as page:
        choose_in_menu(page, "/auditor/ledger/")
        press(page, "a[href='/auditor/ledger/members']")
        reach(page, "#q")
        page.keyboard.type("beta")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert page.locator("tbody tr").count() == 1
        choose_in_menu(page, "/auditor/")
        press(page, "a[href='/auditor/rounds/1']")
        press(page, "form[action='/auditor/rounds/1/replay'] button")
        assert "This site checked the round" in page.inner_text("main")


def test_an_operator_makes_an_account_and_prepares_orders(town: Town, person: Browse) -> None:
    with person(town, OTTO) as page:
        choose_in_menu(page, "/operator/staff")
        for field, text in (("#name", "Ada Berg"), ("#email", "ada@clinic.example")):
            reach(page, field)
            page.keyboard.type(text)
        press(page, "#submit")
        press(page, "form[action$='/code'] button")
        assert page.is_visible(".once-code")
        choose_in_menu(page, "/operator/round")
        reach(page, "#commit_minutes")
        page.keyboard.press("Control+A")
        page.keyboard.type("45")
        press(page, "form[action='/operator/round'] button")
        press(page, "a[href^='/operator/orders/open-rounds?']")
        assert "Minutes to train: 45" in page.inner_text("main")
        reach(page, "a[download]")
        with page.expect_download() as found:
            page.keyboard.press("Enter")
        assert found.value.suggested_filename == "order-open-rounds.json"
