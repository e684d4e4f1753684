"""The pages of requests: a doctor asks, trustees answer, the patient sees all of it."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fl.protocol.errors import ChainUnavailable
from fl.protocol.names import Purpose, Refusal
from tests.support.site_decryption_requests import ACCOUNTS
from tests.support.site_town import INES, JONAS, MAYA, NOOR, OMAR, Town, Visitor, cell, words
from webui.config import Limit, Limits
from webui.errors import NotFound
from webui.ports.decryption_requests import SignedAnswer
from webui.ports.records import SealedRecord
from webui.usecases.sealing import sealed_of

DAY_S = 24 * 3600


@pytest.fixture
def town(tmp_path: Path) -> Town:
    made = Town(tmp_path)
    made.federation.probability = 0.91
    made.federation.records.hold_key()
    return made


def number_of(town: Town, row_id: int = 1) -> str:
    return town.site.record_store.visible(town.members[MAYA], row_id).number or ""


def ask(town: Town, visitor: Visitor, purpose: Purpose = Purpose.SECOND_OPINION) -> Any:
    return visitor.post(
        "/requests/ask", page="/requests/", number=number_of(town), purpose=str(int(purpose)), reason="1"
    )


def approve(town: Town, number: int = 1, places: tuple[int, ...] = (0, 1)) -> None:
    for place in places:
        town.federation.requests.answer(number, place)


def test_a_doctor_finds_records_by_the_exact_address_or_number_only(town: Town) -> None:
    town.add_check(MAYA)
    number, doctor = number_of(town), town.visitor(JONAS)

    def find(text: str) -> str:
        return words(doctor.post("/requests/find", page="/requests/", text=text))

    grouped = "-".join((number[:4], number[4:8], number[8:]))
    for text in (MAYA, MAYA.upper(), number, grouped, f" {grouped.upper()} "):
        page = find(text)
        assert grouped in page, text
        assert "Maya" not in page, "who asks does not learn a name from it"
    for text in ("maya", "%", "maya@%", number[:4], OMAR, "nobody@x.example", "1"):
        assert "This site has no record" in find(text), text
    assert doctor.post("/requests/find", page="/requests/").status_code == 400


def test_a_doctor_asks_a_quorum_agrees_and_the_record_opens(town: Town) -> None:
    town.add_check(MAYA)
    doctor = town.visitor(JONAS)
    location = ask(town, doctor).location
    assert "2 more of the 3 trustees must approve" in doctor.text(location)
    assert doctor.get(f"{location}/open").status_code == 405
    assert doctor.post(f"{location}/open", page=location).status_code == 404, "nobody approved yet"
    approve(town, places=(0,))
    assert "1 more of the 3" in doctor.text(location)
    assert "leukemic blast" not in doctor.text(location)
    approve(town, places=(2,))
    page = doctor.text(location)
    assert "Open the record" in page
    assert "leukemic blast" not in page
    assert doctor.post(f"{location}/open", page=location).location == location
    opened = doctor.get(location)
    assert "show this result to a doctor" not in words(opened), "this is the doctor"
    for fact in ("Opened", "leukemic blast", "91 %", "Maya Lindqvist", "Dr Ada", "Dr Cleo", "no blood count"):
        assert fact in words(opened)
    assert "data:image/png;base64,iVBOR" in opened.text
    assert "leukemic blast" not in town.visitor(INES).text("/requests/")
    assert town.visitor(INES).get(location).status_code == 404


def test_the_patient_sees_who_asked_for_what_and_who_said_what(town: Town) -> None:
    town.add_check(MAYA)
    ask(town, town.visitor(JONAS), Purpose.EMERGENCY)
    town.federation.requests.answer(1, 1, Refusal.REQUESTER)
    approve(town, places=(0,))
    facts = town.federation.requests.facts([1])[1]
    page = town.visitor(MAYA).text("/requests/about-me")
    for fact in (
        "Dr Jonas Okafor",
        "emergency",
        "Dr Ben refused (the trustee does not trust the person who asks)",
        "Dr Ada approved",
    ):
        assert fact in page
    for block in (facts.block, *(answer.block for answer in facts.answers)):
        assert f"in block {block}" in page
    assert "Nobody so far" in town.visitor(OMAR).text("/requests/about-me")


def test_only_purposes_that_the_patient_allows_reach_the_trustees(town: Town) -> None:
    town.add_check(MAYA)
    doctor, patient = town.visitor(JONAS), town.visitor(MAYA)
    for purpose in (Purpose.RESEARCH, Purpose.QUALITY, Purpose.PATIENT_WISH, 7, 0):
        assert ask(town, doctor, purpose).status_code in {403, 404}  # type: ignore[arg-type]
    assert ask(town, patient, Purpose.TREATMENT).status_code == 403
    assert (
        town.visitor(OMAR).post("/requests/ask", page="/checks/new", number=number_of(town), purpose="4").status_code
        == 404
    ), "a wish is for one's own record"
    assert town.federation.requests.made == []
    patient.post("/consent/", readers="1", purposes=["5"])
    assert ask(town, doctor).status_code == 403
    assert ask(town, doctor, Purpose.RESEARCH).status_code == 302


def test_what_a_patient_no_longer_allows_is_refused_for_records_of_the_quorum_too(town: Town) -> None:
    patient = town.visitor(MAYA)
    patient.post("/consent/", readers="2", purposes=["1", "2", "4"])
    town.add_check(MAYA)
    patient.post("/consent/", readers="2", purposes=["1", "4"])
    assert ask(town, town.visitor(JONAS), Purpose.SECOND_OPINION).status_code == 403
    assert ask(town, town.visitor(JONAS), Purpose.TREATMENT).status_code == 302


def test_consent_withdrawn_later_closes_what_was_approved_and_stops_approvals(town: Town) -> None:
    patient, doctor = town.visitor(MAYA), town.visitor(JONAS)
    patient.post("/consent/", readers="2", purposes=["1", "2", "4"])
    town.add_check(MAYA)
    _link(town)
    first, second = ask(town, doctor).location, ask(town, doctor, Purpose.TREATMENT).location
    approve(town)
    doctor.post(f"{first}/open", page=first)
    assert "91 %" in doctor.text(first)
    patient.post("/consent/", readers="2", purposes=["4"])
    assert "91 %" not in doctor.text(first)
    assert "no longer allows this purpose" in doctor.text(first)
    assert doctor.post(f"{first}/open", page=second).status_code == 404
    trustee = town.visitor(INES)
    assert "you can refuse" in trustee.text("/approvals/2")
    assert _send(trustee, town.federation.requests.signed(2, 0), number=2).status_code == 403
    assert town.federation.requests.facts([2])[2].answers == ()
    refusal = town.federation.requests.signed(2, 0, Refusal.CONSENT)
    assert _send(trustee, refusal, number=2).status_code == 200


def test_a_patient_asks_for_an_own_record_that_only_a_quorum_opens(town: Town) -> None:
    patient = town.visitor(MAYA)
    patient.post("/consent/", readers="2", purposes=["4"])
    location = patient.check(cell()).location
    assert "You can ask for it yourself" in patient.text(location)
    asked = patient.post("/requests/ask", page=location, number=number_of(town), purpose="4")
    approve(town)
    patient.post(f"{asked.location}/open", page=asked.location)
    assert "91 %" in patient.text(asked.location)
    assert "Open the request" in patient.text("/requests/about-me")
    assert "needs a quorum" in patient.text(location), "what was opened is not stored"


def test_the_same_question_is_asked_once(town: Town) -> None:
    town.add_check(MAYA)
    doctor = town.visitor(JONAS)
    first, second = ask(town, doctor).location, ask(town, doctor).location
    assert first == second
    assert len(town.federation.requests.made) == 1
    assert ask(town, doctor, Purpose.EMERGENCY).location != first
    town.federation.clock.now += 8 * DAY_S
    assert "Ran out" in doctor.text(first)
    assert ask(town, doctor).location != first


def test_refused_requests_open_nothing(town: Town) -> None:
    town.add_check(MAYA)
    doctor = town.visitor(JONAS)
    location = ask(town, doctor).location
    for place in (0, 1):
        town.federation.requests.answer(1, place, Refusal.JUDGEMENT)
    assert "Refused" in doctor.text(location)
    assert doctor.post(f"{location}/open", page=location).status_code == 404


def test_an_opened_record_is_readable_for_a_limited_time(town: Town) -> None:
    town.add_check(MAYA)
    doctor = town.visitor(JONAS)
    location = ask(town, doctor).location
    approve(town)
    doctor.post(f"{location}/open", page=location)
    assert "91 %" in doctor.text(location)
    town.federation.clock.now += 31 * DAY_S
    assert "91 %" not in doctor.text(location)


def test_nothing_opens_what_was_erased_or_sealed_anew(town: Town) -> None:
    for _ in range(2):
        town.add_check(MAYA)
    doctor = town.visitor(JONAS)
    location = ask(town, doctor).location
    approve(town)
    town.site.record_store.erase(1)
    assert "now erased" in doctor.text(location)
    assert doctor.post(f"{location}/open", page=location).status_code == 404
    assert "now erased" in town.visitor(MAYA).text("/requests/about-me")
    fields = {"number": number_of(town, 2), "purpose": "2", "reason": "1"}
    second = doctor.post("/requests/ask", page="/requests/", **fields).location
    approve(town, 2)
    town.visitor(MAYA).post("/consent/", readers="1", purposes=["1", "2", "3"])
    assert "encrypted again" in doctor.text(second)
    assert doctor.post(f"{second}/open", page=second).status_code == 404


def test_a_file_replaced_by_the_same_policy_is_asked_for_again_not_an_alarm(
    town: Town, caplog: pytest.LogCaptureFixture
) -> None:
    town.add_check(MAYA)
    doctor = town.visitor(JONAS)
    location = ask(town, doctor).location
    approve(town)
    doctor.post(f"{location}/open", page=location)
    town.federation.records.hold_key()
    assert town.site.patient_records.follow_key() == 1
    assert "Ask again to read it" in doctor.text(location)
    assert doctor.post(f"{location}/open", page=location).status_code == 404
    assert "ALARM" not in caplog.text
    assert ask(town, doctor).location != location


def test_a_record_from_before_the_committee_cannot_be_asked_for_yet(tmp_path: Path) -> None:
    town = Town(tmp_path)
    town.add_check(MAYA)
    answer = ask(town, town.visitor(JONAS))
    assert answer.status_code == 409
    assert "not encrypted to the trustees yet" in words(answer)
    town.federation.records.hold_key()
    town.site.patient_records.follow_key()
    assert ask(town, town.visitor(JONAS)).status_code == 302


def test_a_request_that_the_ledger_refuses_leaves_no_trace(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.add_check(MAYA)

    def refuse(*_: object) -> int:
        raise NotFound

    monkeypatch.setattr(town.federation.requests, "request", refuse)
    assert ask(town, town.visitor(JONAS)).status_code == 404
    assert "You have not asked" in town.visitor(JONAS).text("/requests/")


@pytest.mark.parametrize("arrived", [True, False])
def test_when_no_answer_comes_back_the_ledger_tells_whether_anybody_was_asked(
    town: Town, monkeypatch: pytest.MonkeyPatch, arrived: bool
) -> None:
    town.add_check(MAYA)
    doctor, request = town.visitor(JONAS), town.federation.requests.request

    def lose(sealed: SealedRecord, purpose: Purpose, deadline: int) -> int:
        if arrived:
            request(sealed, purpose, deadline)
        raise ChainUnavailable("http://ledger.example", "no answer")

    monkeypatch.setattr(town.federation.requests, "request", lose)
    assert ask(town, doctor).status_code == 503
    monkeypatch.undo()
    wanted = "Waits for the trustees" if arrived else "Not recorded"
    assert wanted in doctor.text("/requests/")
    assert wanted in town.visitor(MAYA).text("/requests/about-me")
    assert len(town.federation.requests.made) == arrived


def test_a_request_past_this_site_is_told_to_the_patient_too(town: Town) -> None:
    row = town.site.record_store.visible(town.members[MAYA], town.add_check(MAYA))
    town.federation.requests.request(sealed_of(row), Purpose.RESEARCH, town.federation.clock.now + DAY_S)
    page = town.visitor(MAYA).text("/requests/about-me")
    for fact in ("alpha, not through this site", "research", "Only that hospital knows which person asked"):
        assert fact in page
    assert "not through this site" not in town.visitor(OMAR).text("/requests/about-me")


@pytest.mark.parametrize("later", ["erased", "sealed anew"])
def test_requests_past_this_site_outlive_the_file_that_they_asked_for(town: Town, later: str) -> None:
    row_id, requests = town.add_check(MAYA), town.federation.requests
    row = town.site.record_store.visible(town.members[MAYA], row_id)
    for _ in range(2):
        requests.request(sealed_of(row), Purpose.RESEARCH, town.federation.clock.now + DAY_S)
    requests.made[1].facts = replace(requests.made[1].facts, own=False, requester="elsewhere")
    patient = town.visitor(MAYA)
    if later == "erased":
        patient.post(f"/checks/{row_id}/erase")
    else:
        patient.post("/consent/", readers="1", purposes=["1", "4"])
    page = patient.text("/requests/about-me")
    for fact in ("alpha, not through this site", "elsewhere, not through this site", "research"):
        assert fact in page
    assert ("now erased" in page) == (later == "erased")


def _lose(town: Town, monkeypatch: pytest.MonkeyPatch, doctor: Visitor) -> None:
    """Let a doctor's request get lost on its way to the ledger."""

    def lose(*_: object) -> int:
        raise ChainUnavailable("http://ledger.example", "no answer")

    with monkeypatch.context() as patch:
        patch.setattr(town.federation.requests, "request", lose)
        assert ask(town, doctor).status_code == 503


