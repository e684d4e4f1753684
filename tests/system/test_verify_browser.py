"""Proofs and receipts in a real browser: on the site, and in the saved page from disk without a network."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.approval_site import served
from tests.support.browser import PATIENCE_MS, says
from tests.support.paper_receipt import PICTURE, TrustingTown
from tests.support.proof_world import KINDS, ProofWorld
from tests.support.site_town import MAYA, cell

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
FOUND = """async (tags) => (await axe.run(document, {runOnly: {type: 'tag', values: tags}}))
  .violations.map((one) => one.id + ': ' + one.nodes.map((node) => node.target.join(' ')).join(', '))"""
WIDER = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
CUT = """[...document.querySelectorAll('[data-result] *')].filter((one) => one.scrollWidth > one.clientWidth + 1
  && getComputedStyle(one).display !== 'inline').map((one) => one.outerHTML)"""
SENT = "performance.getEntriesByType('resource').map((one) => one.name)"


@pytest.fixture
def town(tmp_path: Path) -> TrustingTown:
    folder = tmp_path / "site"
    folder.mkdir()
    return TrustingTown(folder)


@pytest.fixture
def page(chromium: Any) -> Iterator[Any]:
    """Return a page; nothing on it may complain."""
    complaints: list[str] = []
    context = chromium.new_context(viewport={"width": 1280, "height": 900}, timezone_id="Europe/Berlin")
    if AXE.exists():
        context.add_init_script(path=AXE)
    opened = context.new_page()
    opened.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert complaints == []


def give(page: Any, selector: str, name: str, data: bytes) -> None:
    page.set_input_files(selector, {"name": name, "mimeType": "application/octet-stream", "buffer": data})


def verdict(page: Any, wanted: str) -> None:
    page.wait_for_selector(f'[data-verdict="{wanted}"]', timeout=PATIENCE_MS)
    if AXE.exists():
        assert page.evaluate(FOUND, RULES) == []


def tried(page: Any, town: TrustingTown) -> None:
    """Give the page a receipt and a proof, whole and changed, with pictures and with other trust."""
    receipt, proof = town.receipt.data, ProofWorld(5).proof().encoded()
    give(page, "[data-proof]", "receipt.json", receipt)
    verdict(page, "holds")
    says(page, "The receipt is unchanged, and its proof holds", "leukemic blast 100%", "4 of 4 witnesses cosigned")
    says(page, "hospital 2 (hospital), 15 January 2027", "Only a doctor makes a diagnosis")
    give(page, "[data-files]", "cell.png", PICTURE)
    says(page, "cell.png is picture 1 of the receipt")
    give(page, "[data-files]", "other.png", cell(size=(9, 9)))
    verdict(page, "other-file")
    says(page, "other.png is not a picture of this receipt")
    page.set_input_files("[data-files]", [])
    give(page, "[data-proof]", "changed.json", receipt.replace(b"0.87", b"0.97"))
    verdict(page, "ReceiptChanged")
    give(page, "[data-proof]", "model.tlog-proof", proof)
    verdict(page, "holds")
    says(page, "In round 3, coordinator (coordinator) recorded that the model", "the sender did not sign it")
    give(page, "[data-proof]", "model.tlog-proof", proof.replace(b"index ", b"index 1"))
    verdict(page, "ProofChanged")
    says(page, "step 1", "Do not rely on this file")
    give(page, "[data-proof]", "photo.jpg", PICTURE)
    verdict(page, "ProofMalformed")
    give(page, "[data-proof]", "model.tlog-proof", proof)
    give(page, "[data-trust]", "trust.json", ProofWorld(9).trust.encoded())
    verdict(page, "LogSignatureInvalid")
    says(page, "You chose this trust file.")
    assert page.get_attribute("[data-trusted]", "data-code") == ProofWorld(9).trust.code


def test_anybody_checks_a_receipt_and_a_proof_without_an_account(town: TrustingTown, page: Any) -> None:
    with served(town.app) as address:
        page.goto(f"{address}/verify")
        assert page.get_attribute("[data-trusted]", "data-code") == ProofWorld(5).trust.code
        says(page, "this site could have made up both")
        loaded = page.evaluate(SENT)
        tried(page, town)
        assert page.evaluate(SENT) == loaded, "nothing is sent"
        page.set_viewport_size({"width": 320, "height": 800})
        page.set_input_files("[data-trust]", [])
        for kind in KINDS:
            give(page, "[data-proof]", f"{kind}.tlog-proof", ProofWorld(5, inner=kind).proof().encoded())
            says(page, f"{kind}.tlog-proof", "The proof holds")
            page.locator("[data-result] details").evaluate("(one) => { one.open = true; }")
            assert page.evaluate(WIDER) <= 0, kind
            assert page.evaluate(CUT) == [], kind


def test_the_saved_page_checks_without_a_network(town: TrustingTown, page: Any, tmp_path: Path) -> None:
    with served(town.app) as address:
        page.goto(f"{address}/verify")
        with page.expect_download() as started:
            page.click("a[download='hemaledger-verify.html']")
        saved = tmp_path / "hemaledger-verify.html"
        started.value.save_as(saved)
    page.context.set_offline(True)
    page.goto(saved.as_uri())
    tried(page, town)
    assert page.evaluate(SENT) == []
    page.set_viewport_size({"width": 320, "height": 800})
    assert page.evaluate(WIDER) <= 0


def test_a_receipt_of_the_site_fits_its_fingerprint_while_its_proof_waits(town: TrustingTown, page: Any) -> None:
    visitor = town.visitor(MAYA)
    receipt = visitor.get(f"{visitor.check(PICTURE).location}/receipt.json").data
    stored = json.loads(receipt)
    assert stored["proof"]["state"] == "waits"
    with served(town.app) as address:
        page.goto(f"{address}/verify")
        give(page, "[data-proof]", "receipt.json", receipt)
        verdict(page, "waits")
        says(page, "it has no proof yet")
        stored["core"]["answer"]["probability"] = 0.123
        give(page, "[data-proof]", "receipt.json", json.dumps(stored).encode())
        verdict(page, "ReceiptChanged")


def test_a_file_can_be_dropped_anywhere_on_the_page(town: TrustingTown, page: Any) -> None:
    drop = """(text) => {
      const data = new DataTransfer();
      data.items.add(new File([text], 'receipt.json'));
      for (const kind of ['dragover', 'drop']) {
        const about = {dataTransfer: data, bubbles: true, cancelable: true};
        document.querySelector('h1').dispatchEvent(new DragEvent(kind, about));
      }
    }"""
    with served(town.app) as address:
        page.goto(f"{address}/verify")
        page.evaluate(drop, town.receipt.data.decode())
        verdict(page, "holds")
