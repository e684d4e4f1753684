"""Second steps of signing in: who needs one, apps, recovery codes, passkeys."""

from __future__ import annotations

import re
from base64 import b32decode
from pathlib import Path
from typing import Any

import pytest
from flask import url_for
from werkzeug.routing import AnyConverter, BaseConverter

from tests.support.authenticator import Authenticator
from tests.support.second_steps import STEP, Phone, add_passkey, ask, recovery_codes, set_up_app, use_passkey
from tests.support.site_town import INES, JONAS, MAYA, NOOR, OMAR, PASSWORD, Town, words
from webui.config import Limit, Limits
from webui.http.machines import is_machine
from webui.http.second_step import OPEN
from webui.store.mail_tables import MailRow

DESCRIPTIONS = {"/api/v1/openapi.json", "/fhir/metadata"}
"""What programs read before they have a token."""


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


@pytest.fixture
def strict(tmp_path: Path) -> Town:
    """A site as it is by default: staff need a second step."""
    return Town(tmp_path, second_step_for_staff=True)


def subjects(town: Town, to: str) -> list[str]:
    with town.site.database.reading() as session:
        return [row.subject for row in session.query(MailRow).filter_by(recipient=to).order_by(MailRow.id)]


@pytest.mark.parametrize("email", [INES, NOOR])
def test_staff_without_a_second_step_reach_nothing_else(strict: Town, email: str) -> None:
    visitor = strict.visitor(email)
    for path in ("/", "/doctor/", "/auditor/", "/account", "/password", "/account/log", "/requests/"):
        assert visitor.get(path).location == "/account/second-step", path
    assert "Please set up a second step first" in visitor.text("/account/second-step")
    assert visitor.get("/static/site.css").status_code == 200
    assert visitor.post("/sign-out", page="/account/second-step").location == "/"


def test_a_set_up_app_opens_the_pages_of_staff(strict: Town) -> None:
    visitor = strict.visitor(INES)
    set_up_app(strict, visitor)
    assert visitor.get("/doctor/").status_code == 200


def test_patients_may_do_without(strict: Town) -> None:
    assert strict.visitor(MAYA).get("/checks/").status_code == 200


def test_staff_of_a_demonstration_may_do_without_and_read_so(tmp_path: Path) -> None:
    town = Town(tmp_path, second_step_for_staff=True, demo_accounts=True)
    visitor = town.visitor(INES)
    assert visitor.get("/doctor/").status_code == 200
    assert "On a real site the staff also need a second step" in town.visitor().text("/sign-in")


def test_after_the_password_there_is_no_session_until_the_code(town: Town) -> None:
    phone = set_up_app(town, town.visitor(MAYA))
    visitor = town.visitor()
    assert visitor.sign_in(MAYA).location == "/sign-in/second-step"
    assert visitor.get("/checks/").location.startswith("/sign-in")
    assert visitor.post("/sign-in/second-step", code="000000").status_code == 401
    assert visitor.post("/sign-in/second-step", code=phone.code()).location == "/checks/"
    assert visitor.get("/checks/").status_code == 200


def test_a_code_works_once(town: Town) -> None:
    phone = set_up_app(town, town.visitor(MAYA))
    first, second = town.visitor(), town.visitor()
    for visitor in (first, second):
        visitor.sign_in(MAYA)
    assert first.post("/sign-in/second-step", code=phone.code()).status_code == 302
    assert second.post("/sign-in/second-step", code=phone.code()).status_code == 401
    assert second.post("/sign-in/second-step", code=phone.code(-1)).status_code == 401


def test_a_code_of_another_minute_is_too_old(town: Town) -> None:
    phone = set_up_app(town, town.visitor(MAYA))
    visitor = town.visitor()
    visitor.sign_in(MAYA)
    town.federation.clock.now += 4 * STEP
    assert visitor.post("/sign-in/second-step", code=phone.code(-2)).status_code == 401
    assert visitor.post("/sign-in/second-step", code=phone.code(1)).status_code == 302


def test_codes_cannot_be_guessed(tmp_path: Path) -> None:
    town = Town(tmp_path, limits=Limits(second_steps=Limit(3, 900)))
    visitor = town.visitor(MAYA)
    phone = set_up_app(town, visitor)
    guesser = town.visitor()
    guesser.sign_in(MAYA)
    codes = [guesser.post("/sign-in/second-step", code=f"{n:06}").status_code for n in range(4)]
    assert codes == [401, 401, 429, 429]
    assert guesser.post("/sign-in/second-step", code=phone.code()).status_code == 429


def test_the_first_second_step_ends_the_other_sessions(town: Town) -> None:
    thief, owner = town.visitor(MAYA), town.visitor(MAYA)
    set_up_app(town, owner)
    assert thief.get("/checks/").status_code == 302
    assert owner.get("/checks/").status_code == 200
    assert subjects(town, MAYA) == ["A second step was added to your account"]


