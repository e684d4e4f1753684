"""Patients are told by mail who asked and who opened, once each, and can switch each kind off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import delete, select

from fl.protocol.names import Purpose
from tests.support.paper_proofs import PaperProofs
from tests.support.site_town import INES, MAYA, Town, cell
from webui.maintenance import keep_up
from webui.ports.federation import Services
from webui.ports.proofs import Reach
from webui.store.mail_tables import MailRow
from webui.store.patient_notices import ONE_DAY_S, News, ToldUpTo

SUBJECTS = {
    News.ASKED: "Somebody asked for one of your records",
    News.OPENED: "Your records were opened",
    News.RECEIPT: "Your receipt can be compared with the ledger",
    News.PROOF: "The proof of your receipt is there",
}


class ProvenTown(Town):
    """A site whose roots have a proof as soon as they are on the ledger."""

    def __init__(self, folder: Path) -> None:
        self.paper = PaperProofs(Reach(1000))
        super().__init__(folder)

    def services(self) -> Services:
        return replace(self.federation.services, proofs=self.paper)


@pytest.fixture
def town(tmp_path: Path) -> ProvenTown:
    town = ProvenTown(tmp_path)
    town.federation.records.hold_key()
    told(town)
    town.book(MAYA, INES)
    return town


def told(town: Town) -> list[str]:
    """Run the upkeep a day and a bit later, and return the subjects of the mails to Maya, the oldest first."""
    town.federation.clock.now += ONE_DAY_S + 120
    with town.app.app_context():
        keep_up(town.site)
        keep_up(town.site)
    with town.site.database.reading() as session:
        rows = session.scalars(select(MailRow).where(MailRow.recipient == MAYA).order_by(MailRow.id)).all()
    return [row.subject for row in rows if row.subject in SUBJECTS.values()]


def ask_and_open(town: Town) -> None:
    maya, ines = town.visitor(MAYA), town.visitor(INES)
    location = maya.check(cell()).location
    assert ines.get(location).status_code == 200
    number = town.site.record_store.of_patient(town.members[MAYA].id, 0)[0].number
    fields = {"purpose": str(int(Purpose.TREATMENT)), "reason": "1", "sentence": "x"}
    assert ines.post("/requests/ask", page="/requests/", number=number, **fields).status_code == 302


def test_each_news_is_told_once(town: Town) -> None:
    ask_and_open(town)
    assert sorted(told(town)) == sorted(SUBJECTS.values())
    assert sorted(told(town)) == sorted(SUBJECTS.values()), "nothing new"
    town.visitor(INES).get("/checks/1")
    assert told(town).count(SUBJECTS[News.OPENED]) == 2
    town.visitor(MAYA).get("/checks/1")
    assert told(town).count(SUBJECTS[News.OPENED]) == 2, "her own visit is no news"


def test_no_proof_is_told_before_it_is_there_nor_for_roots_from_before(town: ProvenTown) -> None:
    town.paper.now = Reach()
    ask_and_open(town)
    assert SUBJECTS[News.PROOF] not in told(town)
    town.paper.now = Reach(1000)
    assert told(town).count(SUBJECTS[News.PROOF]) == 1
    town.site.database.write(lambda session: session.execute(delete(ToldUpTo)))
    told(town)
    assert told(town).count(SUBJECTS[News.PROOF]) == 1, "the first turn tells nothing"


@pytest.mark.parametrize("off", list(News))
def test_each_kind_can_be_switched_off_alone(town: Town, off: News) -> None:
    maya = town.visitor(MAYA)
    sent = {"language": "", "zone": "", "dates": "", **{kind.value: "y" for kind in News if kind is not off}}
    assert maya.post("/account/preferences", page="/account", **sent).status_code == 302
    assert town.site.patient_notices.store.wanted(town.members[MAYA].id) == frozenset(News) - {off}
    ask_and_open(town)
    assert sorted(told(town)) == sorted(text for kind, text in SUBJECTS.items() if kind is not off)
