"""Auditors and the operator in a real browser: a file that is never uploaded, live progress, and small screens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fl.protocol.audit import AuditStep, Finding
from fl.training.model.tensor_file import write_tensors
from fl.training.model.weights import Manifest, model_digest
from tests.support.approval_site import served
from tests.support.site_browser import sign_in
from tests.support.site_town import NOOR, PASSWORD, Town
from webui.store.models import SiteRole
from webui.store.new_accounts import NewAccount

OLGA = "olga@clinic.example"
AUDITORS: tuple[str, ...] = (
    "/auditor/",
    "/auditor/rounds/7",
    "/auditor/file",
    "/auditor/ledger/",
    "/auditor/ledger/records",
)
AUDITORS += ("/auditor/ledger/members", "/auditor/ledger/records/1-0", "/auditor/audit/", "/auditor/audit/report")
AUDITORS += ("/auditor/audit/compare?a=4&b=5", "/operator/health", "/witnesses")
OPERATORS: tuple[str, ...] = (
    "/operator/",
    "/operator/staff",
    "/operator/members",
    "/operator/round",
    "/operator/ceremonies",
)
OPERATORS += ("/consortium/now",)
OPERATORS += ("/operator/health", "/operator/orders/register", "/operator/orders/ceremony", "/operator/staff/1")
DROP = """(bytes) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], 'model.bin'));
  document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}));
}"""


@pytest.fixture
def town(tmp_path: Path) -> Town:
    made = Town(tmp_path)
    made.site.accounts.create(NewAccount(SiteRole.OPERATOR, OLGA, "Olga Perez", PASSWORD))
    return made


def test_a_dropped_or_chosen_file_is_looked_up_and_never_sent(town: Town, chromium: Any) -> None:
    with served(town.app) as address:
        page = chromium.new_page()
        sign_in(page, address, NOOR)
        sent: list[str] = []
        page.on("request", lambda request: sent.append(request.method))
        page.goto(f"{address}/auditor/ledger/records")
        page.evaluate(DROP, list(town.federation.recorded_file))
        page.wait_for_selector("text=The ledger records this file")
        page.goto(f"{address}/auditor/file")
        file = {"name": "x.bin", "mimeType": "application/octet-stream", "buffer": b"another file" * 300_000}
        page.set_input_files("#file", file)
        page.click("form[data-look-up] [type=submit]")
        page.wait_for_selector("text=The ledger does not record this file")
        page.close()
    assert set(sent) == {"GET"}


def test_a_model_is_recognised_by_its_values_in_the_browser(town: Town, chromium: Any) -> None:
    manifest, vector = Manifest(("layer.weight",), ((2, 3),)), np.arange(6, dtype=np.float32)
    town.federation.recorded_model = model_digest(manifest.digest, vector)
    with served(town.app) as address:
        page = chromium.new_page()
        sign_in(page, address, NOOR)
        page.goto(f"{address}/auditor/file")
        data = write_tensors(manifest, vector, {"format": "pt"})
        page.set_input_files("#file", {"name": "model.safetensors", "mimeType": "", "buffer": data})
        page.click("form[data-look-up] [type=submit]")
        page.wait_for_selector("text=The ledger records this model")
        page.close()


def test_without_scripts_the_file_is_uploaded(town: Town, chromium: Any) -> None:
    with served(town.app) as address:
        context = chromium.new_context(java_script_enabled=False)
        page = context.new_page()
        sign_in(page, address, NOOR)
        page.goto(f"{address}/auditor/file")
        file = {"name": "x", "mimeType": "application/octet-stream", "buffer": town.federation.recorded_file}
        page.set_input_files("#file", file)
        page.click("form[data-look-up] [type=submit]")
        page.wait_for_selector("text=The ledger records this file")
        context.close()


def test_the_progress_of_an_audit_is_live_and_its_end_is_shown(town: Town, chromium: Any) -> None:
    with served(town.app) as address:
        page = chromium.new_page()
        sign_in(page, address, NOOR)
        page.goto(f"{address}/auditor/audit/")
        page.click("text=Start the audit")
        page.wait_for_selector("text=1 of 3 rounds and models are checked")
        town.federation.auditor.go_on.set()
        page.wait_for_selector("text=The audit is finished")
        page.close()


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize(("email", "paths"), [(NOOR, AUDITORS), (OLGA, OPERATORS)], ids=["auditor", "operator"])
def test_every_page_fits_the_screen(town: Town, chromium: Any, width: int, email: str, paths: tuple[str, ...]) -> None:
    digest = "0x" + "ab" * 32
    finding = Finding("HashMismatch", 7, "an update", f"It is {digest}.", AuditStep.SUM, (("expected", digest),))
    town.federation.findings_of_last_audit = (finding,)
    with served(town.app) as address:
        context = chromium.new_context(viewport={"width": width, "height": 844})
        page = context.new_page()
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        sign_in(page, address, email)
        widths = {}
        number = town.members[NOOR].id
        for path in paths:
            page.goto(address + path.replace("/staff/1", f"/staff/{number}"))
            widths[path] = page.evaluate("document.documentElement.scrollWidth")
        context.close()
    assert set(widths.values()) == {width}, widths
    assert problems == []