def test_a_lost_request_does_not_become_another_doctors(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.add_check(MAYA)
    loser, other = town.visitor(JONAS), town.visitor(INES)
    _lose(town, monkeypatch, loser)
    with monkeypatch.context() as patch:  # the other's arrives in the same second, and its answer gets lost
        patch.setattr(town.site.request_store, "set_number", lambda *_: None)
        ask(town, other)
    approve(town)
    page = loser.text("/requests/")
    assert "Not recorded" in page
    assert "Approved" not in page
    assert "Approved" in other.text("/requests/")


@pytest.mark.parametrize("whose", ["past this site", "a stranger's"])
def test_a_lost_request_does_not_become_one_that_was_made_elsewhere(
    town: Town, monkeypatch: pytest.MonkeyPatch, whose: str
) -> None:
    row, doctor = town.site.record_store.visible(town.members[MAYA], town.add_check(MAYA)), town.visitor(JONAS)
    _lose(town, monkeypatch, doctor)
    requests = town.federation.requests
    deadline = town.site.request_store.of_asker(town.members[JONAS].id)[0].deadline or 0
    stranger = whose == "a stranger's"
    requests.request(sealed_of(row), Purpose.SECOND_OPINION, deadline if stranger else deadline + 1)
    requests.made[0].facts = replace(requests.made[0].facts, own=not stranger)
    approve(town)
    assert "Not recorded" in doctor.text("/requests/")
    page = town.visitor(MAYA).text("/requests/about-me")
    assert "alpha, not through this site" in page
    assert "Not recorded" in page


def test_a_silent_chain_is_said(town: Town) -> None:
    doctor, patient = town.visitor(JONAS), town.visitor(MAYA)
    town.add_check(MAYA)
    ask(town, doctor)
    town.federation.stop_chain()
    for visitor, path in ((doctor, "/requests/"), (patient, "/requests/about-me")):
        assert visitor.get(path).status_code == 503


@pytest.mark.parametrize(
    ("path", "limits"), [("find", Limits(searches=Limit(2, 60))), ("ask", Limits(requests=Limit(2, 60)))]
)
def test_looking_up_and_asking_are_counted(tmp_path: Path, path: str, limits: Limits) -> None:
    town = Town(tmp_path, limits=limits)
    town.federation.records.hold_key()
    town.add_check(MAYA)
    fields = {"text": MAYA, "number": number_of(town), "purpose": "2", "reason": "1"}
    doctor = town.visitor(JONAS)
    codes = [doctor.post(f"/requests/{path}", page="/requests/", **fields).status_code for _ in range(3)]
    assert codes[2] == 429


def test_a_dealt_key_is_marked_wherever_a_request_is_shown(town: Town) -> None:
    town.federation.records.hold_key(dealer_made=True)
    town.add_check(MAYA)
    _link(town)
    location = ask(town, town.visitor(JONAS)).location
    assert "The operator made this key" in town.visitor(JONAS).text(location)
    assert "The operator made this key" in town.visitor(MAYA).text("/requests/about-me")
    assert "The operator made this key" in town.visitor(INES).text("/approvals/1")
    assert "the operator made this key" in town.visitor(INES).text("/requests/")


def _link(town: Town) -> None:
    town.site.request_store.link_trustee(INES, ACCOUNTS[0])


def test_a_trustee_sees_who_asks_for_what_and_answers(town: Town) -> None:
    town.add_check(MAYA)
    ask(town, town.visitor(JONAS))
    trustee = town.visitor(INES)
    assert "Requests that wait for my answer" not in trustee.text("/requests/")
    assert trustee.get("/approvals/1").status_code == 403
    _link(town)
    assert "Dr Jonas Okafor, for alpha" in trustee.text("/requests/")
    page = trustee.get("/approvals/1")
    assert "worker-src" in page.headers["Content-Security-Policy"]
    found = re.search(r'<script type="application/json" id="approval">(.*?)</script>', page.text, re.DOTALL)
    assert found is not None
    block = json.loads(found[1])
    assert (block["submit_url"], block["trustee"]) == ("/approvals/1", ACCOUNTS[0].hex())
    assert "Dr Jonas Okafor, for alpha" in words(page)
    signed = town.federation.requests.signed(1, 0)
    answer = _send(trustee, signed)
    assert (answer.status_code, answer.json) == (200, {"location": "/requests/"})
    assert town.federation.requests.facts([1])[1].approvals == 1
    assert "No request waits" in trustee.text("/requests/")
    again = _send(trustee, signed)
    assert again.status_code == 409
    assert again.json is not None
    assert "You have already answered this request" in again.json["message"]


def test_the_hospital_that_asks_has_its_name_for_people_and_the_ledgers_name_below_it(tmp_path: Path) -> None:
    town = Town(tmp_path, hospitals={"alpha": "Test Clinic"})
    town.federation.records.hold_key()
    town.add_check(MAYA)
    ask(town, town.visitor(JONAS))
    _link(town)
    page = town.visitor(INES).text("/requests/")
    assert "Dr Jonas Okafor, for Test Clinic" in page
    mine = town.visitor(MAYA).text("/requests/about-me")
    assert "Asked by Test Clinic on " in mine
    assert "The hospital that asked: alpha" in mine
    assert "alpha" not in mine.replace("The hospital that asked: alpha", "")


def test_a_trustee_who_may_not_answer_reads_why(town: Town) -> None:
    town.add_check(MAYA)
    for purpose in (Purpose.TREATMENT, Purpose.SECOND_OPINION):
        ask(town, town.visitor(JONAS), purpose)
    _link(town)
    for place in (1, 2):
        town.federation.requests.answer(1, place, Refusal.JUDGEMENT)
    trustee = town.visitor(INES)
    assert "This request is closed" in trustee.text("/approvals/1")
    assert trustee.get("/approvals/2").status_code == 200
    town.federation.clock.now += 8 * DAY_S
    trustee = town.visitor(INES)
    assert "The deadline of this request has passed" in trustee.text("/approvals/2")
    late = _send(trustee, town.federation.requests.signed(2, 0), number=2)
    assert late.status_code == 403
    assert late.json is not None
    assert late.json["message"] == "The deadline of this request has passed. Nobody can answer it any more."
    assert trustee.get("/approvals/9").status_code == 404


def _send(visitor: Visitor, answer: SignedAnswer, number: int = 1, **changes: object) -> Any:
    envelope = answer.envelope.hex() if answer.envelope else None
    body = {"envelope": envelope, "transaction": answer.transaction.hex()} | changes
    headers = {"X-CSRFToken": visitor.token("/requests/"), "Accept": "application/json"}
    return visitor._client.post(f"/approvals/{number}", json=body, headers=headers)


def test_nobody_answers_a_request_of_ones_own(town: Town) -> None:
    town.add_check(MAYA)
    _link(town)
    both = town.visitor(INES)
    ask(town, both)
    assert both.get("/approvals/1").status_code == 403
    assert _send(both, town.federation.requests.signed(1, 0)).status_code == 403
    assert town.federation.requests.facts([1])[1].answers == ()


def test_answers_that_do_not_belong_together_are_refused(town: Town) -> None:
    town.add_check(MAYA)
    ask(town, town.visitor(JONAS))
    _link(town)
    trustee = town.visitor(INES)
    mine, others = (town.federation.requests.signed(1, place) for place in (0, 1))
    for wrong in (others, replace(mine, envelope=others.envelope), replace(mine, envelope=None)):
        assert _send(trustee, wrong).status_code == 403
    for change in ({"transaction": "00"}, {"transaction": "zz"}, {"envelope": 7}, {"extra": 1}):
        assert _send(trustee, mine, **change).status_code == 400
    assert _send(trustee, replace(mine, envelope=bytes(40_000))).status_code == 413
    stranger = town.visitor(JONAS)
    assert _send(stranger, mine).status_code == 403
    without = trustee._client.post("/approvals/1", json={"envelope": None, "transaction": ""})
    assert without.status_code == 400
    assert town.federation.requests.facts([1])[1].answers == ()


@pytest.mark.parametrize("path", ["/requests/", "/requests/1", "/approvals/1", "/requests/about-me", "/consent/"])
def test_an_auditor_has_no_part_in_it(town: Town, path: str) -> None:
    assert town.visitor(NOOR).get(path).status_code == 403


def test_a_treating_doctor_asks_for_a_record_of_the_quorum_from_its_page(town: Town) -> None:
    town.visitor(MAYA).post("/consent/", readers="2", purposes=["1", "4"])
    town.add_check(MAYA)
    town.book(MAYA, INES)
    doctor = town.visitor(INES)
    assert "Ask the trustees" in doctor.text("/checks/1")
    asked = doctor.post("/requests/ask", page="/checks/1", number=number_of(town), purpose="1", reason="1")
    approve(town)
    doctor.post(f"{asked.location}/open", page=asked.location)
    assert "91 %" in doctor.text(asked.location)


def test_a_request_for_an_erased_record_promises_nothing(town: Town) -> None:
    check = town.add_check(MAYA)
    doctor, patient = town.visitor(JONAS), town.visitor(MAYA)
    ask(town, doctor)
    assert "more of the 3 trustees must approve" in doctor.text("/requests/1")
    town.site.record_store.erase(check, town.members[MAYA].id)
    for page in (doctor.text("/requests/"), doctor.text("/requests/1"), patient.text("/requests/about-me")):
        assert "Erased" in page
        assert "must approve" not in page
        assert "Waits for the trustees" not in page
    assert not town.site.record_requests.still_allowed(1)


def test_what_a_quorum_opened_is_an_opening_that_the_patient_sees(town: Town) -> None:
    town.add_check(MAYA)
    doctor = town.visitor(JONAS)
    ask(town, doctor)
    approve(town)
    doctor.post("/requests/1/open", page="/requests/1")
    page = town.visitor(MAYA).text("/requests/who-sees")
    assert "Dr Jonas Okafor , your check of" in page
    assert "opened it, with the approval of a quorum" in page


def test_patients_read_the_names_of_people_not_of_accounts(town: Town) -> None:
    town.add_check(MAYA)
    ask(town, town.visitor(INES))
    approve(town, places=(1,))
    [answer] = town.federation.requests.made[0].facts.answers
    patient = town.visitor(MAYA)
    assert "Dr Jonas Okafor" not in patient.text("/requests/about-me")
    town.site.request_store.link_trustee(JONAS, ACCOUNTS[1])
    assert f"Dr Jonas Okafor (on the ledger: {answer.trustee}) approved" in patient.text("/requests/about-me")
    committee = town.federation.records.keys
    for key_id, facts in committee.items():
        committee[key_id] = replace(facts, accounts=tuple(ACCOUNTS))
    assert "Dr Jonas Okafor" in patient.text("/consent/")
