"""A receipt says what the record says, and anybody can compare it with the ledger."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fl.protocol.codec import JsonValue, sha256, write_document
from tests.support.paper_proofs import PaperProofs
from tests.support.site_risks import PERSON, PIMA, RiskTown, fields
from tests.support.site_town import INES, JONAS, MAYA, NOOR, OMAR, Town, Visitor, cell, words
from webui.config import Limit, Limits
from webui.ports.federation import Services
from webui.ports.proofs import Reach
from webui.usecases.receipts import NO_CHECKPOINT, NO_ROOT, leaf_of, picture_digest, row_digest


class ProvenTown(Town):
    """A site with a public log."""

    def __init__(self, folder: Path) -> None:
        self.paper = PaperProofs()
        super().__init__(folder)

    def services(self) -> Services:
        return replace(self.federation.services, proofs=self.paper)


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def receipt_of(visitor: Visitor, location: str) -> dict[str, object]:
    answer = visitor.get(f"{location}/receipt.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    found = json.loads(answer.data)
    assert isinstance(found, dict)
    return found


def compare(visitor: Visitor, document: object) -> str:
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return words(visitor.post("/receipts/check", file=(io.BytesIO(data), "receipt.json")))


def test_a_receipt_says_what_the_record_says_and_is_canonical(town: Town) -> None:
    town.federation.probability = 0.87
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    found = receipt_of(visitor, location)
    core = found["core"]
    assert isinstance(core, dict)
    assert core["answer"]["probability"] == 0.87
    assert core["model"]["round"] == 7
    assert len(core["pictures"]) == 1
    assert found["ledger"] is None, "nothing is anchored yet"
    assert write_document(found) == visitor.get(f"{location}/receipt.json").data  # type: ignore[arg-type]
    assert "Maya" not in json.dumps(found), "a receipt can be shown without a name"


def test_anybody_compares_a_receipt_before_and_after_its_root_is_on_the_ledger(town: Town) -> None:
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    early = receipt_of(visitor, location)
    anybody = town.visitor()
    assert "is not on the ledger yet" in compare(anybody, early)
    town.site.anchoring.anchor()
    for receipt in (early, receipt_of(visitor, location)):
        page = compare(anybody, receipt)
        assert "This receipt is genuine and unchanged" in page
        assert "in block" in page
        assert "named by the ledger" in page
    assert receipt_of(visitor, location)["core"] == early["core"]


@pytest.mark.parametrize("name", ["probability", "label"])
def test_a_changed_receipt_is_called_so(town: Town, name: str) -> None:
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    town.site.anchoring.anchor()
    receipt = receipt_of(visitor, location)
    receipt["core"]["answer"][name] = {"probability": 0.01, "label": "healthy"}[name]  # type: ignore[index]
    receipt["core"]["checked_at"] = 5  # type: ignore[index]
    assert "Do not trust this receipt" in compare(town.visitor(), receipt)


def test_a_forged_receipt_with_a_leaf_of_its_own_is_called_so(town: Town) -> None:
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    town.site.anchoring.anchor()
    receipt = receipt_of(visitor, location)
    core, salt = receipt["core"], bytes.fromhex(str(receipt["salt"]).removeprefix("0x"))
    assert isinstance(core, dict)
    core["checked_at"] = 5
    receipt["leaf"] = "0x" + leaf_of(core, salt).hex()
    assert "Do not trust this receipt" in compare(town.visitor(), receipt)
    receipt["ledger"] = None
    assert "Do not trust this receipt" in compare(town.visitor(), receipt)


@pytest.mark.parametrize(
    "data", [b"", b"%PDF-1.4", b"[1]", b"{}", b'{"format":"hemaledger-receipt-1"}', b"9" * 300_000]
)
def test_what_is_no_receipt_gets_a_sentence(town: Town, data: bytes) -> None:
    answer = town.visitor().post("/receipts/check", file=(io.BytesIO(data), "x.json"))
    assert answer.status_code == 400
    assert "This is not a receipt" in words(answer) or "Please choose the file" in words(answer)


def test_a_pasted_receipt_counts_as_much_as_a_file(town: Town) -> None:
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    text = json.dumps(receipt_of(visitor, location), indent=2)
    assert "is not on the ledger yet" in words(town.visitor().post("/receipts/check", text=text))
    assert town.visitor().post("/receipts/check", text="").status_code == 400


def test_the_code_on_the_sheet_leads_to_the_fingerprint(town: Town) -> None:
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    leaf = str(receipt_of(visitor, location)["leaf"]).removeprefix("0x")
    town.site.anchoring.anchor()
    assert "This receipt was issued here" in town.visitor().text(f"/receipts/check?leaf={leaf}")
    assert "Do not trust this receipt" in town.visitor().text(f"/receipts/check?leaf={'0' * 64}")
    assert town.visitor().get("/receipts/check?leaf=no").status_code == 400


def test_the_sheet_is_a_pdf_of_one_or_two_pages(town: Town) -> None:
    visitor = town.visitor(MAYA)
    answer = visitor.get(f"{visitor.check(cell()).location}/receipt.pdf")
    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    assert answer.data.startswith(b"%PDF-")
    assert len(answer.data) < 200_000


def test_receipts_are_for_those_who_may_see_the_check(town: Town) -> None:
    location = town.visitor(MAYA).check(cell()).location
    town.book(MAYA, INES)
    for name in ("receipt.json", "receipt.pdf"):
        assert town.visitor(INES).get(f"{location}/{name}").status_code == 200
        assert town.visitor(JONAS).get(f"{location}/{name}").status_code == 404
        assert town.visitor(OMAR).get(f"{location}/{name}").status_code == 404
        assert town.visitor(NOOR).get(f"{location}/{name}").status_code == 403


def test_an_erased_check_has_no_receipt_and_its_salt_is_gone(town: Town) -> None:
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    receipt = receipt_of(visitor, location)
    salt = bytes.fromhex(str(receipt["salt"]).removeprefix("0x"))
    assert salt in town.stored_bytes()
    visitor.post(f"{location}/erase")
    assert visitor.get(f"{location}/receipt.json").status_code == 404
    assert salt not in town.stored_bytes()
    assert "Do not trust" in compare(town.visitor(), receipt)


def test_a_record_keeps_its_receipt_when_it_is_sealed_again(town: Town) -> None:
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    before = receipt_of(visitor, location)["leaf"]
    town.federation.records.hold_key()
    town.site.patient_records.follow_key()
    assert receipt_of(visitor, location)["leaf"] == before


def test_comparisons_are_counted(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    visitor = Town(tmp_path / "other", limits=Limits(receipts=Limit(1, 3600))).visitor()
    assert visitor.get(f"/receipts/check?leaf={'0' * 64}").status_code == 200
    assert visitor.get(f"/receipts/check?leaf={'0' * 64}").status_code == 429


def test_a_receipt_says_that_its_proof_waits_or_has_it(town: Town) -> None:
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    assert receipt_of(visitor, location)["proof"] == {"state": "waits", "why": NO_ROOT}
    town.site.anchoring.anchor()
    assert receipt_of(visitor, location)["proof"] == {"state": "waits", "why": NO_CHECKPOINT}
    receipt = receipt_of(visitor, location)
    assert receipt["core"]["pipeline"]["software"].startswith("hemaledger ")  # type: ignore[index]


def attached(pdf: bytes) -> bytes:
    """Return the file that is attached to a PDF."""
    found = re.search(rb"/EmbeddedFile\b.*?stream\r?\n(.*?)endstream", pdf, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_receipt_gets_its_proof_by_itself_on_page_paper_and_file(tmp_path: Path) -> None:
    town = ProvenTown(tmp_path)
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    town.site.anchoring.anchor()
    page = visitor.text(location)
    assert "It waits: the fingerprint is on the ledger" in page
    assert "That the answer is right, that the program worked" in page
    assert "The witnesses saw the fingerprint there" not in page, "not yet"
    early = visitor.get(f"{location}/receipt.tlog-proof")
    assert (early.status_code, early.location) == (302, location)
    town.paper.now = Reach(1)
    receipt = receipt_of(visitor, location)
    text = receipt["proof"]["tlog_proof"]  # type: ignore[index]
    assert town.paper.proven(text).leaf.hex() == str(receipt["leaf"]).removeprefix("0x")
    assert visitor.get(f"{location}/receipt.tlog-proof").text == text
    page = visitor.text(location)
    assert "Anybody can check it without this site" in page
    code = town.paper.trust_code()
    assert " ".join(code[at : at + 4] for at in range(0, 20, 4)) in page
    document = json.loads(attached(visitor.get(f"{location}/receipt.pdf").data))
    assert document["proof"] == receipt["proof"]
    assert document["core"] == receipt["core"]


def test_the_answer_about_a_row_has_a_receipt_that_names_no_value(tmp_path: Path) -> None:
    town = RiskTown(tmp_path)
    maya = town.visitor(MAYA)
    location = maya.post("/risks/diabetes/mine", **fields(PERSON)).location
    town.site.anchoring.anchor()
    receipt = receipt_of(maya, location.replace("/risks/", "/checks/"))
    core, salt = receipt["core"], bytes.fromhex(str(receipt["salt"]).removeprefix("0x"))
    assert isinstance(core, dict)
    store = town.site.record_store
    row = store.whole_of([store.of_patient(town.members[MAYA].id, 0)[0].id])[0]
    record = town.site.patient_records.read(row).risk
    assert record is not None
    assert core["row"] == {"digest": "0x" + row_digest(record.schema, record.values, salt).hex()}
    assert {"probability", "low", "high", "doubt"} <= set(core["answer"])
    assert "168" not in json.dumps({**core, "row": 0, "model": 0, "record": 0, "answer": 0})
    page = compare(town.visitor(), receipt)
    assert "This receipt is genuine and unchanged" in page
    assert "one row of the table diabetes" in page
    assert "not named by the ledger" not in page, "a table has a ledger of its own"
    paper = maya.get(location.replace("/risks/", "/checks/") + "/receipt.pdf")
    assert paper.data.startswith(b"%PDF-")


def test_a_receipt_of_the_first_format_is_still_compared(town: Town) -> None:
    visitor = town.visitor(MAYA)
    location = visitor.check(cell()).location
    town.site.anchoring.anchor()
    receipt = receipt_of(visitor, location)
    del receipt["proof"]
    assert "This is not a receipt" in words(
        town.visitor().post("/receipts/check", text=json.dumps({**receipt, "format": "hemaledger-receipt-3"}))
    )
    assert "genuine and unchanged" in compare(town.visitor(), {**receipt, "format": "hemaledger-receipt-1"})


SALTS = st.binary(min_size=32, max_size=32)


@given(SALTS, SALTS, st.binary(min_size=1, max_size=64))
def test_nothing_that_reaches_others_tells_two_equal_answers_apart_from_others(
    one: bytes, other: bytes, picture: bytes
) -> None:
    """Digest, leaf and row of equal contents share no eight bytes unless the salts are equal, nor show the contents."""
    assume(one != other)
    core: dict[str, JsonValue] = {"answer": {"label": "healthy"}, "pictures": [sha256(picture).hex()]}
    row = (1.0, None, 3.0)

    def made(salt: bytes) -> tuple[bytes, ...]:
        return leaf_of(core, salt), picture_digest(picture, salt), row_digest(PIMA, row, salt)

    for first, second in zip(made(one), made(other), strict=True):
        windows = {first[at : at + 8] for at in range(25)}
        assert not windows & {second[at : at + 8] for at in range(25)}
        assert first != sha256(picture)
