"""Members keep the sealed files of the newest models, and a lost file comes back only with the recorded digest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from fl.events import Event
from fl.roles.kept_models import KeepingModels, file_of, newest_models
from fl.storage.kept_models import FolderModels
from scripts.wiring.models import recorded
from tests.support.federation import memory_folder, settle
from tests.support.world import World, open_with_a_malformed_manifest

ROUNDS = 4


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with memory_folder(tmp_path) as folder:
        yield World(folder)


def kept(world: World, name: str) -> FolderModels:
    return FolderModels(world.party(name).folder / "models")


def run(world: World, rounds: int, count: int = 3) -> None:
    alpha = KeepingModels(world.hospital("alpha"), world.consortium.vault, kept(world, "alpha"), count)
    settle(world.coordinator(rounds), world.auditor(), alpha, *world.hospitals("beta", "gamma"))
    assert world.phases()[-1] == "FINAL"


def test_a_member_keeps_as_many_of_the_newest_models_as_it_wants(world: World) -> None:
    run(world, ROUNDS)
    finals = [file_of(each) for each in world.federation.rounds]
    base = world.federation.openings[0].record.envelope_digest  # before the first round of every hospital
    assert kept(world, "alpha").names() == {base, *finals[-3:]}


def test_what_is_kept_is_the_sealed_file_of_the_vault(world: World) -> None:
    run(world, 1)
    source, digest = newest_models(world.federation, 1)[0]
    assert source == world.federation.source
    vault = world.consortium.vault
    assert kept(world, "alpha").get(digest, 1 << 30) == vault.get(digest, 1 << 30)
    assert digest in recorded(world.federation)


def test_a_model_that_is_not_in_the_vault_stops_nobody(world: World) -> None:
    run(world, 1)
    digest = file_of(world.federation.source)
    copies = kept(world, "beta")
    world.consortium.vault.delete(digest)
    beta = KeepingModels(world.hospital("beta"), world.consortium.vault, copies)
    beta.view.refresh()
    beta.keep()
    assert digest not in copies.names()
    world.consortium.vault.put(kept(world, "alpha").get(digest, 1 << 30))
    beta.keep()
    assert digest in copies.names()


def test_a_malformed_manifest_stops_nobody_who_keeps_models(world: World) -> None:
    open_with_a_malformed_manifest(world)
    copies = kept(world, "alpha")
    alpha = KeepingModels(world.hospital("alpha"), world.consortium.vault, copies)
    alpha.step()
    assert copies.names() == frozenset()


def test_a_malformed_manifest_does_not_end_the_coordinator_and_is_reported_once(world: World) -> None:
    open_with_a_malformed_manifest(world)
    settle(world.coordinator())
    settle(world.coordinator())
    said = [str(facts["reason"]) for what, facts in world.party("coordinator").events if what == Event.ALARM]
    assert len(said) == 2, "once by each process"
    assert said[0].startswith("no round can begin, because the description of the federation's model cannot be used: ")
    assert world.federation.rounds == ()


def test_a_strange_name_in_the_folder_of_copies_is_left_alone(world: World) -> None:
    run(world, 1)
    copies = kept(world, "alpha")
    strange = world.party("alpha").folder / "models" / "zz" / ("z" * 64)
    strange.parent.mkdir()
    strange.write_bytes(b"")
    (strange.parent / f"{'0 ' * 32}").write_bytes(b"")
    assert copies.names() == {each for _, each in newest_models(world.federation, 3)}
