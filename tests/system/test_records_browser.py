"""One record, from upload to a quorum's consent, in a real browser over a real committee."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.approval_site import served
from tests.support.browser import PATIENCE_MS, follow, says, seen, until
from tests.support.federation import Clock, memory_folder
from tests.support.site_committee import CommitteeTown, CommitteeWorld
from tests.support.site_town import INES, JONAS, MAYA, PASSWORD, cell
from webui.maintenance import keep_up

KIT_PASSWORD = "vier zufällige Wörter hier"
PICTURE = {"name": "c.png", "mimeType": "image/png", "buffer": cell(size=(450, 450))}


@pytest.fixture
def town(tmp_path: Path) -> Iterator[CommitteeTown]:
    with memory_folder(tmp_path) as folder:
        world = CommitteeWorld(folder, clock=Clock(int(time.time())))
        world.hold_key()
        made = CommitteeTown(tmp_path, world)
        made.federation.probability = 0.83
        made.site.request_store.link_trustee(INES, world.accounts[0])
        yield made


@pytest.fixture
def address(town: CommitteeTown) -> Iterator[str]:
    with served(town.app) as found:
        yield found


class Person:
    """Somebody at a browser, and what the browser complained of."""

    def __init__(self, chromium: Any, address: str, email: str) -> None:
        self.page = chromium.new_context(viewport={"width": 390, "height": 844}).new_page()
        self.complaints: list[str] = []
        self.page.on("console", lambda line: self.complaints.append(line.text) if line.type == "error" else None)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.goto(f"{address}/sign-in")
        self.page.fill("#email", email)
        self.page.fill("#password", PASSWORD)
        follow(self.page, "#submit")
        self.page.wait_for_selector("text=Sign out", state="attached")


UNFOLD = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"


def test_a_check_is_stored_sealed_and_opens_for_a_quorum(town: CommitteeTown, address: str, chromium: Any) -> None:
    patient = Person(chromium, address, MAYA)
    patient.page.goto(f"{address}/checks/new")
    patient.page.set_input_files("#image", PICTURE)
    follow(patient.page, "#submit")
    says(patient.page, "83 %")
    until(patient.page, "document.querySelector('.cell img').naturalWidth === 450")

    stored = town.stored_bytes()
    for plain in (b"leukemia", b"healthy", b"\x89PNG", b"IHDR", b"IDAT", b"0.83", b"North Coordination"):
        assert plain not in stored, plain
    assert b"BAFL\x01\x05" in stored, "the sealed record itself"

    keep_up(town.site)
    patient.page.reload()
    patient.page.evaluate(UNFOLD)
    says(patient.page, "in block")
    with patient.page.expect_download() as download:
        patient.page.click("text=Download the proof")
    assert b"hemaledger-proof-1" in Path(download.value.path()).read_bytes()

    doctor = Person(chromium, address, JONAS)
    doctor.page.goto(f"{address}/requests/")
    doctor.page.fill("#text", MAYA)
    follow(doctor.page, "#submit")
    doctor.page.select_option("select[name=purpose]", "2")
    doctor.page.select_option("select[name=reason]", "1")
    follow(doctor.page, "text=Ask the trustees")
    says(doctor.page, "2 more of the 3 trustees must approve")

    trustee = Person(chromium, address, INES)
    trustee.page.goto(f"{address}/requests/")
    follow(trustee.page, "text=/Dr Jonas Okafor, for / >> nth=0")
    kit = {"name": "kit.json", "mimeType": "application/json", "buffer": town.world.kit(0, KIT_PASSWORD)}
    trustee.page.set_input_files("[data-kit]", kit)
    trustee.page.fill("[data-password]", KIT_PASSWORD)
    trustee.page.click("[data-approve]")
    trustee.page.wait_for_selector("text=No request waits for your answer", timeout=PATIENCE_MS)
    town.world.answer(1, 1)

    doctor.page.reload()
    follow(doctor.page, "text=Open the record")
    says(doctor.page, "83 %")
    seen(doctor.page, "main").to_contain_text("Result of Maya Lindqvist")
    until(doctor.page, "document.querySelector('.cell img').naturalWidth === 450")

    patient.page.goto(f"{address}/requests/about-me")
    says(patient.page, "Dr Jonas Okafor", "second opinion", "Opened", "approved on")

    patient.page.goto(f"{address}/checks/1/erase")
    follow(patient.page, "text=Erase it")
    says(patient.page, "Erased")
    doctor.page.reload()
    assert "83 %" not in doctor.page.inner_text("main")
    assert b"BAFL\x01\x05" not in town.stored_bytes()
    assert [*patient.complaints, *doctor.complaints, *trustee.complaints] == []


def test_no_page_of_a_record_or_request_is_wider_than_a_phone(town: CommitteeTown, address: str, chromium: Any) -> None:
    town.add_check(MAYA)
    town.site.anchoring.anchor()
    number = town.site.record_store.visible(town.members[MAYA], 1).number or ""
    town.visitor(JONAS).post("/requests/ask", page="/requests/", number=number, purpose="1", reason="1")
    for place in (1, 2):
        town.world.answer(1, place)
    widths = {}
    for email, paths in (
        (MAYA, ("/checks/", "/checks/1", "/checks/1/erase", "/consent/", "/requests/about-me")),
        (JONAS, ("/requests/", "/requests/1")),
        (INES, ("/requests/", "/approvals/1")),
    ):
        person = Person(chromium, address, email)
        for path in paths:
            person.page.goto(address + path)
            widths[email, path] = int(person.page.evaluate("document.documentElement.scrollWidth"))
    assert set(widths.values()) == {390}, widths
