"""A browser, and in it the page on which a trustee answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.bench._request import Scene
from tests.support.approval_site import Place, Visit, add_page, served
from tests.support.browser import CHROMIUM, QUIET
from tests.support.site_town import Town


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as tool:
        opened = tool.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield opened
        opened.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    scene = Scene.draw()
    found = Place("", scene, scene.block(0, int(time.time())))
    app = Town(tmp_path).app
    add_page(app, found)
    with served(app) as address:
        found.address = address
        yield found


@pytest.fixture
def visit(place: Place, chromium: Any) -> Iterator[Callable[[], Visit]]:
    contexts: list[Any] = []

    def go() -> Visit:
        context = chromium.new_context(viewport={"width": 390, "height": 844})
        contexts.append(context)
        found = Visit(context.new_page(), [], [])
        found.page.on("request", lambda one: found.sent.append(f"{one.url} {one.headers} {one.post_data}"))
        found.page.on("console", lambda line: found.complaints.append(line.text) if line.type == "error" else None)
        found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
        found.page.goto(f"{place.address}/approval")
        return found

    yield go
    for context in contexts:
        context.close()
