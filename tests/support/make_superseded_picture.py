"""Takes docs/screenshots/superseded-390.png again: `python -m tests.support.make_superseded_picture`.

The demo never goes back to an earlier model, so the picture is of the site of the tests.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from scripts.screenshots import FOLDER, FROM_TESTS, PHONE, PHONE_HEIGHT, small
from tests.support.approval_site import served
from tests.support.site_browser import sign_in
from tests.support.site_town import MAYA, Town, cell
from webui.ports.federation import GoneBack


def main() -> None:
    town = Town(Path(tempfile.mkdtemp()))
    town.visitor(MAYA).check(cell(size=(200, 200)))
    now = town.federation.clock.now
    town.federation.gone_back = GoneBack(frozenset({town.federation.final_round}), 6, now - 3600, now, "ab" * 32)
    with served(town.app) as address, sync_playwright() as tool:
        browser = tool.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": PHONE, "height": 844}, device_scale_factor=2)
        page = context.new_page()
        sign_in(page, address, MAYA)
        page.goto(f"{address}/checks/1")
        page.wait_for_load_state("networkidle")
        (FOLDER / FROM_TESTS[0]).write_bytes(
            small(page.screenshot(full_page=True, clip={"x": 0, "y": 0, "width": PHONE, "height": PHONE_HEIGHT}))
        )
        browser.close()


if __name__ == "__main__":
    main()
