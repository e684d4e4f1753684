"""A browser, and in it the page on which a trustee answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from scripts.bench._request import Scene
from tests.support.approval_site import Place, Visit, add_page, served
from tests.support.browser import launched
from tests.support.site_town import Town


@pytest.fixture(scope="module")
def _browser() -> Iterator[Any]:
    with launched() as opened:
        yield opened


@pytest.fixture
def chromium(_browser: Any) -> Iterator[Any]:
    """Yield a browser without pages: one for all tests of a file, and no page of one test goes on in the next."""
    yield _browser
    for context in _browser.contexts:
        context.close()


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
def visit(place: Place, chromium: Any) -> Callable[[], Visit]:
    def go() -> Visit:
        context = chromium.new_context(viewport={"width": 390, "height": 844})
        found = Visit(context.new_page(), [], [])
        found.page.on("request", lambda one: found.sent.append(f"{one.url} {one.headers} {one.post_data}"))
        found.page.on("console", lambda line: found.complaints.append(line.text) if line.type == "error" else None)
        found.page.on("pageerror", lambda error: found.complaints.append(str(error)))
        found.page.goto(f"{place.address}/approval")
        return found

    return go
