"""A withdrawal that the hospital's staff order on their site, carried out by the hospital's agent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from fl.protocol.errors import SettingInvalid
from fl.protocol.names import StatementKind
from fl.protocol.withdrawal import DATA, HOSPITAL
from fl.replay.branches import pending, withdrawal_of
from fl.roles.hospital.agent import Hospital
from fl.roles.hospital.orders import VALID_S, CarryingOut, OrderState
from fl.roles.hospital.withdrawal_orders import WithdrawalOrder, WithdrawalOrders, Withdrew
from fl.roles.hospital.withdrawing import Removal
from fl.storage.withdrawal_orders import FolderWithdrawalOrders
from fl.training.data.dataset import load_dataset, save_dataset
from fl.training.data.synthetic import SyntheticPlan, draw_dataset
from scripts.wiring.home import Home, MemberHome
from scripts.wiring.withdrawals import FolderRows
from tests.support.federation import nudge, settle
from tests.support.power import Fuse, PowerCut, fused
from tests.support.world import World

NAME = "6907b3a000000001"


@dataclass
class FusedRows:
    """Rows on a machine that can lose power before and after each change."""

    inner: FolderRows
    fuse: Fuse

    def waiting(self) -> Removal | None:
        return self.inner.waiting()

    def last(self) -> Removal | None:
        return self.inner.last()

    def has(self, persons: Sequence[str]) -> bool:
        return self.inner.has(persons)

    def remove(self, persons: Sequence[str], since: int) -> Removal:
        self.fuse.burn("before remove")
        removal = self.inner.remove(persons, since)
        self.fuse.burn("after remove")
        return removal

    def stated(self, digest: bytes) -> None:
        self.fuse.burn("before stated")
        self.inner.stated(digest)  # type: ignore[arg-type]
        self.fuse.burn("after stated")


@pytest.fixture
def home(tmp_path: Path) -> MemberHome:
    found = Home(tmp_path / "home").member("beta")
    found.folder.mkdir(parents=True)
    save_dataset(draw_dataset(SyntheticPlan(subjects=6, cells=3, size_px=16), 1), found.data_file)
    return found


def box(home: MemberHome) -> FolderWithdrawalOrders:
    return FolderWithdrawalOrders(home.withdrawal_orders)


def agent(world: World, home: MemberHome, fuse: Fuse | None = None) -> CarryingOut[WithdrawalOrder]:
    """Return beta's agent, which carries out what its site ordered."""
    ports = world.party("beta").ports(world.consortium.vault)
    rows = FolderRows(home)
    orders = WithdrawalOrders(ports, box(home), rows)
    if fuse is not None:
        orders = WithdrawalOrders(fused(ports, fuse), box(home), FusedRows(rows, fuse))
    return CarryingOut(Hospital(ports, nudge("beta")), orders)


def order(world: World, home: MemberHome, *persons: str, age_s: int = 0) -> None:
    """Leave an order as the site would."""
    asked_at = world.party("beta").now() - age_s
    box(home).put(WithdrawalOrder(NAME, asked_at, "Tove Lindahl", persons, 2))


def done(home: MemberHome) -> Withdrew:
    outcome = box(home).outcome(NAME)
    assert outcome is not None
    return outcome


def stated(world: World) -> list[tuple[str, int, int]]:
    made = world.federation.stated(StatementKind.WITHDRAWAL)
    what = [withdrawal_of(each, world.consortium.vault) for _, each in made]
    return [(each.what, each.since, each.rows) for each in what]


def test_the_whole_hospital_withdraws_once_however_often_it_is_ordered(tmp_path: Path, home: MemberHome) -> None:
    world = World(tmp_path)
    world.run(2)
    order(world, home)
    settle(agent(world, home))
    assert done(home).state is OrderState.DONE
    box(home).put(WithdrawalOrder("6907b3a000000002", world.party("beta").now(), "Sven Holm"))
    settle(agent(world, home))
    assert stated(world) == [(HOSPITAL, 1, 0)]
    assert [each.base for each in pending(world.federation, world.consortium.vault)] == [0]


@pytest.mark.parametrize("moment", range(10))
def test_rows_are_taken_out_and_stated_once_at_any_power_cut(tmp_path: Path, home: MemberHome, moment: int) -> None:
    world = World(tmp_path)
    world.run(2)
    person = min(set(load_dataset(home.data_file).groups.tolist()))
    order(world, home, person)
    fuse = Fuse(moment)
    try:
        settle(agent(world, home, fuse))
    except PowerCut:
        settle(agent(world, home))
    assert done(home) == replace(done(home), state=OrderState.DONE, rows=3)
    assert person not in load_dataset(home.data_file).groups
    assert stated(world) == [(DATA, 2, 3)]
    assert [each.base for each in pending(world.federation, world.consortium.vault)] == [1]


def test_a_person_who_comes_back_and_leaves_again_is_stated_twice(tmp_path: Path, home: MemberHome) -> None:
    world = World(tmp_path)
    before = load_dataset(home.data_file)
    person = str(before.groups[0])
    for turn in (1, 2):
        save_dataset(before, home.data_file)
        box(home).put(WithdrawalOrder(f"{turn:016x}", world.party("beta").now(), "Tove Lindahl", (person,), 1))
        settle(agent(world, home))
    assert stated(world) == [(DATA, 1, 3)] * 2


def test_what_cannot_be_done_is_refused_in_words(tmp_path: Path, home: MemberHome) -> None:
    world = World(tmp_path)
    order(world, home, "nobody")
    settle(agent(world, home))
    assert (done(home).state, done(home).why) == (
        OrderState.FAILED,
        str(SettingInvalid("persons", "the imported images have no person nobody")),
    )
    box(home).put(WithdrawalOrder("7907b3a000000001", world.party("beta").now() - VALID_S - 1, "Tove Lindahl"))
    settle(agent(world, home))
    outcome = box(home).outcome("7907b3a000000001")
    assert outcome is not None
    assert outcome.state is OrderState.FAILED
    assert "waited for more than a day" in outcome.why
    assert stated(world) == []
