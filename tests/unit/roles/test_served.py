"""The model in force: checked before it serves, and serving on while the world is silent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from fl.protocol.errors import ChainUnavailable, FederationNotOpened, HashMismatch, RecipientNotFound, VaultMissing
from fl.protocol.names import Address, Role
from fl.protocol.ports import Anchor, Ledger
from fl.protocol.records import Entry, Position, Receipt, Record
from fl.roles.coordinator import Coordinator
from fl.roles.served import ModelReader
from fl.roles.view import Keyring
from fl.training.config import LocalConfig
from fl.training.recipe import Recipe
from tests.fakes.federation import CONFIG, SPEC, Party, initial, settle
from tests.unit.roles.world import World

RECIPE = Recipe(SPEC, LocalConfig(), 1)


@dataclass
class Switch:
    """A ledger that can be cut off."""

    inner: Ledger
    off: bool = False

    @property
    def anchor(self) -> Anchor:
        return self.inner.anchor

    @property
    def account(self) -> Address:
        return self.inner.account

    def append(self, record: Record) -> Receipt:
        return self.inner.append(record)

    def replay(self, after: Position | None = None) -> Sequence[Entry]:
        if self.off:
            raise ChainUnavailable("http://127.0.0.1:8545", "connection refused")
        return self.inner.replay(after)

    def wait(self, after: Position | None, timeout_s: float) -> bool:
        return self.inner.wait(after, timeout_s)


def run_rounds(world: World, rounds: int) -> None:
    """Run rounds whose configuration holds a recipe that a predictor can be built from."""
    plan = replace(world.plan(rounds), config=replace(CONFIG, training=RECIPE.to_dict()))
    coordinator = Coordinator(world.consortium.coordinator.ports(world.consortium.vault), plan, initial())
    settle(coordinator, world.auditor(), *world.hospitals())


def reader_of(world: World, party: Party) -> tuple[ModelReader, Switch]:
    switch = Switch(world.consortium.operator)
    return ModelReader(switch, world.consortium.vault, (party.account, Keyring(party.keys)), world.clock), switch


def test_before_the_first_final_round_nothing_serves(world: World) -> None:
    reader, switch = reader_of(world, world.party("alpha"))
    with pytest.raises(FederationNotOpened):
        reader.current()
    world.freeze_a_round()
    with pytest.raises(FederationNotOpened):
        reader.current()
    switch.off = True
    with pytest.raises(ChainUnavailable):
        reader.current()


def test_the_newest_final_model_serves_and_moves_on(world: World) -> None:
    run_rounds(world, 1)
    reader, _ = reader_of(world, world.party("alpha"))
    served = reader.current()
    assert (served.round.number, served.verified, served.verified_at) == (1, True, world.clock.now)
    assert served.task == CONFIG.task
    world.clock.now += 60
    again = reader.current()
    assert again.predictor is served.predictor
    assert again.verified_at == served.verified_at + 60
    run_rounds(world, 2)
    assert reader.current().round.number == 2
    assert reader.federation().last_round == 2


def test_while_the_chain_is_silent_the_last_model_serves_on_marked_with_its_time(world: World) -> None:
    run_rounds(world, 1)
    reader, switch = reader_of(world, world.party("alpha"))
    checked = reader.current().verified_at
    world.clock.now += 600
    switch.off = True
    served = reader.current()
    assert (served.verified, served.verified_at, served.round.number) == (False, checked, 1)
    switch.off = False
    assert reader.current().verified
    assert reader.current().verified_at == world.clock.now


def test_while_the_new_models_file_is_not_there_the_last_one_serves_on(world: World) -> None:
    run_rounds(world, 1)
    reader, _ = reader_of(world, world.party("alpha"))
    reader.current()
    run_rounds(world, 2)
    assert world.current.proposal is not None
    path = world.consortium.vault.path(world.current.proposal.envelope_digest)
    path.rename(path.with_suffix(".away"))
    served = reader.current()
    assert (served.round.number, served.verified) == (1, False)
    with pytest.raises(VaultMissing):
        reader_of(world, world.party("alpha"))[0].current()
    path.with_suffix(".away").rename(path)
    assert reader.current().round.number == 2


def test_a_changed_file_does_not_serve(world: World) -> None:
    run_rounds(world, 1)
    assert world.current.proposal is not None
    path = world.consortium.vault.path(world.current.proposal.envelope_digest)
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(HashMismatch):
        reader_of(world, world.party("alpha"))[0].current()


def test_who_joined_later_cannot_read_an_older_model(world: World) -> None:
    run_rounds(world, 1)
    late = world.join("late", Role.HOSPITAL)
    with pytest.raises(RecipientNotFound):
        reader_of(world, late)[0].current()
