"""Takes the pictures of docs/screenshots from a running demo: `python -m scripts.screenshots --home HOME --url URL`.

It signs in as people of the demo, in English. What the pictures need and the demo has not yet, it does as these people:
a check, an appointment about it, and a question to the trustees. It needs the packages of requirements-dev.txt and
Chromium.

Invariant: a picture has at most 150 kB, and a phone is 390 px wide.
"""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from playwright.sync_api import Page

FOLDER = Path(__file__).parents[1] / "docs" / "screenshots"
MOST_BYTES = 150_000
CLOCK = re.compile(r"^\s*\d\d:\d\d\s*$")
COLOURS = (256, 128, 64, 32)
WIDE, PHONE = 1280, 390
PHONE_HEIGHT = 1200
"""Of a long page, a phone's picture shows the beginning."""
PEOPLE = {
    "patient": "maya@patients.example",
    "doctor": "ines@clinic.example",
    "asker": "jonas@clinic.example",
    "trustee": "salma@clinic.example",
    "auditor": "audit@ledger.example",
    "operator": "operator@clinic.example",
    "hospital": "tove@clinic.example",
}
PICTURES: Mapping[str, tuple[str, str, tuple[int, ...]]] = {
    "home": ("patient", "/", (PHONE,)),
    "result": ("patient", "first check", (WIDE, PHONE)),
    "private": ("patient", "/checks/new", (WIDE,)),
    "accesses": ("patient", "/requests/accesses", (WIDE,)),
    "verify": ("patient", "receipt checked", (WIDE,)),
    "week": ("doctor", "booked week", (WIDE, PHONE)),
    "working-hours": ("doctor", "/doctor/schedule", (WIDE,)),
    "worklist": ("doctor", "/worklist/", (WIDE, PHONE)),
    "approval": ("trustee", "first question", (PHONE,)),
    "hospital": ("hospital", "/hospital/", (WIDE,)),
    "curves": ("hospital", "/hospital/curves", (PHONE,)),
    "witnesses": ("auditor", "/witnesses", (WIDE,)),
    "ledger": ("auditor", "/auditor/ledger/", (WIDE,)),
    "audit-report": ("auditor", "/auditor/audit/report", (PHONE,)),
    "next-round": ("operator", "/operator/round", (WIDE,)),
    "health": ("operator", "/operator/health", (PHONE,)),
}
"""Name -> who sees it, its path, and the widths. *private* needs `demo --encrypted-head`."""
FROM_TESTS = ("superseded-390.png", "leave-390.png", "withdrawals-390.png")
"""Of what the demo never does; tests/support/make_withdrawal_pictures.py takes them."""
FIRST = {
    "first check": ("/checks/", "main a[href^='/checks/']:not([href$='/new'])"),
    "first question": ("/requests/", "section[aria-labelledby=waiting] a"),
}
"""Paths that are the first link of another page."""


@click.command()
@click.option("--home", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--url", default="http://127.0.0.1:8080", show_default=True, help="Where the demo runs.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=FOLDER, show_default=False)
@click.option("--only", multiple=True, type=click.Choice(list(PICTURES)), help="Repeatable. Default: all.")
def main(home: Path, url: str, out: Path, only: tuple[str, ...]) -> None:
    """Take the pictures of the documentation."""
    from playwright.sync_api import sync_playwright

    password = (home / "site" / "demo-password").read_text(encoding="utf-8").strip()
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])

        @contextmanager
        def signed_in(who: str, width: int) -> Iterator[Page]:
            context = browser.new_context(
                viewport={"width": width, "height": 844 if width == PHONE else 900},
                base_url=url,
                locale="en-GB",
                device_scale_factor=2 if width == PHONE else 1,
            )
            page = context.new_page()
            page.set_default_timeout(20_000)
            page.goto("/sign-in")
            page.fill("#email", PEOPLE[who])
            page.fill("#password", password)
            page.click("#submit")
            page.wait_for_url(lambda address: "sign-in" not in address)
            yield page
            context.close()

        prepare(signed_in)
        for name, (who, path, widths) in PICTURES.items():
            for width in widths if not only or name in only else ():
                file = out / (f"{name}-{PHONE}.png" if width == PHONE else f"{name}.png")
                with signed_in(who, width) as page:
                    file.write_bytes(small(taken(page, path, width)))
                click.echo(f"{file.name}: {file.stat().st_size} bytes")
        browser.close()


