"""Withdrawals on the pages: what a hospital's staff read and order, what a patient asks for, and what all see of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import select

from fl.roles.hospital.orders import OrderState
from tests.support.second_steps import set_up_app
from tests.support.site_town import INES, MAYA, NOOR, OMAR, PASSWORD, TOVE, Town, Visitor, words
from webui.maintenance import keep_up
from webui.store.mail_tables import MailRow
from webui.store.models import SiteRole
from webui.store.new_accounts import NewAccount
from webui.store.training_objections import ObjectionState

ALL, OWN, LEAVE, PERSONS = (
    "/withdrawals/",
    "/hospital/withdrawal/",
    "/hospital/withdrawal/leave",
    "/hospital/withdrawal/persons",
)
MINE, BACK = "/withdrawals/mine", "/operator/orders/go-back"
OTTO, SVEN = "otto@clinic.example", "sven@clinic.example"


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


@pytest.fixture
def tove(town: Town) -> Visitor:
    return town.visitor(TOVE)


def letters(town: Town) -> list[tuple[str, str]]:
    with town.site.database.reading() as session:
        return [(row.recipient, row.subject) for row in session.scalars(select(MailRow).order_by(MailRow.id))]


def ordered(town: Town) -> bool:
    return town.federation.withdrawals.newest is not None


def test_everybody_reads_how_far_the_hospitals_are(town: Town) -> None:
    assert "Nobody has taken anything back" in town.visitor(MAYA).text(ALL)
    withdrawals = town.federation.withdrawals
    withdrawals.state()
    for email in (MAYA, INES, NOOR, TOVE):
        said = town.visitor(email).text(ALL)
        assert "Harbour Hospital Waits for the coordinator" in said
        assert "The coordinator goes back to the model of round 4." in said
        assert "These models will no longer be in use: rounds 5, 6 and 7." in said
        assert "Prepare the order" not in said
    withdrawals.go_back()
    said = town.visitor(MAYA).text(ALL)
    assert "Gone back" in said
    assert "No longer in use: models of rounds 5, 6 and 7." in said
    withdrawals.train_on(8, 9)
    assert "Rounds since then: 8 and 9." in town.visitor(MAYA).text(ALL)


def test_the_page_says_what_leaving_means_before_it_can_be_ordered(town: Town, tove: Visitor) -> None:
    town.add_check(MAYA)
    said = tove.text(LEAVE)
    assert (
        "The hospitals go back to the first model. The models of rounds 1, 2, 3, 4, 5, 6 and 7 are no longer used."
        in said
    )
    assert "At most 1 check on this site comes from such a model." in said
    assert "It costs 7 rounds of training again; from the first model on it would be 7." in said
    assert "Until the first new round is final, no model answers." in said
    refused = tove.post(LEAVE)
    assert refused.status_code == 400
    assert "Tick the box first." in words(refused)
    assert not ordered(town)
    assert tove.post(LEAVE, sure="y").location == OWN
    order = town.federation.withdrawals.newest
    assert order is not None
    assert (order.asked_by, order.persons) == ("Tove Lindahl", ())
    assert "The order waits for the agent" in tove.text(OWN)


def test_other_staff_hear_of_the_order_and_can_take_it_back(town: Town, tove: Visitor) -> None:
    town.site.accounts.create(NewAccount(SiteRole.HOSPITAL, SVEN, "Sven Holm", PASSWORD))
    tove.post(LEAVE, sure="y")
    assert letters(town) == [(SVEN, "A withdrawal from the federation was ordered")]
    sven = town.visitor(SVEN)
    sven.post("/hospital/withdrawal/take-back", page=OWN)
    assert "The order was taken back" in sven.text(OWN)
    assert "Leaving the federation" in tove.text("/account/log")


def test_leaving_needs_the_second_step_once_more(town: Town, tove: Visitor) -> None:
    set_up_app(town, tove)
    answer = tove.get(LEAVE)
    assert answer.status_code == 302
    assert answer.location == f"/account/step-up?next={LEAVE}"


@pytest.mark.parametrize(
    ("agent", "said"), [(False, "The hospital's agent does not run"), (True, "has left the federation")]
)
def test_what_cannot_be_ordered_says_why(town: Town, tove: Visitor, agent: bool, said: str) -> None:
    token = tove.token(LEAVE)
    town.federation.withdrawals.agent_runs, town.federation.withdrawals.out = agent, agent
    assert said in tove.text(OWN)
    answer = tove.post_bare(LEAVE, csrf_token=token, sure="y")
    assert answer.status_code == 409
    assert not ordered(town)


def test_pictures_are_taken_out_after_a_page_that_says_what_it_means(town: Town, tove: Visitor) -> None:
    assert "Name at least one person" in words(tove.post(PERSONS, since="6"))
    said = words(tove.post(PERSONS, persons=" P-7\n\nP-3\nP-7", since="6"))
    assert "2 persons: P-3, P-7" in said
    assert "The hospitals go back to the model of round 5. The models of rounds 6 and 7 are no longer used." in said
    assert not ordered(town)
    assert "contains nothing of these data" in words(tove.post(PERSONS, persons="P-7", since="8"))
    tove.post(PERSONS, persons="P-7\nP-3", since="6", sure="yes")
    order = town.federation.withdrawals.newest
    assert order is not None
    assert (order.persons, order.since) == (("P-3", "P-7"), 6)


def test_a_patients_wish_goes_from_a_click_to_the_ledger(town: Town, tove: Visitor) -> None:
    maya = town.visitor(MAYA)
    assert MINE in maya.get("/consent/").text
    maya.post(MINE)
    maya.post(MINE)
    assert letters(town) == [(TOVE, "A patient asks to be left out of the training")]
    assert "The hospital has your wish" in maya.text(MINE)
    assert "Maya Lindqvist" in tove.text(OWN)
    tove.post(PERSONS, persons="P-7", since="6", sure="yes", patients=str(town.members[MAYA].id))
    assert "Your pictures are being taken out" in maya.text(MINE)
    town.federation.withdrawals.end(OrderState.FAILED, why="the imported images have no person P-7")
    assert "The hospital has your wish" in maya.text(MINE), "a failed order answers nothing"
    town.federation.clock.now += 60
    tove.post(PERSONS, persons="P-8", since="6", sure="yes", patients=str(town.members[MAYA].id))
    town.federation.withdrawals.end(OrderState.DONE, rows=12)
    keep_up(town.site)
    assert "Your pictures are out" in maya.text(MINE)
    assert letters(town)[-1] == (MAYA, "An answer to your wish about the training")
    assert "No patient waits for an answer." in tove.text(OWN)


def test_a_patient_without_pictures_hears_that_too(town: Town, tove: Visitor) -> None:
    omar = town.visitor(OMAR)
    omar.post(MINE)
    tove.post(f"/hospital/withdrawal/none/{town.members[OMAR].id}", page=OWN)
    assert "No picture of yours is used" in omar.text(MINE)
    tove.post(f"/hospital/withdrawal/none/{town.members[OMAR].id}", page=PERSONS)
    assert "does not wait for an answer any more" in tove.text(OWN)
    assert [whom for whom, _ in letters(town)] == [TOVE, OMAR]


def test_a_wish_can_be_taken_back_until_somebody_acts(town: Town) -> None:
    maya = town.visitor(MAYA)
    maya.post(MINE)
    maya.post("/withdrawals/mine/call-off", page=MINE)
    row = town.site.withdrawals.objections.of(town.members[MAYA].id)
    assert row is not None
    assert row.state == ObjectionState.CALLED_OFF.value
    assert "You took your wish back" in maya.text(MINE)


def test_the_operator_prepares_the_order_to_go_back(town: Town) -> None:
    town.site.accounts.create(NewAccount(SiteRole.OPERATOR, OTTO, "Otto Brandt", PASSWORD))
    town.federation.withdrawals.state()
    otto = town.visitor(OTTO)
    assert "No round opens before the coordinator has gone back" in otto.text("/operator/")
    assert f"{BACK}?check=yes&amp;to=4" in otto.get(ALL).text
    said = otto.text(f"{BACK}?check=yes&to=9")
    assert "The model in use comes from no such round." in said


def test_without_the_ledger_the_pages_say_so(town: Town, tove: Visitor) -> None:
    town.federation.stop_chain()
    assert [tove.get(path).status_code for path in (ALL, OWN, LEAVE)] == [503] * 3
    assert town.visitor(MAYA).get(MINE).status_code == 200
    assert json.dumps(letters(town)) == "[]"
