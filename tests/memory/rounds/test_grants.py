"""A member who came after a model was sealed takes part in the next round, because somebody grants it the model."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest

from fl.crypto.envelope import seal
from fl.events import Event
from fl.protocol.errors import DuplicateStep, GrantUnusable, KeyEpochMismatch, RevokedSender, VaultMissing, WrongRole
from fl.protocol.grants import planned
from fl.protocol.names import NO_DIGEST, Digest, Role
from fl.protocol.ports import Ledger
from fl.protocol.records import MemberRevoked, ModelGranted, Receipt, Record, RoundAborted
from fl.replay.file_reader import FileReader
from fl.replay.granted_models import grant_core, seal_grant
from fl.replay.ledger_view import Keyring
from fl.replay.round_documents import read_manifest
from fl.replay.vault_files import Awaited
from fl.roles.coordinator.agent import Coordinator
from fl.roles.forwarding_ledger import ForwardingLedger
from fl.roles.granting import AGAIN_S, MAX_AGAIN_S, TURN_S
from fl.roles.runner import Agent
from tests.support.federation import Party, initial, settle
from tests.support.world import World, audit, open_with_a_malformed_manifest


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a consortium with one final round."""
    begun = World(tmp_path)
    begun.run(1)
    return begun


def revoke(world: World, party: Party) -> None:
    operator = world.consortium.operator
    operator.append(MemberRevoked(operator.account, party.account, "its machine is lost"))


def record_of(world: World, sender: Party, reader: Party, file: bytes) -> ModelGranted:
    digest = world.consortium.vault.put(file)
    return ModelGranted(sender.account, reader.account, 1, world.federation.model_digest, digest)


def test_a_hospital_that_joins_after_a_round_takes_part_in_the_next_one(world: World) -> None:
    delta = world.join("delta", Role.HOSPITAL)
    settle(world.coordinator(2), world.auditor(), *world.hospitals(), world.hospital_of(delta))
    assert delta.account in world.current.hospitals
    assert world.phases() == ["FINAL", "FINAL"]


def test_a_coordinator_that_wants_four_hospitals_goes_on_when_the_fourth_joins(world: World) -> None:
    coordinator = world.coordinator(2, min_hospitals=4)
    settle(coordinator, world.auditor(), *world.hospitals())
    assert world.phases() == ["FINAL"]
    delta = world.join("delta", Role.HOSPITAL)
    settle(coordinator, world.auditor(), *world.hospitals(), world.hospital_of(delta))
    assert world.phases() == ["FINAL", "FINAL"]
    assert len(world.current.roster) == 4


def test_an_auditor_that_joins_after_a_round_attests_the_next_one(world: World) -> None:
    second = world.join("second auditor", Role.AUDITOR)
    settle(world.coordinator(2), world.auditor(second), *world.hospitals())
    assert list(world.current.attestations) == [second.account]


def test_an_audit_is_clean_and_names_the_grants(world: World) -> None:
    delta = world.join("delta", Role.HOSPITAL)
    settle(world.coordinator(2), world.auditor(), *world.hospitals(), world.hospital_of(delta))
    report = audit(world)
    assert report.clean, report.findings
    assert "coordinator granted the model of round 1 to delta, who came later." in report.notes
    assert [grant.record.reader for grant in world.federation.grants.made] == [delta.account]


def test_a_newcomer_without_a_key_gets_no_grant(world: World) -> None:
    settle(world.coordinator(2), world.auditor(), *world.hospitals())
    assert world.federation.grants.made == ()


def test_a_replaced_coordinator_goes_on_from_the_model_that_a_hospital_grants(world: World) -> None:
    old = world.coordinator(9)
    while world.current.phase.name != "OPEN":
        old.step()
    revoke(world, world.consortium.coordinator)
    heir = world.join("heir", Role.COORDINATOR)
    new = Coordinator(heir.ports(world.consortium.vault), world.plan(3), initial())
    settle(new, world.auditor(), *world.hospitals())
    assert world.phases() == ["FINAL", "ABORTED", "FINAL", "FINAL"]
    assert world.federation.rounds[-1].opener == heir.account
    report = audit(world)
    assert report.clean, report.findings


