"""A site with one page on which a trustee answers a request, and what that page sent.

Not here: the request itself (scripts/bench/_request.py); a ledger, for the page's facts are handed in.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Any

from flask import Flask, Response, jsonify, make_response, render_template_string, request, send_file
from waitress.server import create_server

from fl.protocol.errors import SlotTaken
from scripts.bench._request import Scene
from tests.support.browser import PATIENCE_MS
from webui.http.headers import allow_calculation

RUNNER = Path(__file__).parents[1] / "unit" / "webui" / "client" / "vectors.js"
PASSWORD = "vier zufällige Wörter hier"
PAGE = """{% extends "base.html" %}
{% from "_approval.html" import approval_form, approval_script %}
{% block head %}{{ approval_script() }}{% endblock %}
{% block content %}<div class="mid"><h1>A request</h1>{{ approval_form(block, shown) }}</div>{% endblock %}"""
SHOWN = {"requester": "Clinic North", "purpose": "Treatment", "approvals": 0, "threshold": 2, "trustees": 3}


@dataclass
class Place:
    """A site with one page of an approval, and what it was sent."""

    address: str
    scene: Scene
    block: dict[str, Any]
    answers: list[dict[str, Any]] = field(default_factory=list)
    taken: bool = False
    """The endpoint refuses, as when somebody was faster."""


def add_page(app: Flask, place: Place) -> None:
    """Give a site the page, its endpoint, and the file that runs the vectors."""

    def page() -> Response:
        return allow_calculation(make_response(render_template_string(PAGE, block=place.block, shown=SHOWN)))

    def answer() -> Response:
        if place.taken:
            raise SlotTaken(7)
        place.answers.append(request.get_json())
        return jsonify(location="/sign-in")

    app.add_url_rule("/approval", view_func=page)
    app.add_url_rule("/answer", view_func=answer, methods=["POST"])
    app.add_url_rule("/vectors.js", view_func=lambda: send_file(RUNNER, mimetype="text/javascript"))


@contextmanager
def served(app: Flask) -> Iterator[str]:
    """Serve a site on a free port of this machine and yield its address."""
    server = create_server(app, host="127.0.0.1", port=0, threads=4)
    thread = Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        server.close()
        thread.join(timeout=5)


@dataclass
class Visit:
    """The page in a browser, with everything that it sent and complained of."""

    page: Any
    sent: list[str]
    complaints: list[str]

    def answer(self, kit: bytes, password: str = PASSWORD, button: str = "[data-approve]") -> None:
        """Fill in the form and press a button."""
        self.page.set_input_files("[data-kit]", {"name": "kit.json", "mimeType": "application/json", "buffer": kit})
        self.page.fill("[data-password]", password)
        self.page.click(button)

    def refusal(self) -> str:
        """Return the name of the refusal that the page shows, once it does."""
        self.page.wait_for_selector("[data-problem]:not([hidden])", timeout=PATIENCE_MS)
        return str(self.page.get_attribute("[data-problem]", "data-name"))
