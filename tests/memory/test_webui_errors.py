"""Every error becomes a page of its family."""

from __future__ import annotations

import inspect
import io
import logging
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from fl.protocol import errors
from tests.support.site_town import INES, MAYA, NOOR, PASSWORD, TOKEN, Town, cell, words
from webui import errors as refusals
from webui.http.error_pages import FAMILIES, page_of

FAMILY_STATUS = {
    errors.MalformedError: {400, 413, 422},
    errors.RefusedError: {401, 403, 404, 409, 429, 503},
    errors.TamperedError: {500},
    errors.UnavailableError: {503},
    errors.MisconfiguredError: {500},
}
SAMPLES = {
    "tuple[ImageUnreadable, ...]": (),
    "bool": True,
    "int": 7,
    "float": 1.5,
    "bytes": b"\x07" * 32,
    "str": "something",
    "HemaledgerError": errors.AuthFailure("body"),
}
LEAVES = [
    leaf
    for module in (errors, refusals)
    for _, leaf in inspect.getmembers(module, inspect.isclass)
    if issubclass(leaf, tuple(FAMILIES)) and leaf not in FAMILIES
]


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_every_leaf_has_a_page_with_the_status_of_its_family(leaf: type[errors.HemaledgerError]) -> None:
    names = [name for name in inspect.signature(leaf).parameters if name not in {"args", "kwargs"}]
    kinds = {name: kind for part in reversed(leaf.__mro__) for name, kind in inspect.get_annotations(part).items()}
    error = leaf(*[SAMPLES[kinds[name]] for name in names])
    page = page_of(error)
    family = next(family for family in FAMILIES if isinstance(error, family))
    assert page.status in FAMILY_STATUS[family]
    assert page.title
    assert page.sentence
    assert "{" not in page.sentence


@pytest.mark.parametrize("number", [str(2**63), "9" * 30, "1" * 5000])
def test_numbers_that_no_database_holds_name_nothing(tmp_path: Path, number: str) -> None:
    town = Town(tmp_path)
    patient, doctor = town.visitor(MAYA), town.visitor(INES)
    for path in ("/checks/{}", "/checks/{}/image.png", "/requests/{}", "/appointments/doctors/{}"):
        assert patient.get(path.format(number)).status_code == 404, path
    assert doctor.get(f"/approvals/{number}").status_code == 404
    assert patient.get(f"/checks/?page={number}").status_code == (404 if len(number) < 4000 else 200)
    largest = 2**63 - 1
    assert patient.get(f"/checks/{largest}").status_code == 404
    for path in (f"/appointments/doctors/3/{largest}", f"/appointments/doctors/3/{10**14}"):
        assert patient.get(path).status_code in {404, 409}, path


@pytest.mark.parametrize(
    ("path", "name"),
    [
        *(("/sign-up", name) for name in ("name", "date_of_birth", "email", "password", "again")),
        *(("/sign-in", name) for name in ("email", "password")),
        *(("/new-password", name) for name in ("email", "code", "password", "again")),
    ],
)
def test_a_file_in_the_place_of_a_text_is_no_text(town: Town, path: str, name: str) -> None:
    fields: dict[str, Any] = {"name": "M", "date_of_birth": "2000-01-01", "email": MAYA, "password": PASSWORD}
    fields |= {"again": PASSWORD, "code": "x", name: (io.BytesIO(b"text"), "file")}
    assert town.visitor().post(path, **fields).status_code in {400, 403}


@pytest.mark.parametrize("path", ["/sign-up", "/sign-in"])
@pytest.mark.parametrize("body", [5, [1], {"email": 5, "password": 5}, {"email": {"a": 1}}, None])
def test_json_is_no_form(town: Town, path: str, body: object) -> None:
    client = town.app.test_client()
    found = TOKEN.search(client.get(path).text)
    assert found
    assert client.post(path, json=body, headers={"X-CSRFToken": found[1]}).status_code == 400


def test_a_tampered_model_gives_no_prediction_a_page_and_an_alarm(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    visitor = town.visitor(MAYA)
    town.federation.replace_model()
    with caplog.at_level(logging.CRITICAL):
        answer = visitor.check(cell())
    assert answer.status_code == 500
    assert "The ledger contradicts the model" in words(answer)
    assert "Please tell the hospital" in words(answer)
    assert [record.levelname for record in caplog.records] == ["CRITICAL"]
    assert "ALARM HashMismatch" in caplog.text
    assert town.site.record_store.of_patient(town.members[MAYA].id) == []
    assert "The ledger contradicts the model" in visitor.text("/")


def test_a_silent_chain_without_a_cached_model_is_503(town: Town) -> None:
    town.federation.stop_chain()
    answer = town.visitor(MAYA).check(cell())
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "Nothing was lost" in words(answer)
    assert town.visitor(NOOR).get("/auditor/").status_code == 503


def test_without_a_final_round_there_is_no_prediction(town: Town) -> None:
    town.federation.final_round = 0
    answer = town.visitor(MAYA).check(cell())
    assert answer.status_code == 503
    assert "There is no model yet" in words(answer)


@pytest.mark.parametrize(("path", "status"), [("/nowhere", 404), ("/sign-out", 405), ("/checks/999", 404)])
def test_http_errors_have_pages_too(town: Town, path: str, status: int) -> None:
    answer = town.visitor(MAYA).get(path)
    assert answer.status_code == status
    assert "Home page" in answer.text


@pytest.mark.parametrize(("path", "above"), [("/requests/ask", "/requests/"), ("/account/passkeys", "/account")])
def test_an_address_that_only_takes_forms_says_so_and_leads_to_the_page_above(
    town: Town, path: str, above: str
) -> None:
    answer = town.visitor(MAYA).get(path)
    assert answer.status_code == 405
    said = words(answer)
    assert "This address is no page" in said
    assert "Page not found" not in said
    assert f'href="{above}"' in answer.text


def test_a_bug_shows_no_traceback(town: Town, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> str:
        raise KeyError("a secret inside")

    _add(town.app, broken)
    answer = town.visitor(MAYA).get("/broken")
    assert answer.status_code == 500
    assert "Something went wrong" in words(answer)
    assert "secret" not in answer.text
    assert "a secret inside" in caplog.text


def test_a_database_that_went_away_is_503_even_when_signed_in(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = town.visitor(MAYA)

    def gone(_: str) -> None:
        raise refusals.DatabaseUnavailable("OperationalError")

    monkeypatch.setattr(town.site.sessions, "resume", gone)
    answer = visitor.get("/checks/")
    assert answer.status_code == 503
    assert "does not answer" in words(answer)


def _add(app: Flask, view: object) -> None:
    app._got_first_request = False
    app.add_url_rule("/broken", view_func=view)  # type: ignore[arg-type]
