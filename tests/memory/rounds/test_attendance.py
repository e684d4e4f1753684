"""Who a round waits for, whom it goes on without, and what an agent says about both."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fl.events import Event
from fl.protocol.rounds.round import Phase
from fl.replay.attendance import Missed, ending, left_out, newest_records, waiting
from fl.replay.presence import SILENT_AFTER_S, Fault, presence
from fl.replay.signs_of_life import Sign
from fl.roles.coordinator.agent import Coordinator
from scripts.wiring.watch.log import Speaker
from scripts.wiring.watch.metrics import Figures
from scripts.wiring.watch.probes import Probes
from scripts.wiring.watch.seen import Seen
from scripts.wiring.watch.silence import Silence
from scripts.wiring.watch.status import document_of, lines_of
from tests.support.federation import initial, memory_folder
from tests.support.masked_world import STEP_S, Four, rest, step, without_delta


@pytest.fixture
def four(tmp_path: Path) -> Iterator[Four]:
    with memory_folder(tmp_path) as folder:
        yield Four(folder)


def test_a_phase_waits_for_the_one_hospital_whose_record_is_missing(four: Four) -> None:
    four.until(Phase.ADVERTISE, four.boss())
    rest(*four.hospitals("alpha", "beta", "gamma"))
    now = waiting(four.federation)
    assert (now.phase, four.names(now.who)) == ("advertise", ["delta"])
    assert now.until == four.current.step_deadline
    assert left_out(four.current) == {}, "its time is not over"


def test_a_round_that_goes_on_without_a_hospital_says_who_and_why(four: Four) -> None:
    without_delta(four)
    assert left_out(four.current) == {four.account("delta"): Missed.KEYS}
    seen = presence(four.federation, newest_records(four.consortium.coordinator.ledger.replay()), {}, four.clock.now)
    assert Fault.LEFT_OUT in seen.faults
    delta = next(each for each in seen.members if each.name == "delta")
    assert delta.left_out == ((four.current.number, Missed.KEYS),)


def test_the_metrics_count_whom_ended_rounds_left_out(four: Four) -> None:
    without_delta(four)
    rest(four.boss(), four.auditor(), *four.hospitals("alpha", "beta", "gamma"))
    assert four.phases() == ["FINAL"]
    speaker, probes = Speaker("alpha", "hospital"), Probes(lambda: 0.0, {})
    figures = Figures(speaker, "1.0.0", Seen(lambda: 0.0), probes, lambda: four.federation)
    for _ in range(2):
        assert 'hemaledger_hospital_left_out_total{hospital="delta"} 1.0' in figures.text().decode()


def test_a_round_with_everybody_leaves_nobody_out_and_has_no_fault(four: Four) -> None:
    rest(four.boss(), four.auditor(), *four.hospitals("alpha", "beta", "gamma", "delta"))
    assert four.current.phase == Phase.FINAL
    assert left_out(four.current) == {}
    now = waiting(four.federation)
    assert (now.phase, four.names(now.who)) == ("between", ["coordinator"])
    assert presence(four.federation, {}, {}, four.clock.now).faults == ()


def test_an_aborted_round_names_those_who_did_not_act_and_the_reason(four: Four) -> None:
    boss, hospitals = four.boss(), four.hospitals("alpha", "beta")
    four.until(Phase.ADVERTISE, boss)
    rest(*hospitals)
    four.clock.now += STEP_S + 1
    step(boss)
    ended = ending(four.current)
    assert ended.phase == "aborted"
    assert "2 of 3 hospitals" in ended.reason
    assert four.names(tuple(ended.left_out)) == ["delta", "gamma"]


def test_an_agent_says_once_and_at_once_whom_the_round_goes_on_without(four: Four) -> None:
    silence = Silence(600)
    assert list(silence.news(four.federation, "", four.clock.now)) == []
    without_delta(four)
    facts = {"round": 1, "hospital": "delta", "reason": "it sent no keys in time"}
    assert list(silence.news(four.federation, "", four.clock.now)) == [(Event.GOES_ON_WITHOUT, facts)]
    assert list(silence.news(four.federation, "", four.clock.now)) == []


def test_an_agent_of_a_dead_round_says_since_when_for_whom_and_until_when(four: Four) -> None:
    silence, at = Silence(600), float(four.clock.now)
    four.until(Phase.ADVERTISE, four.boss())
    rest(*four.hospitals("alpha", "beta", "gamma"))
    assert list(silence.news(four.federation, "", at)) == []
    assert list(silence.news(four.federation, "", at + 599)) == []
    ((what, facts),) = silence.news(four.federation, "the vault is gone", at + 600)
    assert what == Event.STILL_WAITING
    assert (facts["phase"], facts["waits for"], facts["reason"]) == ("advertise", "delta", "the vault is gone")
    assert str(facts["since"]).endswith("UTC")
    assert str(facts["until"]).endswith("UTC")
    assert list(silence.news(four.federation, "", at + 601)) == [], "it is said again after twice the time"
    assert len(list(silence.news(four.federation, "", at + 1800))) == 1


def test_a_coordinator_that_waits_for_a_fifth_hospital_says_with_whom_it_could_begin(four: Four) -> None:
    ports = four.consortium.coordinator.ports(four.consortium.vault)
    coordinator = Coordinator(ports, replace(four.masked_plan(), min_hospitals=5), initial())
    rest(coordinator)
    (alarm,) = four.reported("coordinator", Event.WAITING)
    assert "needs 5 hospitals that have a key, and 4 have one (alpha, beta, delta, gamma)" in alarm


def test_a_coordinator_that_waits_between_rounds_names_the_hospitals_that_could_take_part(four: Four) -> None:
    rest(four.boss(), four.auditor(), *four.hospitals("alpha", "beta", "gamma", "delta"))
    ports = four.consortium.coordinator.ports(four.consortium.vault)
    rest(Coordinator(ports, replace(four.masked_plan(2), min_hospitals=5), initial()))
    (alarm,) = four.reported("coordinator", Event.ALARM)
    assert "4 hospitals could take part, and the next round needs 5 (alpha, beta, delta, gamma)" in alarm


def test_the_status_tells_a_silent_member_a_problem_and_whom_the_round_left_out(four: Four) -> None:
    without_delta(four)
    at, records = four.clock.now, newest_records(four.consortium.coordinator.ledger.replay())
    well = Sign(four.account("alpha"), at - 60, "1.4.0", 1)
    signs = {
        well.account: replace(well, waits="vault"),
        four.account("beta"): replace(well, account=four.account("beta"), at=at - 2 * SILENT_AFTER_S, version="1.3.0"),
    }
    status = presence(four.federation, records, signs, at)
    text = "\n".join(lines_of(status))
    assert re.search(r"alpha +hospital .* version 1\.4\.0 .*its vault gives no answer", text)
    assert re.search(r"beta +hospital .* version 1\.3\.0 +silent since \d{4}-", text)
    assert "Without delta (it sent no keys in time)" in text
    assert re.search(r"It waits for .*: their shares, since .* UTC, until .* UTC", text)
    assert {Fault.LEFT_OUT, Fault.SILENT} <= set(status.faults)
    document = document_of(status)
    assert document["faults"] == ["left out", "silent"]
    assert json.loads(json.dumps(document))["phase"] == "share"


def test_a_deadline_that_is_over_is_a_fault_although_the_ledger_says_nothing_new(four: Four) -> None:
    four.until(Phase.ADVERTISE, four.boss())
    assert presence(four.federation, {}, {}, four.current.step_deadline).faults == ()
    assert presence(four.federation, {}, {}, four.current.step_deadline + 1).faults == (Fault.OVERDUE,)
