"""Rounds whose files are sealed for decades: all to long keys, none without them, and no way back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fl.crypto.envelope_form import CORE_BYTES, Header, Kind, Parts
from fl.crypto.hpke_keys import PrivateKey, key_record
from fl.crypto.hybrid_kem import LongPrivateKey
from fl.crypto.key_wrapping import LONG_WRAP_BYTES
from fl.events import Event
from fl.protocol.errors import LongKeyMissing
from fl.protocol.keys.long_keys import LongKeyDocument
from fl.protocol.names import Digest, Protection, Role, StatementKind, Suite
from fl.protocol.records import LedgerHandedOver, StatementMade
from fl.protocol.rounds.round import Round
from fl.replay.long_keys import has_long_key, lacking_long_keys, long_keys_of
from fl.roles.coordinator.agent import Coordinator
from fl.roles.long_key_statement import long_key_statement
from fl.roles.runner import Agent
from tests.support.federation import CONFIG, Party, initial, settle
from tests.support.ledger import MemoryLedger
from tests.support.world import World, audit

LONG = replace(CONFIG, suite=Suite.HYBRID)
NAMES = ("alpha", "beta", "gamma")


def add_long_key(world: World, party: Party, epoch: int = 1, statement: StatementMade | None = None) -> None:
    ledger = party.ledger
    party.long_keys[epoch] = LongPrivateKey.generate(epoch)
    made = long_key_statement(
        ledger.anchor, party.account, world.consortium.vault, party.keys[epoch], party.long_keys[epoch]
    )
    ledger.append(statement or made)


def coordinator(world: World, rounds: int, *, suite: Suite = Suite.HYBRID, masked: bool = False) -> Coordinator:
    plan = replace(world.plan(rounds), config=replace(CONFIG, suite=suite))
    if masked:
        plan = replace(plan, protection=Protection.MASKED, min_hospitals=3, min_commitments=3)
    return Coordinator(world.consortium.coordinator.ports(world.consortium.vault), plan, initial())


def files_of(world: World, current: Round) -> Iterator[bytes]:
    digests = [*current.commitments.values(), *(each.digest for each in current.revealed.values())]
    assert current.proposal is not None
    for digest in (*digests, current.proposal.envelope_digest):
        yield world.consortium.vault.get(Digest(digest), 10**9)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a consortium of which everybody has a long key, with its federation opened."""
    begun = World(tmp_path)
    for party in begun.consortium.everybody():
        add_long_key(begun, party)
    return begun


@pytest.mark.parametrize("masked", [False, True], ids=["sealed", "masked"])
def test_every_file_of_a_round_is_sealed_to_long_keys_only(world: World, masked: bool) -> None:
    settle(coordinator(world, 2, masked=masked), world.auditor(), *world.hospitals())
    assert world.phases() == ["FINAL", "FINAL"]
    kinds = set()
    for current in world.federation.rounds:
        for file in files_of(world, current):
            header, parts = Header.from_bytes(file[:CORE_BYTES]), Parts.of(file)
            kinds.add(header.kind)
            assert header.suite == Suite.HYBRID
            assert {len(wrap) for wrap in parts.wraps.values()} == {LONG_WRAP_BYTES - 18}
            long_ids = {party.long_keys[1].key_id for party in world.consortium.everybody()}
            assert parts.wraps.keys() <= long_ids
    assert kinds == ({Kind.MASKED, Kind.UNMASK, Kind.MODEL} if masked else {Kind.UPDATE, Kind.MODEL})
    report = audit(world)
    assert report.clean, report.findings
    assert report.checks["aggregates"] == 2


def test_no_round_opens_while_a_reader_lacks_a_long_key(tmp_path: Path) -> None:
    world = World(tmp_path)
    *others, gamma = world.consortium.everybody()
    for party in others:
        add_long_key(world, party)
    opening = coordinator(world, 1)
    settle(opening, world.auditor(), *world.hospitals())
    assert world.phases() == []
    [reason] = [str(f["reason"]) for what, f in world.consortium.coordinator.events if what == Event.WAITING]
    assert f"These members have no long key: {gamma.name}." in reason
    add_long_key(world, gamma)
    settle(opening, world.auditor(), *world.hospitals())
    assert world.phases() == ["FINAL"]


