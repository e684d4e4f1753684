"""A patient and a doctor, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from waitress.server import create_server

from fl.protocol.audit import AuditStep
from fl.protocol.names import Protection
from tests.support.approval_site import served
from tests.support.browser import CHROMIUM, QUIET
from tests.support.site_federation import RealTown
from tests.support.site_town import INES, MAYA, NOOR, PASSWORD, Town, cell

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    town = Town(tmp_path)
    town.federation.probability = 0.83
    server = create_server(town.app, host="127.0.0.1", port=0, threads=4)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.effective_port}"
    server.close()
    thread.join(timeout=5)


def test_from_sign_up_to_the_doctors_list(address: str) -> None:
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        complaints: list[str] = []
        here = (address, "blob:", "data:")

        def page() -> Any:
            made = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
            made.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
            made.on("request", lambda sent: complaints.append(sent.url) if not sent.url.startswith(here) else None)
            return made

        patient = page()
        patient.goto(f"{address}/sign-up")
        for field, value in (("name", "Ada Byron"), ("date_of_birth", "1990-12-10"), ("email", "ada@x.example")):
            patient.fill(f"#{field}", value)
        patient.fill("#password", PASSWORD)
        patient.fill("#again", PASSWORD)
        patient.click("#submit")

        patient.set_input_files("#image", {"name": "c.png", "mimeType": "image/png", "buffer": cell(size=(450, 450))})
        patient.wait_for_selector("[data-preview]:not([hidden])")
        patient.click("#submit")
        patient.wait_for_selector("#verdict")
        assert "83 %" in patient.inner_text("main")
        patient.click("text=Where this answer comes from")
        assert "Verified on the ledger" in patient.inner_text("main")

        patient.click("text=Book an appointment about this check")
        patient.click("text=Dr Inês Carvalho")
        patient.click(".time >> nth=1")
        patient.wait_for_selector("text=Book this appointment?")
        patient.click("main button[type=submit]")
        patient.wait_for_selector("text=Your appointment is booked.")

        doctor = page()
        doctor.goto(f"{address}/sign-in")
        doctor.fill("#email", INES)
        doctor.fill("#password", PASSWORD)
        doctor.click("#submit")
        doctor.click("text=Ada Byron")
        doctor.click("text=The model sees signs of leukemia in this cell")
        doctor.wait_for_selector("#verdict")
        assert "83 %" in doctor.inner_text("main")
        doctor.wait_for_function("document.querySelector('.cell img').naturalWidth === 450")
        browser.close()
        assert complaints == []


def test_no_page_is_wider_than_a_phone(address: str) -> None:
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()

        def width(path: str) -> int:
            page.goto(address + path)
            return int(page.evaluate("document.documentElement.scrollWidth"))

        widths = {path: width(path) for path in ("/", "/sign-up", "/sign-in", "/nowhere")}
        page.goto(f"{address}/sign-in")
        page.fill("#email", MAYA)
        page.fill("#password", PASSWORD)
        page.click("#submit")
        page.wait_for_selector("text=No checks yet")
        widths |= {path: width(path) for path in ("/", "/checks/new", "/appointments/", "/appointments/doctors")}
        browser.close()
        assert set(widths.values()) == {390}, widths


def test_a_phone_without_scripts_reaches_every_page(address: str) -> None:
    with playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        visitor = browser.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False).new_page()
        visitor.goto(f"{address}/sign-in")
        visitor.fill("#email", MAYA)
        visitor.fill("#password", PASSWORD)
        visitor.click("main #submit")
        for page in ("New check", "My checks", "Appointments", "Consent", "Who asked"):
            visitor.click(f"nav >> text={page}")
        assert not visitor.is_visible("nav [aria-label=Menu]"), "it would do nothing"
        visitor.click("text=Sign out")
        assert visitor.is_visible("text=You have signed out")
        browser.close()


def test_an_auditor_replays_a_masked_round_and_follows_a_digest_on_a_phone(tmp_path: Path) -> None:
    town = RealTown(tmp_path, Protection.MASKED)
    with served(town.app) as address, playwright.sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        complaints: list[str] = []
        page = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        page.goto(f"{address}/sign-in")
        page.fill("#email", NOOR)
        page.fill("#password", PASSWORD)
        page.click("#submit")
        page.click("th a >> nth=0")
        assert page.locator(".trail-wait").count() == len(AuditStep)
        page.click("text=Replay this round")
        page.wait_for_selector("text=every step was checked")
        assert page.locator(".trail-good").count() == len(AuditStep)
        page.click("summary >> nth=0")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        page.click(".digests a >> nth=0")
        page.wait_for_selector("text=The ledger records this file")
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        browser.close()
        assert complaints == []
