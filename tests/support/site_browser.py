"""Somebody who is signed in on the site with the browser of this machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.browser import PATIENCE_MS, follow
from tests.support.site_town import PASSWORD


def sign_in(page: Any, address: str, email: str) -> None:
    page.goto(f"{address}/sign-in")
    page.fill("#email", email)
    page.fill("#password", PASSWORD)
    follow(page, "#submit")
    page.wait_for_url(lambda url: "sign-in" not in url, timeout=PATIENCE_MS)


@contextmanager
def flawless_page(chromium: Any, address: str, email: str) -> Iterator[Any]:
    """Yield a wide page on which somebody is signed in; its console must have no error at the end.

    A form that is refused with 400 is no error: the page shows what is wrong.
    """
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, base_url=address)
    opened, complaints = context.new_page(), []
    opened.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    sign_in(opened, address, email)
    yield opened
    context.close()
    assert [each for each in complaints if "status of 400" not in each] == []
