"""A patient and a doctor, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fl.protocol.audit import AuditStep
from fl.protocol.names import Protection
from tests.support.approval_site import served
from tests.support.browser import PATIENCE_MS, follow, says, seen, until
from tests.support.site_browser import sign_in
from tests.support.site_federation import RealTown
from tests.support.site_town import INES, MAYA, NOOR, PASSWORD, Town, cell


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    town = Town(tmp_path)
    town.federation.probability = 0.83
    with served(town.app) as there:
        yield there


def test_from_sign_up_to_the_doctors_list(address: str, chromium: Any) -> None:
    complaints: list[str] = []
    here = (address, "blob:", "data:")

    def page() -> Any:
        made = chromium.new_context(viewport={"width": 390, "height": 844}).new_page()
        made.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        made.on("request", lambda sent: complaints.append(sent.url) if not sent.url.startswith(here) else None)
        return made

    patient = page()
    patient.goto(f"{address}/sign-up")
    for field, value in (("name", "Ada Byron"), ("date_of_birth", "1990-12-10"), ("email", "ada@x.example")):
        patient.fill(f"#{field}", value)
    patient.fill("#password", PASSWORD)
    patient.fill("#again", PASSWORD)
    follow(patient, "#submit")

    patient.set_input_files("#image", {"name": "c.png", "mimeType": "image/png", "buffer": cell(size=(450, 450))})
    patient.wait_for_selector("[data-preview]:not([hidden])")
    follow(patient, "#submit")
    says(patient, "83 %")
    patient.click("text=Where this answer comes from")
    says(patient, "Verified on the ledger")

    for step in ("text=Book an appointment about this check", "text=Dr Inês Carvalho", ".time >> nth=1"):
        follow(patient, step)
    says(patient, "Book this appointment?")
    follow(patient, "main button[type=submit]")
    says(patient, "Your appointment is booked.")

    doctor = page()
    sign_in(doctor, address, INES)
    follow(doctor, "text=Ada Byron")
    follow(doctor, "text=The model sees signs of leukemia in this cell")
    says(doctor, "83 %")
    until(doctor, "document.querySelector('.cell img').naturalWidth === 450")
    assert complaints == []


def test_no_page_is_wider_than_a_phone(address: str, chromium: Any) -> None:
    page = chromium.new_context(viewport={"width": 390, "height": 844}).new_page()

    def width(path: str) -> int:
        page.goto(address + path)
        return int(page.evaluate("document.documentElement.scrollWidth"))

    widths = {path: width(path) for path in ("/", "/sign-up", "/sign-in", "/nowhere")}
    sign_in(page, address, MAYA)
    says(page, "No checks yet")
    widths |= {path: width(path) for path in ("/", "/checks/new", "/appointments/", "/appointments/doctors")}
    assert set(widths.values()) == {390}, widths


def test_a_phone_without_scripts_reaches_every_page(address: str, chromium: Any) -> None:
    visitor = chromium.new_context(viewport={"width": 390, "height": 844}, java_script_enabled=False).new_page()
    sign_in(visitor, address, MAYA)
    for page in ("New check", "My checks", "Appointments", "Consent", "Who asked"):
        follow(visitor, f"nav >> text={page}")
    assert not visitor.is_visible("nav [aria-label=Menu]"), "it would do nothing"
    follow(visitor, "text=Sign out")
    seen(visitor, "text=You have signed out").to_be_visible()


def test_an_auditor_replays_a_masked_round_and_follows_a_digest_on_a_phone(tmp_path: Path, chromium: Any) -> None:
    town = RealTown(tmp_path, Protection.MASKED)
    with served(town.app) as address:
        complaints: list[str] = []
        page = chromium.new_context(viewport={"width": 390, "height": 844}).new_page()
        page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
        sign_in(page, address, NOOR)
        follow(page, "th a >> nth=0")
        seen(page, ".trail-wait").to_have_count(len(AuditStep))
        page.click("text=Replay this round")
        page.wait_for_selector("text=every step was checked", timeout=PATIENCE_MS)
        seen(page, ".trail-good").to_have_count(len(AuditStep))
        page.click("summary >> nth=0")
        until(page, "document.documentElement.scrollWidth == 390")
        follow(page, ".digests a >> nth=0")
        says(page, "The ledger records this file")
        until(page, "document.documentElement.scrollWidth == 390")
        assert complaints == []