def prepare(signed_in: Callable[[str, int], AbstractContextManager[Page]]) -> None:
    """Do what the pictures show, if nobody has done it yet."""
    with signed_in("patient", WIDE) as page:
        page.goto("/appointments/")
        if not page.locator("main .row-actions").count():
            book(page)
    with signed_in("trustee", WIDE) as page:
        page.goto("/requests/")
        asked = page.locator(FIRST["first question"][1]).count()
    if not asked:
        with signed_in("asker", WIDE) as page:
            ask(page)


def book(page: Page) -> None:
    """Book the first free time of Dr Carvalho about the first check."""
    page.goto("/checks/")
    page.locator(FIRST["first check"][1]).first.click()
    page.locator("main a[href*='/appointments/doctors?check=']").first.click()
    page.locator("a.row-link", has_text="Carvalho").click()
    page.locator("main a", has_text=CLOCK).first.click()
    page.locator("main form [type=submit]").first.click()


def ask(page: Page) -> None:
    """Ask the trustees for a record of the patient."""
    page.goto("/requests/")
    page.fill("#text", PEOPLE["patient"])
    page.click("#submit")
    form = page.locator("form.ask-row").first
    if not form.locator("[name=sentence]").is_visible():
        form.locator("summary").click()
    form.locator("[name=reason]").select_option(index=1)
    form.locator("[name=sentence]").fill("A second opinion before the treatment changes.")
    form.locator("[type=submit]").click()
    page.wait_for_load_state()


def booked_week(page: Page) -> str:
    """Return the address of the first day of this or the next week on which something is booked."""
    page.goto("/doctor/calendar")
    if not page.locator(".week .entry").count():
        page.locator("a[rel=next]").click()
        page.wait_for_load_state()
    booked = page.locator(".day-tabs a", has_not_text=re.compile(r"\b0 booked"))
    return str(booked.first.get_attribute("href"))


def first_of(page: Page, what: str) -> str:
    """Return the path of the first link of another page."""
    page.goto(FIRST[what][0])
    return str(page.locator(FIRST[what][1]).first.get_attribute("href"))


def check_receipt(page: Page) -> None:
    """Let the browser check the receipt of the first check."""
    receipt = page.request.get(f"{first_of(page, 'first check')}/receipt.json").body()
    page.goto("/verify")
    page.set_input_files("[data-proof]", {"name": "receipt.json", "mimeType": "application/json", "buffer": receipt})
    page.wait_for_selector("[data-verdict]")


def taken(page: Page, path: str, width: int) -> bytes:
    """Return a picture of a page as PNG."""
    if path == "receipt checked":
        check_receipt(page)
    else:
        page.goto(booked_week(page) if path == "booked week" else first_of(page, path) if path in FIRST else path)
    page.wait_for_load_state("networkidle")
    if width != PHONE:
        return bytes(page.screenshot(full_page=True))
    height = min(page.evaluate("document.documentElement.scrollHeight"), PHONE_HEIGHT)
    return bytes(page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": PHONE, "height": height}))


def small(png: bytes) -> bytes:
    """Return the picture with as many colours as fit into MOST_BYTES."""
    from PIL import Image

    found = png
    for colours in COLOURS:
        buffer = io.BytesIO()
        Image.open(io.BytesIO(png)).convert("RGB").quantize(colours).save(buffer, "PNG", optimize=True)
        found = buffer.getvalue()
        if len(found) <= MOST_BYTES:
            return found
    return found


if __name__ == "__main__":
    main()
