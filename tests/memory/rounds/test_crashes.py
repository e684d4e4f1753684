"""Every role is stopped before and after each of its writes, and started again from its folder."""

from __future__ import annotations

import hashlib

import pytest

from fl.events import Event
from fl.protocol.errors import HemaledgerError
from fl.protocol.names import NO_DIGEST
from fl.protocol.records import ModelAttested, UpdateCommitted
from fl.roles.auditor import Auditor, Evaluation
from fl.roles.coordinator.agent import Coordinator
from fl.roles.hospital.agent import Hospital
from fl.roles.runner import Agent
from tests.support.federation import initial, settle
from tests.support.power import Fuse, PowerCut, fused, moments
from tests.support.world import World, check_audit, restless

HOSPITAL_WRITES = [
    "outbox.put",
    "journal.once update",
    "append UpdateCommitted",
    "vault.put",
    "journal.once uploaded",
    "journal.once checked",
]
COORDINATOR_WRITES = [
    "vault.put",  # manifest
    "vault.put",  # initial model
    "append FederationOpened",
    "vault.put",  # configuration
    "append RoundOpened",
    "append RoundFrozen",
    "vault.put",  # new model
    "append ModelProposed",
    "append RoundFinalised",
]
AUDITOR_WRITES = ["vault.put", "append ModelAttested"]


def fused_hospital(world: World, fuse: Fuse) -> Hospital:
    party = world.party("beta")
    return Hospital(fused(party.ports(world.consortium.vault), fuse), restless("beta"))


def test_a_hospital_promises_on_its_own_disk_before_it_writes_to_the_ledger(world: World) -> None:
    fuse = Fuse()
    settle(world.coordinator(), world.auditor(), fused_hospital(world, fuse), *world.hospitals("alpha", "gamma"))
    assert fuse.passed == moments(HOSPITAL_WRITES)


@pytest.mark.parametrize("moment", range(2 * len(HOSPITAL_WRITES)), ids=moments(HOSPITAL_WRITES).__getitem__)
def test_a_hospital_that_stops_anywhere_sends_the_same_bytes_and_the_round_ends(world: World, moment: int) -> None:
    others: list[Agent] = [world.coordinator(), world.auditor(), *world.hospitals("alpha", "gamma")]
    with pytest.raises(PowerCut):
        settle(*others, fused_hospital(world, Fuse(moment)))
    beta = world.party("beta")
    key = f"update/{world.current.context.hex()}"
    journal = beta.ports(world.consortium.vault).journal
    promised = journal.get(key)
    assert (promised is not None) == (moment >= moments(HOSPITAL_WRITES).index("after journal.once update"))
    settle(*others, fused_hospital(world, Fuse()))
    assert world.phases() == ["FINAL"]
    committed = world.current.commitments[beta.account]
    assert committed == journal.get(key)
    assert promised in {None, committed}
    file = world.consortium.vault.get(committed, 10**7)
    assert hashlib.sha256(file).digest() == committed
    assert beta.ports(world.consortium.vault).outbox.get(committed, 10**7) == file
    made = [entry for entry in world.consortium.operator.replay() if isinstance(entry.record, UpdateCommitted)]
    assert len(made) == 3
    check_audit(world)


def fused_coordinator(world: World, fuse: Fuse) -> Coordinator:
    ports = fused(world.consortium.coordinator.ports(world.consortium.vault), fuse)
    return Coordinator(ports, world.plan(), initial())


def test_a_coordinator_stores_what_it_records_before_it_records_it(world: World) -> None:
    fuse = Fuse()
    settle(fused_coordinator(world, fuse), world.auditor(), *world.hospitals())
    assert fuse.passed == moments(COORDINATOR_WRITES)


@pytest.mark.parametrize("moment", range(2 * len(COORDINATOR_WRITES)))
def test_a_coordinator_that_stops_anywhere_is_replaced_by_a_new_one_and_the_round_ends(
    world: World, moment: int
) -> None:
    others: list[Agent] = [world.auditor(), *world.hospitals()]
    with pytest.raises(PowerCut):
        settle(*others, fused_coordinator(world, Fuse(moment)))
    settle(*others, world.coordinator())
    assert world.phases() == ["FINAL"]
    check_audit(world)


@pytest.mark.parametrize("moment", range(2 * len(AUDITOR_WRITES)))
def test_an_auditor_that_stops_anywhere_attests_once(world: World, moment: int) -> None:
    others: list[Agent] = [world.coordinator(), *world.hospitals()]
    fuse = Fuse(moment)
    ports = fused(world.consortium.auditor.ports(world.consortium.vault), fuse)
    with pytest.raises(PowerCut):
        settle(*others, Auditor(ports, lambda _model, _config: Evaluation()))
    assert fuse.passed == moments(AUDITOR_WRITES)[: moment + 1]
    settle(*others, world.auditor())
    assert world.phases() == ["FINAL"]
    made = [entry.record for entry in world.consortium.operator.replay() if isinstance(entry.record, ModelAttested)]
    assert len(made) == 1
    assert made[0].report_digest != NO_DIGEST
    check_audit(world)


def test_coordinators_come_and_go_between_rounds(world: World) -> None:
    for rounds in (1, 2, 3):
        settle(world.coordinator(rounds), world.auditor(), *world.hospitals())
        assert world.phases() == ["FINAL"] * rounds


def test_a_hospital_that_comes_back_after_the_deadline_waits_for_the_next_round(world: World) -> None:
    others: list[Agent] = [world.coordinator(2), world.auditor(), *world.hospitals("alpha", "gamma")]
    before_the_ledger = moments(HOSPITAL_WRITES).index("before append UpdateCommitted")
    with pytest.raises(PowerCut):
        settle(*others, fused_hospital(world, Fuse(before_the_ledger)))
    world.clock.now += 121
    beta = fused_hospital(world, Fuse())
    assert not beta.step()
    settle(*others, beta)
    assert world.phases() == ["FINAL", "FINAL"]
    first, second = world.federation.rounds
    account = world.party("beta").account
    assert account not in first.commitments
    assert account in second.hospitals


def test_a_hospital_that_stopped_before_its_upload_and_was_left_out_is_told_and_goes_on(world: World) -> None:
    others: list[Agent] = [world.coordinator(1), *world.hospitals("alpha", "gamma")]
    with pytest.raises(PowerCut):
        settle(*others, fused_hospital(world, Fuse(moments(HOSPITAL_WRITES).index("before vault.put"))))
    world.clock.now = world.current.terms.commit_deadline + 1
    settle(*others)
    assert world.phases() == ["PROPOSED"]
    beta = fused_hospital(world, Fuse())
    settle(world.coordinator(2), world.auditor(), *world.hospitals("alpha", "gamma"), beta)
    assert world.phases() == ["FINAL", "FINAL"]
    assert Event.MISSING_IN_SET in world.events("beta")
    assert world.party("beta").account in world.current.hospitals


def test_a_role_whose_journal_says_another_thing_than_the_ledger_stops(world: World) -> None:
    coordinator = world.freeze_a_round()
    coordinator.step()
    beta = world.party("beta")
    for file in beta.folder.glob("journal.sqlite*"):
        file.unlink()
    with pytest.raises(HemaledgerError) as refusal:
        world.hospital("beta").step()
    assert refusal.value.name == "FolderCopied"
    wanted = {"account": beta.account, "round": 1, "what": "an update"}
    assert refusal.value.facts() == wanted
