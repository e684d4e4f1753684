"""An answer of a model that is no longer in use says so, and its patient and doctor hear of it once, by mail."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from tests.support.site_town import INES, JONAS, MAYA, Town
from webui.maintenance import keep_up
from webui.ports.federation import GoneBack
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
