"""The API: what programs can do with a token, and what they cannot."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.api import BASE, Program, as_schema
from tests.support.site_town import INES, JONAS, MAYA, NOOR, OMAR, Town, cell
from webui.config import Limit
from webui.http import bearer
from webui.pages.api.operations import OPERATIONS, openapi, template_of
from webui.store.tokens import MOST, Scope

DAY_S = 24 * 3600


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def test_the_document_and_the_routes_agree(town: Town) -> None:
    routes = {
        (method.lower(), template_of(rule.rule.removeprefix(BASE)))
        for rule in town.app.url_map.iter_rules()
        if rule.endpoint.startswith("api.") and rule.endpoint != "api.document"
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(method, path) for path, methods in openapi()["paths"].items() for method in methods}
    assert routes == described
    assert len(OPERATIONS) == len(described)
    assert town.app.test_client().get(f"{BASE}/openapi.json").json == openapi()


def test_every_answer_is_what_the_document_promises(town: Town) -> None:
    town.book(MAYA, INES)
    maya, ines, noor = (Program(town, email) for email in (MAYA, INES, NOOR))
    made = maya.check(cell())
    assert made.status_code == 201
    as_schema(made.json, "Check")
    check, booking = made.json["id"], maya.get("/appointments").json["appointments"][0]["id"]
    town.site.anchoring.anchor()
    digest = maya.get("/model").json["model_digest"]
    for program, path, schema in (
        (maya, "/me", "Person"),
        (maya, "/model", "Model"),
        (maya, "/checks", "Checks"),
        (maya, f"/checks/{check}", "Check"),
        (maya, "/doctors", "Doctors"),
        (maya, f"/doctors/{town.members[INES].id}/slots", "Slots"),
        (maya, "/appointments", "Appointments"),
        (maya, f"/appointments/{booking}", "Appointment"),
        (maya, f"/checks/{check}/proof", "Proof"),
        (ines, f"/checks?patient={town.members[MAYA].id}", "Checks"),
        (noor, "/rounds", "Rounds"),
        (noor, "/rounds/7", "Round"),
        (noor, "/witnesses", "Log"),
        (noor, f"/files/{digest}", "Finding"),
    ):
        answer = program.get(path)
        assert answer.status_code == 200, path
        as_schema(answer.json, schema)
    assert maya.get(f"/checks/{check}/image.png").data.startswith(b"\x89PNG")


def test_a_program_books_a_free_slot_once_and_cancels_it(town: Town) -> None:
    maya, omar, doctor = Program(town, MAYA), Program(town, OMAR), town.members[INES].id
    slot = maya.get(f"/doctors/{doctor}/slots").json["slots"][0]["starts_at"]
    booked = maya.send("/appointments", {"doctor": doctor, "starts_at": slot})
    assert booked.status_code == 201
    late = omar.send("/appointments", {"doctor": doctor, "starts_at": slot})
    assert late.status_code == 409
    assert late.content_type == "application/problem+json"
    as_schema(late.json, "Problem")
    assert late.json["type"] == "urn:hemaledger:problem:slot-taken"
    path = f"/appointments/{booked.json['id']}/cancel"
    assert omar.send(path).status_code == 404
    assert maya.send(path).json["state"] == "cancelled"
    assert maya.send(path).status_code == 409


def test_a_program_sees_only_what_its_owner_sees(town: Town) -> None:
    check = Program(town, MAYA).check(cell()).json["id"]
    omar, ines = Program(town, OMAR), Program(town, INES)
    patient = town.members[MAYA].id
    for path in (f"/checks/{check}", f"/checks/{check}/image.png", f"/checks/{check}/proof"):
        assert omar.get(path).status_code == 404
        assert ines.get(path).status_code == 404
    assert ines.get("/checks", patient=patient).status_code == 404
    assert omar.get("/checks", patient=patient).status_code == 404
    assert omar.get("/checks").json["checks"] == []
    town.book(MAYA, INES)
    assert ines.get(f"/checks/{check}").status_code == 200
    assert ines.get("/checks", patient=patient).json["checks"][0]["id"] == check
    assert Program(town, JONAS).get(f"/checks/{check}").status_code == 404
    assert [each.how for each in town.site.openings.of_patient(patient, 0)] == ["list", "check"]


def test_a_token_without_the_scope_is_refused_and_says_which_it_needs(town: Town) -> None:
    reader = Program(town, MAYA, Scope.CHECKS_READ)
    assert reader.get("/checks").status_code == 200
    refused = reader.check(cell())
    assert refused.status_code == 403
    assert "checks:write" in refused.json["detail"]


def test_a_token_never_has_a_right_that_its_owners_role_has_not(town: Town) -> None:
    assert Program(town, MAYA, *Scope).get("/me").json["scopes"] == [
        "appointments:read",
        "appointments:write",
        "checks:erase",
        "checks:read",
        "checks:write",
        "consent:read",
        "consent:write",
        "risks:read",
        "risks:write",
    ]
    assert Program(town, MAYA, *Scope).get("/rounds").status_code == 403


def test_a_cookie_alone_opens_nothing_and_no_cookie_is_set(town: Town) -> None:
    maya = town.visitor(MAYA)
    answer = maya.get(f"{BASE}/me")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert "Set-Cookie" not in answer.headers
    assert maya.post_bare(f"{BASE}/appointments/1/cancel").status_code == 401
    assert "Set-Cookie" not in Program(town, MAYA).get("/me").headers


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Bearer hlt_wrong", "Basic bWF5YTp4", "Bearer " + "x" * 5000]
)
def test_what_is_no_valid_token_is_refused(town: Town, header: str) -> None:
    answer = town.app.test_client().get(f"{BASE}/me", headers={"Authorization": header})
    assert answer.status_code == 401
    as_schema(answer.json, "Problem")


def test_a_token_ends_by_time_by_revoking_and_with_its_account(town: Town) -> None:
    first, second, third = Program(town, MAYA), Program(town, MAYA), Program(town, OMAR)
    town.site.tokens.revoke(town.members[MAYA].id, town.site.tokens.of(town.members[MAYA].id)[-1].id)
    assert first.get("/me").status_code == 401
    assert second.get("/me").status_code == 200
    town.staff.disable(OMAR)
    assert third.get("/me").status_code == 401
    town.federation.clock.now += 31 * DAY_S
    assert second.get("/me").status_code == 401


def test_the_database_has_no_secret_and_the_last_use_is_noted(town: Town) -> None:
    program = Program(town, MAYA)
    assert program.get("/me").status_code == 200
    assert program.secret.encode() not in town.stored_bytes()
    assert town.site.tokens.of(town.members[MAYA].id)[0].used_at == town.federation.clock()


def test_too_many_calls_and_too_many_wrong_tokens_are_refused_for_a_while(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bearer, "CALLS", Limit(2, 60))
    program = Program(town, MAYA)
    statuses = [program.get("/me").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert program.get("/me").headers["Retry-After"] == "60"
    town.federation.clock.now += 60
    assert program.get("/me").status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"[]", 400), (b"{}", 400), (b'{"doctor": "x", "starts_at": 1}', 400), (b"{" * 9000, 400),
     (b" " * 20000, 413), (b'{"doctor": 3, "starts_at": "2026-11-24T09:00:00"}', 400),
     (b'{"doctor": 3, "starts_at": "9999-12-31T23:59:59-23:59"}', 409),
     (b'{"doctor": 99999999999999999999, "starts_at": "2026-11-24T09:00:00Z"}', 404)],
)  # fmt: skip
def test_a_strange_body_is_a_problem_and_never_a_crash(town: Town, body: bytes, status: int) -> None:
    program = Program(town, MAYA)
    answer = town.app.test_client().post(f"{BASE}/appointments", headers=program.headers, data=body)
    assert answer.status_code == status, answer.text
    as_schema(answer.json, "Problem")


@pytest.mark.parametrize(
    "path", ["/nothing", "/checks/99999999999999999999", "/checks/x", "/files/xyz", "/checks?page=-1"]
)
def test_an_unknown_path_is_a_problem_too(town: Town, path: str) -> None:
    answer = Program(town, MAYA).get(path)
    assert answer.status_code in {400, 403, 404}
    as_schema(answer.json, "Problem")


def test_a_person_makes_a_token_on_a_page_that_shows_it_once(town: Town) -> None:
    maya = town.visitor(MAYA)
    page = maya.post("/account/tokens/", label="My script", scopes="checks:read", days="30")
    secret = re.search(r"hlt_[\w-]{43}", page.text)
    assert secret is not None
    assert "hlt_" not in maya.get("/account/tokens/").text
    assert "My script" in maya.text("/account/tokens/")
    answer = town.app.test_client().get(f"{BASE}/checks", headers={"Authorization": f"Bearer {secret[0]}"})
    assert answer.status_code == 200
    token = town.site.tokens.of(town.members[MAYA].id)[0].id
    assert town.visitor(OMAR).post(f"/account/tokens/{token}/revoke", page="/account/tokens/").status_code == 404
    assert maya.post(f"/account/tokens/{token}/revoke", page="/account/tokens/").status_code == 302
    assert town.site.tokens.of(town.members[MAYA].id) == []


def test_a_form_without_name_or_rights_is_refused_and_another_roles_right_too(town: Town) -> None:
    maya = town.visitor(MAYA)
    for fields in ({"scopes": "checks:read"}, {"label": "x"}, {"label": "x", "scopes": "ledger:read"}):
        assert maya.post("/account/tokens/", days="30", **fields).status_code == 400
    assert town.site.tokens.of(town.members[MAYA].id) == []


def test_an_account_has_a_limited_number_of_tokens(town: Town) -> None:
    for _ in range(MOST):
        Program(town, MAYA)
    answer = town.visitor(MAYA).post("/account/tokens/", label="x", scopes="checks:read", days="30")
    assert answer.status_code == 409


def test_a_request_that_is_sent_again_with_its_key_is_carried_out_once(town: Town) -> None:
    maya, doctor = Program(town, MAYA), town.members[INES].id
    wanted = {"doctor": doctor, "starts_at": maya.get(f"/doctors/{doctor}/slots").json["slots"][0]["starts_at"]}
    first, again = (maya.send("/appointments", wanted, key="one") for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json
    assert maya.send("/appointments", wanted, key="two").status_code == 409
    first, again = (maya.check(cell(), key="picture") for _ in range(2))
    assert first.json["id"] == again.json["id"]
    assert len(maya.get("/checks").json["checks"]) == 1
    assert maya.check(cell()).json["id"] != first.json["id"]
    assert Program(town, OMAR).check(cell(), key="picture").json["id"] != first.json["id"]
    assert maya.check(cell(), key="").status_code == 400
    assert maya.check(b"no picture", key="other").status_code == 400
    assert maya.check(b"no picture", key="other").status_code == 400
