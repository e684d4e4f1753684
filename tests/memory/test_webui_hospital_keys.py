"""A new key for the hospital, ordered on a page: who may, who hears of it, and what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from fl.roles.hospital.key_orders import OrderOutcome
from fl.roles.hospital.orders import OrderState
from tests.support.authenticator import Authenticator
from tests.support.second_steps import add_passkey, ask, recovery_codes, set_up_app
from tests.support.site_town import INES, MAYA, NOOR, PASSWORD, TOVE, Town, Visitor, words
from webui.store.mail_tables import MailRow
from webui.store.models import SiteRole
from webui.store.new_accounts import NewAccount
from webui.store.preferences import Preferences

KEYS, NEW = "/hospital/keys/", "/hospital/keys/new"
SVEN = "sven@clinic.example"


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


@pytest.fixture
def tove(town: Town) -> Visitor:
    return town.visitor(TOVE)


def letters(town: Town) -> list[MailRow]:
    with town.site.database.reading() as session:
        return list(session.scalars(select(MailRow).order_by(MailRow.id)))


def end(town: Town, state: OrderState, why: str = "") -> None:
    """Do what the agent does."""
    box = town.federation.keys
    assert box.order is not None
    box.note(box.order.name, OrderOutcome(state, town.federation.clock.now, 2, why))


@pytest.mark.parametrize("email", [MAYA, INES, NOOR])
def test_other_roles_see_no_key_and_order_none(town: Town, email: str) -> None:
    other = town.visitor(email)
    assert [other.get(path).status_code for path in (KEYS, NEW, f"{KEYS}live")] == [403] * 3


def test_the_page_shows_number_fingerprint_age_and_when_to_replace_it(tove: Visitor) -> None:
    said = tove.text(KEYS)
    assert "00000000 00000000 00000000 00000000" in said
    assert "days: replace it" in said
    assert "Replace it by 9 Oct 2026" in said


def test_an_order_reaches_the_agent_with_the_name_of_who_gave_it(town: Town, tove: Visitor) -> None:
    assert tove.post(NEW).location == KEYS
    order = town.federation.keys.order
    assert order is not None
    assert (order.asked_by, order.asked_at) == ("Tove Lindahl", town.federation.clock.now)
    said = tove.text(KEYS)
    assert "The order waits for the agent" in said
    assert "Take the order back" in said


def test_all_other_staff_of_the_hospital_and_nobody_else_get_a_mail(town: Town, tove: Visitor) -> None:
    town.site.accounts.create(NewAccount(SiteRole.HOSPITAL, SVEN, "Sven Holm", PASSWORD))
    tove.post(NEW)
    assert [row.recipient for row in letters(town)] == [SVEN]
    assert "Tove Lindahl ordered a new key" in letters(town)[0].text


def test_each_mail_is_in_the_language_of_its_reader(town: Town, tove: Visitor) -> None:
    sven = town.site.accounts.create(NewAccount(SiteRole.HOSPITAL, SVEN, "Sven Holm", PASSWORD))
    town.site.preferences.choose(sven.id, Preferences(language="de"))
    tove.post(NEW)
    assert letters(town)[0].subject == "Ein neuer Schlüssel für das Krankenhaus wurde bestellt"


def test_an_order_is_a_line_in_the_access_log(tove: Visitor) -> None:
    tove.post(NEW)
    assert "A new key for the hospital" in tove.text("/account/log")


def test_without_a_running_agent_there_is_the_command_and_no_button(town: Town, tove: Visitor) -> None:
    town.federation.keys.agent_runs = False
    said = tove.text(KEYS)
    assert "The hospital's agent does not run" in said
    assert "hemaledger hospital rotate --name NAME" in said
    assert NEW not in tove.get(KEYS).text


def test_an_agent_that_stopped_meanwhile_gets_no_order(town: Town, tove: Visitor) -> None:
    token = tove.token(NEW)
    town.federation.keys.agent_runs = False
    answer = tove.post_bare(NEW, csrf_token=token)
    assert answer.status_code == 409
    assert "agent does not run" in words(answer)
    assert town.federation.keys.order is None
    assert letters(town) == []


def test_a_second_order_is_refused_while_one_is_open(town: Town, tove: Visitor) -> None:
    tove.post(NEW)
    first = town.federation.keys.order
    answer = town.visitor(TOVE).post(NEW, page=KEYS)
    assert answer.status_code == 409
    assert "There is an order for a new key already" in words(answer)
    assert town.federation.keys.order == first


@pytest.mark.parametrize(
    ("state", "why", "said"),
    [
        (OrderState.TAKEN, "", "The agent makes the new key"),
        (OrderState.DONE, "", "You need not start anything again."),
        (OrderState.FAILED, "the disk is full", "It says: the disk is full. The key from before stays."),
    ],
)
def test_the_page_says_in_words_what_became_of_the_order(
    town: Town, tove: Visitor, state: OrderState, why: str, said: str
) -> None:
    tove.post(NEW)
    end(town, state, why)
    assert said in tove.text(KEYS)


def test_an_order_that_waits_can_be_taken_back_and_one_that_was_taken_cannot(town: Town, tove: Visitor) -> None:
    tove.post(NEW)
    tove.post("/hospital/keys/withdraw", page=KEYS)
    assert "The order was taken back" in tove.text(KEYS)
    tove.post(NEW)
    end(town, OrderState.TAKEN)
    tove.post("/hospital/keys/withdraw", page=KEYS)
    assert "The agent makes the new key" in tove.text(KEYS)


def test_the_page_gets_an_event_when_the_order_goes_on_and_loads_again_at_its_end(town: Town, tove: Visitor) -> None:
    tove.post(NEW)
    seen = f"/hospital/keys/live?seen={town.site.hospital_keys.renewal().version}"
    assert "data:" not in tove.get(seen).text
    end(town, OrderState.TAKEN)
    assert "data-live-end" not in tove.get(seen).text
    assert "data:" in tove.get(seen).text
    end(town, OrderState.DONE)
    assert "data-live-end" in tove.get(seen).text


def test_who_has_a_second_step_takes_it_once_more_before_an_order(town: Town, tove: Visitor) -> None:
    phone = set_up_app(town, tove)
    asked = tove.get(NEW)
    assert asked.location == "/account/step-up?next=/hospital/keys/new"
    wrong = tove.post(asked.location, code="000000")
    assert wrong.status_code == 401
    assert tove.get(NEW).status_code == 302
    assert tove.post(asked.location, code=phone.code()).location == NEW
    assert tove.post(NEW).location == KEYS
    town.federation.clock.now += 11 * 60
    assert tove.get(NEW).location == asked.location


def test_who_has_no_second_step_says_the_password_again_after_ten_minutes(town: Town, tove: Visitor) -> None:
    assert tove.get(NEW).status_code == 200
    town.federation.clock.now += 11 * 60
    asked = tove.get(NEW)
    assert asked.location == "/account/confirm?next=/hospital/keys/new"
    assert tove.get("/account/step-up?next=/hospital/keys/new").location == asked.location
    assert tove.post(asked.location, password=PASSWORD).location == NEW
    assert tove.get(NEW).status_code == 200


def test_a_passkey_does_for_the_second_step_too(tove: Visitor) -> None:
    device = Authenticator()
    add_passkey(tove, device)
    recovery_codes(tove)
    page = tove.get(NEW).location
    question = ask(tove, "/account/step-up/question", page, {}).get_json()
    answer = ask(tove, "/account/step-up/passkey?next=/hospital/keys/new", page, device.use(question))
    assert answer.get_json() == {"location": NEW}
    assert tove.get(NEW).status_code == 200


def test_the_step_of_one_person_does_not_count_for_another(town: Town, tove: Visitor) -> None:
    town.site.accounts.create(NewAccount(SiteRole.HOSPITAL, SVEN, "Sven Holm", PASSWORD))
    device = Authenticator()
    add_passkey(tove, device)
    sven = town.visitor(SVEN)
    set_up_app(town, sven)
    page = sven.get(NEW).location
    question = ask(sven, "/account/step-up/question", page, {}).get_json()
    assert ask(sven, "/account/step-up/passkey", page, device.use(question)).status_code >= 400
    assert sven.get(NEW).status_code == 302
