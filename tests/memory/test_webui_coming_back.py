"""Somebody comes back: to what was done before, to a page of an ended session, to a request that is under way."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier, Semaphore
from typing import Any

import pytest

from fl.protocol.names import Purpose, Refusal
from tests.support.site_decryption_requests import ACCOUNTS
from tests.support.site_town import INES, JONAS, MAYA, PASSWORD, Town, Visitor, words
from webui.ports.records import SealedRecord
from webui.presentation.numbers_and_dates import at_time, on_day


@pytest.fixture
def town(tmp_path: Path) -> Town:
    made = Town(tmp_path)
    made.federation.probability = 0.91
    made.federation.records.hold_key()
    made.site.request_store.link_trustee(INES, ACCOUNTS[0])
    return made


def ask(town: Town, visitor: Visitor, purpose: int, page: str = "/requests/") -> Any:
    number = town.site.record_store.visible(town.members[MAYA], 1).number or ""
    return visitor.post("/requests/ask", page=page, number=number, purpose=str(purpose), reason="1")


def test_a_trustee_who_answered_is_told_so(town: Town) -> None:
    town.add_check(MAYA)
    ask(town, town.visitor(JONAS), 1)
    trustee = town.visitor(INES)
    assert "0 of 2 approvals" in trustee.text("/requests/")
    town.federation.requests.answer(1, 0, Refusal.JUDGEMENT)
    again = trustee.get("/approvals/1")
    assert again.status_code == 409
    assert "You have already answered this request" in words(again)
    assert "0x" not in words(again)


def test_an_answer_given_in_the_browser_is_confirmed(town: Town) -> None:
    town.add_check(MAYA)
    ask(town, town.visitor(JONAS), 1)
    trustee, signed = town.visitor(INES), town.federation.requests.signed(1, 0, Refusal.JUDGEMENT)
    body = {"envelope": None, "transaction": signed.transaction.hex()}
    sent = trustee._client.post("/approvals/1", json=body, headers={"X-CSRFToken": trustee.token("/requests/")})
    assert sent.json == {"location": "/requests/"}
    assert "Your answer is on the ledger." in trustee.text("/requests/")
    assert "Your answer is on the ledger." not in trustee.text("/requests/")


def test_an_own_request_does_not_wait_for_the_own_answer(town: Town) -> None:
    town.add_check(MAYA)
    trustee = town.visitor(INES)
    ask(town, trustee, 1)
    assert "No request waits for your answer." in trustee.text("/requests/")
    ask(town, town.visitor(JONAS), 2)
    page = trustee.text("/requests/")
    assert "Dr Jonas Okafor, for alpha" in page
    assert "Dr Inês Carvalho, for alpha" not in page


def test_two_clicks_make_one_request(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    number = town.site.record_store.visible(town.members[MAYA], town.add_check(MAYA)).number or ""
    request, inside, together = town.federation.requests.request, Semaphore(0), Barrier(2)

    def slow(sealed: SealedRecord, purpose: Purpose, deadline: int) -> int:
        inside.release()
        together_here = inside.acquire(timeout=10) and inside.acquire(timeout=0.5)
        assert not together_here, "a second request was made while the first was on its way"
        return request(sealed, purpose, deadline)

    def click() -> int:
        together.wait(timeout=20)
        return town.site.record_requests.ask(town.members[JONAS], number, Purpose.TREATMENT).row.id

    monkeypatch.setattr(town.federation.requests, "request", slow)
    with ThreadPoolExecutor(2) as pool:
        rows = [clicked.result() for clicked in [pool.submit(click), pool.submit(click)]]
    assert rows[0] == rows[1]
    assert len(town.federation.requests.made) == 1


def test_a_sealed_check_leads_to_the_request_that_is_under_way(town: Town) -> None:
    patient = town.visitor(MAYA)
    patient.post("/consent/", readers="2", purposes=["1", "4"])
    town.add_check(MAYA)
    assert "You can ask for it yourself" in patient.text("/checks/1")
    asked = ask(town, patient, 4, page="/checks/1").location
    for state in ("waits for the trustees", "approved", "opened"):
        page = patient.get("/checks/1")
        assert state in words(page)
        assert "You can ask for it yourself" not in words(page)
        assert asked in page.text
        if state == "waits for the trustees":
            town.federation.requests.answer(1, 0)
            town.federation.requests.answer(1, 1)
        else:
            patient.post(f"{asked}/open", page=asked)
    town.book(MAYA, INES)
    assert "Ask the trustees" in town.visitor(INES).text("/checks/1"), "nobody else's request is theirs"
    town.federation.stop_chain()
    assert "You can ask for it yourself" in patient.text("/checks/1"), "the page is there without the ledger"


def test_a_request_that_failed_can_be_made_again(town: Town) -> None:
    patient = town.visitor(MAYA)
    patient.post("/consent/", readers="2", purposes=["1", "4"])
    town.add_check(MAYA)
    ask(town, patient, 4, page="/checks/1")
    for place in (0, 1):
        town.federation.requests.answer(1, place, Refusal.JUDGEMENT)
    assert "You can ask for it yourself" in patient.text("/checks/1")


def test_what_is_erased_is_not_offered_for_erasing(town: Town) -> None:
    town.add_check(MAYA)
    patient = town.visitor(MAYA)
    patient.post("/checks/1/erase")
    assert patient.get("/checks/1/erase").location == "/checks/1"


def test_who_books_twice_is_told_of_the_own_appointment(town: Town) -> None:
    slot, doctor, patient = town.free()[0], town.members[INES].id, town.visitor(MAYA)
    assert patient.post(f"/appointments/doctors/{doctor}/{slot}").status_code == 302
    again = patient.post(f"/appointments/doctors/{doctor}/{slot}")
    assert again.status_code == 409
    assert "You already have an appointment at that time" in words(again)


def test_the_next_appointment_comes_first(town: Town) -> None:
    patient = town.visitor(MAYA)
    for place in (35, 1, 18):  # days apart: a patient sees a doctor once a day
        town.book(place=place)
    booked = [row.starts_at for row in town.site.appointments.of_patient(town.members[MAYA].id)]
    times = [words_at(town, starts_at) for starts_at in sorted(booked)]
    page = patient.get("/appointments/").text
    assert [page.index(f"Cancel {time}") for time in times] == sorted(page.index(f"Cancel {time}") for time in times)
    first = town.site.appointments.of_patient(town.members[MAYA].id)[-1]
    town.site.appointments.cancel(town.members[MAYA].id, first.id)
    page = patient.get("/appointments/").text
    assert page.index(">booked<") < page.index(">cancelled<")


def words_at(town: Town, starts_at: int) -> str:
    zone = town.config.tz
    return f"{on_day(starts_at, zone)}, {at_time(starts_at, zone)}"


@pytest.mark.parametrize(("readers", "said"), [("1", False), ("2", True)])
def test_booking_says_what_the_doctor_will_see(town: Town, readers: str, said: bool) -> None:
    slot, doctor, patient = town.free()[0], town.members[INES].id, town.visitor(MAYA)
    patient.post("/consent/", readers=readers, purposes=["1", "4"])
    page = patient.text(f"/appointments/doctors/{doctor}/{slot}")
    assert "This doctor can see them from now until" in page
    assert ("needs the approval of enough trustees" in page) == said


def test_who_is_sent_to_sign_in_is_told_why(town: Town) -> None:
    visitor = town.visitor()
    assert "your session has ended" not in visitor.text("/sign-in")
    sent = visitor.get("/checks/")
    assert "your session has ended" in visitor.text(sent.location)
    assert visitor.post(sent.location, email=MAYA, password=PASSWORD).location == "/checks/"


def test_a_form_of_an_ended_session_says_so(town: Town) -> None:
    visitor = town.visitor(MAYA)
    token = visitor.token("/consent/")
    visitor._client.delete_cookie("hemaledger")
    answer = visitor._client.post("/consent/", data={"csrf_token": token, "readers": "1"})
    assert answer.status_code == 400
    for words_told in ("you have signed out", "Nothing has changed", "If the site asks you to sign in, do that first."):
        assert words_told in words(answer)
