"""What one person may cost the site: pictures of a file, records of a list."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import inspect
from werkzeug.datastructures import FileStorage

from fl.crypto.capsule import Readers
from fl.protocol.names import Digest, Purpose
from fl.training.pictures.decode import PictureReading
from tests.support.api import Program
from tests.support.fhir import System
from tests.support.site_town import INES, MAYA, OMAR, Town, Visitor, cell, cell_pixels
from webui.config import Limit, Limits, Places
from webui.errors import TooManyAttempts, TooManyPictures
from webui.pages.check_image import check_images
from webui.pages.checks import SCANNED_ROWS
from webui.ports.consent import Choice
from webui.ports.records import SealedRecord
from webui.store.models import StoredRecord
from webui.store.records import PAGE_ROWS, RecordStore
from webui.usecases.gists import KEPT_S
from webui.usecases.open_results import MOST_SHOWN
from webui.usecases.patient_records import FILES_AT_ONCE


def pages(count: int, form: str = "TIFF") -> bytes:
    """Return one file with this many pictures of a cell, no two alike."""
    made = [Image.fromarray(np.roll(cell_pixels(), place, axis=1)) for place in range(count)]
    buffer = io.BytesIO()
    made[0].save(buffer, form, save_all=True, append_images=made[1:])
    return buffer.getvalue()


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def upload(data: bytes) -> FileStorage:
    return FileStorage(io.BytesIO(data), "cell")


def ask(town: Town, *files: bytes, page: int | None = None) -> int:
    with town.app.test_request_context():
        reading = PictureReading(page)
        return check_images(town.site, town.members[MAYA].id, [upload(each) for each in files], reading)[0]


@pytest.mark.parametrize("form", ["TIFF", "WEBP", "PNG"])
def test_a_file_of_many_pictures_costs_as_many_checks_as_are_judged(tmp_path: Path, form: str) -> None:
    town = Town(tmp_path, limits=Limits(checks=Limit(6, 3600)))
    ask(town, pages(4, form))
    with pytest.raises(TooManyAttempts):
        ask(town, pages(3, form))
    ask(town, cell())
    with pytest.raises(TooManyAttempts):
        ask(town, cell())


def test_beyond_the_budget_no_picture_of_a_file_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town(tmp_path, limits=Limits(checks=Limit(3, 3600)))
    judged: list[object] = []
    monkeypatch.setattr("webui.usecases.sampling.decode_image", lambda *parts: judged.append(parts))
    with pytest.raises(TooManyAttempts):
        ask(town, cell(), pages(3))
    assert judged == []


def test_one_page_of_a_file_costs_one_check(tmp_path: Path) -> None:
    town = Town(tmp_path, limits=Limits(checks=Limit(2, 3600)))
    ask(town, pages(4), page=2)
    ask(town, pages(4), page=3)


def test_too_many_pages_are_refused_before_any_is_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    town = Town(tmp_path)
    monkeypatch.setattr("webui.usecases.sampling.decode_image", lambda *_: pytest.fail("a picture was decoded"))
    with pytest.raises(TooManyPictures):
        ask(town, pages(12), pages(9))


class Opened:
    """Counts the records that are opened, and the files that are in memory at once."""

    def __init__(self, town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
        self.records, self.at_once = 0, 0
        opens, whole_of = town.federation.records.open, RecordStore.whole_of

        def counted(sealed: SealedRecord, leaf: Digest) -> bytes:
            self.records += 1
            return opens(sealed, leaf)

        def loaded(store: RecordStore, row_ids: Sequence[int]) -> Sequence[StoredRecord]:
            self.at_once = max(self.at_once, len(row_ids))
            return whole_of(store, row_ids)

        monkeypatch.setattr(town.federation.records, "open", counted)
        monkeypatch.setattr(RecordStore, "whole_of", loaded)

    def by(self, who: Visitor, address: str, status: int = 200) -> int:
        """Return how many records one request opens."""
        self.records = 0
        assert who.get(address).status_code == status
        return self.records


def checks(town: Town, count: int) -> list[int]:
    """Let Maya have so many checks, one of ten with signs of the disease."""
    rows = []
    for number in range(count):
        town.federation.clock.now += 60
        town.federation.probability = 0.9 if number % 10 == 0 else 0.05
        rows.append(town.add_check(MAYA))
    return rows


def test_a_history_by_answer_opens_few_records_at_once_and_knows_them_afterwards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = Town(tmp_path)
    checks(town, 60)
    maya, opened = town.visitor(MAYA), Opened(town, monkeypatch)
    assert opened.by(maya, "/checks/?answer=bad") == SCANNED_ROWS
    assert opened.by(maya, "/checks/?answer=bad") == 4, "only those that it shows"
    assert opened.by(maya, "/checks/?answer=bad&page=1") == 20
    assert opened.by(maya, "/checks/") == PAGE_ROWS
    assert opened.at_once == FILES_AT_ONCE


def test_the_home_page_opens_each_open_record_once_and_then_only_what_it_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webui.usecases.open_results.LOOKED", 10)
    town = Town(tmp_path)
    checks(town, 12)
    maya, opened = town.visitor(MAYA), Opened(town, monkeypatch)
    assert opened.by(maya, "/") <= 10 + MOST_SHOWN + 1
    assert opened.by(maya, "/") <= MOST_SHOWN + 1
    assert opened.at_once <= FILES_AT_ONCE


def test_an_agenda_opens_a_bounded_number_of_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webui.pages.doctor.OPENED_CHECKS", 1)
    town = Town(tmp_path)
    for patient in (MAYA, OMAR):
        town.book(patient, INES)
        town.add_check(patient)
    ines, opened = town.visitor(INES), Opened(town, monkeypatch)
    assert opened.by(ines, "/doctor/") == 2 + 1, "each once for the order, and the first one to show it"
    assert opened.by(ines, "/doctor/") == 1
    assert "has results, open to see them" in ines.text("/doctor/")


def test_no_list_of_a_patient_loads_a_file_before_it_is_opened(town: Town) -> None:
    checks(town, 2)
    maya = town.members[MAYA].id
    rows = [*town.site.record_store.of_patient(maya), *town.site.record_store.latest_of([maya]).values()]
    rows += town.site.record_store.between(maya, 0, 2**40, 0, 9)
    assert len(rows) == 5
    assert all("file" in inspect(row).unloaded for row in rows)


def test_a_search_needs_a_place_and_a_budget_and_opens_nothing_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    town = Town(tmp_path, limits=Limits(openings=Limit(45, 3600)), places=Places(wait_s=0.01))
    checks(town, 60)
    town.book(MAYA, INES)
    maya, ines, opened = town.visitor(MAYA), town.visitor(INES), Opened(town, monkeypatch)
    with town.site.doors.lists.enter():
        assert opened.by(maya, "/checks/?answer=bad", 503) == 0
        assert opened.by(ines, "/worklist/", 503) == 0
        assert opened.by(maya, "/checks/") == PAGE_ROWS, "a page without a search needs no place"
    assert opened.by(ines, "/worklist/", 429) == 0
    assert opened.by(maya, "/checks/?answer=bad") == SCANNED_ROWS
    assert opened.by(maya, "/checks/?answer=bad&page=1", 429) == 0
    assert opened.by(maya, "/checks/?answer=bad") == 4, "what is known costs nothing"


def test_what_is_known_of_a_record_ends_with_time_and_with_its_file(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    checks(town, 20)
    maya, opened = town.visitor(MAYA), Opened(town, monkeypatch)
    assert opened.by(maya, "/checks/?answer=bad") == 20
    assert opened.by(maya, "/checks/?answer=bad") == 2
    town.federation.clock.now += KEPT_S + 1
    assert opened.by(maya, "/checks/?answer=bad") == 20
    wish = Choice(Readers.HOSPITAL_AND_TRUSTEES, frozenset({Purpose.TREATMENT, Purpose.RESEARCH}))
    town.site.patient_records.choose(town.members[MAYA].id, wish)
    town.site.patient_records.carry_on()
    assert opened.by(maya, "/checks/?answer=bad") == 20, "each is another file now"


def test_the_patient_is_told_only_of_the_records_that_a_worklist_showed(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webui.usecases.worklist.PAGE_CHECKS", 3)
    rows = checks(town, 11)
    town.book(MAYA, INES)
    assert town.visitor(INES).get("/worklist/").status_code == 200
    seen = {each.record_row for each in town.site.openings.of_patient(town.members[MAYA].id, 0)}
    assert seen == {rows[0], rows[10], rows[1]}


def test_the_lists_of_one_person_open_a_bounded_number_of_records_a_minute(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webui.usecases.patient_records.LISTED", Limit(7, 60))
    checks(town, 3)
    town.book(MAYA, INES)
    maya, opened = Program(town, MAYA), Opened(town, monkeypatch)
    assert [maya.get("/checks").status_code for _ in range(3)] == [200, 200, 429]
    assert opened.records == 6
    page = town.visitor(MAYA)
    assert opened.by(page, "/checks/", 429) == 0
    opened.by(page, "/", 429)
    assert opened.by(town.visitor(INES), f"/doctor/patients/{town.members[MAYA].id}") == 3, "each person has a budget"
    town.federation.clock.now += 61
    assert maya.get("/checks").status_code == 200
    system = System(town, MAYA)
    found = [system.ask(f"{kind}?patient={town.members[MAYA].id}") for kind in ("Observation", "Media")]
    assert [each.status_code for each in found] == [200, 429]
