"""The router: another server answers when the first is slow, silent or wrong, and a bad one gets a rest."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import pytest

from fl.protocol.errors import NoAnswer, ServerSilent, ServersSilent
from fl.protocol.names import Digest
from fl.roles.serving.router import AT_ONCE, FAILURES, Router, Waits
from fl.roles.serving.routing import Health, Server, Why, Wish

MODEL = Digest(b"m" * 32)
HOME, SOUTH = Server("Home", "", "EU"), Server("South", "http://south", "EU")
WISH = Wish("Home", MODEL, frozenset({"EU"}))
QUICK = Waits(second_s=0.05, whole_s=5.0)


@dataclass
class Clinic:
    """One server: how it is, and what it does with a question."""

    up: bool = True
    gate: threading.Event = field(default_factory=threading.Event)
    """Closed: it does not answer until the gate opens."""
    asked: int = 0

    def health(self) -> Health:
        if not self.up:
            raise ServerSilent("a clinic", "it is down")
        return Health(7, MODEL, 0)

    def answer(self) -> str:
        self.asked += 1
        if not self.up:
            raise ServerSilent("a clinic", "it is down")
        self.gate.wait(60)
        return "answer"


class Town:
    """Two clinics and their router."""

    def __init__(self, waits: Waits = QUICK) -> None:
        self.clinics = {"Home": Clinic(), "South": Clinic()}
        for clinic in self.clinics.values():
            clinic.gate.set()
        self.router = Router((HOME, SOUTH), self.clinics, time.monotonic, waits)
        self.router.poll()

    def ask(self, wish: Wish = WISH) -> tuple[str, Why]:
        routed = self.router.ask(wish, lambda server: self.clinics[server.name].answer())
        return routed.choice.server.name, routed.choice.why


def test_the_home_hospital_answers_if_it_can() -> None:
    town = Town()
    assert town.ask() == ("Home", Why.HOME)
    assert town.clinics["South"].asked == 0


def test_a_slow_server_does_not_make_the_person_wait() -> None:
    town = Town()
    town.clinics["Home"].gate.clear()
    assert town.ask() == ("South", Why.FALLBACK)
    town.clinics["Home"].gate.set()


def test_a_server_that_went_down_loses_no_question() -> None:
    town = Town()
    town.clinics["Home"].up = False
    assert [town.ask()[0] for _ in range(FAILURES + 2)] == ["South"] * (FAILURES + 2)


def test_a_server_that_failed_several_times_gets_a_rest_until_it_answers_again() -> None:
    town = Town()
    wish = Wish("Home", MODEL, frozenset({"EU"}), server="South")
    town.clinics["South"].up = False
    for _ in range(FAILURES + 3):
        assert town.ask(wish)[0] == "Home"
    assert town.clinics["South"].asked == FAILURES
    town.clinics["South"].up = True
    town.router.poll()
    assert town.ask(wish) == ("South", Why.WISH)


def test_an_error_about_the_picture_is_not_asked_again_elsewhere() -> None:
    town = Town()

    def refuse(server: Server) -> str:
        town.clinics[server.name].asked += 1
        raise NoAnswer("blank", "This is no cell", "it is empty")

    with pytest.raises(NoAnswer):
        town.router.ask(WISH, refuse)
    assert [clinic.asked for clinic in town.clinics.values()] == [1, 0]


def test_when_nobody_answers_the_error_says_so_in_time() -> None:
    town = Town(Waits(second_s=0.01, whole_s=0.2))
    for clinic in town.clinics.values():
        clinic.gate.clear()
    with pytest.raises(ServersSilent):
        town.ask()
    for clinic in town.clinics.values():
        clinic.gate.set()


def test_many_at_once_all_get_an_answer_while_a_server_goes_down() -> None:
    town = Town()
    found: list[str] = []

    def visitor(place: int) -> None:
        if place == 20:
            town.clinics["Home"].up = False
        found.append(town.ask()[0])

    threads = [threading.Thread(target=visitor, args=(place,)) for place in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 60


def test_more_questions_than_all_servers_take_at_once_wait_for_their_turn() -> None:
    town = Town(Waits(second_s=0.01, whole_s=60.0))
    found: list[str] = []
    for clinic in town.clinics.values():
        clinic.gate.clear()
    threads = [threading.Thread(target=lambda: found.append(town.ask()[0])) for _ in range(3 * AT_ONCE)]
    for thread in threads:
        thread.start()
    until_asked(town, 2 * AT_ONCE)
    for clinic in town.clinics.values():
        clinic.gate.set()
    for thread in threads:
        thread.join()
    assert len(found) == 3 * AT_ONCE


def until_asked(town: Town, questions: int) -> None:
    deadline = time.monotonic() + 60
    while sum(clinic.asked for clinic in town.clinics.values()) < questions and time.monotonic() < deadline:
        threading.Event().wait(0.01)


def test_a_server_that_hangs_delays_no_question_to_another() -> None:
    town = Town()
    town.clinics["South"].gate.clear()
    wish = Wish("Home", MODEL, frozenset({"EU"}), server="South")
    quick = Waits(second_s=0.01, wished_s=0.01, whole_s=5.0)
    router = Router((HOME, SOUTH), town.clinics, time.monotonic, quick)
    router.poll()
    found = [router.ask(wish, lambda server: town.clinics[server.name].answer()) for _ in range(3 * AT_ONCE)]
    assert {routed.choice.server.name for routed in found} == {"Home"}
    assert town.clinics["South"].asked == AT_ONCE
    town.clinics["South"].gate.set()
