"""A quorum of doctors as its people live it: a real demo with its chain, a patient and three doctors at browsers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from fl.protocol.names import Purpose
from fl.training.data.synthetic import draw_cell
from fl.training.pictures.images import encode_png
from tests.support.browser import CHROMIUM, PATIENCE_MS, follow, launched, says
from tests.support.processes import Process, free_port, invoke

MAYA, INES, JONAS, SALMA = (
    "maya@patients.example",
    "ines@clinic.example",
    "jonas@clinic.example",
    "salma@clinic.example",
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the doctors' story is not run"),
]


@dataclass
class Clinic:
    """The running demo and one browser."""

    home: Path
    address: str
    password: str
    browser: Browser

    def session(self, email: str) -> Page:
        """Return a page of somebody who signed in with a browser profile of their own."""
        page = self.browser.new_context(base_url=self.address).new_page()
        page.goto("/sign-in")
        page.fill("#email", email)
        page.fill("#password", self.password)
        follow(page, "#submit")
        page.wait_for_selector("text=Sign out", state="attached")
        return page

    def check_a_cell(self, patient: Page) -> None:
        image = self.home / "cell.png"
        image.write_bytes(encode_png(draw_cell(1, 5)))
        patient.goto("/checks/new")
        patient.set_input_files("#image", image)
        patient.check("input[name=drawn]")
        follow(patient, "#submit")
        patient.wait_for_selector("#verdict")

    def ask(self, doctor: Page, purpose: Purpose) -> None:
        doctor.goto("/requests/")
        doctor.fill("#text", MAYA)
        follow(doctor, "#submit")
        doctor.select_option("select[name=purpose]", str(int(purpose)))
        doctor.select_option("select[name=reason]", "1")
        follow(doctor, "text=Ask the trustees")
        doctor.wait_for_selector("#state")

    def fill_in(self, trustee: Page, name: str) -> None:
        """Open the newest request that waits, and give the kit of `name` and its password."""
        trustee.goto("/requests/")
        follow(trustee, "text=/Dr Jonas Okafor, for / >> nth=0")
        trustee.set_input_files("[data-kit]", self.home / "site" / "kits" / f"{name}.json")
        trustee.fill("[data-password]", self.password)

    def answer(self, trustee: Page, name: str, press: str) -> None:
        self.fill_in(trustee, name)
        if press == "[data-refuse]":
            trustee.click("text=Refuse instead")
        trustee.click(press)
        trustee.wait_for_selector("text=No request waits for your answer", timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    folder = tmp_path_factory.mktemp("clinic") / "run"
    port = str(free_port())
    demo = Process("demo", "--hospitals", "2", "--rounds", "1", "--no-calibrate", "--home", str(folder), "--port", port)
    try:
        demo.wait_for("Account +Password")
        found = demo.wait_for(rf"{re.escape(MAYA)} +(\S+)")
        demo.wait_for("operator@clinic")
        with launched() as browser:
            yield Clinic(folder, f"http://127.0.0.1:{port}", found[1], browser)
    finally:
        demo.stop()


def test_two_of_three_doctors_open_a_record_and_refusal_and_revocation_prevent_it(clinic: Clinic) -> None:
    patient, asker = clinic.session(MAYA), clinic.session(JONAS)
    clinic.check_a_cell(patient)
    verdict = patient.inner_text("#verdict")
    clinic.ask(asker, Purpose.SECOND_OPINION)
    assert "Open the record" not in asker.inner_text("main")

    ines, salma = clinic.session(INES), clinic.session(SALMA)
    clinic.answer(ines, "ines", "[data-approve]")
    asker.reload()
    assert "Open the record" not in asker.inner_text("main"), "one approval is not enough"
    clinic.answer(salma, "salma", "[data-approve]")
    asker.reload()
    follow(asker, "text=Open the record")
    asker.wait_for_selector("#verdict")
    assert asker.inner_text("#verdict") == verdict

    patient.goto("/requests/about-me")
    says(patient, "Dr Jonas Okafor", "second opinion", "ines", "salma", "approved")

    clinic.ask(asker, Purpose.EMERGENCY)
    clinic.answer(ines, "ines", "[data-refuse]")
    clinic.fill_in(salma, "salma")  # she has the page open when she is revoked
    address = json.loads((clinic.home / "members" / "salma" / "account.json").read_bytes())["address"]
    account = "0x" + address.removeprefix("0x")
    words = ("--home", str(clinic.home), "--account", account, "--reason", "left the hospital")
    revoked = invoke("consortium", "revoke", *words)
    assert revoked.exit_code == 0, revoked.output
    salma.click("[data-approve]")
    salma.wait_for_selector("[data-problem]:visible", timeout=PATIENCE_MS)
    assert "revoked" in salma.inner_text("[data-problem]").lower()
    asker.reload()
    assert "Open the record" not in asker.inner_text("main")
    patient.reload()
    says(patient, "refused")


def test_the_database_holds_no_clinical_plaintext(clinic: Clinic) -> None:
    folder = clinic.home / "site"
    stored = b"".join(path.read_bytes() for path in folder.glob("site.sqlite*"))
    for plain in (b"leukemia", b"IDAT", b"\x89PNG"):
        assert plain not in stored
    assert b"BAFL\x01\x05" in stored
