"""The coordinator's log and the ledger name the hospitals that a round goes on, or ends, without."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fl.events import Event
from fl.protocol.rounds.round import Phase
from fl.roles.coordinator.drop_outs import MOST_CHARS, named, without
from scripts.wiring.agent import announce
from tests.support.federation import memory_folder
from tests.support.masked_world import STEP_S, Four, rest, step, without_delta


@pytest.fixture
def four(tmp_path: Path) -> Iterator[Four]:
    with memory_folder(tmp_path) as folder:
        yield Four(folder)


def missing(four: Four, what: Event) -> list[object]:
    return [facts["missing"] for event, facts in four.party("coordinator").events if event == what]


def test_a_drop_out_in_the_set_up_is_named_when_its_phase_closes(four: Four) -> None:
    without_delta(four)
    assert missing(four, Event.PHASE_CLOSED) == ["delta"]


def test_a_round_that_too_few_hospitals_joined_names_the_others_on_the_ledger(four: Four) -> None:
    boss, hospitals = four.boss(), four.hospitals("alpha", "beta")
    four.until(Phase.ADVERTISE, boss)
    rest(*hospitals)
    four.clock.now += STEP_S + 1
    step(boss)
    assert four.current.reason == ("BelowThreshold: 2 of 3 hospitals can go on after advertise; missing: delta, gamma")


def test_a_hospital_without_an_update_is_named_when_the_set_is_frozen(four: Four) -> None:
    boss, delta, others = four.boss(), four.hospital("delta"), four.hospitals("alpha", "beta", "gamma")
    four.until(Phase.MASK, boss, delta, *others)
    for _ in range(3):
        rest(*others)
    four.clock.now = four.current.terms.commit_deadline + 1
    four.until(Phase.AGREE, boss)
    assert missing(four, Event.SET_FROZEN) == ["delta"]


def test_a_round_in_which_nobody_is_missing_names_nobody(four: Four) -> None:
    rest(four.boss(), four.auditor(), *four.hospitals("alpha", "beta", "gamma", "delta"))
    assert set(missing(four, Event.PHASE_CLOSED) + missing(four, Event.SET_FROZEN)) == {None}


def test_many_names_are_cut_and_counted(four: Four) -> None:
    book = four.federation.book
    everybody = list(book.members) * 20
    said = named(book, everybody)
    assert said is not None
    assert len(said) < MOST_CHARS + 20
    assert re.search(r" and [0-9]+ more$", said)
    assert without(book, []) == ""


def test_each_line_of_an_agent_has_the_date(capsys: pytest.CaptureFixture[str]) -> None:
    announce("alpha")(Event.WAITING, {"reason": "the vault is gone"})
    said = capsys.readouterr().out
    assert re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} UTC alpha: waiting \(reason the vault is gone\)", said)
