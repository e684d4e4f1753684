"""Two clicks make one of everything that is made, whichever page it is made on."""

from __future__ import annotations

import io
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from tests.support.site_town import INES, MAYA, PASSWORD, TOKEN, Town, Visitor, cell
from webui.errors import AlreadyMade, StillHandled
from webui.store.handled import LEASE_S, FormOutcome, HandledForms
from webui.store.models import BookingState


@pytest.fixture
def town(tmp_path: Path) -> Town:
    return Town(tmp_path)


def twice(visitor: Visitor, path: str, page: str | None = None, **fields: str) -> tuple[TestResponse, TestResponse]:
    """Send the very same form two times."""
    token = visitor.token(page or path)
    first = visitor.post_bare(path, csrf_token=token, **fields)
    return first, visitor.post_bare(path, csrf_token=token, **fields)


def test_each_page_has_a_token_of_its_own_and_all_forms_on_it_share_it(town: Town) -> None:
    visitor = town.visitor(MAYA)
    found = [set(TOKEN.findall(visitor.get("/checks/new").text)) for _ in range(2)]
    assert [len(each) for each in found] == [1, 1]
    assert found[0] != found[1]


def test_two_clicks_make_one_check_and_the_second_sees_the_first(town: Town) -> None:
    visitor = town.visitor(MAYA)
    token, answers = visitor.token("/checks/new"), []
    for _ in range(2):
        image = (io.BytesIO(cell()), "cell.png")
        answers.append(visitor.post_bare("/checks/new", csrf_token=token, image=image))
    assert answers[0].location == answers[1].location
    assert len(town.site.record_store.of_patient(town.members[MAYA].id)) == 1


def test_another_picture_in_the_same_page_is_another_check(town: Town) -> None:
    visitor = town.visitor(MAYA)
    token = visitor.token("/checks/new")
    for size in (64, 80):
        visitor.post_bare("/checks/new", csrf_token=token, image=(io.BytesIO(cell("PNG", (size, size))), "cell.png"))
    assert len(town.site.record_store.of_patient(town.members[MAYA].id)) == 2


def test_two_clicks_make_one_booking_one_note_one_cancellation(town: Town) -> None:
    visitor, doctor = town.visitor(MAYA), town.visitor(INES)
    check = town.add_check(MAYA)
    path = f"/appointments/doctors/{town.members[INES].id}/{town.free()[0]}"
    answers = twice(visitor, path)
    assert [each.status_code for each in answers] == [302, 302]
    assert "booked" in visitor.text("/appointments/")
    twice(doctor, f"/checks/{check}/notes", f"/checks/{check}", text="Seen.")
    assert len(town.site.record_store.notes_on(check)) == 1
    booking = town.site.appointments.of_patient(town.members[MAYA].id)[0]
    answers = twice(visitor, f"/appointments/{booking.id}/cancel", "/appointments/")
    assert [each.status_code for each in answers] == [302, 302]
    assert [each.state for each in town.site.appointments.of_patient(town.members[MAYA].id)] == [BookingState.CANCELLED]


def test_two_clicks_make_one_account_and_both_are_signed_in(town: Town) -> None:
    first = town.visitor()
    token = first.token("/sign-up")
    before = first.cookie()
    fields = {
        "csrf_token": token,
        "name": "Lea Novak",
        "date_of_birth": "1990-01-01",
        "email": "lea@patients.example",
        "password": PASSWORD,
        "again": PASSWORD,
    }
    assert first.post_bare("/sign-up", **fields).status_code == 302
    first.use_cookie(before)  # the browser never took the first answer
    assert first.post_bare("/sign-up", **fields).status_code == 302
    assert first.get("/checks/").status_code == 200


def test_two_clicks_change_a_password_once_and_both_are_signed_in(town: Town) -> None:
    """The first click ends the session that the second one still carries."""
    visitor, new = town.visitor(MAYA), "nine grey herons under a bridge"
    fields = {"csrf_token": visitor.token("/password"), "old": PASSWORD, "password": new, "again": new}
    before = visitor.cookie()
    first = visitor.post_bare("/password", **fields)
    visitor.use_cookie(before)
    second = visitor.post_bare("/password", **fields)
    assert [each.location for each in (first, second)] == ["/password", "/password"]
    assert "Your password has been changed" in visitor.text("/password")
    visitor.use_cookie(before)
    assert visitor.get("/password").location.startswith("/sign-in")  # the old session alone is worth nothing