def test_each_recovery_code_opens_the_account_once(town: Town) -> None:
    visitor = town.visitor(MAYA)
    set_up_app(town, visitor)
    codes = recovery_codes(visitor)
    assert len(set(codes)) == 10
    for expected in (302, 401):
        other = town.visitor()
        other.sign_in(MAYA)
        assert other.post("/sign-in/second-step", code=codes[0].lower()).status_code == expected
    assert "9 left" in visitor.text("/account")
    assert subjects(town, MAYA)[-1] == "A recovery code was used for your account"


def test_new_recovery_codes_replace_the_old_ones(town: Town) -> None:
    visitor = town.visitor(MAYA)
    set_up_app(town, visitor)
    old, new = recovery_codes(visitor), recovery_codes(visitor)
    other = town.visitor()
    other.sign_in(MAYA)
    assert other.post("/sign-in/second-step", code=old[0]).status_code == 401
    assert other.post("/sign-in/second-step", code=new[0]).status_code == 302


def test_no_secret_is_stored_in_clear(town: Town) -> None:
    visitor = town.visitor(MAYA)
    visitor.post("/account/second-step/app/new", page="/account/second-step")
    page = visitor.get("/account/second-step/app").text
    secret = b32decode("".join(re.findall(r"<span>([A-Z2-7]{4})</span>", page)))
    phone = Phone(town, page)
    visitor.post("/account/second-step/app", code=phone.code())
    code = recovery_codes(visitor)[0]
    stored = town.stored_bytes()
    assert secret not in stored
    assert code.encode() not in stored
    assert code.replace("-", "").encode() not in stored


def test_the_picture_of_the_secret_is_only_for_its_owner(town: Town) -> None:
    visitor = town.visitor(MAYA)
    visitor.post("/account/second-step/app/new", page="/account/second-step")
    picture = visitor.get("/account/second-step/app/code.svg")
    assert (picture.mimetype, picture.headers["Cache-Control"]) == ("image/svg+xml", "no-store")
    assert town.visitor(OMAR).get("/account/second-step/app/code.svg").status_code == 409
    assert town.visitor().get("/account/second-step/app/code.svg").status_code == 302


def test_staff_keep_their_last_second_step(strict: Town) -> None:
    visitor = strict.visitor(INES)
    set_up_app(strict, visitor)
    refused = visitor.post("/account/second-step/app/remove", page="/account/second-step")
    assert (refused.status_code, "this is your last one" in words(refused)) == (409, True)
    assert add_passkey(visitor, Authenticator()).status_code == 200
    assert visitor.post("/account/second-step/app/remove", page="/account/second-step").status_code == 302


def test_an_old_session_must_give_the_password_before_it_changes_how_to_sign_in(town: Town) -> None:
    visitor = town.visitor(MAYA)
    town.federation.clock.now += 11 * 60
    asked = visitor.post("/account/second-step/app/new", page="/account/second-step")
    assert asked.location.startswith("/account/confirm")
    assert visitor.post("/account/confirm", password="not this one").status_code == 401
    assert visitor.post("/account/confirm?next=/account/email", password=PASSWORD).location == "/account/email"
    assert visitor.get("/account/email").status_code == 200


def test_a_passkey_signs_in_without_a_password(town: Town) -> None:
    device = Authenticator()
    added = add_passkey(town.visitor(MAYA), device)
    assert added.json == {"location": "/account/recovery-codes"}
    visitor = town.visitor()
    assert use_passkey(visitor, device).json == {"location": "/checks/"}
    assert visitor.get("/checks/").status_code == 200
    assert "Passkey" in visitor.text("/account/second-step")


def test_a_passkey_is_the_second_step_of_staff(strict: Town) -> None:
    device, visitor = Authenticator(verifies=False), strict.visitor(INES)
    assert add_passkey(visitor, device).status_code == 200
    assert visitor.get("/doctor/").status_code == 200
    again = strict.visitor()
    assert again.sign_in(INES).location == "/sign-in/second-step"
    assert use_passkey(again, device, "/sign-in/second-step").json == {"location": "/doctor/"}
    assert again.get("/doctor/").status_code == 200


def test_a_passkey_that_checks_nobody_does_not_replace_the_password(town: Town) -> None:
    device = Authenticator(verifies=False)
    add_passkey(town.visitor(MAYA), device)
    assert use_passkey(town.visitor(), device).status_code == 401


def test_a_passkey_of_another_person_is_no_second_step(town: Town) -> None:
    mine, other = Authenticator(), Authenticator()
    add_passkey(town.visitor(MAYA), mine)
    add_passkey(town.visitor(OMAR), other)
    visitor = town.visitor()
    visitor.sign_in(MAYA)
    assert use_passkey(visitor, other, "/sign-in/second-step").status_code == 401
    assert visitor.get("/checks/").status_code == 302


