"""The page on which a trustee answers: what its answer carries, and how the site speaks to its script."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha384
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from scripts.bench._request import Scene
from tests.support.approval_site import Place, add_page
from tests.support.site_services import NOON
from tests.support.site_town import TOKEN, Town

BUNDLE = Path(__file__).parents[2] / "webui" / "static" / "approve.js"


@pytest.fixture
def place() -> Place:
    scene = Scene.draw()
    return Place("", scene, scene.block(0, NOON))


@pytest.fixture
def client(tmp_path: Path, place: Place) -> FlaskClient:
    app = Town(tmp_path).app
    add_page(app, place)
    return app.test_client()


def policy(client: FlaskClient, path: str) -> str:
    return str(client.get(path).headers["Content-Security-Policy"])


def test_only_this_page_may_start_a_thread_and_only_few_call_the_site(client: FlaskClient) -> None:
    here = policy(client, "/approval")
    assert "worker-src 'self'" in here
    assert "connect-src 'self'" in here
    assert "script-src 'self';" in here
    assert "unsafe" not in here
    for path in ("/", "/sign-in", "/sign-up", "/static/approve.js"):
        elsewhere = policy(client, path)
        assert "default-src 'none'" in elsewhere
        assert ("connect-src 'self'" in elsewhere) == (path == "/sign-in"), "sign-in asks about passkeys"
        assert "worker-src" not in elsewhere


def test_the_script_is_loaded_by_its_digest(client: FlaskClient) -> None:
    expected = "sha384-" + b64encode(sha384(BUNDLE.read_bytes()).digest()).decode()
    found = re.search(
        r'<script src="/static/approve\.js[^"]*" integrity="([^"]+)" defer>', client.get("/approval").text
    )
    assert found is not None
    assert unescape(found[1]) == expected


def test_the_facts_stand_in_the_page_and_cannot_leave_their_block(client: FlaskClient, place: Place) -> None:
    place.block["note"] = "</script><b>'\"&"
    found = re.search(r'<script type="application/json" id="approval">(.*?)</script>', client.get("/approval").text)
    assert found is not None
    assert json.loads(found[1]) == place.block


def test_an_answer_without_its_token_is_refused_in_words_for_the_script(client: FlaskClient, place: Place) -> None:
    token = TOKEN.search(client.get("/approval").text)
    assert token is not None
    sent = {"envelope": None, "transaction": "02"}
    refused = client.post("/answer", json=sent, headers={"Accept": "application/json"})
    assert refused.status_code == 400
    assert json.loads(refused.text)["error"] == "This form has expired"
    assert place.answers == []
    assert client.post("/answer", json=sent, headers={"X-CSRFToken": token[1]}).status_code == 200
    assert place.answers == [sent]


def test_a_person_still_gets_a_page(client: FlaskClient) -> None:
    for accept in ("text/html,application/xhtml+xml,*/*;q=0.8", "*/*", ""):
        assert client.get("/nowhere", headers={"Accept": accept}).mimetype == "text/html"
    asked = client.get("/nowhere", headers={"Accept": "application/json"})
    assert (asked.status_code, json.loads(asked.text)["error"]) == (404, "Page not found")
