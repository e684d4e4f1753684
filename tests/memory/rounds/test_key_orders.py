"""Orders for a new key, carried out by a hospital's agent over a ledger in memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from fl.crypto.hybrid_kem import LongPrivateKey
from fl.protocol.errors import RoleRunning
from fl.protocol.keys.members import MemberKey
from fl.protocol.names import StatementKind
from fl.protocol.records import MemberRevoked
from fl.replay.ledger_view import Keyring
from fl.replay.long_keys import long_keys_of
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.key_orders import KeyOrder, KeyOrders, OrderOutcome
from fl.roles.hospital.orders import VALID_S, CarryingOut, OrderState
from fl.roles.long_key_statement import long_key_statement
from fl.storage.key_orders import FolderKeyOrders
from fl.storage.keyring import FolderKeys, LiveKeys, create_key
from fl.storage.lock import locked, only_one
from tests.support.federation import PASSWORD, nudge, settle
from tests.support.power import Fuse, FusedKeys, PowerCut, fused
from tests.support.world import World, audit

NAME = "6907b3a000000001"


def box(world: World) -> FolderKeyOrders:
    return FolderKeyOrders(world.party("beta").folder / "key-orders")


def order(world: World, age_s: int = 0) -> None:
    """Leave an order as the site would."""
    box(world).put(KeyOrder(NAME, world.party("beta").now() - age_s, "Tove Lindahl"))


def keeper(world: World, fuse: Fuse | None = None) -> CarryingOut[KeyOrder]:
    """Return beta's agent, whose keys are on its disk."""
    party = world.party("beta")
    for epoch, key in party.keys.items():
        create_key(party.folder, epoch, PASSWORD, key)
    ports = replace(party.ports(world.consortium.vault), keyring=Keyring(LiveKeys(party.folder, PASSWORD)))
    ports = fused(ports, fuse) if fuse is not None else ports
    orders = KeyOrders(ports, box(world), FolderKeys(party.folder, PASSWORD))
    if fuse is not None:
        disk = FolderKeys(party.folder, PASSWORD)
        orders = KeyOrders(ports, FusedBox(box(world), fuse), FusedOwnKeys(disk, fuse, disk))
    return CarryingOut(Hospital(ports, nudge("beta")), orders)


@dataclass
class FusedOwnKeys(FusedKeys):
    """A hospital's keys, long ones included."""

    disk: FolderKeys

    def create_long(self, epoch: int) -> LongPrivateKey:
        self.fuse.burn("before keys.create_long")
        key = self.disk.create_long(epoch)
        self.fuse.burn("after keys.create_long")
        return key


@dataclass
class FusedBox:
    """A box on a machine that can lose power."""

    inner: FolderKeyOrders
    fuse: Fuse

    def newest(self) -> KeyOrder | None:
        return self.inner.newest()

    def put(self, order: KeyOrder) -> None:
        self.inner.put(order)

    def outcome(self, name: str) -> OrderOutcome | None:
        return self.inner.outcome(name)

    def note(self, name: str, outcome: OrderOutcome) -> None:
        self.fuse.burn("before note")
        self.inner.note(name, outcome)
        self.fuse.burn("after note")


def own_keys(world: World) -> tuple[MemberKey, ...]:
    return world.federation.book.members[world.party("beta").account].keys


def done(world: World) -> OrderOutcome:
    outcome = box(world).outcome(NAME)
    assert outcome is not None
    return outcome


def test_an_order_makes_one_key_whose_public_half_is_on_the_ledger(world: World) -> None:
    order(world)
    settle(keeper(world))
    assert (done(world).state, done(world).epoch) == (OrderState.DONE, 2)
    assert own_keys(world)[1].public_key == LiveKeys(world.party("beta").folder, PASSWORD)[2].public_key
    settle(keeper(world))
    assert len(own_keys(world)) == 2


@pytest.mark.parametrize("moment", range(8))
def test_an_agent_that_dies_at_any_moment_makes_one_key_all_the_same(world: World, moment: int) -> None:
    order(world)
    with pytest.raises(PowerCut):
        settle(keeper(world, Fuse(moment)))
    settle(keeper(world))
    assert done(world).state is OrderState.DONE
    assert len(own_keys(world)) == 2


