"""Why a doctor asks, and who is told about a request: mails and the count in the menu."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from fl.protocol.names import Purpose, Refusal
from tests.support.site_decryption_requests import ACCOUNTS
from tests.support.site_town import INES, JONAS, MAYA, OMAR, Town, Visitor, words
from webui.maintenance import keep_up
from webui.ports.decryption_requests import AskReason
from webui.store.mail_tables import MailRow
from webui.usecases.reasons import Why

SENTENCE = "She comes to the ward tonight."


@pytest.fixture
def town(tmp_path: Path) -> Town:
    """Return a town in which Inês is a trustee, and Jonas is not."""
    made = Town(tmp_path)
    made.federation.probability = 0.91
    made.federation.records.hold_key()
    made.site.request_store.link_trustee(INES, ACCOUNTS[0])
    made.add_check(MAYA)
    return made


def ask(town: Town, doctor: Visitor, **fields: str) -> int:
    number = town.site.record_store.visible(town.members[MAYA], 1).number
    told = {"purpose": str(int(Purpose.TREATMENT)), "reason": "3", "sentence": SENTENCE} | fields
    return doctor.post("/requests/ask", page="/requests/", number=number, **told).status_code


def mails(town: Town) -> list[tuple[str, str, str]]:
    """Run the upkeep, and return every mail of the outbox: to, subject, text."""
    keep_up(town.site)
    with Session(town.site.database.engine) as session:
        rows = session.scalars(select(MailRow).order_by(MailRow.id)).all()
        return [(row.recipient, row.subject, row.text) for row in rows]


def test_a_trustee_reads_who_asks_for_which_patient_why_and_until_when(town: Town) -> None:
    assert ask(town, town.visitor(JONAS)) == 302
    ines = town.visitor(INES)
    for page in (ines.text("/requests/"), ines.text("/approvals/1")):
        for fact in ("Dr Jonas Okafor", "Maya Lindqvist", "needs care now", SENTENCE, "Treatment"):
            assert fact in page, fact
        assert "1987" not in page
        assert "91 %" not in page
    assert "30 Nov 2026" in ines.text("/approvals/1")


def test_the_patient_and_the_asker_read_why_and_nobody_else(town: Town) -> None:
    ask(town, town.visitor(JONAS))
    assert SENTENCE in town.visitor(MAYA).text("/requests/about-me")
    assert SENTENCE in town.visitor(JONAS).text("/requests/1")
    assert SENTENCE not in town.visitor(OMAR).text("/requests/about-me")
    assert town.visitor(INES).get("/requests/1").status_code == 404


def test_the_sentence_is_sealed_and_goes_with_the_record(town: Town) -> None:
    ask(town, town.visitor(JONAS))
    assert SENTENCE.encode() not in town.stored_bytes()
    town.site.record_store.erase(1)
    rows = town.site.request_store.of_asker(town.members[JONAS].id)
    assert town.site.reasons.of(rows)[1] == Why(AskReason.URGENT), "the reason of the list stays, the sentence does not"


def test_a_sentence_of_another_request_is_not_shown(town: Town) -> None:
    town.add_check(OMAR)
    ask(town, town.visitor(JONAS))
    rows = town.site.request_store.of_asker(town.members[JONAS].id)
    rows[0].record_row = 2
    assert town.site.reasons.of(rows)[1] == Why(AskReason.URGENT, damaged=True)


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"reason": "0"}, "Please choose why you ask."),
        ({"reason": "9"}, "Please choose why you ask."),
        ({"reason": "6", "sentence": " "}, "Please write your reason in one sentence."),
        ({"sentence": "s" * 301}, "Why, in one sentence: "),
    ],
)
def test_a_request_without_a_reason_is_not_made(town: Town, fields: dict[str, str], problem: str) -> None:
    number = town.site.record_store.visible(town.members[MAYA], 1).number
    told = {"purpose": "1", "reason": "3", "sentence": SENTENCE} | fields
    answer = town.visitor(JONAS).post("/requests/ask", page="/requests/", number=number, **told)
    assert answer.status_code == 400
    assert problem in words(answer)
    assert "<title>Error: " in answer.text
    assert town.federation.requests.made == []


def test_a_trustee_gets_one_mail_and_a_count_in_the_menu(town: Town) -> None:
    ask(town, town.visitor(JONAS))
    sent = mails(town)
    assert [(to, subject) for to, subject, _ in sent] == [(INES, "A request waits for your answer")]
    assert "Maya" not in sent[0][2]
    later = mails(town)
    assert [mail for mail in later if mail[0] == INES] == sent
    assert len({(to, subject) for to, subject, _ in later}) == len(later), "nobody is told twice"
    assert "Requests 1 new" in town.visitor(INES).text("/doctor/")
    assert "Requests 1 new" not in town.visitor(JONAS).text("/doctor/")
    town.federation.requests.answer(1, 0)
    keep_up(town.site)
    assert "Requests 1 new" not in town.visitor(INES).text("/doctor/")


def test_who_saw_the_request_on_the_page_gets_no_mail_about_it(town: Town) -> None:
    ask(town, town.visitor(JONAS))
    town.visitor(INES).get("/requests/")
    assert mails(town) == []


def test_a_trustee_is_not_told_about_an_own_request(town: Town) -> None:
    ask(town, town.visitor(INES))
    assert mails(town) == []


@pytest.mark.parametrize("refused", [None, Refusal.JUDGEMENT])
def test_who_asked_gets_one_mail_when_the_trustees_decided(town: Town, refused: Refusal | None) -> None:
    ask(town, town.visitor(JONAS))
    for place in (0, 1):
        town.federation.requests.answer(1, place, refused)
    told = [(to, subject) for to, subject, _ in mails(town) if to == JONAS]
    assert told == [(JONAS, "News about your request")]
    assert [to for to, _, _ in mails(town)].count(JONAS) == 1


def test_the_upkeep_waits_while_the_ledger_is_silent(town: Town) -> None:
    ask(town, town.visitor(JONAS))
    town.federation.stop_chain()
    assert mails(town) == []
    town.federation.start_chain()
    assert len(mails(town)) == 1


def test_people_read_the_name_of_a_doctor_beside_the_name_on_the_ledger(town: Town) -> None:
    ask(town, town.visitor(JONAS))
    for place in (0, 1):
        town.federation.requests.answer(1, place)
    page = town.visitor(MAYA).text("/requests/about-me")
    assert "Dr Inês Carvalho (on the ledger: Dr Ada) approved" in page
    assert "Dr Ben approved" in page, "this site does not know this trustee"
