"""One consortium trains one task: a mismatch is refused before training, a change before and after a round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fl.audit.access import AuditKey
from fl.audit.consortium import Audit
from fl.audit.reports import alarms_of
from fl.events import Event
from fl.protocol.audit import AuditStep
from fl.protocol.errors import AccuracyAlarm, TaskChanged, VaultUnavailable
from fl.protocol.names import Protection
from fl.protocol.rounds.round import Phase
from fl.protocol.task import Origin
from fl.protocol.task_catalogue import LEUKEMIA, LEUKEMIA_STAGES, PNEUMONIA
from fl.replay.ledger_view import Keyring
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.coordinator.plan import Plan
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.background_training import TrainingJob
from fl.roles.runner import Agent
from fl.storage.vault import FolderVault
from fl.training.aggregation.quantise import LocalMetrics, Vector
from tests.support.federation import CONFIG, endorser, initial, memory_folder, nudge, settle
from tests.support.world import World

ALARM = "on 80 held-out images AUROC is 0.020, far below 0.5"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with memory_folder(tmp_path) as folder:
        yield World(folder)


def never(_task: TrainingJob) -> tuple[Vector, LocalMetrics]:
    raise AssertionError("a hospital trained what its labels do not mean")


def coordinator(world: World, plan: Plan) -> Coordinator:
    return Coordinator(world.consortium.coordinator.ports(world.consortium.vault), plan, initial())


def alarmed(world: World) -> Auditor:
    ports = world.consortium.auditor.ports(world.consortium.vault)
    return Auditor(ports, lambda _model, _config: Evaluation({"auroc": 0.02}, {}, ALARM))


# --- A hospital and its labels -------------------------------------------------------------------------------------


@pytest.mark.parametrize("protection", [Protection.MASKED, Protection.SEALED])
@pytest.mark.parametrize("own", [PNEUMONIA, LEUKEMIA_STAGES, replace(LEUKEMIA, origin=Origin.DRAWN)])
def test_a_hospital_trains_no_task_but_that_of_its_labels(world: World, protection: Protection, own: object) -> None:
    plan = replace(world.plan(), protection=protection, step_timeout_s=60)
    boss, party = coordinator(world, plan), world.party("alpha")
    assert isinstance(own, type(LEUKEMIA))
    hospital = Hospital(party.ports(world.consortium.vault), never, task=own)
    settle(boss, hospital)
    assert set(world.events("alpha")) == {Event.ROUND_REFUSED}
    assert "TaskMismatch" in str(party.events[0][1]["reason"])
    hospital.finish_training()
    assert not hospital.step()


def test_a_hospital_with_the_same_task_takes_part_though_others_named_their_folders_otherwise(world: World) -> None:
    vault = world.consortium.vault
    hospitals = [Hospital(p.ports(vault), nudge(p.name), task=LEUKEMIA) for p in world.consortium.hospitals]
    settle(world.coordinator(), world.auditor(), *hospitals)
    assert world.phases() == ["FINAL"]


# --- A task that changes -------------------------------------------------------------------------------------------


def test_a_coordinator_does_not_open_a_round_of_another_task(world: World) -> None:
    world.run(1)
    changed = replace(world.plan(2), config=replace(CONFIG, task=LEUKEMIA_STAGES))
    with pytest.raises(TaskChanged):
        settle(coordinator(world, changed))
    assert world.phases() == ["FINAL"]


def test_an_auditor_refuses_and_an_audit_finds_a_round_whose_task_changed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.run(1)
    monkeypatch.setattr(
        "fl.roles.coordinator.round_opening.check_next", lambda *_: None
    )  # a coordinator that does not care
    turned = replace(LEUKEMIA, classes=LEUKEMIA.classes[::-1])
    auditor = world.auditor()
    settle(coordinator(world, replace(world.plan(2), config=replace(CONFIG, task=turned))), auditor, *world.hospitals())
    assert world.phases() == ["FINAL", "PROPOSED"]
    assert Event.MODEL_NOT_ATTESTED in world.events("auditor")
    party, ledger = world.consortium.auditor, world.consortium.operator
    key = AuditKey(party.account, Keyring(party.keys))
    made = Audit(ledger.anchor, world.consortium.vault, key, endorser())
    report, _ = made.run(ledger.replay(), lambda _done, _of: None)
    assert [(found.name, found.round, found.step) for found in report.findings] == [("TaskChanged", 2, AuditStep.TERMS)]


# --- Far worse than chance -----------------------------------------------------------------------------------------


def test_an_alarm_stops_the_coordinator_before_the_round_is_final(world: World) -> None:
    others: list[Agent] = [alarmed(world), *world.hospitals()]
    with pytest.raises(AccuracyAlarm) as alarm:
        settle(world.coordinator(3), *others)
    assert world.phases() == ["PROPOSED"]
    assert ALARM in str(alarm.value)
    assert "--despite-alarm" in str(alarm.value)
    assert Event.ALARM in world.events("coordinator")
    assert Event.ALARM in world.events("auditor")
    with pytest.raises(AccuracyAlarm):  # after a restart as well
        settle(world.coordinator(3), *others)


def test_a_person_may_go_on_in_spite_of_it_and_every_round_says_so(world: World) -> None:
    boss = coordinator(world, replace(world.plan(2), despite_alarm=True))
    settle(boss, alarmed(world), *world.hospitals())
    assert world.phases() == ["FINAL", "FINAL"]
    assert world.events("coordinator").count(Event.ALARM) == 2
    for current in world.federation.rounds:
        assert list(alarms_of(current, world.consortium.vault).values()) == [ALARM]


def test_an_audit_reports_the_alarm_with_its_round_and_is_not_clean(world: World) -> None:
    settle(coordinator(world, replace(world.plan(2), despite_alarm=True)), alarmed(world), *world.hospitals())
    party, ledger = world.consortium.auditor, world.consortium.operator
    key = AuditKey(party.account, Keyring(party.keys))
    made = Audit(ledger.anchor, world.consortium.vault, key, endorser())
    report, _ = made.run(ledger.replay(), lambda _done, _of: None)
    assert report.findings == []
    assert not report.clean
    assert [(alarm.name, alarm.round) for alarm in report.alarms] == [("AccuracyAlarm", 1), ("AccuracyAlarm", 2)]
    assert report.tasks[1] == LEUKEMIA.to_dict()


def test_a_report_without_an_alarm_is_none(world: World) -> None:
    world.run(1)
    assert world.federation.rounds[0].phase == Phase.FINAL
    assert alarms_of(world.federation.rounds[0], world.consortium.vault) == {}


def test_without_a_vault_nothing_is_said_of_alarms(world: World, tmp_path: Path) -> None:
    settle(coordinator(world, replace(world.plan(1), despite_alarm=True)), alarmed(world), *world.hospitals())
    with pytest.raises(VaultUnavailable):
        alarms_of(world.federation.rounds[0], FolderVault(tmp_path / "unmounted", bytes(32)))
    assert alarms_of(world.federation.rounds[0], FolderVault(tmp_path / "empty")) == {}