def test_nobody_but_a_hospital_grants_when_the_coordinator_is_gone(world: World) -> None:
    revoke(world, world.consortium.coordinator)
    heir = world.join("heir", Role.COORDINATOR)
    settle(*world.hospitals())
    made = world.federation.grants.made
    assert [grant.record.reader for grant in made] == [heir.account]
    assert world.federation.book.members[made[0].record.sender].role == Role.HOSPITAL


def test_hospitals_leave_a_grant_to_the_coordinator_until_their_turn(world: World) -> None:
    world.join("delta", Role.HOSPITAL)
    hospitals = world.hospitals()
    settle(*hospitals)
    assert world.federation.grants.made == ()
    world.clock.now += TURN_S
    settle(*hospitals)
    assert len(world.federation.grants.made) == 1


def test_a_grant_to_another_key_than_that_of_its_reader_is_a_finding(world: World) -> None:
    delta, gamma = world.join("delta", Role.HOSPITAL), world.party("gamma")
    federation, alpha = world.federation, world.party("alpha")
    plan = planned(record_of(world, alpha, delta, b""), federation.model, federation.book)
    record = record_of(world, alpha, delta, bytes(seal(grant_core(plan), [gamma.keys[1].member_key], bytes(32))))
    alpha.ledger.append(record)
    assert [(finding.name, finding.subject) for finding in audit(world).findings] == [
        ("GrantUnusable", "grant of a model to delta by alpha")
    ]


def test_a_grant_by_somebody_who_cannot_open_the_model_counts_for_nothing(world: World) -> None:
    delta, epsilon = (world.join(name, Role.HOSPITAL) for name in ("delta", "epsilon"))
    federation = world.federation
    plan = planned(record_of(world, delta, epsilon, b""), federation.model, federation.book)
    delta.ledger.append(record_of(world, delta, epsilon, seal_grant(plan, bytes(32))))
    assert epsilon.account not in world.federation.readers
    assert [finding.name for finding in audit(world).findings] == ["GrantUnusable"]


def test_a_grant_of_a_wrong_key_opens_nothing_and_names_its_sender(world: World) -> None:
    delta, alpha, federation = world.join("delta", Role.HOSPITAL), world.party("alpha"), world.federation
    plan = planned(record_of(world, alpha, delta, b""), federation.model, federation.book)
    alpha.ledger.append(record_of(world, alpha, delta, seal_grant(plan, bytes(32))))
    now = world.federation
    reader = FileReader(delta.account, world.consortium.vault, Keyring(delta.keys), grants=lambda: now.grants)
    with pytest.raises(GrantUnusable) as refused:
        reader.model(now.source, read_manifest(now.opening, world.consortium.vault))
    assert refused.value.sender == alpha.account
    revoke(world, alpha)
    settle(world.coordinator(2), world.auditor(), *world.hospitals("beta", "gamma"), world.hospital_of(delta))
    assert delta.account in world.current.hospitals


@pytest.mark.parametrize("stored", [True, False])
def test_one_false_grant_does_not_stop_a_new_coordinator(world: World, *, stored: bool) -> None:
    revoke(world, world.consortium.coordinator)
    heir, alpha = world.join("heir", Role.COORDINATOR), world.party("alpha")
    plan = planned(record_of(world, alpha, heir, b""), world.federation.model, world.federation.book)
    false = record_of(world, alpha, heir, seal_grant(plan, bytes(32)))
    alpha.ledger.append(false if stored else replace(false, digest=Digest(b"\x05" * 32)))
    new = Coordinator(heir.ports(Awaited(world.consortium.vault)), world.plan(2), initial())
    agents: tuple[Agent, ...] = (new, world.auditor(), *world.hospitals())
    with nullcontext() if stored else pytest.raises(VaultMissing):
        settle(*agents)
    assert world.phases() == ["FINAL"]
    assert (Event.ALARM in [what for what, _facts in heir.events]) == stored
    settle(*agents[1:])
    world.clock.now += AGAIN_S
    settle(*agents[1:])
    settle(*agents)
    assert world.phases() == ["FINAL", "FINAL"]
    assert [grant.record.reader for grant in world.federation.grants.made] == [heir.account] * 2


