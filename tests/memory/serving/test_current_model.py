"""The model in force: checked before it serves, and serving on while the world is silent."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fl.protocol.errors import (
    ChainUnavailable,
    FederationNotOpened,
    HashMismatch,
    ModelUnusable,
    RecipientNotFound,
    VaultMissing,
)
from fl.protocol.names import Digest, Role
from fl.protocol.ports import Mark
from fl.replay.ledger_view import Keyring
from fl.roles.coordinator.agent import Coordinator
from fl.roles.serving.current_model import VerifiedModelCache
from fl.roles.serving.file_watch import REHASH_S, FileWatch
from fl.roles.serving.model_facts import Fact, State
from fl.storage.vault import FolderVault
from fl.training.aggregation.lanes import Lane, LanePlan
from fl.training.aggregation.work import LaneValues, SumSpec
from fl.training.evaluation.predict import Predictor
from tests.support.federation import CONFIG, Party, initial, settle
from tests.support.power import Switch
from tests.support.world import RECIPE, World, run_rounds


def reader_of(world: World, party: Party) -> tuple[VerifiedModelCache, Switch]:
    switch = Switch(world.consortium.operator)
    return VerifiedModelCache(
        switch, world.consortium.vault, party.account, Keyring(party.keys), world.clock, Predictor
    ), switch


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


def test_a_model_that_a_round_of_lanes_kept_untrained_does_not_serve(world: World) -> None:
    plan = LanePlan("rows", (Lane("rows", 1, 0, 9, "How many rows there are."),))
    training = {**RECIPE.to_dict(), **SumSpec(plan, "keep").to_dict()}
    coordinator = Coordinator(
        world.consortium.coordinator.ports(world.consortium.vault),
        replace(world.plan(), config=replace(CONFIG, training=training)),
        initial(),
    )
    rows = LaneValues(np.array([3], np.int64), 3)
    settle(
        coordinator, world.auditor(), *(world.hospital(name, lambda _job: rows) for name in ("alpha", "beta", "gamma"))
    )
    assert world.phases() == ["FINAL"]
    reader, _ = reader_of(world, world.party("alpha"))
    with pytest.raises(FederationNotOpened):
        reader.current()
    run_rounds(world, 1)
    assert reader.current().round.number == 2


def test_the_newest_final_model_serves_and_moves_on(world: World) -> None:
    run_rounds(world, 1)
    reader, _ = reader_of(world, world.party("alpha"))
    served = reader.current()
    facts = served.verification
    assert (served.round.number, facts.whole) == (1, True)
    assert [fact.at for fact in facts.facts] == [world.clock.now] * 3
    assert facts.block > 0
    assert served.task == CONFIG.task
    world.clock.now += 60
    again = reader.current()
    assert again.predictor is served.predictor
    assert [fact.at - world.clock.now for fact in again.verification.facts] == [0, -60, -60]
    run_rounds(world, 2)
    assert reader.current().round.number == 2
    assert reader.federation().last_round == 2


def test_while_the_chain_is_silent_the_last_model_serves_on_marked_with_its_time(world: World) -> None:
    run_rounds(world, 1)
    reader, switch = reader_of(world, world.party("alpha"))
    checked = world.clock.now
    reader.current()
    world.clock.now += 600
    switch.off = True
    served = reader.current()
    facts = served.verification
    assert (facts.ledger.state, facts.ledger.at, served.round.number) == (State.UNKNOWN, checked, 1)
    assert facts.file == Fact(State.CHECKED, world.clock.now), "the file was read again, the ledger could not be"
    switch.off = False
    assert reader.current().verification.ledger == Fact(State.CHECKED, world.clock.now)


def test_while_the_new_models_file_is_not_there_the_last_one_serves_on(world: World) -> None:
    run_rounds(world, 1)
    reader, _ = reader_of(world, world.party("alpha"))
    reader.current()
    run_rounds(world, 2)
    assert world.current.proposal is not None
    path = world.consortium.vault.path(world.current.proposal.envelope_digest)
    path.rename(path.with_suffix(".away"))
    served = reader.current()
    assert (served.round.number, served.verification.ledger.state) == (1, State.UNKNOWN)
    assert "round 2" in served.verification.ledger.why
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


# --- The file in the vault, while the model is in memory -----------------------------------------------------------


def model_path(world: World) -> Path:
    assert world.current.proposal is not None
    return world.consortium.vault.path(world.current.proposal.envelope_digest)


def gone(path: Path) -> None:
    path.unlink()


def vault_gone(path: Path) -> None:
    path.parent.parent.rename(path.parent.parent.with_name("elsewhere"))


def vault_is_a_file(path: Path) -> None:
    vault_gone(path)
    path.parent.parent.write_bytes(b"")


def dangling(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


def looping(path: Path) -> None:
    path.unlink()
    path.symlink_to(path)


def linked(path: Path) -> None:
    path.rename(path.with_suffix(".right"))
    path.symlink_to(path.with_suffix(".right"))


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def linked_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name("moved"))
    path.parent.symlink_to(path.parent.with_name("moved"))


@pytest.mark.parametrize(
    "change", [gone, vault_gone, vault_is_a_file, dangling, looping, linked, pipe, folder, linked_folder]
)
def test_a_file_that_cannot_be_seen_is_named_at_once_and_the_model_answers_on(
    world: World, change: Callable[[Path], None]
) -> None:
    run_rounds(world, 1)
    reader, _ = reader_of(world, world.party("alpha"))
    read_at, path = world.clock.now, model_path(world)
    assert reader.current().verification.whole
    world.clock.now += 5
    change(path)
    facts = reader.current().verification
    assert facts.file is not None
    assert (facts.file.state, facts.file.at, bool(facts.file.why)) == (State.UNKNOWN, read_at, True)
    assert facts.ledger == Fact(State.CHECKED, world.clock.now)


def bit_flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def huge(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(2**40)


@pytest.mark.parametrize("change", [bit_flip, cut, empty, huge])
def test_a_file_that_contradicts_ends_the_answers_until_it_is_right(
    world: World, change: Callable[[Path], None]
) -> None:
    run_rounds(world, 1)
    reader, _ = reader_of(world, world.party("alpha"))
    path = model_path(world)
    reader.current()
    right = path.read_bytes()
    change(path)
    for _ in range(2):
        with pytest.raises(HashMismatch):
            reader.current()
    path.write_bytes(right)
    assert reader.current().verification.whole


def test_a_file_that_rots_is_found_though_nobody_wrote(world: World) -> None:
    """The vault shows the old mark; only reading the bytes again can tell."""
    run_rounds(world, 1)
    vault = world.consortium.vault
    assert world.current.proposal is not None
    mark = vault.mark(world.current.proposal.envelope_digest)

    class Rotten(FolderVault):
        def mark(self, digest: Digest) -> Mark | None:  # noqa: ARG002 the port's
            return mark

    path = model_path(world)
    watch = FileWatch(Rotten(path.parent.parent), world.clock)
    digest = world.current.proposal.envelope_digest
    assert watch.look(digest, 10**7).state == State.CHECKED
    bit_flip(path)
    world.clock.now += REHASH_S - 1
    assert watch.look(digest, 10**7).at == world.clock.now - REHASH_S + 1
    world.clock.now += 1
    with pytest.raises(HashMismatch):
        watch.look(digest, 10**7)


def test_what_was_used_in_an_outage_can_be_looked_up_later(world: World) -> None:
    run_rounds(world, 1)
    reader, switch = reader_of(world, world.party("alpha"))
    proposal = reader.current().round.proposal
    assert proposal is not None
    switch.off = True
    assert reader.again(1, proposal.model_digest, proposal.envelope_digest).ledger.state == State.UNKNOWN
    switch.off = False
    run_rounds(world, 2)
    assert reader.again(1, proposal.model_digest, proposal.envelope_digest).ledger.state == State.CHECKED
    for number, model in ((2, proposal.model_digest), (1, proposal.envelope_digest), (9, proposal.model_digest)):
        assert reader.again(number, model, proposal.envelope_digest).contradicted


def test_a_huge_file_under_a_models_name_is_evidence_and_no_bad_request(world: World) -> None:
    run_rounds(world, 1)
    huge(model_path(world))
    with pytest.raises(ModelUnusable):
        reader_of(world, world.party("alpha"))[0].current()
