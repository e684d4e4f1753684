"""The page that checks proofs: what it carries, what its policy allows, and what it says without a script or a log."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html import unescape
from pathlib import Path

import pytest

from fl.protocol.tlog.trust import parse_trust
from tests.support.paper_receipt import TrustingTown
from tests.support.site_town import Town, words

FAR = re.compile(r'(?:src|href|action)="([^"#]*)"|url\(([^)]*)\)')
"""What a page could load, or lead to."""


@pytest.fixture
def town(tmp_path: Path) -> TrustingTown:
    return TrustingTown(tmp_path)


@pytest.mark.parametrize("path", ["/verify", "/verify.html"])
def test_the_page_carries_the_trust_file_that_the_site_offers(town: TrustingTown, path: str) -> None:
    page = town.visitor().get(path)
    assert page.status_code == 200
    block = re.search(r'<script type="application/json" id="trust">(.*?)</script>', page.text, re.DOTALL)
    assert block is not None
    assert json.loads(block[1]).encode() == town.receipt.trust
    offered = town.visitor().get("/trust.json")
    assert (offered.mimetype, offered.data) == ("application/json", town.receipt.trust)
    assert len(parse_trust(offered.data).code) == 20


def test_without_a_log_the_page_works_with_a_trust_file_of_ones_own(tmp_path: Path) -> None:
    town = Town(tmp_path)
    assert town.visitor().get("/trust.json").status_code == 404
    for path in ("/verify", "/verify.html"):
        page = town.visitor().get(path)
        assert page.status_code == 200
        assert 'id="trust">null<' in page.text


@pytest.mark.parametrize("path", ["/verify", "/verify.html"])
def test_without_a_script_the_page_says_what_to_do(town: TrustingTown, path: str) -> None:
    page = town.visitor().get(path)
    assert "hemaledger verify FILE --trust trust.json" in words(page)
    assert re.search(r"<form[^>]* data-form[^>]* hidden>", page.text), "a form that does nothing is not shown"


def test_the_single_file_needs_nothing_else_and_allows_nothing_else(town: TrustingTown) -> None:
    page = town.visitor().get("/verify.html")
    assert page.text.startswith("<!doctype html>")
    assert "\r" not in page.text
    far = {unescape(one or other).strip("\"'") for one, other in FAR.findall(page.text)}
    assert {each for each in far if not each.startswith("data:")} == set()
    meta = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', page.text)
    assert meta is not None
    policy = dict(part.split(" ", 1) for part in unescape(meta[1]).split("; "))
    assert policy["default-src"] == "'none'"
    for tag, name in (("script", "script-src"), ("style", "style-src")):
        inside = re.findall(rf"<{tag}>(.*?)</{tag}>", page.text, re.DOTALL)
        assert [hashed(each) for each in inside] == policy[name].split(" ")
    assert page.headers["Content-Security-Policy"] == f"{unescape(meta[1])}; frame-ancestors 'none'"


def hashed(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def test_the_verifier_is_where_people_look_for_it(town: TrustingTown) -> None:
    for path in ("/", "/model", "/receipts/check"):
        assert 'href="/verify"' in town.visitor().get(path).text
