"""An answer of a model that is no longer in use says so, and its patient and doctor hear of it once, by mail."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from fl.training.tables.rows import parse_values
from tests.support.site_risks import HEART, RiskTown
from tests.support.site_town import INES, JONAS, MAYA, Town, words
from webui.maintenance import keep_up
from webui.ports.federation import GoneBack
from webui.presentation.receipt_wording import Printed, sheet_of
from webui.store.mail_tables import MailRow

MARK = "This answer comes from a model that is no longer in use"
NOTHING = "You need not do anything because of this result"
SUBJECT = "A model that gave answers is no longer in use"


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def go_back(town: Town, to: int = 6) -> None:
    now = town.federation.clock.now
    town.federation.gone_back = GoneBack(frozenset({town.federation.final_round}), to, now - 3600, now, "ab" * 32)


def mails(town: Town) -> list[tuple[str, str]]:
    with town.site.database.reading() as session:
        rows = session.scalars(select(MailRow).where(MailRow.subject == SUBJECT).order_by(MailRow.id))
        return [(row.recipient, row.text) for row in rows]


def test_a_result_of_a_superseded_model_is_marked_for_patient_doctor_and_program(town: Town) -> None:
    town.book(MAYA, INES)
    town.federation.probability = 0.04
    row = town.add_check(MAYA)
    maya, ines = town.visitor(MAYA), town.visitor(INES)
    page = maya.text(f"/checks/{row}")
    assert MARK not in page
    assert NOTHING in page
    go_back(town)
    assert NOTHING not in maya.text(f"/checks/{row}"), "another model may say something else"
    for person in (maya, ines):
        page = person.text(f"/checks/{row}")
        assert MARK in page
        assert "their model of round 6" in page
    assert "model no longer in use" in maya.text("/checks/")
    go_back(town, 0)
    assert "their first model" in maya.text(f"/checks/{row}")
    town.federation.final_round = 9
    assert MARK not in maya.text(f"/checks/{town.add_check(MAYA)}")


def test_patients_and_their_doctors_are_told_once(town: Town) -> None:
    town.book(MAYA, INES)
    town.add_check(MAYA)
    keep_up(town.site)
    assert mails(town) == []
    go_back(town)
    keep_up(town.site)
    keep_up(town.site)
    told = mails(town)
    assert sorted(whom for whom, _text in told) == sorted([MAYA, INES])
    assert all("Lindqvist" not in text and "leukemia" not in text.lower() for _whom, text in told)
    assert JONAS not in dict(told)
    town.federation.clock.now += 3600
    keep_up(town.site)
    assert len(mails(town)) == 2


def test_receipt_sheet_comparison_worklist_and_export_say_it(town: Town) -> None:
    town.book(MAYA, INES)
    row = town.add_check(MAYA)
    maya = town.visitor(MAYA)
    before = maya.get(f"/checks/{row}/receipt.json").get_json()
    assert "model_now" not in before
    assert "no longer in use" not in town.visitor(INES).text("/worklist/")
    go_back(town)
    receipt = maya.get(f"/checks/{row}/receipt.json")
    document, at = receipt.get_json(), town.federation.clock.now
    mark = {"superseded": True, "back_to": 6, "went_back_at": at, "record": "0x" + "ab" * 32}
    assert document == {**before, "model_now": mark}, "core and fingerprint stay"
    town.site.anchoring.anchor()
    document = maya.get(f"/checks/{row}/receipt.json").data.decode()
    assert "model no longer in use" in words(maya.post("/receipts/check", text=document))
    assert "model no longer in use" in town.visitor(INES).text("/worklist/")
    archive = zipfile.ZipFile(io.BytesIO(maya.post("/my-data/export.zip", page="/my-data/").data))
    check = next(name for name in archive.namelist() if name.endswith("check.json"))
    assert json.loads(archive.read(check))["model_superseded"] is True


def test_the_sheet_of_a_receipt_says_it(town: Town) -> None:
    check, row = town.add_check(MAYA), town.members[MAYA]
    shown = town.site.patient_records.show(row, town.site.record_store.visible(row, check))
    assert shown.check is not None
    printed = Printed("1", "https://clinic.example", "Test Clinic", ZoneInfo("UTC"))
    for superseded in (False, True):
        if superseded:
            go_back(town)
        with town.app.test_request_context():
            receipt = town.site.receipts.of(shown.row, shown.check)
            facts = dict(sheet_of(shown.check, receipt, printed).facts)
        assert facts.get("This model now") == ("no longer in use: the hospitals went back" if superseded else None)


def test_the_models_of_tables_are_asked_on_their_own_ledger(tmp_path: Path) -> None:
    town = RiskTown(tmp_path)
    said = {"age": "61", "sex": "1", "cp": "4", "trestbps": "250", "chol": "240", "fbs": "0", "thalach": "140"}
    values = parse_values(said, HEART)
    row = town.site.risks.answer(town.members[MAYA], "heart", town.members[MAYA].id, values)
    maya, now = town.visitor(MAYA), town.federation.clock.now
    town.federation.gone_back = GoneBack(frozenset({8}), 6, now - 60, now, "ab" * 32)  # of pictures, with equal numbers
    assert MARK not in maya.text(f"/checks/{row}")
    town.tables.went_back = GoneBack(frozenset({8}), 7, now - 60, now, "cd" * 32)
    assert MARK in maya.text(f"/checks/{row}")
    assert "model no longer in use" in maya.text("/checks/")
    assert maya.get(f"/checks/{row}/receipt.json").get_json()["model_now"]["back_to"] == 7
