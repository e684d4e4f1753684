"""Risks from tables on the site: the form, the sealed answer, and a file of many patients."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from werkzeug.test import TestResponse

from fl.crypto.capsule import Readers, RecordPolicy
from fl.protocol.errors import ChainUnavailable
from fl.protocol.names import Purpose
from fl.training.tables.rows import parse_values
from fl.training.tables.schema import Column, Kind
from fl.training.tables.suggestions import load_suggestions
from tests.support.site_risks import HEART, PERSON, PIMA, RiskTown, fields, fitted
from tests.support.site_town import INES, JONAS, MAYA, NOOR, OMAR, Town, Visitor, words
from webui.config import Limit, Limits
from webui.errors import TooFewValues
from webui.ports.consent import Choice
from webui.ports.records import SealedRecord
from webui.presentation.risk_wording import risk_percent


def expected(person: dict[str, str] = PERSON) -> float:
    given = {name: word.replace(",", ".") for name, word in person.items()}
    return fitted(PIMA).risk(parse_values(given, PIMA), load_suggestions()).probability


@pytest.fixture
def town(tmp_path: Path) -> RiskTown:
    return RiskTown(tmp_path)


def own(town: RiskTown, person: dict[str, str] = PERSON) -> tuple[Visitor, TestResponse]:
    maya = town.visitor(MAYA)
    return maya, maya.post("/risks/diabetes/mine", **fields(person))


def of_maya(town: RiskTown) -> str:
    return f"/risks/diabetes/patients/{town.members[MAYA].id}"


def upload(doctor: Visitor, text: str | bytes, button: str = "show") -> TestResponse:
    data = text.encode() if isinstance(text, str) else text
    return doctor.post("/risks/diabetes/file", file=(io.BytesIO(data), "clinic.csv"), **{button: "1"})


def test_a_patient_gets_an_answer_with_interval_reasons_sources_and_a_next_step(town: RiskTown) -> None:
    maya, answer = own(town)
    assert answer.status_code == 302
    page = maya.text(answer.location)
    found = fitted(PIMA).risk(parse_values({**PERSON, "BMI": "38.2"}, PIMA), load_suggestions())
    assert f"{100 * found.probability:.1f} %" in page
    assert f"from {100 * found.low:.1f} % to {100 * found.high:.1f} %" in page
    assert f"About {round(100 * found.probability)} of 100 people like you had diabetes" in page
    assert "Only a test decides" in page
    assert "Measured by an auditor on 61 patients" in page
    assert "not yet reviewed by this hospital" in page
    for factor in found.factors:
        assert f"{factor.text} {factor.log_odds:+.3f}" in page
    assert "Diabetes: " in maya.text("/checks/")


def test_a_doctor_computes_it_for_a_patient_in_care_and_the_patient_sees_who_entered_and_opened(town: RiskTown) -> None:
    town.book(MAYA, INES)
    ines, maya = town.visitor(INES), town.visitor(MAYA)
    answer = ines.post(of_maya(town), **fields(PERSON))
    assert answer.status_code == 302
    assert "Risk of Maya Lindqvist" in ines.text(answer.location)
    assert "entered by Dr Inês Carvalho" in maya.text("/checks/")
    assert "Dr Inês Carvalho" in maya.text("/requests/who-sees")
    assert f"{round(100 * expected())} %" in ines.text("/doctor/")


def test_nobody_gets_a_risk_of_a_patient_who_is_not_in_care(town: RiskTown) -> None:
    jonas = town.visitor(JONAS)
    assert jonas.get(of_maya(town)).status_code == 404
    assert town.visitor(OMAR).get(of_maya(town)).status_code == 403
    assert town.visitor(NOOR).get("/risks/").status_code == 403
    _, answer = own(town)
    assert jonas.get(answer.location).status_code == 404
    assert town.visitor(OMAR).get(answer.location).status_code == 404


def test_without_the_hospitals_permission_only_doctors_see_the_models(tmp_path: Path) -> None:
    town = RiskTown(tmp_path, patient_risks=False)
    maya = town.visitor(MAYA)
    assert maya.get("/risks/diabetes/mine").status_code == 404
    assert "/risks/" not in maya.get("/checks/").text
    assert "together with a doctor" in maya.text("/risks/")
    assert "/risks/" in town.visitor(INES).get("/doctor/").text


def test_a_site_without_tables_says_so_and_shows_no_link(tmp_path: Path) -> None:
    town = Town(tmp_path)
    ines = town.visitor(INES)
    assert "no model of a table" in ines.text("/risks/")
    assert 'href="/risks/' not in ines.get("/doctor/").text
    assert ines.get("/risks/diabetes/file").status_code == 404


def test_several_tables_answer_side_by_side_with_words_for_their_codes(town: RiskTown) -> None:
    maya = town.visitor(MAYA)
    page = maya.text("/risks/")
    assert "Heart disease" in page
    assert "Diabetes" in page
    form = maya.text("/risks/heart/mine")
    assert 'value="39"' in maya.get("/risks/heart/mine").text  # born on 12 April 1987
    for said in ("Chest pain", "Typical angina", "I do not know", "From 60 to 260 mm Hg"):
        assert said in form
    answer = maya.post("/risks/heart/mine", **heart("61", "1", "4", "150", "280", "0", "0"))
    assert "Heart disease: " in maya.text(answer.location)


@pytest.mark.parametrize(
    ("column", "typed", "said"),
    [
        ("Age", "", "The model needs this value."),
        ("Age", "fifty", "This is not a number."),
        ("Age", "5", "only values from 18 to 110 years"),
        ("Glucose", "0", "only values from 20 to 600 mg/dl"),
        ("BMI", "1e1", "This is not a number."),
        ("BMI", "nan", "This is not a number."),
    ],
)
def test_a_wrong_value_is_named_beside_its_field_and_nothing_is_stored(
    town: RiskTown, column: str, typed: str, said: str
) -> None:
    maya, answer = own(town, PERSON | {column: typed})
    assert answer.status_code == 400
    place = PIMA.names.index(column)
    assert f'id="column-{place}-error"' in answer.text
    assert said in words(answer)
    assert "<title>Error: " in answer.text
    assert "No checks yet" in maya.text("/checks/")
    assert town.tables.asked == 0


def test_a_value_unlike_the_training_is_answered_and_marked(town: RiskTown) -> None:
    maya, answer = own(town, PERSON | {"Age": "110"})
    page = maya.text(answer.location)
    assert "Unlike the people that the model learned from" in page
    assert "Age" in page


def test_the_answer_is_in_no_byte_of_the_database_and_gone_after_erasure(town: RiskTown) -> None:
    maya, answer = own(town)
    assert b"Glucose" not in town.stored_bytes()
    row = int(answer.location.rsplit("/", 1)[1])
    assert maya.post(f"/checks/{row}/erase").status_code == 302
    assert "Erased" in maya.text(answer.location)


def test_a_doctors_note_on_a_risk_is_read_by_the_patient(town: RiskTown) -> None:
    town.book(MAYA, INES)
    maya, answer = own(town)
    ines = town.visitor(INES)
    assert ines.post(f"{answer.location}/notes", page=answer.location, text="Please come by.").status_code == 302
    assert ines.post(f"{answer.location}/notes", page=answer.location, text="").status_code == 400
    assert "Please come by." in maya.text(answer.location)


def test_a_model_that_is_not_ready_is_said_and_gives_no_answer(town: RiskTown) -> None:
    town.tables.ready = False
    maya = town.visitor(MAYA)
    assert "There is no model yet" in maya.text("/risks/")
    assert maya.get("/risks/diabetes/mine").status_code == 503


LINES = (
    "id;Glucose;BMI;Age;Pregnancies;BloodPressure;SkinThickness;Insulin;DiabetesPedigreeFunction;clinic\r\n"
    "A-1;168;38,2;50;3;;;;0,6;north\r\n"
    "=cmd();90;22;30;0;70;20;80;0,2;north\r\n"
    "A-3;9000;38,2;;3;;;;0,6;north\r\n"
    "A-4;168;38,2\r\n"
)


def test_a_file_of_many_patients_gives_each_row_an_answer_or_names_the_cell(town: RiskTown) -> None:
    page = words(upload(town.visitor(INES), LINES))
    assert "2 of 4 rows have an answer" in page
    assert f"{100 * expected():.1f} %" in page
    assert "Glucose : The model knows only values from 20 to 600 mg/dl." in page
    assert "Age : The model needs this value." in page
    assert "more or fewer cells than the first line" in page
    assert "does not use these columns: clinic" in page


def test_the_download_has_the_same_answers_and_no_formula(town: RiskTown) -> None:
    answer = upload(town.visitor(INES), LINES, "download")
    assert answer.headers["Content-Disposition"] == "attachment; filename=risks-diabetes.csv"
    rows = list(csv.DictReader(io.StringIO(answer.get_data().decode("utf-8-sig")), delimiter=";"))
    assert rows[0]["risk_percent"] == f"{100 * expected():.1f}".replace(".", ",")
    assert rows[1]["id"] == "'=cmd()"
    assert (rows[2]["risk_percent"], rows[3]["risk_percent"]) == ("", "")
    assert "Glucose" in rows[2]["problems"]


def test_a_file_stores_nothing(town: RiskTown) -> None:
    before = town.site.record_store.openable(town.members[MAYA].id)
    upload(town.visitor(INES), LINES)
    assert town.site.record_store.openable(town.members[MAYA].id) == before
    assert b"A-1" not in town.stored_bytes()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"Glucose;Age\n100;50\n", "the column Pregnancies is missing"),
        (b"\xff\xfe", "not UTF-8"),
        (LINES.splitlines()[0].encode(), "no row below"),
        (b"x" * (1 << 20) + b"xx", "1048576"),
        ((LINES.splitlines()[0] + "\n" + "A;1;1;1;1;;;;1;n\n" * 1001).encode(), "more than 1000 rows"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(town: RiskTown, data: bytes, said: str) -> None:
    answer = upload(town.visitor(INES), data)
    assert answer.status_code in {400, 413}
    assert said in words(answer)
    assert town.tables.asked == 0


def test_only_doctors_upload_files(town: RiskTown) -> None:
    assert town.visitor(MAYA).get("/risks/diabetes/file").status_code == 403
    assert town.visitor(NOOR).get("/risks/diabetes/example.csv").status_code == 403


def test_the_empty_file_has_the_columns_that_an_upload_needs(town: RiskTown) -> None:
    ines = town.visitor(INES)
    first = ines.get("/risks/diabetes/example.csv").get_data().decode("utf-8-sig").strip()
    assert first.split(";") == ["id", *PIMA.names]
    page = words(upload(ines, f"{first}\r\nA;3;168;;;;38,2;0,6;50\r\n"))
    assert "1 of 1 rows have an answer" in page


def test_a_quorum_opens_a_risk_for_another_doctor_who_then_reads_all_of_it(town: RiskTown) -> None:
    town.federation.records.hold_key()
    _, answer = own(town)
    row = town.site.record_store.visible(town.members[MAYA], int(answer.location.rsplit("/", 1)[1]))
    jonas = town.visitor(JONAS)
    purpose = str(int(Purpose.SECOND_OPINION))
    asked = jonas.post("/requests/ask", page="/requests/", number=row.number, purpose=purpose, reason="1").location
    for place in (0, 1):
        town.federation.requests.answer(1, place)
    assert "people like you" not in jonas.text(asked)
    assert jonas.post(f"{asked}/open", page=asked).status_code == 302
    page = jonas.text(asked)
    assert "Risk of Maya Lindqvist" in page
    assert f"{100 * expected():.1f} %" in page


def test_if_the_patient_chose_a_quorum_alone_nobody_reads_the_answer_without_one(town: RiskTown) -> None:
    town.federation.records.hold_key()
    town.book(MAYA, INES)
    consent = Choice(Readers.TRUSTEES, frozenset({Purpose.PATIENT_WISH, Purpose.TREATMENT}))
    town.site.patient_records.choose(town.members[MAYA].id, consent)
    ines = town.visitor(INES)
    assert "only a quorum opens records" in ines.text(of_maya(town))
    answer = ines.post(of_maya(town), **fields(PERSON))
    page = ines.text(answer.location)
    assert "needs a quorum" in page
    assert f"{100 * expected():.1f} %" not in page


def test_no_page_of_risks_is_heavier_than_a_quarter_megabyte(town: RiskTown) -> None:
    town.book(MAYA, INES)
    ines = town.visitor(INES)
    lines = [f"row {place};168;38,2;50;3;;;;0,6;north" for place in range(600)]
    pages = [
        upload(ines, "\n".join([LINES.splitlines()[0], *lines])),
        ines.get("/risks/"),
        ines.get(of_maya(town)),
        ines.get(ines.post(of_maya(town), **fields(PERSON)).location),
    ]
    assert [page.status_code for page in pages] == [200] * 4
    assert max(len(page.data) for page in pages) < 250_000
    assert "first 200 rows" in words(pages[0])


def test_too_many_questions_wait(tmp_path: Path) -> None:
    town = RiskTown(tmp_path, limits=replace(Limits(), risks=Limit(1, 3600), risk_files=Limit(1, 3600)))
    maya, _ = own(town)
    assert maya.post("/risks/diabetes/mine", **fields(PERSON | {"Age": "51"})).status_code == 429
    ines = town.visitor(INES)
    assert [upload(ines, LINES).status_code for _ in range(2)] == [200, 429]


def test_a_double_click_makes_one_record(town: RiskTown) -> None:
    maya = town.visitor(MAYA)
    token = maya.token("/risks/diabetes/mine")
    both = [maya.post_bare("/risks/diabetes/mine", csrf_token=token, **fields(PERSON)).location for _ in range(2)]
    assert both[0] == both[1]
    assert town.tables.asked == 1


def test_answers_of_a_file_are_saved_only_if_asked_and_only_for_patients_in_care(town: RiskTown) -> None:
    town.book(MAYA, INES)
    ines, header = town.visitor(INES), LINES.splitlines()[0].replace("clinic", "email")
    rows = [f"A;168;38,2;50;3;;;;0,6;{email}" for email in (MAYA.upper(), OMAR, "", "nobody@x.example", "no address")]
    text = "\n".join([header, *rows, f"B;9000;38,2;50;3;;;;0,6;{MAYA}"])
    assert "5 of 6 rows have an answer" in words(upload(ines, text))
    assert "No checks yet" in town.visitor(MAYA).text("/checks/")
    answer = upload(ines, text, "save")
    assert answer.status_code == 302
    assert "1 answer is saved. Not saved" in (said := ines.text(answer.location))
    assert "lines 3, 4, 5, 6, 7." in said
    assert f"{round(100 * expected())} %" in town.visitor(MAYA).text("/checks/")
    assert "No checks yet" in town.visitor(OMAR).text("/checks/")


def test_a_file_that_names_no_patient_or_too_many_rows_is_not_saved(town: RiskTown) -> None:
    town.book(MAYA, INES)
    ines, header = town.visitor(INES), LINES.splitlines()[0].replace("clinic", "email")
    assert "no column email" in words(upload(ines, LINES, "save"))
    many = "\n".join([header, *[f"A;168;38,2;50;3;;;;0,6;{MAYA}"] * 26])
    assert "at most 25 rows" in words(upload(ines, many, "save"))
    assert "No checks yet" in town.visitor(MAYA).text("/checks/")


def test_many_categories_are_a_list_and_few_are_buttons(tmp_path: Path) -> None:
    towns = ("north", "east", "south", "west", "middle", "coast")
    extra = (
        Column("home", "Home", Kind.CATEGORY, categories=towns),
        Column("smokes", "Smokes", Kind.BINARY, categories=("no", "yes")),
    )
    town = RiskTown(tmp_path, {"clinic": replace(PIMA, name="clinic", columns=(*PIMA.columns[-2:], *extra))})
    maya = town.visitor(MAYA)
    page = maya.get("/risks/clinic/mine").text
    assert re.search(r'<select [^>]*id="column-2"', page)
    assert page.count('type="radio"') == 2
    sent = {"column-0": "0,4", "column-1": "50", "column-3": "yes"}
    refused = maya.post("/risks/clinic/mine", **sent)
    assert refused.status_code == 400
    assert 'id="column-2-error"' in refused.text
    for word in ("moon", "NORTH"):
        assert "one of: north, east" in words(maya.post("/risks/clinic/mine", **sent, **{"column-2": word}))
    answer = maya.post("/risks/clinic/mine", **sent, **{"column-2": "coast"})
    assert "coast" in maya.text(answer.location)


def test_a_doctor_chooses_patient_and_model_without_a_script(town: RiskTown) -> None:
    town.book(MAYA, INES)
    ines, maya = town.visitor(INES), town.members[MAYA].id
    assert f'<option value="{maya}" selected>' in ines.get(f"/risks/?patient={maya}").text
    assert ines.get(f"/risks/start?patient={maya}&table=heart").location == f"/risks/heart/patients/{maya}"
    for query in ("", "?patient=x&table=heart", f"?patient={maya}&table=../..", "?patient=-1&table=heart"):
        assert ines.get(f"/risks/start{query}").status_code == 404
    assert "/risks/?patient=" in ines.get(f"/doctor/patients/{maya}").text


def test_an_answer_that_could_not_be_checked_is_checked_again_when_somebody_reads_it(town: RiskTown) -> None:
    maya, answer = own(town)
    assert "Confirmed on the ledger" not in maya.text(answer.location)
    town.tables.unsure = True
    _, later = own(town, PERSON | {"Age": "51"})
    assert "Confirmed on the ledger" in maya.text(later.location)


def test_a_risk_is_in_the_worklist_and_a_doctor_reviews_it(town: RiskTown) -> None:
    town.book(MAYA, INES)
    _, answer = own(town)
    ines = town.visitor(INES)
    assert "a risk, computed from values" in ines.text("/worklist/")
    number = answer.location.rsplit("/", 1)[1]
    assert "diabetes" in ines.text(f"/reviews/{number}").lower()
    assert ines.post(f"/reviews/{number}", decision="confirmed", message="Let us measure it.").status_code == 302
    page = town.visitor(MAYA).text(answer.location)
    assert "A doctor looked at this: Dr Inês Carvalho" in page
    assert "Let us measure it." in page
    assert ines.get(f"/viewer/{number}").status_code == 404, "a risk has no picture"
    assert "Diabetes: " in ines.text(f"/doctor/patients/{town.members[MAYA].id}")


def test_a_patient_takes_a_risk_along_with_all_values_and_texts(town: RiskTown) -> None:
    maya, answer = own(town)
    row = town.site.record_store.visible(town.members[MAYA], int(answer.location.rsplit("/", 1)[1]))
    sent = maya.post("/my-data/export.zip", page="/my-data/")
    found = json.loads(zipfile.ZipFile(io.BytesIO(sent.data)).read(f"checks/{row.number}/risk.json"))
    assert found["answer"]["probability"] == expected()
    assert {each["column"]: each["value"] for each in found["values"]}["BMI"] == 38.2
    assert found["model"]["digest"] == fitted(PIMA).digest.hex()
    assert found["answer"]["suggestions"][0]["source"]


def test_the_patients_own_page_and_the_filter_know_risks(town: RiskTown) -> None:
    maya, _ = own(town)
    assert "Show your last risk to a doctor: Diabetes" in maya.text("/")
    tone = "bad" if expected() >= 0.66 else "wait"
    for each in ("good", "wait", "bad"):
        assert ("Diabetes: " in maya.text(f"/checks/?answer={each}")) == (each == tone)
    town.book(MAYA, INES)
    assert "Show your last risk at your appointment" in maya.text("/")


def test_no_share_is_ever_certain(town: RiskTown) -> None:
    with town.app.test_request_context():
        said = [risk_percent(share) for share in (0.0, 0.0004, 0.0006, 0.5, 0.9994, 0.9996, 1.0)]
    assert said == ["below 0.1 %"] * 2 + ["0.1 %", "50.0 %", "99.9 %"] + ["above 99.9 %"] * 2


def test_if_one_row_of_a_file_fails_none_is_saved_and_sending_it_again_makes_no_doubles(
    town: RiskTown, monkeypatch: pytest.MonkeyPatch
) -> None:
    for patient in (MAYA, OMAR):
        town.book(patient, INES)
    header = ["email", *(column.name for column in PIMA.columns)]
    rows = [[who, *(word.replace(",", ".") for word in PERSON.values())] for who in (MAYA, OMAR)]
    text = "\n".join(",".join(row) for row in [header, *rows])
    seal, calls = town.federation.records.seal, []

    def fail_at_the_second(policy: RecordPolicy, body: bytes) -> SealedRecord:
        calls.append(policy)
        if len(calls) == 2:
            raise ChainUnavailable("http://ledger.example", "connection refused")
        return seal(policy, body)

    monkeypatch.setattr(town.federation.records, "seal", fail_at_the_second)
    ines = town.visitor(INES)
    assert upload(ines, text, "save").status_code == 503
    assert saved(town) == [0, 0]
    assert upload(ines, text, "save").status_code == 302
    assert saved(town) == [1, 1]


def saved(town: RiskTown) -> list[int]:
    """Return how many records Maya and Omar have."""
    return [len(town.site.record_store.of_patient(town.members[who].id)) for who in (MAYA, OMAR)]


def heart(*known: str) -> dict[str, str]:
    """Return the form of a person of whom the first values are known."""
    return {f"column-{place}": dict(enumerate(known)).get(place, "") for place in range(len(HEART.columns))}


@pytest.mark.parametrize("sent", [heart("61"), {"column-0": "61"}, heart("61", "1", "4", "150", "280", "0")])
def test_with_most_values_unknown_there_is_no_answer_but_a_sentence(town: RiskTown, sent: dict[str, str]) -> None:
    maya = town.visitor(MAYA)
    refused = maya.post("/risks/heart/mine", **sent)
    assert refused.status_code == 400
    known = sum(bool(word) for word in sent.values())
    assert f"Only {known} of 13 values are known. The model needs at least 7 of them." in words(refused)
    assert (town.tables.asked, saved(town)) == (0, [0, 0])


def test_nobody_goes_round_the_form_with_few_values(town: RiskTown) -> None:
    maya = town.members[MAYA]
    with pytest.raises(TooFewValues):
        town.site.risks.answer(maya, "heart", maya.id, np.array([61.0, *[np.nan] * 12]))


def test_a_row_of_a_file_with_most_values_unknown_gets_no_answer(town: RiskTown) -> None:
    header, (row, *_) = ";".join(PIMA.names), ("1;;;;;;0,6;50",)
    page = words(upload(town.visitor(INES), f"{header}\n{row}\n"))
    assert "Most values of this row are not known." in page
    assert "0 of 1 rows have an answer" in page