def test_a_reader_that_acted_gets_no_further_grant(world: World) -> None:
    revoke(world, world.consortium.coordinator)
    heir = world.join("heir", Role.COORDINATOR)
    new = Coordinator(heir.ports(world.consortium.vault), world.plan(9), initial())
    settle(*world.hospitals())
    while world.current.ended:
        new.step()
    heir.ledger.append(RoundAborted(heir.account, world.current.number, "enough"))
    hospitals = world.hospitals()
    for _ in range(3):
        settle(*hospitals)
        world.clock.now += MAX_AGAIN_S
    assert len(world.federation.grants.made) == 1


def test_each_grant_to_a_silent_reader_comes_later_and_from_somebody_else(world: World) -> None:
    delta, hospitals = world.join("delta", Role.HOSPITAL), world.hospitals()
    coordinator = world.coordinator(1)
    settle(coordinator, *hospitals)
    made = [len(world.federation.grants.made)]
    for wait in (AGAIN_S - 1, 1, 2 * AGAIN_S - 1, 1, MAX_AGAIN_S, MAX_AGAIN_S, MAX_AGAIN_S):
        world.clock.now += wait
        settle(coordinator, *hospitals)
        made.append(len(world.federation.grants.made))
    assert made == [1, 1, 2, 2, 3, 4, 4, 4]
    assert delta.account in world.federation.readers


def test_a_ledger_refuses_a_grant_to_somebody_who_may_not_read(world: World) -> None:
    alpha, trustee = world.party("alpha"), world.join("trustee", Role.TRUSTEE)
    delta = world.join("delta", Role.HOSPITAL)
    with pytest.raises(WrongRole):
        alpha.ledger.append(record_of(world, alpha, trustee, b""))
    with pytest.raises(KeyEpochMismatch):
        alpha.ledger.append(replace(record_of(world, alpha, delta, b""), epoch=2))
    right = ModelGranted(alpha.account, delta.account, 1, world.federation.model_digest, NO_DIGEST)
    alpha.ledger.append(right)
    with pytest.raises(DuplicateStep):
        alpha.ledger.append(right)
    revoke(world, delta)
    with pytest.raises(RevokedSender):
        world.party("beta").ledger.append(replace(right, sender=world.party("beta").account))


def test_any_member_may_abort_a_round_whose_coordinator_was_revoked(world: World) -> None:
    old = world.coordinator(9)
    while world.current.phase.name != "OPEN":
        old.step()
    revoke(world, world.consortium.coordinator)
    alpha = world.party("alpha")
    alpha.ledger.append(RoundAborted(alpha.account, world.current.number, "its coordinator was revoked"))
    assert world.phases()[-1] == "ABORTED"
    assert Event.ROUND_ABORTED not in world.events("alpha")


class Overtaken(ForwardingLedger):
    """A ledger on which somebody else aborts the round a moment before."""

    def __init__(self, ledger: Ledger, other: Ledger) -> None:
        super().__init__(ledger)
        self._other = other

    def append(self, record: Record) -> Receipt:
        if isinstance(record, RoundAborted):
            self._other.append(replace(record, sender=self._other.account))
        return super().append(record)


def test_a_new_coordinator_goes_on_when_somebody_else_aborts_the_old_round_first(world: World) -> None:
    old = world.coordinator(9)
    while world.current.phase.name != "OPEN":
        old.step()
    revoke(world, world.consortium.coordinator)
    heir = world.join("heir", Role.COORDINATOR)
    ports = heir.ports(world.consortium.vault)
    overtaken = replace(ports, ledger=Overtaken(ports.ledger, world.party("alpha").ledger))
    new = Coordinator(overtaken, world.plan(2), initial())
    settle(new, world.auditor(), *world.hospitals())
    assert world.phases() == ["FINAL", "ABORTED", "FINAL"]


def test_a_malformed_manifest_does_not_end_who_wants_to_grant(tmp_path: Path) -> None:
    world = World(tmp_path)
    open_with_a_malformed_manifest(world)
    world.join("delta", Role.HOSPITAL)
    alpha = world.hospital("alpha")
    for _ in range(3):
        settle(alpha)
        world.clock.now += 4 * TURN_S
    assert world.events("alpha") == [Event.WAITING]
    assert world.federation.grants.made == ()