@pytest.mark.parametrize("moment", range(12))
def test_a_hospital_with_a_long_key_gets_a_new_one_at_any_power_cut(world: World, moment: int) -> None:
    party, vault = world.party("beta"), world.consortium.vault
    disk = FolderKeys(party.folder, PASSWORD)
    made = disk.create_long(1)
    party.ledger.append(long_key_statement(party.ledger.anchor, party.account, vault, party.keys[1], made))
    order(world)
    with pytest.raises(PowerCut):
        settle(keeper(world, Fuse(moment)))
    settle(keeper(world))
    assert done(world).state is OrderState.DONE
    key = own_keys(world)[-1]
    [found] = long_keys_of(world.federation, {party.account: key}, vault).values()
    assert found == disk.create_long(2).long_key
    assert len(list(world.federation.stated(StatementKind.LONG_KEY))) <= 3


def test_the_next_round_uses_the_new_key_without_a_restart(world: World) -> None:
    party = world.party("beta")
    agent = keeper(world)
    others = world.hospitals("alpha", "gamma")
    settle(world.coordinator(1), world.auditor(), *others, agent)
    order(world)
    settle(agent)
    settle(world.coordinator(2), world.auditor(), *others, agent)
    assert world.phases() == ["FINAL", "FINAL"]
    assert [found.keys[party.account].epoch for found in world.federation.rounds] == [1, 2]
    assert audit(world).findings == []


def test_an_order_of_yesterday_is_refused(world: World) -> None:
    order(world, VALID_S + 1)
    settle(keeper(world))
    assert done(world).state is OrderState.FAILED
    assert "more than a day" in done(world).why
    assert len(own_keys(world)) == 1


def test_a_key_that_was_replaced_by_hand_meanwhile_ends_the_order(world: World) -> None:
    party, agent = world.party("beta"), keeper(world)
    order(world)
    agent.step()
    party.register_key()
    settle(agent)
    assert done(world).state is OrderState.FAILED
    assert "somebody else replaced the key" in done(world).why
    assert len(own_keys(world)) == 2


def test_a_revoked_hospital_is_told_why_it_gets_no_key(world: World) -> None:
    order(world)
    world.consortium.operator.append(
        MemberRevoked(world.consortium.operator.account, world.party("beta").account, "it left")
    )
    keeper(world).step()
    assert done(world).why == "this hospital is not a member of the consortium any more"


def test_an_order_that_was_taken_back_makes_no_key(world: World) -> None:
    agent = keeper(world)
    order(world)
    agent.step()
    box(world).note(NAME, OrderOutcome(OrderState.WITHDRAWN, 0))
    settle(agent)
    assert len(own_keys(world)) == 1


def test_a_damaged_outcome_makes_no_second_key_and_a_damaged_order_none(world: World) -> None:
    folder = world.party("beta").folder / "key-orders"
    order(world)
    (folder / f"{NAME}.json").write_text("{", encoding="utf-8")
    settle(keeper(world))
    (folder / f"{NAME}.json").unlink()
    (folder / f"{NAME}.order").write_text("[]", encoding="utf-8")
    settle(keeper(world))
    assert len(own_keys(world)) == 1


def test_a_newer_order_replaces_the_older_one_with_its_outcome(world: World) -> None:
    order(world)
    box(world).note(NAME, OrderOutcome(OrderState.FAILED, 1, why="no"))
    newer = KeyOrder("6907b3a100000000", 5, "Sven Holm")
    box(world).put(newer)
    assert box(world).newest() == newer
    assert box(world).outcome(NAME) is None


def test_keys_that_another_process_stores_are_found_when_they_are_needed(world: World) -> None:
    party = world.party("beta")
    create_key(party.folder, 1, PASSWORD)
    keys = LiveKeys(party.folder, PASSWORD)
    assert (2 in keys, list(keys), len(keys)) == (False, [1], 1)
    made = create_key(party.folder, 2, PASSWORD)
    assert (2 in keys, max(keys), keys[2].public_key) == (True, 2, made.public_key)


def test_a_folder_is_locked_while_its_agent_runs_and_looking_does_not_stop_it(world: World) -> None:
    folder = world.party("beta").folder
    assert not locked(folder)
    with only_one(folder):
        assert locked(folder)
        with pytest.raises(RoleRunning), only_one(folder):
            pass
    assert not locked(folder)