def test_an_answer_works_once(town: Town) -> None:
    device = Authenticator()
    add_passkey(town.visitor(MAYA), device)
    visitor, thief = town.visitor(), town.visitor()
    answer = device.use(ask(visitor, "/sign-in/passkey/question", "/sign-in", {}).get_json())
    assert ask(visitor, "/sign-in/passkey", "/sign-in", answer).status_code == 200
    assert ask(thief, "/sign-in/passkey", "/sign-in", answer).status_code == 401


def test_an_answer_to_a_copied_site_is_refused(town: Town) -> None:
    device = Authenticator()
    add_passkey(town.visitor(MAYA), device)
    device.origin = "http://localhost.evil.example"
    assert use_passkey(town.visitor(), device).status_code == 401


def test_a_copied_security_key_is_noticed_by_its_counter(town: Town) -> None:
    device = Authenticator()
    add_passkey(town.visitor(MAYA), device)
    for _ in range(2):
        assert use_passkey(town.visitor(), device).status_code == 200
    device.key.count = 0
    assert use_passkey(town.visitor(), device).status_code == 401


def test_one_passkey_belongs_to_one_account(town: Town) -> None:
    device = Authenticator()
    assert add_passkey(town.visitor(MAYA), device).status_code == 200
    assert add_passkey(town.visitor(OMAR), device).status_code == 401


def test_a_question_for_one_account_makes_no_passkey_of_another(town: Town) -> None:
    maya, omar, device = town.visitor(MAYA), town.visitor(OMAR), Authenticator()
    question = ask(maya, "/account/passkeys/question", "/account/second-step", {})
    refused = ask(omar, "/account/passkeys", "/account/second-step", device.make(question.get_json()))
    assert refused.status_code == 401


def test_passkeys_are_named_and_removed_by_their_owner_only(town: Town) -> None:
    visitor, other = town.visitor(MAYA), town.visitor(OMAR)
    add_passkey(visitor, Authenticator())
    (row,) = town.site.passkeys.of(town.members[MAYA].id)
    assert other.get(f"/account/passkeys/{row.id}").status_code == 404
    assert other.post(f"/account/passkeys/{row.id}/remove", page="/account/second-step").status_code == 404
    assert visitor.post(f"/account/passkeys/{row.id}", name="My telephone").status_code == 302
    assert "My telephone" in visitor.text("/account/second-step")
    assert visitor.post(f"/account/passkeys/{row.id}/remove", page="/account/second-step").status_code == 302
    assert town.site.passkeys.of(town.members[MAYA].id) == []
    assert town.visitor().sign_in(MAYA).location == "/checks/", "no second step is left"


@pytest.mark.parametrize("body", [[], {}, {"id": 1}, {"id": "AA", "response": {"clientDataJSON": "e30"}}])
def test_strange_answers_of_browsers_are_refused_with_a_sentence(town: Town, body: Any) -> None:
    answer = ask(town.visitor(), "/sign-in/passkey", "/sign-in", body)
    assert answer.status_code in {400, 401}
    assert answer.get_json()["message"].endswith(".")


@pytest.mark.parametrize("path", ["/sign-in/passkey/question", "/sign-in/passkey"])
def test_questions_and_answers_need_the_token_of_the_page(town: Town, path: str) -> None:
    client = town.app.test_client()
    assert client.post(path, json={}).status_code == 400


def test_other_people_learn_nothing_about_passkeys_of_an_account(town: Town) -> None:
    add_passkey(town.visitor(MAYA), Authenticator())
    assert ask(town.visitor(), "/sign-in/passkey/question", "/sign-in", {}).get_json()["allowCredentials"] == []


def test_staff_without_a_second_step_cannot_call_other_routes_by_script(strict: Town) -> None:
    visitor = strict.visitor(JONAS)
    answer = ask(visitor, "/approvals/1", "/account/second-step", {})
    assert answer.location == "/account/second-step"


def test_no_route_of_the_site_opens_before_the_second_step_is_set_up(strict: Town) -> None:
    """Every address of the site, so that a new page cannot be forgotten. Paths for programs read no cookie at all."""
    visitor = strict.visitor(INES)
    token = visitor.token("/account/second-step")
    reached = []
    with strict.app.test_request_context():
        for rule in strict.app.url_map.iter_rules():
            endpoint = rule.endpoint
            arguments: dict[str, Any] = {name: _example(each) for name, each in rule._converters.items()}
            if endpoint in OPEN or endpoint.startswith("health."):
                continue
            path = url_for(endpoint, **arguments)
            sends = "POST" in (rule.methods or ())
            answer = visitor.post_bare(path, csrf_token=token) if sends else visitor.get(path)
            stopped = answer.status_code == 401 if is_machine(path) else answer.location == "/account/second-step"
            if not stopped and path not in DESCRIPTIONS:
                reached.append(path)
    assert reached == []


def _example(converter: BaseConverter) -> object:
    """Return a value that fits into an address in this place."""
    return min(converter.items) if isinstance(converter, AnyConverter) else 1