def test_whose_session_ended_does_not_get_what_a_form_of_that_session_led_to(town: Town) -> None:
    visitor, doctor = town.visitor(MAYA), town.members[INES].id
    path = f"/appointments/doctors/{doctor}/{town.free()[0]}"
    token, cookie = visitor.token(path), visitor.cookie()
    assert visitor.post_bare(path, csrf_token=token).location == "/appointments/"
    town.site.accounts.end_sessions(town.members[MAYA].id)
    visitor.use_cookie(cookie)
    assert visitor.post_bare(path, csrf_token=token).location.startswith("/sign-in")


def test_a_crash_between_a_record_and_its_answer_makes_no_second_record(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = town.visitor(MAYA)
    token = visitor.token("/checks/new")

    def send() -> TestResponse:
        return visitor.post_bare("/checks/new", csrf_token=token, image=(io.BytesIO(cell()), "cell.png"))

    with monkeypatch.context() as crash:
        crash.setattr(HandledForms, "finish", lambda _self, _key, _outcome: None)  # the process was gone by then
        assert send().status_code == 302
    town.site.handled._in_progress.clear()
    town.federation.clock.now += LEASE_S
    answer = send()
    assert answer.status_code == 409
    assert "it was saved" in answer.text
    assert len(town.site.record_store.of_patient(town.members[MAYA].id)) == 1


def test_a_form_that_made_a_record_is_not_handled_again_when_its_answer_fails(town: Town) -> None:
    key = b"k" * 32
    assert town.site.handled.begin(key) is None
    town.add_check(MAYA)
    town.site.handled.abandon(key)
    with pytest.raises(AlreadyMade):
        town.site.handled.begin(key)


def test_a_form_that_was_refused_may_be_sent_again(town: Town) -> None:
    visitor = town.visitor(MAYA)
    town.federation.stop_chain()
    token = visitor.token("/checks/new")

    def send() -> int:
        return visitor.post_bare("/checks/new", csrf_token=token, image=(io.BytesIO(cell()), "c.png")).status_code

    assert send() == 503
    town.federation.start_chain()
    assert send() == 302


def test_nobody_gets_what_somebody_elses_form_led_to(town: Town) -> None:
    key = b"k" * 32
    assert town.site.handled.begin(key) is None
    town.site.handled.finish(key, FormOutcome(302, "/checks/1"))
    mine, other = town.visitor(MAYA), town.visitor(INES)
    token = mine.token("/checks/new")
    assert other.post_bare("/checks/new", csrf_token=token).status_code == 400  # not this session's token


def test_two_at_the_same_moment_are_one(town: Town) -> None:
    begun, going, made = threading.Event(), threading.Event(), []
    key = b"two at once, thirty-two bytes ..."[:32]

    def click() -> FormOutcome | None:
        outcome = town.site.handled.begin(key)
        if outcome is None:
            made.append(1)
            begun.set()
            going.wait(30)
            town.site.handled.finish(key, FormOutcome(302, "/made"))
        return outcome

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(click)
        assert begun.wait(30)
        second = pool.submit(click)
        going.set()
        assert first.result() is None
        assert second.result() == FormOutcome(302, "/made")
    assert made == [1]


def test_after_a_crash_the_form_may_be_sent_again_once_its_time_is_over(town: Town) -> None:
    key = b"k" * 32
    assert town.site.handled.begin(key) is None
    restarted = type(town.site.handled)(town.site.database, town.federation.clock)
    with pytest.raises(StillHandled):
        restarted.begin(key)
    town.federation.clock.now += LEASE_S
    assert restarted.begin(key) is None


def test_what_was_handled_is_forgotten_after_a_day(town: Town) -> None:
    key = b"k" * 32
    town.site.handled.begin(key)
    town.site.handled.finish(key, FormOutcome(302, "/made"))
    town.federation.clock.now += 25 * 3600
    town.site.handled.forget_old()
    assert town.site.handled.begin(key) is None