def test_hospitals_refuse_a_round_in_which_a_reader_has_no_long_key(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    beta = world.party("beta")
    beta.register_key()
    assert lacking_long_keys(world.federation, world.consortium.vault) == [beta.account]
    monkeypatch.setattr("fl.roles.coordinator.waits.lacking_long_keys", lambda *_: [])
    careless = coordinator(world, 1)
    while world.round is None:
        careless.step()
    settle(*world.hospitals())
    assert all("These members have no long key: beta." in world.refusals(name)[0] for name in NAMES)
    assert world.current.commitments == {}


def test_a_federation_does_not_go_back(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    settle(coordinator(world, 1), world.auditor(), *world.hospitals())
    monkeypatch.setattr("fl.roles.coordinator.round_opening.check_next", lambda *_: None)
    lowering = coordinator(world, 2, suite=Suite.P256)
    while world.phases() == ["FINAL"]:
        lowering.step()
    settle(*world.hospitals())
    assert all("does not go back to the classical suite" in world.refusals(name)[0] for name in NAMES)
    assert world.current.commitments == {}


def test_a_newcomer_gets_a_grant_after_its_long_key(world: World) -> None:
    settle(coordinator(world, 1), world.auditor(), *world.hospitals())
    delta = world.join("delta", Role.HOSPITAL)
    agents: list[Agent] = [coordinator(world, 2), world.auditor(), *world.hospitals(), world.hospital_of(delta)]
    settle(*agents)
    assert not world.federation.grants.made
    assert world.phases() == ["FINAL"]
    add_long_key(world, delta)
    settle(*agents)
    assert len(world.federation.grants.made) == 1
    grant = world.federation.grants.made[0]
    assert Header.from_bytes(world.consortium.vault.get(grant.record.digest, 2000)[:CORE_BYTES]).suite == Suite.HYBRID
    assert delta.account in world.current.hospitals
    assert world.phases() == ["FINAL", "FINAL"]
    report = audit(world)
    assert report.clean, report.findings


def test_only_the_newest_right_statement_counts(world: World) -> None:
    alpha, vault = world.party("alpha"), world.consortium.vault
    key, account = alpha.keys[1].member_key, alpha.account
    first = long_keys_of(world.federation, {account: key}, vault)[account]
    add_long_key(world, alpha)
    assert long_keys_of(world.federation, {account: key}, vault)[account] == alpha.long_keys[1].long_key != first
    right = LongKeyDocument(first, alpha.keys[1].prove_possession(first.message(world.federation.anchor, account)))
    wrong = (
        replace(right, proof=bytes(64)).to_bytes(),
        replace(right, key=replace(first, epoch=2)).to_bytes(),
        replace(right, key=replace(first, public_key=bytes(1249))).to_bytes(),
        right.to_bytes() + b"x",
        LongKeyDocument(first, world.party("beta").keys[1].prove_possession(b"")).to_bytes(),
    )
    for data in wrong:
        stated = StatementMade(account, 0, StatementKind.LONG_KEY, vault.put(data), "")
        alpha.ledger.append(stated)
        assert not has_long_key(world.federation, account, key, vault)
        with pytest.raises(LongKeyMissing):
            long_keys_of(world.federation, {account: key}, vault)
    alpha.ledger.append(StatementMade(account, 0, StatementKind.LONG_KEY, vault.put(right.to_bytes()), ""))
    assert has_long_key(world.federation, account, key, vault)


def test_a_rotation_needs_a_new_long_key(world: World) -> None:
    alpha, vault = world.party("alpha"), world.consortium.vault
    alpha.keys[2] = PrivateKey.generate(2)
    alpha.ledger.append(key_record(alpha.ledger.anchor, alpha.account, alpha.keys[2]))
    assert lacking_long_keys(world.federation, vault) == [alpha.account]
    add_long_key(world, alpha, 2)
    settle(coordinator(world, 1), world.auditor(), *world.hospitals())
    assert world.phases() == ["FINAL"]


def test_a_later_ledger_opens_with_the_model_sealed_as_before(world: World) -> None:
    settle(coordinator(world, 1), world.auditor(), *world.hospitals())
    gamma, consortium = world.party("gamma"), world.consortium
    gamma.keys[2] = PrivateKey.generate(2)
    gamma.ledger.append(key_record(gamma.ledger.anchor, gamma.account, gamma.keys[2]))
    assert isinstance(consortium.operator, MemoryLedger)
    chain = consortium.operator._chain
    successor = chain.deploy_successor()
    consortium.operator.append(LedgerHandedOver(consortium.operator.account, successor))
    consortium.operator = MemoryLedger(chain, consortium.operator.account, successor)
    for party in consortium.everybody():
        party.ledger = MemoryLedger(chain, party.account, successor)
    agents: list[Agent] = [coordinator(world, 2), world.auditor(), *world.hospitals()]
    settle(*agents)
    assert len(world.federation.openings) == 1
    add_long_key(world, gamma, 2)
    settle(*agents)
    assert world.phases() == ["FINAL", "FINAL"]
    opening = world.federation.opening
    file = consortium.vault.get(opening.record.envelope_digest, 10**7)
    assert Header.from_bytes(file[:CORE_BYTES]).suite == Suite.HYBRID
    assert Parts.of(file).wraps.keys() == {
        party.long_keys[max(party.long_keys)].key_id for party in consortium.everybody()
    }
    report = audit(world)
    assert report.clean, report.findings
