"""The browser of this machine, and waiting in it: what a page shows after a click comes when a loaded machine has time.

Invariant: after an action, nothing is read that has not been waited for. A wait ends at once when it comes true.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
PATIENCE_MS = 60_000
"""Only what is wrong takes this long."""
POLL_MS = 20


@contextmanager
def launched() -> Iterator[Any]:
    """Yield a browser; skip the test on a machine that has none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    playwright.expect.set_options(timeout=PATIENCE_MS)
    with playwright.sync_playwright() as tool:
        opened = tool.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield opened
        opened.close()


def follow(page: Any, selector: str) -> None:
    """Click on what leads to another page, and return when that page is loaded."""
    with page.expect_navigation(timeout=PATIENCE_MS):
        page.click(selector)


def says(page: Any, *texts: str, place: str = "main") -> None:
    """Wait until a part of the page shows each text; hidden texts do not count."""
    part = seen(page, place)
    for text in texts:
        part.to_contain_text(text, use_inner_text=True)


def seen(page: Any, selector: str) -> Any:
    """Return what waits for a part of the page: `to_be_visible`, `to_have_count`, `to_have_text` and the like."""
    from playwright.sync_api import expect  # noqa: PLC0415 - a machine without it skips these tests

    return expect(page.locator(selector))


def until(page: Any, condition: str) -> None:
    """Wait until a JavaScript expression, or what it promises, is true.

    Not by the browser's own `wait_for_function`: when the first look fails, it evaluates text in the page, which the
    site forbids.
    """
    ends = monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(condition):
        assert monotonic() < ends, condition
        page.wait_for_timeout(POLL_MS)
