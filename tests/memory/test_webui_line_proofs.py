"""Each line of the list of who asked and who opened gets a proof that anybody can check, and says so while it waits."""

from __future__ import annotations

import io
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import update

from fl.protocol.names import Purpose
from fl.protocol.records import DecryptionRequested, RecordsAnchored
from tests.support.paper_proofs import PaperProofs
from tests.support.site_town import INES, MAYA, OMAR, Town, cell
from webui.maintenance import keep_up
from webui.ports.federation import Services
from webui.ports.proofs import Reach
from webui.store.access_log import SETTLE_S
from webui.store.account_tables import AccessEntry

LIST = "/requests/accesses"
THREE_YEARS_S = 3 * 366 * 24 * 3600


class ProvenTown(Town):
    """A town in which a doctor opened a check of Maya's and asked for it; nothing is on the ledger yet."""

    def __init__(self, folder: Path) -> None:
        self.paper = PaperProofs()
        super().__init__(folder)
        self.federation.records.hold_key()
        location = self.visitor(MAYA).check(cell()).location
        self.book(MAYA, INES)
        ines = self.visitor(INES)
        assert ines.get(location).status_code == 200
        self.number = self.site.record_store.of_patient(self.members[MAYA].id, 0)[0].number or ""
        told = {"purpose": str(int(Purpose.TREATMENT)), "reason": "1", "sentence": "x"}
        self.federation.clock.now += SETTLE_S + 1
        assert ines.post("/requests/ask", page="/requests/", number=self.number, **told).status_code == 302

    def services(self) -> Services:
        return replace(self.federation.services, proofs=self.paper)

    def cover(self) -> None:
        """Put the log's root on the ledger, under a checkpoint that enough witnesses cosigned."""
        self.federation.clock.now += SETTLE_S + 1
        self.site.anchoring.anchor()
        self.paper.now = Reach(1, 1)

    def states(self) -> list[tuple[str, str]]:
        document = json.loads(self.visitor(MAYA).get(f"{LIST}/accesses.json").text)
        assert document["format"] == "hemaledger-accesses-2"
        return [(each["what"], each["proof"]["state"]) for each in document["accesses"]]


@pytest.fixture
def town(tmp_path: Path) -> ProvenTown:
    return ProvenTown(tmp_path)


def test_a_line_waits_until_a_cosigned_checkpoint_covers_its_root(town: ProvenTown) -> None:
    assert town.states() == [("asked", "waits"), ("opened", "waits")]
    assert "has not written the line's fingerprint to the ledger yet" in town.visitor(MAYA).text(LIST)
    town.federation.clock.now += SETTLE_S + 1
    town.site.anchoring.anchor()
    page = town.visitor(MAYA).text(LIST)
    assert "0 of 2 lines have their proof" in page
    assert "too few witnesses have signed it so far" in page
    early = town.visitor(MAYA).get(f"{LIST}/opening-1.tlog-proof")
    assert early.status_code == 302, "it says on the page why there is none"
    town.paper.now = Reach(1, 1)
    assert town.states() == [("asked", "there"), ("opened", "there")]
    assert "2 of 2 lines have their proof" in town.visitor(MAYA).text(LIST)


def test_the_button_of_a_line_gives_a_proof_that_says_who_when_and_which_record(town: ProvenTown) -> None:
    town.cover()
    maya = town.visitor(MAYA)
    links = re.findall(r'href="([^"]+\.tlog-proof)"', maya.get(LIST).text)
    assert [link.rpartition("/")[2] for link in links] == ["request-1.tlog-proof", "opening-1.tlog-proof"]
    asked, opened = (town.paper.proven(maya.get(link).text) for link in links)
    assert isinstance(asked.record, DecryptionRequested)
    assert isinstance(opened.record, RecordsAnchored)
    line = json.loads(opened.line.partition(b"\n")[2])
    assert line[3:7] == ["doctor", "opened", "record.check", f"record={town.number}"]
    assert line[8] == town.members[INES].name
    assert b"Maya" not in opened.line
    for link in links:
        assert town.visitor(OMAR).get(link).status_code == 404, "the lines are Maya's"


def test_neighbours_of_a_line_cannot_be_guessed_from_its_proof(town: ProvenTown) -> None:
    with town.site.database.reading() as session:
        salts = [row.salt for row in session.query(AccessEntry)]
    assert all(re.fullmatch("[0-9a-f]{32}", salt) for salt in salts)
    assert len(set(salts)) == len(salts) > 2


def test_lines_from_before_there_were_salts_get_a_root_of_their_own_and_no_proof(town: ProvenTown) -> None:
    database = town.site.database
    database.write(lambda session: session.execute(update(AccessEntry).where(AccessEntry.id <= 2).values(salt="")))
    town.federation.clock.now += SETTLE_S + 1
    town.site.anchoring.anchor()
    town.site.anchoring.anchor()
    batches = town.site.access_log.batches()
    assert [(each.first_id, each.last_id) for each in batches][-1] == (1, 2)
    assert len(batches) == 2
    assert all(not each.problem for each in town.site.access_audit.check())


def test_a_changed_line_has_no_proof_and_says_so(town: ProvenTown) -> None:
    town.cover()
    entry = update(AccessEntry).where(AccessEntry.what == "record.check").values(name="Dr Nobody")
    town.site.database.write(lambda session: session.execute(entry))
    assert town.states() == [("asked", "there"), ("opened", "none")]


def test_the_files_carry_the_proofs_and_their_places(town: ProvenTown) -> None:
    town.cover()
    maya = town.visitor(MAYA)
    document = json.loads(maya.get(f"{LIST}/accesses.json").text)["accesses"]
    for each in document:
        town.paper.proven(each["proof"]["tlog_proof"])
    assert document[0]["place"] == {"request": 1}
    assert document[1]["place"]["batch"] == 1
    table = maya.get(f"{LIST}/accesses.csv").text.splitlines()
    assert table[0].endswith(",proof")
    assert all(line.endswith(",there") for line in table[1:])
    with zipfile.ZipFile(io.BytesIO(maya.post("/my-data/export.zip", page="/my-data/").data)) as archive:
        names = [name for name in archive.namelist() if name.endswith(".tlog-proof")]
        assert names == ["accesses/request-1.tlog-proof", "accesses/opening-1.tlog-proof"]
        for name in names:
            town.paper.proven(archive.read(name).decode())
        assert "hemaledger-accesses-2" in archive.read("accesses.json").decode()


def test_the_proof_can_still_be_made_almost_three_years_later(town: ProvenTown) -> None:
    town.cover()
    town.federation.clock.now += THREE_YEARS_S - 24 * 3600
    with town.app.app_context():
        for _ in range(3):
            keep_up(town.site)
    assert town.states() == [("asked", "there"), ("opened", "there")]
