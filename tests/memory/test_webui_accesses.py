"""A patient's list of who asked for and opened what: whole, kept, and as a file (EHDS, Art. 9)."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from sqlalchemy import delete

from fl.protocol.names import Purpose
from tests.support.site_town import INES, MAYA, OMAR, Town, cell
from webui.errors import KeptForPatients
from webui.maintenance import keep_up
from webui.store.account_tables import AccessEntry
from webui.store.models import Account, RequestRow, StoredRecord
from webui.store.openings import RecordOpening

THREE_YEARS_S = 3 * 366 * 24 * 3600
FILES = "/requests/accesses/accesses"


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """Return a town in which a doctor opened a check of Maya's and asked for it."""
    town = Town(tmp_path)
    town.federation.records.hold_key()
    maya = town.visitor(MAYA)
    location = maya.check(cell()).location
    town.book(MAYA, INES)
    ines = town.visitor(INES)
    assert ines.get(location).status_code == 200
    number = town.site.record_store.of_patient(town.members[MAYA].id, 0)[0].number
    town.federation.clock.now += 120
    told = {"purpose": str(int(Purpose.TREATMENT)), "reason": "1", "sentence": "x"}
    asked = ines.post("/requests/ask", page="/requests/", number=number, **told)
    assert asked.status_code == 302, asked.text
    return town


def lines(town: Town) -> list[dict[str, str]]:
    data = town.visitor(MAYA).get(f"{FILES}.csv")
    assert data.mimetype == "text/csv"
    return list(csv.DictReader(io.StringIO(data.text)))


def test_the_list_says_who_when_which_data_and_how(town: Town) -> None:
    found = lines(town)
    assert [(each["what"], each["result"]) for each in found] == [("asked", "open"), ("opened", "check")]
    assert {each["who"] for each in found} == {town.members[INES].name}
    assert found[0]["purpose"] == "treatment"
    assert all(each["record"] and each["time_utc"].endswith("Z") for each in found)
    page = town.visitor(MAYA).text("/requests/accesses")
    assert town.members[INES].name in page
    assert "at least three years" in page
    document = town.visitor(MAYA).get(f"{FILES}.json").json
    assert document is not None
    assert [{**each, "proof": each["proof"]["state"], "place": None} for each in document["accesses"]] == [
        {**each, "place": None} for each in found
    ]
    assert town.visitor(MAYA).get(f"{FILES}.pdf").data.startswith(b"%PDF-")
    assert lines_of_another(town) == []


def lines_of_another(town: Town) -> list[object]:
    document = town.visitor(OMAR).get(f"{FILES}.json").json
    assert document is not None
    return list(document["accesses"])


def test_without_the_ledger_the_list_says_what_is_missing(town: Town) -> None:
    town.federation.chain_up = False
    assert "The ledger does not answer now" in town.visitor(MAYA).text("/requests/accesses")
    assert [each["result"] for each in lines(town)] == ["unknown", "check"]


def test_nothing_younger_than_three_years_is_deleted(town: Town) -> None:
    maya, before = town.visitor(MAYA), lines(town)
    row = town.site.record_store.of_patient(town.members[MAYA].id, 0)[0]
    maya.post(f"/checks/{row.id}/erase")
    town.federation.clock.now += THREE_YEARS_S - 24 * 3600
    with town.app.app_context():
        for _ in range(3):
            keep_up(town.site)
    after = lines(town)
    assert [(each["time_utc"], each["who"]) for each in after] == [(each["time_utc"], each["who"]) for each in before]
    assert {each["record"] for each in after} == {"erased"}


@pytest.mark.parametrize("table", [RecordOpening, AccessEntry, RequestRow, StoredRecord, Account])
def test_no_session_of_the_site_can_delete_them(town: Town, table: type) -> None:
    database = town.site.database
    with pytest.raises(KeptForPatients):
        database.write(lambda session: session.execute(delete(table)))
    with pytest.raises(KeptForPatients):
        database.write(lambda session: session.delete(session.get_one(table, 1)))
    assert len(lines(town)) == 2
