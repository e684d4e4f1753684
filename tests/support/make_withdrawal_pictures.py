"""Takes the pictures of withdrawals in docs/screenshots again: `python -m tests.support.make_withdrawal_pictures`.

The demo never goes back to an earlier model, so the pictures are of the site of the tests.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from scripts.screenshots import FOLDER, FROM_TESTS, PHONE, PHONE_HEIGHT, small
from tests.support.approval_site import served
from tests.support.site_browser import sign_in
from tests.support.site_town import MAYA, TOVE, Town, cell
from webui.ports.federation import GoneBack

PATHS = ((MAYA, "/checks/1"), (TOVE, "/hospital/withdrawal/leave"), (MAYA, "/withdrawals/"))
"""Whose page, and which, in the order of FROM_TESTS."""


def main() -> None:
    town = Town(Path(tempfile.mkdtemp()))
    town.visitor(MAYA).check(cell(size=(200, 200)))
    now = town.federation.clock.now
    town.federation.gone_back = GoneBack(frozenset({town.federation.final_round}), 6, now - 3600, now, "ab" * 32)
    town.federation.withdrawals.state()
    town.federation.withdrawals.go_back()
    with served(town.app) as address, sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, (email, path) in zip(FROM_TESTS, PATHS, strict=True):
            (FOLDER / name).write_bytes(small(_picture(browser, address, email, path)))
        browser.close()


def _picture(browser: Browser, address: str, email: str, path: str) -> bytes:
    context = browser.new_context(viewport={"width": PHONE, "height": 844}, device_scale_factor=2)
    page = context.new_page()
    sign_in(page, address, email)
    page.goto(f"{address}{path}")
    page.wait_for_load_state("networkidle")
    height = min(int(page.evaluate("document.documentElement.scrollHeight")), PHONE_HEIGHT)
    picture = page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": PHONE, "height": height})
    context.close()
    return picture


if __name__ == "__main__":
    main()
