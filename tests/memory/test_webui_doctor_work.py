"""A doctor's worklist and reviews."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from fl.crypto.hpke_keys import PrivateKey, key_record
from fl.protocol.names import Address
from fl.protocol.ports import Anchor
from tests.support.site_town import INES, JONAS, MAYA, NOOR, OMAR, Town, words
from webui.store.mail_tables import MailRow
from webui.store.openings import How
from webui.store.timeline import PAGE_RECORDS
from webui.store.worklist import PAGE_CHECKS, Wanted

HOUR_S = 3600


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def check(town: Town, patient: str, probability: float) -> int:
    """Let a patient have a picture checked an hour after the last one; return the row."""
    town.federation.clock.now += HOUR_S
    town.federation.probability = probability
    return town.add_check(patient)


def order(town: Town, address: str = "/worklist/", doctor: str = INES) -> list[int]:
    """Return the rows of the checks in a list, from the top."""
    found = re.findall(r'class="row-link" href="/checks/(\d+)"', town.visitor(doctor).get(address).text)
    return [int(row) for row in found]


def review(town: Town, row: int, doctor: str = INES, **fields: str) -> int:
    return town.visitor(doctor).post(f"/reviews/{row}", **({"decision": "confirmed"} | fields)).status_code


def test_the_most_urgent_check_without_a_review_comes_first_and_then_the_oldest(town: Town) -> None:
    town.book(MAYA, INES)
    town.book(OMAR, INES)
    low, high, unsure, later = (
        check(town, MAYA, 0.05),
        check(town, MAYA, 0.9),
        check(town, OMAR, 0.5),
        check(town, OMAR, 0.95),
    )
    assert order(town) == [high, later, unsure, low]
    assert review(town, high) == 302
    assert order(town) == [later, unsure, low, high]


def test_a_list_has_only_checks_of_patients_in_the_doctors_care(town: Town) -> None:
    town.book(MAYA, INES)
    mine, other = check(town, MAYA, 0.9), check(town, OMAR, 0.9)
    assert order(town) == [mine]
    assert order(town, doctor=JONAS) == []
    for address in (f"/worklist/{other}/thumb.webp", f"/reviews/{other}"):
        assert town.visitor(INES).get(address).status_code == 404
    for email in (MAYA, NOOR):
        for address in ("/worklist/", f"/worklist/{mine}/thumb.webp", f"/reviews/{mine}"):
            assert town.visitor(email).get(address).status_code == 403
    jonas = town.visitor(JONAS)
    assert jonas.post(f"/reviews/{mine}", page="/worklist/", decision="confirmed").status_code == 404
    assert jonas.post(f"/worklist/{mine}/unread", page="/requests/").status_code == 404


def test_filters_narrow_the_list(town: Town) -> None:
    town.book(MAYA, INES)
    town.book(OMAR, INES)
    low, high, unsure = check(town, MAYA, 0.05), check(town, MAYA, 0.9), check(town, OMAR, 0.5)
    review(town, low)
    assert order(town, "/worklist/?show=high") == [high]
    assert order(town, "/worklist/?show=unsure") == [unsure]
    assert order(town, "/worklist/?unreviewed=y") == [high, unsure]
    assert order(town, "/worklist/?unread=y") == [high, unsure]
    assert order(town, "/worklist/?name=HADDÁD") == [unsure], "case and accents do not count"
    assert order(town, "/worklist/?name=nobody") == []
    assert town.visitor(INES).get("/worklist/?show=x").status_code == 400
    assert town.visitor(INES).get(f"/worklist/?name={'n' * 200}").status_code == 400


def test_a_check_is_unread_until_this_doctor_opens_it_and_can_be_unread_again(town: Town) -> None:
    town.book(MAYA, INES)
    town.book(MAYA, JONAS, place=1)
    row = check(town, MAYA, 0.9)
    ines = town.visitor(INES)
    assert "Worklist 1 new" in words(ines.get("/doctor/"))
    ines.get(f"/checks/{row}")
    assert "Worklist 1 new" not in words(ines.get("/doctor/"))
    assert "Worklist 1 new" in town.visitor(JONAS).text("/doctor/"), "he has not read it"
    assert ines.post(f"/worklist/{row}/unread", page=f"/checks/{row}").status_code == 302
    assert "Worklist 1 new" in words(ines.get("/doctor/"))


def test_a_page_shows_a_bounded_number_of_records_and_the_patient_sees_each(town: Town) -> None:
    town.book(MAYA, INES)
    rows = [check(town, MAYA, 0.9) for _ in range(PAGE_CHECKS + 1)]
    assert order(town) == rows[:PAGE_CHECKS]
    openings = town.site.openings
    seen = [each for page in (0, 1) for each in openings.of_patient(town.members[MAYA].id, page)]
    assert {each.record_row for each in seen} == set(rows[:PAGE_CHECKS])
    assert {each.how for each in seen} == {How.LIST.value}
    assert order(town, "/worklist/?page=1") == rows[PAGE_CHECKS:]
    assert "Only the first" not in town.visitor(INES).text("/worklist/"), "all of them are in order"


def test_the_most_urgent_of_all_waiting_checks_comes_first_also_from_a_later_page(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webui.usecases.worklist.PAGE_CHECKS", 2)
    town.book(MAYA, INES)
    low = [check(town, MAYA, 0.05) for _ in range(4)]
    high = check(town, MAYA, 0.9)
    assert order(town) == [high, low[0]]
    assert order(town, "/worklist/?page=1") == low[1:3]
    assert order(town, "/worklist/?page=2") == low[3:]
    assert order(town, "/worklist/?show=high") == [high]
    assert review(town, high) == 302
    assert order(town) == low[:2]


def test_beyond_its_bound_the_list_goes_on_by_age_and_says_so(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webui.usecases.worklist.PAGE_CHECKS", 2)
    monkeypatch.setattr("webui.usecases.worklist.ORDERED_CHECKS", 4)
    town.book(MAYA, INES)
    rows = [check(town, MAYA, share) for share in (0.05, 0.05, 0.05, 0.9, 0.05, 0.9)]
    assert order(town) == [rows[3], rows[0]]
    assert order(town, "/worklist/?page=1") == rows[1:3]
    assert order(town, "/worklist/?page=2") == rows[4:], "by age alone"
    assert order(town, "/worklist/?page=3") == []
    ines = town.visitor(INES)
    assert "Only the first 4 checks are in this order" in ines.text("/worklist/")
    assert order(town, "/worklist/?show=high") == [rows[3]]


def test_an_erased_check_leaves_the_list(town: Town) -> None:
    town.book(MAYA, INES)
    row = check(town, MAYA, 0.9)
    town.site.record_store.erase(row)
    assert order(town) == []
    listed, _ = town.site.work.rows(town.members[INES].id, Wanted(), 0, 9)
    assert listed == []


def test_another_answer_stands_beside_the_models_answer(town: Town) -> None:
    town.book(MAYA, INES)
    row = check(town, MAYA, 0.9)
    told = {"answer": "healthy", "reason": "A reactive lymphocyte.", "show_reason": "y"}
    told |= {"note": "Smear of Monday agrees.", "message": "This looks harmless. We talk on Tuesday."}
    assert review(town, row, decision="other", **told) == 302
    page = town.visitor(MAYA).text(f"/checks/{row}")
    for words_of_page in (
        "The model sees signs of leukemia",
        "90 %",
        "A doctor looked at this: Dr Inês Carvalho",
        "another answer: healthy cell",
        "A reactive lymphocyte.",
        "This looks harmless.",
    ):
        assert words_of_page in page
    assert "Smear of Monday" not in page, "the doctor kept this among doctors"
    assert "Smear of Monday" in town.visitor(INES).text(f"/checks/{row}")
    assert b"reactive" not in town.stored_bytes()


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"decision": ""}, "Please choose one."),
        ({"decision": "other", "reason": "I see more."}, "Please choose your own answer."),
        ({"decision": "other", "answer": "healthy"}, "Please write why"),
        ({"decision": "other", "answer": "unknown", "reason": "I see more."}, "Not a valid choice"),
        ({"decision": "confirmed", "message": "m" * 4001}, "Message to the patient: "),
    ],
)
def test_a_review_that_is_not_complete_is_not_saved(town: Town, fields: dict[str, str], problem: str) -> None:
    town.book(MAYA, INES)
    row = check(town, MAYA, 0.9)
    answer = town.visitor(INES).post(f"/reviews/{row}", **fields)
    assert answer.status_code == 400
    assert problem in words(answer)
    assert "<title>Error: " in answer.text
    assert "A doctor looked" not in town.visitor(MAYA).text(f"/checks/{row}")


def test_one_press_makes_one_review(town: Town) -> None:
    town.book(MAYA, INES)
    row = check(town, MAYA, 0.9)
    ines = town.visitor(INES)
    fields = {"csrf_token": ines.token(f"/reviews/{row}"), "decision": "confirmed"}
    assert [ines.post_bare(f"/reviews/{row}", **fields).status_code for _ in range(2)] == [302, 302]
    assert town.visitor(MAYA).text(f"/checks/{row}").count("A doctor looked at this") == 1


def test_a_review_sends_the_patient_one_mail_without_any_result(town: Town) -> None:
    town.book(MAYA, INES)
    row = check(town, MAYA, 0.9)
    review(town, row, message="This looks harmless.")
    with Session(town.site.database.engine) as session:
        (mail,) = session.scalars(select(MailRow).where(MailRow.subject == "A doctor has looked at your check")).all()
    assert mail.recipient == MAYA
    assert f"/checks/{row}" in mail.text
    for secret in ("leukemia", "harmless", "agree"):
        assert secret not in mail.text


def test_the_viewer_is_for_treating_doctors_and_shows_only_pictures_that_exist(town: Town) -> None:
    town.book(MAYA, INES)
    row = check(town, MAYA, 0.9)
    ines = town.visitor(INES)
    assert ines.get(f"/viewer/{row}").status_code == 200
    assert ines.get(f"/viewer/{row}/1").status_code == 200
    for address in (f"/viewer/{row}/0", f"/viewer/{row}/2", "/viewer/99"):
        assert ines.get(address).status_code == 404, address
    assert town.visitor(JONAS).get(f"/viewer/{row}").status_code == 404
    for email in (MAYA, NOOR):
        assert town.visitor(email).get(f"/viewer/{row}").status_code == 403


def test_what_this_site_cannot_open_is_in_the_list_and_has_no_review_and_no_viewer(town: Town) -> None:
    town.federation.records.hold_key()
    town.book(MAYA, INES)
    unsure, low = check(town, MAYA, 0.5), check(town, MAYA, 0.05)
    patient = town.visitor(MAYA)
    patient.post("/consent/", readers="2", purposes=["1", "4"], sure="y")
    patient.post("/consent/", readers="1", purposes=["1", "4"])
    clear = check(town, MAYA, 0.05)
    assert order(town) == [unsure, low, clear], "closed ones come before those without signs"
    ines = town.visitor(INES)
    assert ines.get(f"/reviews/{low}").status_code == 404
    assert ines.get(f"/viewer/{low}").status_code == 404
    assert ines.get(f"/worklist/{low}/thumb.webp").status_code == 404
    assert "needs a quorum" in ines.text("/worklist/")


def test_a_time_line_has_everything_that_this_doctor_may_see_newest_first(town: Town) -> None:
    town.federation.records.hold_key()
    town.book(MAYA, INES)
    town.book(MAYA, JONAS, place=3)
    row = check(town, MAYA, 0.9)
    ines = town.visitor(INES)
    town.federation.clock.now += HOUR_S
    ines.post(f"/checks/{row}/notes", page=f"/checks/{row}", text="Blood count on Monday.")
    town.federation.clock.now += HOUR_S
    review(town, row, decision="other", answer="healthy", reason="A reactive lymphocyte.")
    number = town.site.record_store.visible(town.members[MAYA], row).number
    town.federation.clock.now += HOUR_S
    ines.post("/requests/ask", page="/requests/", number=number, purpose="1", reason="1")
    page = ines.text(f"/doctor/patients/{town.members[MAYA].id}")
    places = [
        page.index(words_of_page)
        for words_of_page in (
            "You asked the trustees for a record: Treatment",
            "another answer: healthy cell",
            "Blood count on Monday.",
            "The model sees signs of leukemia",
            "Appointment with you",
        )
    ]
    assert places == sorted(places)
    assert page.count("Appointment with you") == 1, "the appointment with Jonas is not hers"
    assert "You asked" not in town.visitor(JONAS).text(f"/doctor/patients/{town.members[MAYA].id}")
    assert town.visitor(INES).get(f"/doctor/patients/{town.members[OMAR].id}").status_code == 404


def test_pages_of_a_time_line_leave_no_gap_and_repeat_nothing(town: Town) -> None:
    town.book(MAYA, INES)
    rows = [check(town, MAYA, 0.1) for _ in range(PAGE_RECORDS + 3)]
    path = f"/doctor/patients/{town.members[MAYA].id}"
    pages = [town.visitor(INES).get(f"{path}?page={number}").text for number in (0, 1)]
    seen = [int(found) for page in pages for found in re.findall(r'class="row-link" href="/checks/(\d+)"', page)]
    assert seen == rows[::-1]
    assert "".join(pages).count("Appointment with you") == 1


def test_the_agenda_says_how_old_and_how_urgent_an_open_check_is(town: Town) -> None:
    town.book(MAYA, INES)
    check(town, MAYA, 0.9)
    town.federation.clock.now += 2 * HOUR_S
    page = town.visitor(INES).text("/doctor/")
    for fact in ("Signs of disease", "most urgent without a review", "2 hours ago · unread"):
        assert fact in page


def test_the_public_part_of_a_kit_is_stored_only_with_a_proof_for_this_chain(town: Town) -> None:
    ines, key = town.visitor(INES), PrivateKey.generate(1)
    sealer, account = town.federation.records.sealer(), Address(b"\7" * 20)
    anchor = Anchor(sealer.consortium, sealer.chain_id, sealer.authority, Address(bytes(20)))
    record = key_record(anchor, account, key)
    fields = {"account": account.hex(), "public_key": key.public_key.hex(), "proof": record.proof.hex(), "saved": "y"}
    elsewhere = key_record(replace(anchor, chain_id=1), account, key).proof.hex()
    for wrong in ({"proof": elsewhere}, {"account": "08" * 20}, {"public_key": "zz"}, {"proof": ""}, {"saved": ""}):
        assert ines.post("/trustee-kit/", **(fields | wrong)).status_code == 400, wrong
    assert town.site.kits.store.waiting() == []
    assert ines.post("/trustee-kit/", **fields).status_code == 302
    (waiting,) = town.site.kits.store.waiting()
    assert (waiting.name, waiting.registration.account) == ("Dr Inês Carvalho", account)
    assert "waits for the operator" in ines.text("/trustee-kit/")
    town.site.request_store.link_trustee(INES, account)
    assert town.site.kits.store.waiting() == []
    assert "You are a trustee already" in ines.text("/trustee-kit/")
    assert town.visitor(MAYA).get("/trustee-kit/").status_code == 403
