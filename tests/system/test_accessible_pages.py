"""Every page that a role can reach by links, in a real browser: axe finds nothing, nothing overflows, nothing fails.

The pages are found as a person finds them: from the first page, link by link. So a new page is tested when a page links
to it.

Source: WCAG 2.2 AA by axe-core (it tests most of what a program can test); WCAG 1.4.10 (reflow at 320 px).
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect

from fl.training.tables.rows import parse_values
from tests.support.approval_site import served
from tests.support.site_browser import sign_in
from tests.support.site_hospital import weights
from tests.support.site_risks import HEART, RiskTown
from tests.support.site_town import INES, MAYA, NOOR, PASSWORD, TOVE, Town
from webui.store.models import SiteRole
from webui.store.new_accounts import NewAccount
from webui.usecases.risk_format import NewRisk

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
OTTO = "otto@clinic.example"
STRANGER = ""
WIDE = {"width": 1280, "height": 900}
NO_MORE = (None,) * 9
"""The other values of a risk, which nobody knows."""
VISITS = 2
"""Of one kind of page, with different objects."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
CHECK = """async (tags) => {
  const found = await axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']});
  return found.violations.map((one) => one.id + ': ' + one.nodes.map((node) => node.target.join(' ')).join(', '));
}"""
WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
LINKS = "() => [...document.querySelectorAll('a[href]:not([download])')].map((link) => link.href)"


def peopled(folder: Path) -> Town:
    """Return a site in which every list has something in it."""
    town = RiskTown(folder)
    town.site.accounts.create(NewAccount(SiteRole.OPERATOR, OTTO, "Otto Brandt", PASSWORD))
    check = town.add_check(MAYA)
    town.book()
    town.federation.withdrawals.state()
    town.visitor(MAYA).post("/withdrawals/mine")
    town.site.patient_records.add_note(town.members[INES], check, "Seen, and discussed with the patient.")
    for data in (weights(town.federation.hospital), b"PK\x03\x04 a file of torch.save"):
        file = io.BytesIO(data), "weights.safetensors"
        town.visitor(TOVE).post("/hospital/uploads", file=file, samples="9")
    answer = town.tables.answer("heart", parse_values({"age": "61", "sex": "1", "cp": "4", "trestbps": "250"}, HEART))
    risk = NewRisk(town.members[MAYA].id, answer, [61.0, 1.0, 3.0, 250.0, *NO_MORE])
    town.site.patient_records.add_risks("Maya Lindqvist", [risk])
    return town


def kind_of(town: Town, path: str) -> str:
    """Return the endpoint of a path, or nothing if it is not a page."""
    try:
        endpoint, _ = town.app.url_map.bind("localhost").match(path)
    except (HTTPException, RequestRedirect):
        return ""
    return "" if endpoint == "static" else str(endpoint)


def walk(town: Town, page: Any, address: str) -> Iterator[str]:
    """Open every kind of page that links lead to, and yield the paths of those that are pages."""
    waiting, seen, visits = ["/"], {"/"}, dict[str, int]()
    while waiting:
        path = waiting.pop(0)
        kind = kind_of(town, urlsplit(path).path)
        visits[kind] = visits.get(kind, 0) + 1
        if not kind or visits[kind] > VISITS:
            continue
        answer = page.goto(address + path)
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        assert answer.status == 200, path
        yield path
        for link in page.evaluate(LINKS):
            parts = urlsplit(link)
            target = parts.path + (f"?{parts.query}" if parts.query else "")
            if f"{parts.scheme}://{parts.netloc}" == address and target not in seen:
                seen.add(target)
                waiting.append(target)


@pytest.mark.parametrize("email", [STRANGER, MAYA, INES, NOOR, OTTO, TOVE])
def test_every_page_of_a_role_is_accessible_in_light_and_dark(tmp_path: Path, chromium: Any, email: str) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed; run `make setup`")
    town, faults, pages, schemes = peopled(tmp_path), list[str](), 0, ["light", "dark"]
    with served(town.app) as address:
        context = chromium.new_context(viewport=WIDE, color_scheme=schemes[0], reduced_motion="reduce")
        context.add_init_script(path=AXE)
        page = context.new_page()
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        if email:
            sign_in(page, address, email)
        for path in walk(town, page, address):
            pages += 1
            faults += [f"{path}, {schemes[0]}: {fault}" for fault in looked_at(page)]
            schemes.reverse()  # the next page begins in the scheme in which this one ends
            page.emulate_media(color_scheme=schemes[0])
            faults += [f"{path}, {schemes[0]}: {fault}" for fault in looked_at(page)]
    assert faults == []
    assert pages >= (3 if email == STRANGER else 4)


def looked_at(page: Any) -> list[str]:
    """Return what axe finds on a page, and how much too wide it is at 320 px."""
    found = list(page.evaluate(CHECK, RULES))
    page.set_viewport_size({"width": 320, "height": 800})
    over = page.evaluate(WIDER)
    page.set_viewport_size(WIDE)
    return [*found, *([f"{over} px too wide at 320 px"] if over > 0 else [])]
