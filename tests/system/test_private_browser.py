"""A private prediction in a real browser: chosen by the keyboard, with and without a script, narrow and wide."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.approval_site import served
from tests.support.browser import PATIENCE_MS, seen
from tests.support.private_site import PrivateTown, PrivateWorld
from tests.support.site_browser import sign_in
from tests.support.site_town import MAYA, cell

WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.mark.parametrize("script", [True, False])
def test_a_patient_has_a_picture_judged_privately(tmp_path: Path, chromium: Any, *, script: bool) -> None:
    world = PrivateWorld(tmp_path / "world")
    world.announce()
    world.buy(2)
    (tmp_path / "site").mkdir()
    with served(PrivateTown(tmp_path / "site", world).app) as address:
        context = chromium.new_context(
            java_script_enabled=script, viewport={"width": 390 if script else 1280, "height": 844}
        )
        page = context.new_page()
        sign_in(page, address, MAYA)
        page.goto(f"{address}/checks/new")
        page.set_input_files("#image", {"name": "cell.png", "mimeType": "image/png", "buffer": cell(size=(450, 450))})
        page.focus("#way-0")
        page.keyboard.press("ArrowDown")
        assert page.locator("#way-1").is_checked()
        assert page.evaluate(WIDER) <= 0
        page.click("#submit")
        page.wait_for_url("**/checks/1", timeout=PATIENCE_MS)
        seen(page, "text=This came by the private way").to_be_visible()
        seen(page, "text=This hospital has 1 left for this model.").to_be_visible()
        for fold in page.locator("details").all():
            fold.evaluate("one => { one.open = true; }")
        seen(page, "text=These trustees' servers gave their parts").to_be_visible()
        assert page.evaluate(WIDER) <= 0
        context.close()
