"""The pages of a hospital's staff in a real browser: they fit, are used with the keys alone, and follow the ledger."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fl.roles.hospital.key_orders import OrderOutcome
from fl.roles.hospital.orders import OrderState
from tests.support.approval_site import served
from tests.support.site_browser import sign_in
from tests.support.site_hospital import weights
from tests.support.site_town import MAYA, TOVE, Town
from tests.support.tab_stops import contrast, rings
from webui.ports.local_training import LocalTraining, TrainingStep

WITHDRAWAL = ("withdrawal/", "withdrawal/leave", "withdrawal/persons")
PATHS = ("", "model", "uploads", "uploads/1", "training/", "curves", "members", "keys/", "keys/new", *WITHDRAWAL)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """Return a site with one upload that waits and one that was refused."""
    made = Town(tmp_path)
    tove = made.visitor(TOVE)
    for data in (weights(made.federation.hospital), b"PK\x03\x04 a file of torch.save"):
        tove.post("/hospital/uploads", file=(io.BytesIO(data), "w.safetensors"), samples="9")
    made.visitor(MAYA).post("/withdrawals/mine")
    return made


@pytest.mark.parametrize("width", [1280, 390, 320])
def test_no_page_is_wider_than_the_screen_or_heavier_than_250_kilobytes(town: Town, chromium: Any, width: int) -> None:
    with served(town.app) as address:
        context = chromium.new_context(viewport={"width": width, "height": 844})
        page, errors = context.new_page(), []
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        sign_in(page, address, TOVE)
        wide = {}
        for path in PATHS:
            page.goto(f"{address}/hospital/{path}")
            wide[path] = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert len(page.content().encode()) < 250_000, path
        context.close()
    assert wide == dict.fromkeys(PATHS, 0)
    assert errors == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_stop_of_the_tab_key_is_seen(town: Town, chromium: Any, scheme: str) -> None:
    with served(town.app) as address:
        context = chromium.new_context(viewport={"width": 1280, "height": 900}, color_scheme=scheme)
        page = context.new_page()
        sign_in(page, address, TOVE)
        found = [ring for path in PATHS for ring in rings(page, f"{address}/hospital/{path}")]
        context.close()
    assert len(found) > 80
    assert [ring for ring in found if ring["style"] != "solid" or ring["width"] < 2] == []
    assert [ring for ring in found if contrast(ring["colour"], ring["below"]) < 3] == []


def test_open_pages_follow_the_round_and_the_training(town: Town, chromium: Any) -> None:
    hospital, training = town.federation.hospital, town.federation.training
    training.state = LocalTraining(TrainingStep.RUNNING, 1_795_435_200, 6, 2, 412, 371, 0.3)
    with served(town.app) as address:
        context = chromium.new_context()
        page = context.new_page()
        sign_in(page, address, TOVE)
        page.get_by_text("Round 8", exact=True).wait_for()
        hospital.rounds += 1
        page.get_by_text("Round 9", exact=True).wait_for()
        page.get_by_text("The round has changed.").wait_for(state="attached")
        page.goto(f"{address}/hospital/training/")
        training.state = replace(training.state, done=3)
        page.get_by_text("3 of 6").wait_for()
        training.state = replace(training.state, done=6, step=TrainingStep.DONE)
        page.get_by_role("button", name="Hand the weights to the agent").wait_for()
        context.close()


def test_without_scripts_the_pages_say_the_same_and_a_link_refreshes_them(town: Town, chromium: Any) -> None:
    with served(town.app) as address:
        context = chromium.new_context(java_script_enabled=False)
        page = context.new_page()
        sign_in(page, address, TOVE)
        town.federation.hospital.rounds += 1
        page.get_by_role("link", name="Refresh").click()
        page.get_by_text("Round 9", exact=True).wait_for()
        page.goto(f"{address}/hospital/training/")
        page.fill("#passes", "2")
        page.click("#submit")
        page.get_by_text("0 of 2").wait_for()
        page.get_by_role("button", name="Stop the training").click()
        page.get_by_text("Nothing of it is kept").first.wait_for()
        context.close()


def test_on_paper_every_curve_has_its_table(town: Town, chromium: Any) -> None:
    with served(town.app) as address:
        context = chromium.new_context()
        page = context.new_page()
        sign_in(page, address, TOVE)
        page.goto(f"{address}/hospital/curves")
        seen = "[...document.querySelectorAll('.plot table')].map((table) => table.checkVisibility())"
        assert page.evaluate(seen) == [False] * 4
        page.emulate_media(media="print")
        assert page.evaluate(seen) == [True] * 4
        context.close()


def test_the_page_of_the_key_follows_the_agent(town: Town, chromium: Any) -> None:
    box = town.federation.keys
    with served(town.app) as address:
        context = chromium.new_context()
        page = context.new_page()
        sign_in(page, address, TOVE)
        page.goto(f"{address}/hospital/keys/")
        page.click("text=Replace the key")
        page.click("text=Replace the key now")
        page.get_by_text("The order waits for the agent").wait_for()
        assert box.order is not None
        box.note(box.order.name, OrderOutcome(OrderState.TAKEN, 1, 2))
        page.get_by_text("The agent makes the new key").wait_for()
        box.note(box.order.name, OrderOutcome(OrderState.DONE, 1, 2))
        page.get_by_text("The new key is on the ledger").wait_for()
        page.get_by_role("link", name="Replace the key").wait_for()
        context.close()
